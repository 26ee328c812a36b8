package lab

import "context"

// cancelAfterFill: a cancel request crosses a fill. The legacy UPDATE wants a working order and finds none. The shadow
// writer does not check how many rows were changed. Repair takes the event out of the store; the topic keeps it.
var cancelAfterFill = Fault{
	Name:  "cancel_after_fill",
	About: "a filled order is canceled by an event, while legacy refused to cancel it",
	Hop:   LegacyToEvents,
	Cause: "impossible_transition",
	Pass:  FullPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			filled := fill(o, o.quantity, o.price, l.Desk.after(o))
			if err := l.Desk.write(ctx, filled); err != nil {
				return err
			}
			late := cancel(filled.after, l.Desk.after(filled.after))
			const update = " AND status IN ('OPEN', 'PARTIALLY_FILLED')"
			if _, err := l.legacy.Exec(ctx, late.legacy[0].sql+update, late.legacy[0].args...); err != nil {
				return err
			}
			id, err := l.Desk.shadow(ctx, late.event)
			l.retractLater(id)
			return err
		})
		return plantedAll(orders, Differs, "status", "updated_at"), err
	},
}
