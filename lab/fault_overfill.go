package lab

import "context"

// overfill: the event of the last fill gives the total filled quantity (FIX CumQty) instead of the quantity of this
// fill (LastQty). So the fills add up to more than was ordered. Repair gives the stored event the right quantity; the
// topic keeps the published one.
var overfill = Fault{
	Name:  "overfill",
	About: "the event of the last fill includes earlier fills, so more is filled than was ordered",
	Hop:   LegacyToEvents,
	Cause: "impossible_transition",
	Pass:  FullPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			half := fill(o, o.quantity/2, o.price, l.Desk.after(o))
			if err := l.Desk.write(ctx, half); err != nil {
				return err
			}
			rest := fill(half.after, o.quantity-o.quantity/2, o.price, l.Desk.after(half.after))
			cumulated := rest.event
			cumulated.quantity = o.quantity
			id, err := l.writeWith(ctx, rest, cumulated)
			l.rewriteLater(id, rest.event)
			return err
		})
		return plantedAll(orders, Differs, "filled_quantity"), err
	},
}
