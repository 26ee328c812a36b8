package lab

import "context"

// filledDrift: the projection's filled quantity is off by half of the tolerance in the case study's own check.
var filledDrift = Fault{
	Name:  "filled_drift",
	About: "the projection's filled quantity is 0.005 too high",
	Hop:   EventsToProjection,
	Cause: "value_drift",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		drift := func(f *faults) { f.drift = append(f.drift, ids(orders)...) }
		err = l.Projector.breakWith(ctx, drift, func() error {
			for _, o := range orders {
				x := fill(o, o.quantity/2, o.price, l.Desk.after(o))
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
