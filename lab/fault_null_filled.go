package lab

import "context"

// nullFilled: the projector adds the sum of a batch's fills. The sum is NULL if there are none, and NULL stays NULL.
var nullFilled = Fault{
	Name:  "null_filled",
	About: "the projection's filled quantity becomes NULL when an order is modified",
	Hop:   EventsToProjection,
	Cause: "null_instead_of_value",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		forget := func(f *faults) { f.nulled = append(f.nulled, ids(orders)...) }
		err = l.Projector.breakWith(ctx, forget, func() error {
			for _, o := range orders {
				x := modify(o, o.price+unit, 0, l.Desk.after(o))
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
