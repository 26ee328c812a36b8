package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/lease"
)

// The pause before the same is tried again. It doubles from the first to the last.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// drive is one process driving one run. One goroutine owns it.
type drive struct {
	*Coordinator
	run     string
	lease   lease.Lease
	records []cutover.Record // the run's journal, as this process knows it
	status  Status           // of these records
	stop    <-chan struct{}  // closed when the process is asked to end
	asked   Request          // by a person, and not journalled yet
	heard   int64            // the number of the newest request on record that was obeyed or dropped, or is asked
	fenced  time.Time        // when the window began, by Now; zero before
	vain    int              // attempts without progress
}

func (d *drive) toTheEnd(held context.Context) error {
	for {
		d.listen()
		instead := d.instead()
		d.asked = Request{} // said now, or too late
		switch {
		case instead != "":
			if err := d.write(held, instead, Result{}); err != nil {
				return err
			}
		case d.status.State.Ended():
			return nil
		default:
			if err := d.attempt(held); err != nil {
				return err
			}
		}
	}
}

// instead is what is observed in place of the action that is next; empty if it is to be done.
func (d *drive) instead() cutover.Outcome {
	switch {
	case d.heeds(d.asked.Asks):
		return d.asked.Asks
	case d.stopping():
		return cutover.Abort
	case !d.Budget.Fits(d.status.State.Action(), d.elapsed()) && d.heeds(cutover.NoTime):
		return cutover.NoTime
	}
	return ""
}

// heeds reports whether an outcome would turn the run.
func (d *drive) heeds(o cutover.Outcome) bool {
	s := d.status.State
	next, _ := cutover.Next(s, cutover.Observation{Seq: s.Seq, Outcome: o})
	return next.Phase != s.Phase
}

// stopping reports whether the run is to be rolled back because the process is asked to end. Once writes are switched, the
// shorter way is to finish.
func (d *drive) stopping() bool {
	select {
	case <-d.stop:
	default:
		return false
	}
	s := d.status.State
	return s.Phase == cutover.Forward && s.Step != cutover.Release && s.Step != cutover.TailCheck && d.heeds(cutover.Abort)
}

// listen takes what people have asked for.
func (d *drive) listen() {
	for {
		select {
		case q := <-d.Asks:
			d.hear(q)
		default:
			return
		}
	}
}

func (d *drive) hear(q Request) {
	if q.Number > 0 && q.Number <= Heard(d.records) { // another process was quicker
		return
	}
	d.heard = max(d.heard, q.Number)
	if (q.Asks == cutover.Abort || q.Asks == cutover.Reverse) && d.heeds(q.Asks) {
		d.asked = q
	}
}

// attempt does what the state asks for, between its intent and its outcome.
func (d *drive) attempt(held context.Context) error {
	before, from := d.status.State, d.Now() // before the journal's time: no attempt lasts longer than others think
	a := Attempt{Action: before.Action(), Run: d.run, Epoch: d.lease.Token, Positions: Positions(d.records)}
	limit, suspects := d.limit(a.Action), late(d.records, d.limitOf, d.Budget)
	if err := d.write(held, "", Result{}); err != nil {
		return err
	}
	if d.fenced.IsZero() && d.status.Fenced != nil {
		d.fenced = from
	}
	if a.Verb == cutover.Evict {
		a.Late = map[cutover.Action]time.Duration{}
		for action, until := range suspects {
			a.Late[action] = max(0, until.Sub(d.status.Newest.At))
			limit = max(limit, d.Limit+a.Late[action])
		}
	}
	ctx, cancel := context.WithTimeout(held, limit-d.Now().Sub(from))
	defer cancel()
	r := d.perform(ctx, cancel, a)
	if r.ByHand != "" {
		r.Positions = maps.Clone(r.Positions)
		if r.Positions == nil {
			r.Positions = map[string]string{}
		}
		r.Positions[byHandKey] = r.ByHand
	}
	if err := d.write(held, r.outcome(a.Action), r); err != nil {
		return err
	}
	if d.status.ByHand != "" {
		return fmt.Errorf("%w: %s", ErrByHand, d.status.ByHand)
	}
	return d.pause(held, before)
}

