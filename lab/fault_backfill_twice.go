package lab

import "context"

// backfillTwice: the backfill of a range was stopped and started again. It does not look whether an event is there.
var backfillTwice = Fault{
	Name:     "backfill_twice",
	About:    "the backfill of some orders ran twice, so each of their events is stored twice",
	Hop:      LegacyToEvents,
	Cause:    "duplicate_event",
	Leaves:   "events/event_extra/backfill_twice",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.tellAgain(ctx, n, func(p past) bool { return !onTheHour(p) })
		return plantedAll(orders, Differs, "filled_quantity"), err
	},
}
