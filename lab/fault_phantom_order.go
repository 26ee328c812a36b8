package lab

import (
	"context"
	"math/rand/v2"
)

// phantomOrder: the event is appended inside the legacy transaction, as in the case study, and then the transaction is
// rolled back. The event stays. Repair enters the order in legacy too, because the event store is append-only.
var phantomOrder = Fault{
	Name:  "phantom_order",
	About: "the legacy transaction of a new order is rolled back, but its event stays",
	Hop:   LegacyToEvents,
	Cause: "ghost_event",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := plantPhantoms(ctx, l, n)
		return plantedAll(orders, Phantom), err
	},
}

func plantPhantoms(ctx context.Context, l *Lab, n int) ([]workingOrder, error) {
	var orders []workingOrder
	for range n {
		x, err := l.entry(ctx)
		if err != nil {
			return nil, err
		}
		// The transaction leaves nothing but the id that it drew, so there is nothing to write in legacy.
		if _, err := l.Desk.shadow(ctx, x.event); err != nil {
			return nil, err
		}
		l.later(func(ctx context.Context) error { return l.Desk.writeLegacy(ctx, x) })
		l.freeze(x.after)
		orders = append(orders, x.after)
	}
	return orders, nil
}

// entry makes up a new order that is not written anywhere yet.
func (l *Lab) entry(ctx context.Context) (deal, error) {
	var x deal
	err := l.Desk.withRandom(func(random *rand.Rand) error {
		o, err := l.Desk.draft(ctx, random)
		x = create(o, l.Desk.after(o))
		return err
	})
	return x, err
}
