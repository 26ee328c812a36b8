package lab

import "context"

// sameTimestampSkip: the projector asks for events later than the newest it has seen, as in the case study. Of two
// events with one timestamp, the second one comes after the refresh, so it is never read. A third one is applied again.
var sameTimestampSkip = Fault{
	Name:  "same_timestamp_skip",
	About: "two events have the same timestamp, and the projection misses the second one",
	Hop:   EventsToProjection,
	Cause: "skipped_equal_timestamp",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		byTimestamp := func(f *faults) { f.stamped = append(f.stamped, ids(orders)...) }
		err = l.Projector.breakWith(ctx, byTimestamp, func() error {
			for _, o := range orders {
				if err := l.sameTimestamp(ctx, o); err != nil {
					return err
				}
			}
			return nil
		})
		return plantedAll(orders, Differs, "price"), err
	},
}

// sameTimestamp fills and modifies an order in one transaction, lets the projector see only the first event, and then
// fills again.
func (l *Lab) sameTimestamp(ctx context.Context, o workingOrder) error {
	at := l.Desk.after(o)
	filled := fill(o, o.quantity/4, o.price, at)
	modified := modify(filled.after, o.price+unit, 0, at)
	both := deal{legacy: append(filled.legacy, modified.legacy...), after: modified.after}
	if err := l.Desk.writeLegacy(ctx, both); err != nil {
		return err
	}
	if _, err := l.Desk.shadow(ctx, filled.event); err != nil {
		return err
	}
	if err := l.Projector.projectLocked(ctx); err != nil { // breakWith holds the lock
		return err
	}
	if _, err := l.Desk.shadow(ctx, modified.event); err != nil {
		return err
	}
	if err := l.Projector.projectLocked(ctx); err != nil {
		return err
	}
	again := fill(modified.after, o.quantity/4, o.price, l.Desk.after(modified.after))
	l.freeze(again.after)
	return l.Desk.write(ctx, again)
}
