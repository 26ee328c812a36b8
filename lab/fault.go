package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrUnknownFault is returned for a name that is not in AllFaults.
	ErrUnknownFault = errors.New("no such fault")
	// ErrStopped is returned if an earlier fault has stopped a part of the system, because the new fault could not be
	// seen.
	ErrStopped = errors.New("a part of the system is stopped by a fault; repair it first")
	// ErrNoBackfill is returned for a fault of the backfill if the lab has too few old orders that it can happen to.
	ErrNoBackfill = errors.New("the lab has not enough backfilled orders of the kind")
)

// The edges between two representations, and legacy itself.
const (
	LegacyItself       = "legacy" // the row contradicts its own audit log or trades
	LegacyToEvents     = "legacy->events"
	EventsToStream     = "events->stream"
	EventsToProjection = "events->projection"
)

// The passes of crosscheck that find a fault.
const (
	FullPass   = "full"   // a sample finds it too if it draws the order
	StreamPass = "stream" // legacy and projection agree
)

// Fault is one way in which the migration goes wrong. Each has its own file.
type Fault struct {
	Name  string
	About string // one sentence, for people
	Hop   string // the hop at which representations part
	Cause string // the cause that crosscheck should name
	Pass  string // FullPass or StreamPass
	// Leaves is what an audit has to find, as in [Inconsistency]; empty for a fault that is not of the backfill.
	Leaves string
	// Backfill says that it happened when the history was backfilled: only orders of a backfilled history have it.
	Backfill bool

	whole bool // the fault is of the hop as a whole, not of single orders
	marks bool // it leaves something on the stream that Repair cannot take back
	// plant causes the fault in n orders. The desk does not touch these orders any more.
	plant func(ctx context.Context, l *Lab, n int) ([]Planted, error)
}

// Faults lists the faults that can be found with two representations.
func Faults() []Fault {
	return []Fault{
		lostEvent, staleProjection, partialFillIgnored, filledDrift, phantomOrder, swappedStatus, missingAndPhantom,
	}
}

// AllFaults lists every fault: first those of Faults, then the others by their hop, then those of the backfill.
func AllFaults() []Fault {
	return append(Faults(),
		directLegacyEdit, lostUpdate,
		ghostEvent, duplicateEvent, wrongPriceAfterModify, floatPayload, schemaDrift, timezoneShift,
		cancelAfterFill, overfill, stoppedShadowWriter,
		lostPublish, duplicatePublish, disorderedPublish, unkeyedPublish, retentionGap,
		doubleApply, nullFilled, sameTimestampSkip, lateCommitSkip, stoppedProjector,
		backfillLimit, backfillCancelTime, backfillPartialAsFull, backfillTwice, backfillBoundary, backfillAfterLive, coarseTimestamps,
	)
}

// Plant causes the named fault in n orders, makes it visible, and returns which orders differ now and how. A fault of a
// hop as a whole affects at least n orders, and is returned as one entry without an order. Faults that work on pairs
// round n up to an even number. One of ReadFaults leaves all representations as they are, and nothing is returned.
func (l *Lab) Plant(ctx context.Context, name string, n int) ([]Planted, error) {
	if isReadFault(name) {
		return nil, l.ReadAPI.plant(ctx, name)
	}
	all := AllFaults()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownFault, name)
	}
	if n < 1 {
		return nil, fmt.Errorf("planting %s: want at least one order, not %d", name, n)
	}
	l.planting.Lock()
	defer l.planting.Unlock()
	planted, err := l.plantLocked(ctx, all[i], n)
	if err != nil {
		return nil, fmt.Errorf("planting %s: %w", name, err)
	}
	return planted, l.Refresh(ctx)
}

func (l *Lab) plantLocked(ctx context.Context, f Fault, n int) ([]Planted, error) {
	if f.Hop == EventsToStream && l.Desk.publisher == nil {
		return nil, ErrNoStream
	}
	if l.Desk.held.isStopped() || l.Projector.isHalted() {
		return nil, ErrStopped
	}
	planted, err := f.plant(ctx, l, n)
	if f.whole {
		planted = []Planted{{Kind: f.wholeKind()}}
	}
	for i := range planted {
		planted[i].Fault, planted[i].Pass = f.Name, f.Pass
		if planted[i].Hop == "" {
			planted[i].Hop, planted[i].Cause = f.Hop, f.Cause
		}
	}
	sortPlanted(planted)
	l.planted = append(l.planted, planted...) // also after an error, because Repair undoes what was done
	l.marked = l.marked || f.marks
	return planted, err
}

// wholeKind is how a hop differs as a whole: messages are gone, or the hop is only behind.
func (f Fault) wholeKind() string {
	if f.Hop == EventsToStream {
		return Gap
	}
	return ""
}

