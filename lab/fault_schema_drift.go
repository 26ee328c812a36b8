package lab

import "context"

// schemaDrift: a new release of the producer writes the key of a payload in another spelling, and the readers do not
// know it. The projector finds no value and takes that for no change. Repair gives the stored event its key back; the
// topic keeps the published one.
var schemaDrift = Fault{
	Name:  "schema_drift",
	About: "the event of a modification has the key of the new value in another spelling",
	Hop:   LegacyToEvents,
	Cause: "schema_drift",
	Pass:  FullPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := modify(o, o.price+unit, 0, l.Desk.after(o))
			l.freeze(x.after)
			drifted := x.event
			drifted.misspelt = true
			id, err := l.writeWith(ctx, x, drifted)
			l.rewriteLater(id, x.event)
			return err
		})
		return plantedAll(orders, Differs, "price"), err
	},
}
