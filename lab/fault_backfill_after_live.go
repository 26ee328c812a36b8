package lab

import "context"

// backfillAfterLive: an order is older than the shadow writes and goes on trading after they have begun. Its new events are
// stored first, and the backfill appends the old ones behind them. The projector knows no such order when the new
// event comes, and drops it.
var backfillAfterLive = Fault{
	Name:     "backfill_after_live",
	About:    "an order trades on before it is backfilled, so its old events are stored after a new one",
	Hop:      LegacyToEvents,
	Cause:    "wrong_event_content",
	Leaves:   "events/event_disordered/backfill_after_live",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.old(ctx, n, func(p past) bool { return p.status == statusOpen })
		if err != nil {
			return nil, err
		}
		for _, p := range orders {
			if err := l.untell(ctx, p.id); err != nil { // nobody has backfilled it yet
				return nil, err
			}
			x := fill(p.workingOrder, p.quantity/4, p.price, l.Desk.after(p.workingOrder))
			l.freeze(x.after)
			l.later(func(ctx context.Context) error { return l.tellInOrder(ctx, p, x.event) })
			if err := l.Desk.write(ctx, x); err != nil {
				return nil, err
			}
			if err := l.Projector.Project(ctx); err != nil {
				return nil, err
			}
			if _, err := l.tell(ctx, right(p)); err != nil {
				return nil, err
			}
		}
		return plantedAll(oldOrders(orders), Differs, "status", "filled_quantity", "avg_fill_price", "updated_at"), nil
	},
}

// tellInOrder stores all events of an order anew, the live one last.
func (l *Lab) tellInOrder(ctx context.Context, p past, live event) error {
	if err := l.untell(ctx, p.id); err != nil {
		return err
	}
	_, err := l.tell(ctx, append(right(p), live))
	return err
}
