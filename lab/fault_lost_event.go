package lab

import "context"

// lostEvent: the shadow write of a fill fails after the legacy transaction and is not retried.
var lostEvent = Fault{
	Name:  "lost_event",
	About: "an order is filled in legacy, but the event of the fill is lost",
	Hop:   LegacyToEvents,
	Cause: "lost_shadow_write",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		for _, o := range orders {
			x := fill(o, o.quantity, o.price, l.Desk.after(o))
			if err := l.Desk.writeLegacy(ctx, x); err != nil {
				return nil, err
			}
			l.appendLater(x.event)
		}
		return plantedAll(orders, Differs, "status", "filled_quantity", "avg_fill_price", "updated_at"), nil
	},
}
