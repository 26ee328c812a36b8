package lab

import "context"

// wrongPriceAfterModify: the event of a modification gives the old value twice. Repair modifies the order again.
var wrongPriceAfterModify = Fault{
	Name:  "wrong_price_after_modify",
	About: "a price is modified, and its event gives the old price as the new one",
	Hop:   LegacyToEvents,
	Cause: "wrong_event_content",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := modify(o, o.price+unit, 0, l.Desk.after(o))
			x.event.value = x.event.before
			l.amendLater(x.after)
			return l.Desk.write(ctx, x)
		})
		return plantedAll(orders, Differs, "price"), err
	},
}
