package lab

import (
	"context"
	"fmt"
	"slices"
)

// backfillLimit: the backfill selects the orders of a range with a LIMIT, as in the case study. What is beyond it is never
// read. These are the newest orders of the range.
var backfillLimit = Fault{
	Name:     "backfill_limit",
	About:    "the backfill reads its last range with a LIMIT, so the newest old orders have no events",
	Hop:      LegacyToEvents,
	Cause:    "lost_shadow_write",
	Leaves:   "events/event_missing/backfill_limit",
	Pass:     FullPass,
	Backfill: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.newestRun(ctx, n)
		if err != nil {
			return nil, err
		}
		for _, p := range orders {
			l.freeze(p.workingOrder)
			l.later(func(ctx context.Context) error { return l.tellMissing(ctx, p) })
			if err := l.untell(ctx, p.id); err != nil {
				return nil, err
			}
		}
		return plantedAll(oldOrders(orders), Missing), nil
	},
}

// newestRun takes the newest n neighbours of the backfill that nobody has written since.
func (l *Lab) newestRun(ctx context.Context, n int) ([]past, error) {
	var run []past
	for to := l.cutOver; to > 0; to -= searchRange {
		pasts, err := readPasts(ctx, l.legacy, max(1, to-searchRange+1), to)
		if err != nil {
			return nil, err
		}
		for _, p := range slices.Backward(pasts) {
			if l.untold(p) && l.takeOld(p) {
				if run = append(run, p); len(run) == n {
					return run, nil
				}
				continue
			}
			for _, p := range run {
				l.Desk.book.put(p.workingOrder)
			}
			run = nil
		}
	}
	return nil, fmt.Errorf("%w: want %d neighbours", ErrNoBackfill, n)
}

// tellMissing stores the events of an order, unless somebody else has backfilled it meanwhile.
func (l *Lab) tellMissing(ctx context.Context, p past) error {
	var there bool
	if err := l.events.QueryRow(ctx, "SELECT EXISTS (SELECT FROM event_store WHERE order_id = $1)", p.id).Scan(&there); err != nil || there {
		return err
	}
	_, err := l.tell(ctx, right(p))
	return err
}