// perform waits for the reply. Whoever asks for the way back interrupts what may be interrupted.
func (d *drive) perform(ctx context.Context, interrupt context.CancelFunc, a Attempt) Result {
	replies := make(chan Result, 1)
	go func() { replies <- d.Actions.Perform(ctx, a) }()
	stop := d.stop
	for {
		select {
		case r := <-replies:
			return r
		case q := <-d.Asks:
			d.hear(q)
		case <-stop:
			stop = nil
		}
		if d.heeds(d.asked.Asks) || d.stopping() {
			interrupt()
		}
	}
}

// limit is how long an attempt may take. The budget counts before the point of no return only: after it, the run has to
// end, however late it is.
func (d *drive) limit(a cutover.Action) time.Duration {
	switch {
	case a.Verb == cutover.Do && a.Step == cutover.Hold:
		return d.Hold
	case a.InWindow() && !d.status.State.NoReturn:
		return min(d.limitOf(a.Step), d.Budget.Left(a, d.elapsed()))
	}
	return d.limitOf(a.Step)
}

// limitOf ends an attempt at a step.
func (d *drive) limitOf(step cutover.Step) time.Duration {
	if own, ok := d.Own[step]; ok {
		return own
	}
	return d.Limit
}

// elapsed is how much of the window has passed.
func (d *drive) elapsed() time.Duration {
	if d.fenced.IsZero() {
		return 0
	}
	return d.Now().Sub(d.fenced)
}

// write journals the intent to do what the state asks for, or an outcome, and goes on to the state after it.
func (d *drive) write(held context.Context, o cutover.Outcome, seen Result) error {
	s := d.status.State
	r := cutover.Record{
		Run: d.run, Epoch: d.lease.Token, Seq: s.Seq, Action: s.Action(), Outcome: o, Positions: seen.Positions, Detail: seen.Detail,
	}
	if d.asked == (Request{}) && d.heard > Heard(d.records) { // one that is asked still is heard by the next process too
		r.Positions = maps.Clone(r.Positions)
		if r.Positions == nil {
			r.Positions = map[string]string{}
		}
		r.Positions[RequestKey] = strconv.FormatInt(d.heard, 10)
	}
	var err error
	if r.At, err = d.store(held, r); err != nil {
		return fmt.Errorf("journalling %s of run %s: %w", r.Action, r.Run, err)
	}
	d.records = append(d.records, r)
	if d.status, err = Look(d.records); err != nil {
		return err
	}
	if o != "" {
		d.Log.InfoContext(held, "cutover", slog.String("run", r.Run), slog.String("action", r.Action.String()),
			slog.String("outcome", string(o)), slog.String("detail", r.Detail))
	}
	if d.Report != nil {
		d.Report(d.status)
	}
	return nil
}

// store tries until the record is stored, or another process has the run.
func (d *drive) store(held context.Context, r cutover.Record) (time.Time, error) {
	ctx, cancel := context.WithTimeout(held, journalTimeout)
	defer cancel()
	for tries := 1; ; tries++ {
		at, err := d.Journal.Append(ctx, d.lease, r)
		if err == nil || errors.Is(err, lease.ErrFenced) || errors.Is(err, cutover.ErrJournal) {
			return at, err
		}
		if d.Wait(ctx, pauseAfter(tries)) != nil {
			return at, err
		}
	}
}

// pause waits after an attempt that brought the run no further. What has to be evicted is evicted at once.
func (d *drive) pause(held context.Context, before cutover.State) error {
	now := d.status.State
	if now.Phase != before.Phase || now.Step != before.Step {
		d.vain = 0
		return nil
	}
	if !before.Evict || now.Evict {
		d.vain++
	}
	if d.vain == 0 || now.Evict && !before.Evict {
		return nil
	}
	return d.Wait(held, pauseAfter(d.vain))
}

func pauseAfter(vain int) time.Duration {
	return min(lastPause, firstPause<<min(vain-1, 10))
}