// Planted returns what is planted and not repaired.
func (l *Lab) Planted() []Planted {
	l.planting.Lock()
	defer l.planting.Unlock()
	return slices.Clone(l.planted)
}

// Repair undoes all faults, makes that visible, and gives the orders back to the desk. It restarts stopped parts first,
// so that the events they held back come before the repairs of other faults.
func (l *Lab) Repair(ctx context.Context) error {
	if err := l.undisturbed(); err != nil {
		return fmt.Errorf("repairing: %w", err)
	}
	l.planting.Lock()
	defer l.planting.Unlock()
	if err := l.ReadAPI.repair(ctx); err != nil {
		return err
	}
	l.Projector.halt(false)
	if err := l.Desk.held.resume(ctx, l.Desk.shadowNow); err != nil {
		return fmt.Errorf("repairing: %w", err)
	}
	for len(l.undo) > 0 {
		last := len(l.undo) - 1
		if err := l.undo[last](ctx); err != nil {
			return fmt.Errorf("repairing: %w", err)
		}
		l.undo = l.undo[:last]
	}
	orders := make([]int64, 0, len(l.planted))
	for _, p := range l.planted {
		orders = append(orders, p.OrderID)
	}
	if err := l.Projector.rebuild(ctx, orders); err != nil {
		return fmt.Errorf("repairing: %w", err)
	}
	if err := l.Refresh(ctx); err != nil {
		return err
	}
	if err := l.forgiveStream(ctx); err != nil {
		return err
	}
	for _, o := range l.frozen {
		l.Desk.book.put(o)
	}
	l.planted, l.frozen = nil, nil
	return nil
}

// forgiveStream moves StreamFrom past the marks that cannot be taken back.
func (l *Lab) forgiveStream(ctx context.Context) error {
	if !l.marked {
		return nil
	}
	if err := l.events.QueryRow(ctx, l.Store.newest()).Scan(&l.streamFrom); err != nil {
		return fmt.Errorf("looking for the position from which the stream is right: %w", err)
	}
	l.marked = false
	return nil
}

// later registers work for Repair.
func (l *Lab) later(undo func(context.Context) error) { l.undo = append(l.undo, undo) }

// appendLater makes Repair store and publish an event that a fault held back.
func (l *Lab) appendLater(e event) {
	l.later(func(ctx context.Context) error {
		_, err := l.Desk.shadow(ctx, e)
		return err
	})
}

// amendLater makes Repair end a disagreement about an order with one more deal on both sides: a modification that sets
// the fields in question. People repair this way if they may not rewrite an event store. Then the desk has the order
// again.
func (l *Lab) amendLater(o workingOrder) {
	l.later(func(ctx context.Context) error {
		x := modify(o, o.price+unit/100, 0, l.Desk.after(o))
		l.freeze(x.after)
		return l.Desk.write(ctx, x)
	})
}

// retractLater makes Repair delete an event from the store.
func (l *Lab) retractLater(id int64) {
	l.later(func(ctx context.Context) error {
		_, err := l.events.Exec(ctx, l.Store.remove(), id)
		return err
	})
}

// rewriteLater makes Repair give a stored event its right payload.
func (l *Lab) rewriteLater(id int64, right event) {
	l.later(func(ctx context.Context) error {
		_, payload, err := l.Store.write(right)
		if err != nil {
			return err
		}
		_, err = l.events.Exec(ctx, l.Store.rewrite(), id, payload)
		return err
	})
}

// victims takes n untouched orders from the desk. A fault must freeze an order that it leaves in a state that can
// change.
func (l *Lab) victims(ctx context.Context, n int) ([]workingOrder, error) {
	orders := make([]workingOrder, 0, n)
	for range n {
		o, err := l.Desk.untouched(ctx)
		if err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, nil
}

// freeze keeps the order away from the desk until Repair, in the state in which the fault left it.
func (l *Lab) freeze(o workingOrder) { l.frozen = append(l.frozen, o) }

func ids(orders []workingOrder) []int64 {
	all := make([]int64, 0, len(orders))
	for _, o := range orders {
		all = append(all, o.id)
	}
	return all
}

// each applies a change to n orders, one after the other, and returns the changed orders.
func (l *Lab) each(ctx context.Context, n int, happen func(workingOrder) error) ([]workingOrder, error) {
	orders, err := l.victims(ctx, n)
	if err != nil {
		return nil, err
	}
	for i, o := range orders {
		if err := happen(o); err != nil {
			return orders[:i+1], err
		}
	}
	return orders, nil
}

// plantedAll describes orders that all differ in the same way.
func plantedAll(orders []workingOrder, kind string, fields ...string) []Planted {
	all := make([]Planted, 0, len(orders))
	for _, o := range orders {
		all = append(all, Planted{OrderID: o.id, Kind: kind, Fields: fields})
	}
	return all
}

// even rounds up to an even number.
func even(n int) int { return n + n%2 }
