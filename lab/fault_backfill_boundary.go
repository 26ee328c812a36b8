package lab

import (
	"context"
	"time"
)

// backfillBoundary: the backfill selects ranges of time with BETWEEN, as in the case study. Both ends belong to the range,
// so an order that was created when one range ends and the next begins is in both.
var backfillBoundary = Fault{
	Name:     "backfill_boundary",
	About:    "two ranges of the backfill include the time at which they meet, so orders of that time are stored twice",
	Hop:      LegacyToEvents,
	Cause:    "duplicate_event",
	Leaves:   "events/event_extra/backfill_boundary",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.tellAgain(ctx, n, onTheHour)
		return plantedAll(orders, Differs, "filled_quantity"), err
	},
}

// onTheHour is true for an order that was created when a range of hours may begin.
func onTheHour(p past) bool { return p.createdAt.Truncate(time.Hour).Equal(p.createdAt) }
