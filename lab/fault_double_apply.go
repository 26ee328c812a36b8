package lab

import "context"

// doubleApply: the projector dies between applying a batch and storing its position, so it applies the batch again.
var doubleApply = Fault{
	Name:  "double_apply",
	About: "the projection applies a fill twice",
	Hop:   EventsToProjection,
	Cause: "event_applied_twice",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		repeat := func(f *faults) { f.twice = append(f.twice, ids(orders)...) }
		err = l.Projector.breakWith(ctx, repeat, func() error {
			for _, o := range orders {
				x := fill(o, o.quantity/4, o.price, l.Desk.after(o))
				if err := l.Desk.write(ctx, x); err != nil {
					return err
				}
				l.freeze(x.after)
			}
			return nil
		})
		return plantedAll(orders, Differs, "filled_quantity"), err
	},
}
