package lab

import "context"

// coarseTimestamps: the backfill reads times through a type that keeps whole seconds only.
var coarseTimestamps = Fault{
	Name:     "coarse_timestamps",
	About:    "the backfill cuts the times of events off below the second",
	Hop:      LegacyToEvents,
	Cause:    "wrong_event_content",
	Leaves:   "events/event_different/coarse_timestamps",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.misread(ctx, n, backfill{wholeSeconds: true}, func(p past) bool {
			return !p.working() && fraction(p.createdAt) && fraction(p.updatedAt)
		})
		return plantedAll(orders, Differs, "created_at", "updated_at"), err
	},
}
