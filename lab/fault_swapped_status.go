package lab

import "context"

// swappedStatus: the projector mixes up two rows, and two orders exchange their status. Counts per status stay right.
// So does every digest that ignores which order a value belongs to.
var swappedStatus = Fault{
	Name:  "swapped_status",
	About: "two orders, one canceled and one open, have each other's status in the projection",
	Hop:   EventsToProjection,
	Cause: "wrong_value",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, even(n))
		if err != nil {
			return nil, err
		}
		mixUp := func(f *faults) {
			for i := 0; i < len(orders); i += 2 {
				f.swap = append(f.swap, pair{orders[i].id, orders[i+1].id})
			}
		}
		err = l.Projector.breakWith(ctx, mixUp, func() error {
			for i := 0; i < len(orders); i += 2 {
				canceled, open := orders[i], orders[i+1]
				if err := l.Desk.write(ctx, cancel(canceled, l.Desk.after(canceled))); err != nil {
					return err
				}
				x := modify(open, open.price+unit/100, 0, l.Desk.after(open))
				if err := l.Desk.write(ctx, x); err != nil {
					return err
				}
				l.freeze(x.after)
			}
			return nil
		})
		return plantedAll(orders, Differs, "status"), err
	},
}
