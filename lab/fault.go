package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrUnknownFault is returned for a name that is not in Faults.
var ErrUnknownFault = errors.New("no such fault")

// Fault is one way in which the migration goes wrong. Each has a file of its own.
type Fault struct {
	Name  string
	About string // one sentence, for people
	// plant makes it happen to n orders, none of which the desk touches any more.
	plant func(ctx context.Context, l *Lab, n int) ([]Planted, error)
}

// Faults lists every fault, in the order in which the demonstration shows them.
func Faults() []Fault {
	return []Fault{
		lostEvent, staleProjection, partialFillIgnored, filledDrift, phantomOrder, swappedStatus, missingAndPhantom,
	}
}

// Plant lets the named fault happen to n orders, makes it visible, and returns which orders differ now and how.
// Faults that work on pairs round n up to an even number.
func (l *Lab) Plant(ctx context.Context, name string, n int) ([]Planted, error) {
	all := Faults()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownFault, name)
	}
	if n < 1 {
		return nil, fmt.Errorf("planting %s: want at least one order, not %d", name, n)
	}
	l.planting.Lock()
	defer l.planting.Unlock()
	planted, err := all[i].plant(ctx, l, n)
	for i := range planted {
		planted[i].Fault = name
	}
	sortPlanted(planted)
	l.planted = append(l.planted, planted...) // also when it broke off: Repair mends what was done
	if err != nil {
		return nil, fmt.Errorf("planting %s: %w", name, err)
	}
	return planted, l.Refresh(ctx)
}

// Planted returns what is planted and not repaired.
func (l *Lab) Planted() []Planted {
	l.planting.Lock()
	defer l.planting.Unlock()
	return slices.Clone(l.planted)
}

// Repair undoes all faults, makes that visible, and gives the orders back to the desk.
func (l *Lab) Repair(ctx context.Context) error {
	l.planting.Lock()
	defer l.planting.Unlock()
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
	for _, o := range l.frozen {
		l.Desk.book.put(o)
	}
	l.planted, l.frozen = nil, nil
	return nil
}

// appendLater stores events that a fault held back when it is repaired.
func (l *Lab) appendLater(e event) {
	l.undo = append(l.undo, func(ctx context.Context) error { return l.Desk.append(ctx, e) })
}

// victims takes n untouched orders out of the desk's hands. A fault that leaves one able to change freezes it.
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

// freeze keeps the order, in the state that the fault left it in legacy, from the desk until Repair.
func (l *Lab) freeze(o workingOrder) { l.frozen = append(l.frozen, o) }

func ids(orders []workingOrder) []int64 {
	all := make([]int64, 0, len(orders))
	for _, o := range orders {
		all = append(all, o.id)
	}
	return all
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
