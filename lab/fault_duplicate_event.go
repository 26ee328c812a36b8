package lab

import "context"

// duplicateEvent: the answer to a shadow write gets lost. The writer does it all again, without checking whether the
// event is there. Repair takes the second event out of the store; the topic keeps it.
var duplicateEvent = Fault{
	Name:  "duplicate_event",
	About: "the event of a fill is stored and published twice, and the projection applies both",
	Hop:   LegacyToEvents,
	Cause: "duplicate_event",
	Pass:  FullPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := fill(o, o.quantity/4, o.price, l.Desk.after(o))
			l.freeze(x.after)
			if err := l.Desk.write(ctx, x); err != nil {
				return err
			}
			id, err := insertEvent(ctx, l.events, l.Store, x.event)
			if err != nil {
				return err
			}
			l.retractLater(id)
			return l.Desk.publish(ctx, id, x.event)
		})
		return plantedAll(orders, Differs, "filled_quantity"), err
	},
}
