package lab

import "context"

// partialFillIgnored: the projector does not know OrderPartiallyFilled, as in the case study. A later event changes the
// order, so that the row looks fresh.
var partialFillIgnored = Fault{
	Name:  "partial_fill_ignored",
	About: "a partial fill is not applied to the projection, but the modification after it is",
	Hop:   EventsToProjection,
	Cause: "event_type_ignored",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		ignore := func(f *faults) { f.partial = append(f.partial, ids(orders)...) }
		err = l.Projector.breakWith(ctx, ignore, func() error {
			for _, o := range orders {
				filled := fill(o, o.quantity/2, o.price, l.Desk.after(o))
				if err := l.Desk.write(ctx, filled); err != nil {
					return err
				}
				modified := modify(filled.after, o.price+unit/100, 0, l.Desk.after(filled.after))
				if err := l.Desk.write(ctx, modified); err != nil {
					return err
				}
				l.freeze(modified.after)
			}
			return nil
		})
		return plantedAll(orders, Differs, "status", "filled_quantity", "avg_fill_price"), err
	},
}
