package lab

import "context"

// directLegacyEdit: somebody changes a row by hand. There is no audit log and no event, and updated_at does not change.
// The application modified the order before, so its audit log contradicts the row.
var directLegacyEdit = Fault{
	Name:  "direct_legacy_edit",
	About: "somebody changes the price of a legacy row by hand, without the application",
	Hop:   LegacyItself,
	Cause: "direct_edit",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := modify(o, o.price+unit/100, 0, l.Desk.after(o))
			if err := l.Desk.write(ctx, x); err != nil {
				return err
			}
			l.freeze(x.after)
			l.later(func(ctx context.Context) error { return editPrice(ctx, l, x.after, x.after.price) })
			return editPrice(ctx, l, x.after, x.after.price+unit)
		})
		return plantedAll(orders, Differs, "price"), err
	},
}

func editPrice(ctx context.Context, l *Lab, o workingOrder, price amount) error {
	_, err := l.legacy.Exec(ctx, "UPDATE orders SET price = $2::text::numeric WHERE order_id = $1", o.id, price.String())
	return err
}
