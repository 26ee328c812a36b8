package lab

import (
	"context"
	"time"
)

// backfillCancelTime: legacy does not record when an order was canceled. The backfill takes an hour after its creation, as
// in the case study, although the row says when it was last written.
var backfillCancelTime = Fault{
	Name:     "backfill_cancel_time",
	About:    "the backfill makes up the time of a cancel: an hour after the creation",
	Hop:      LegacyToEvents,
	Cause:    "wrong_event_content",
	Leaves:   "events/event_different/backfill_cancel_time",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.misread(ctx, n, backfill{cancelsAfter: time.Hour}, func(p past) bool { return p.status == statusCanceled })
		return plantedAll(orders, Differs, "updated_at"), err
	},
}
