// Package run drives a cutover: it asks package cutover what comes next, has it done, and keeps the journal.
//
// Invariant: nothing is begun before the journal has the intent, and nothing is done or written by a process from which
// another may have taken over. A run that was begun ends completed or rolled back, whoever drives it to that end.
//
// # How it ends early
//
// A context that ends (SIGTERM) is a request to stop: the run is rolled back where that is still possible, and finished
// otherwise. A lost lease or a lost ledger ends the work at once, with the fence's session. Then any process resumes the run.
package run

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/lease"
)

// journalTimeout is how long one record is tried to be stored. A process that cannot write lets others take over.
const journalTimeout = 30 * time.Second

// abandonTimeout ends the attempt to end the fence's session, and to let held clients go on. The session ends with the process at the latest.
const abandonTimeout = 5 * time.Second

// Coordinator drives the runs of one cutover, one at a time.
type Coordinator struct {
	Journal Journal
	Actions Actions
	Lease   lease.Holding // one job for all runs of the cutover; the token is the epoch
	Budget  cutover.Budget
	// Limit ends an attempt at anything but the hold, which waits for a person. The budget may make it shorter.
	Limit, Hold time.Duration
	// Own are the limits of steps that have another one: whoever takes over waits that long for what nobody can end.
	Own map[cutover.Step]time.Duration
	// Asks brings what people ask for. It may be nil, and nobody closes it. What the state does not allow is dropped. Either way the journal says
	// so, and [Heard] tells it to the next process.
	Asks   <-chan Request
	Report func(Status) // called after each record; calls do not overlap; may be nil
	Now    func() time.Time
	Wait   func(context.Context, time.Duration) error
	Log    *slog.Logger
}

// Begin begins a run under a new name, and drives it to its end. The slice is empty for all orders. The error is
// [lease.ErrHeld] if another process drives a run.
func (c *Coordinator) Begin(ctx context.Context, run, slice string) (Status, error) {
	return c.drive(ctx, run, func(_ context.Context, d *drive) error {
		if d.status.Records > 0 {
			return fmt.Errorf("beginning run %s: %w", run, ErrName)
		}
		d.status.State = cutover.Start(slice)
		return nil
	})
}

// Resume takes over a run that somebody else has begun, and drives it to its end. A run that has ended stays as it is, unless
// somebody has asked for the way back.
func (c *Coordinator) Resume(ctx context.Context, run string) (Status, error) {
	return c.drive(ctx, run, func(held context.Context, d *drive) error {
		if d.status.Records == 0 {
			return fmt.Errorf("resuming run %s: %w", run, ErrName)
		}
		if d.listen(); d.status.State.Ended() && d.asked == (Request{}) {
			return nil
		}
		if err := d.write(held, cutover.Takeover, Result{}); err != nil {
			return err
		}
		if d.status.Fenced != nil { // both times are of the journal's clock
			d.fenced = c.Now().Add(-max(0, d.status.Newest.At.Sub(*d.status.Fenced)))
		}
		return nil
	})
}

// drive works under the lease. The work does not end with ctx, which only asks it to stop.
func (c *Coordinator) drive(ctx context.Context, run string, enter func(context.Context, *drive) error) (Status, error) {
	d := &drive{Coordinator: c, run: run, stop: ctx.Done()}
	err := c.Lease.Do(context.WithoutCancel(ctx), func(held context.Context, l lease.Lease) error {
		defer c.abandon(ctx)
		d.lease = l
		if err := d.read(held); err != nil {
			return err
		}
		if err := enter(held, d); err != nil {
			return err
		}
		return d.toTheEnd(held)
	})
	return d.status, err
}

func (c *Coordinator) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	if err := c.Actions.Abandon(ctx); err != nil {
		c.Log.WarnContext(ctx, "the fence's session was not ended, or clients are still held", slog.String("error", err.Error()))
	}
}

// read finds the run's records. It refuses to go on while another run has not ended.
func (d *drive) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	runs, err := d.Journal.Runs(ctx)
	if err != nil {
		return fmt.Errorf("reading the journals of all runs: %w", err)
	}
	for _, records := range runs {
		s, err := Look(records)
		switch {
		case err != nil:
			return err
		case s.Run == d.run:
			d.records, d.status = records, s
		case !s.State.Ended():
			return fmt.Errorf("run %s is at %s: %w", s.Run, s.Action, ErrUnfinished)
		}
	}
	return nil
}
