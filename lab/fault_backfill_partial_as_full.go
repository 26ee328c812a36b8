package lab

import "context"

// backfillPartialAsFull: the backfill tells a full fill from a partial one by a running sum. It compares the sum with what
// the row says is filled, and not with what was ordered.
var backfillPartialAsFull = Fault{
	Name:     "backfill_partial_as_full",
	About:    "the backfill calls the last partial fill of an order full, because of a wrong running sum",
	Hop:      LegacyToEvents,
	Cause:    "wrong_event_content",
	Leaves:   "events/event_different/backfill_partial_as_full",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.misread(ctx, n, backfill{fullByRow: true}, func(p past) bool { return p.status == statusPartiallyFilled })
		return plantedAll(orders, Differs, "status"), err
	},
}
