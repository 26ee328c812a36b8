package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrNoCoordinator is returned for a fault that needs the process which drives the cutover, if nobody says which it is.
var ErrNoCoordinator = errors.New("nobody says which process drives the cutover")

// What a cutover has to do about a fault.
const (
	Refuses   = "refuses"    // it does not begin: legacy is never closed
	RollsBack = "rolls back" // legacy is open again, and has every acknowledged write
	Completes = "completes"  // the new side has every acknowledged write, and legacy is closed
)

// BeforeCutover is when a fault strikes that is there already when a cutover begins.
const BeforeCutover = "before"

// CutoverFault is one way in which a cutover goes wrong. It is no fault of the data: what it has written itself is in
// [Disturbance], and Repair takes it back.
type CutoverFault struct {
	Name  string
	About string // one sentence, for people
	// After is when it strikes: [BeforeCutover], or once a step of the cutover is done, by its name in the journal.
	After string
	// Must is what the cutover has to do: Refuses, RollsBack or Completes.
	Must string

	// prepare makes what has to be there before the cutover begins, and strike what happens in it. Either may be nil.
	prepare, strike func(context.Context, *Disturbance) error
}

// CutoverFaults lists the faults of a cutover.
func CutoverFaults() []CutoverFault {
	return []CutoverFault{
		writerIgnoresFence, repeatableReadWriter, preparedTransaction, applyWorkerWrites, partitionWriter, fenceSessionKilled, failoverBetween,
		slowDrain, stuckProjector, switchFails, switchLies, coordinatorDies, ledgerUnreachable, clockJump,
	}
}

// Disturbance is a fault of a cutover that is prepared. Its methods are safe for concurrent use.
type Disturbance struct {
	CutoverFault

	lab     *Lab
	kill    func() error // the process that drives the cutover; nil if it is not known
	going   sync.WaitGroup
	pending func(context.Context, *Disturbance) error // what prepare has left for the strike; nil for nothing

	mu      sync.Mutex // guards the fields below
	written []int64    // see Written
	refused int        // see Refused
	failed  error
}

// Written are orders that the fault itself has written at legacy and that were acknowledged, and which no event tells of.
func (d *Disturbance) Written() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.written)
}

// Refused counts the writes of the fault that were kept out of legacy.
func (d *Disturbance) Refused() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused
}

// note keeps what became of a write of the fault itself.
func (d *Disturbance) note(order int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.refused++
		return
	}
	d.written = append(d.written, order)
}

// Disturb prepares a fault of a cutover. It strikes when Strike is called, and Repair ends it. The function kills the process that drives the
// cutover; it may be nil for all faults but coordinator_dies.
func (l *Lab) Disturb(ctx context.Context, name string, kill func() error) (*Disturbance, error) {
	all := CutoverFaults()
	i := slices.IndexFunc(all, func(f CutoverFault) bool { return f.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownFault, name)
	}
	d := &Disturbance{CutoverFault: all[i], lab: l, kill: kill}
	l.planting.Lock()
	defer l.planting.Unlock()
	if d.Name == coordinatorDies.Name && kill == nil {
		return nil, fmt.Errorf("preparing %s: %w", name, ErrNoCoordinator)
	}
	if d.prepare != nil {
		if err := d.prepare(ctx, d); err != nil {
			return nil, fmt.Errorf("preparing %s: %w", name, err)
		}
	}
	return d, nil
}

// Strike lets the fault happen. What it begins may go on; End waits for that.
func (d *Disturbance) Strike(ctx context.Context) error {
	strike := d.strike
	if d.pending != nil {
		strike = d.pending
	}
	if strike == nil {
		return nil
	}
	d.lab.planting.Lock()
	defer d.lab.planting.Unlock()
	if err := strike(ctx, d); err != nil {
		return fmt.Errorf("striking with %s: %w", d.Name, err)
	}
	return nil
}

// End waits until the fault does nothing more by itself, and returns what went wrong with it.
func (d *Disturbance) End() error {
	d.going.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// beside does something that goes on while the cutover does.
func (d *Disturbance) beside(ctx context.Context, do func(context.Context) error) {
	d.going.Go(func() {
		if err := do(context.WithoutCancel(ctx)); err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.failed = errors.Join(d.failed, err)
		}
	})
}

// DisturbNext prepares a fault and lets it strike in the next cutover, until Repair or Close.
func (l *Lab) DisturbNext(ctx context.Context, name string, kill func() error) (*Disturbance, error) {
	d, err := l.Disturb(ctx, name, kill)
	if err != nil {
		return nil, err
	}
	l.running.Lock()
	defer l.running.Unlock()
	t := &task{}
	t.start(l.base, func(ctx context.Context) error {
		err := d.Await(ctx)
		if err == nil {
			err = d.Strike(ctx)
		}
		if err != nil && ctx.Err() == nil {
			l.Desk.log.ErrorContext(ctx, "the cutover was not disturbed", "error", err)
		}
		return d.End()
	})
	l.disturbances = append(l.disturbances, t)
	return d, nil
}

// undisturbed ends the faults of DisturbNext, and waits for what they have begun.
func (l *Lab) undisturbed() error {
	l.running.Lock()
	defer l.running.Unlock()
	var errs []error
	for _, t := range l.disturbances {
		errs = append(errs, t.stop())
	}
	l.disturbances = nil
	return errors.Join(errs...)
}

// watchEvery is the pause between two looks at the journal of the cutover.
const watchEvery = 10 * time.Millisecond

// Await returns once the next cutover has done the step after which the fault strikes, by its journal in the ledger, or when the
// context ends. It begins to look now, so a cutover that is past the step does not count.
func (d *Disturbance) Await(ctx context.Context) error {
	if d.After == BeforeCutover {
		return nil
	}
	before, err := d.done(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the cutover to do %s: %w", d.After, ctx.Err())
		case <-tick.C:
		}
		if now, err := d.done(ctx); err != nil || now > before {
			return err
		}
	}
}

// done counts how often the step was done. A ledger that has no journal yet has none.
func (d *Disturbance) done(ctx context.Context) (n int64, err error) {
	table := LedgerSchema + ".cutover_record"
	var there bool
	if err := d.lab.events.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&there); err != nil || !there {
		return 0, err
	}
	if err := d.lab.events.QueryRow(ctx, "SELECT count(*) FROM "+table+" WHERE verb = 'do' AND step = $1 AND outcome IN ('done', 'accepted')", d.After).Scan(&n); err != nil {
		return 0, fmt.Errorf("looking at the journal of the cutover: %w", err)
	}
	return n, nil
}
