package lab

import "context"

// staleProjection: the projector has stopped applying the events of some orders, but goes on with the others.
var staleProjection = Fault{
	Name:  "stale_projection",
	About: "an order is canceled and the event is stored, but the projection's row does not change",
	Hop:   EventsToProjection,
	Cause: "stale_projection",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		getStuck := func(f *faults) { f.stuck = append(f.stuck, ids(orders)...) }
		err = l.Projector.breakWith(ctx, getStuck, func() error {
			for _, o := range orders {
				if err := l.Desk.write(ctx, cancel(o, l.Desk.after(o))); err != nil {
					return err
				}
			}
			return nil
		})
		return plantedAll(orders, Differs, "status", "updated_at"), err
	},
}
