package lab

import "context"

// duplicatePublish: the acknowledgement of a message gets lost, and a producer that is not idempotent sends it again.
var duplicatePublish = Fault{
	Name:  "duplicate_publish",
	About: "an event is stored once and published twice",
	Hop:   EventsToStream,
	Cause: "duplicate_publish",
	Pass:  StreamPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := cancel(o, l.Desk.after(o))
			id, err := l.writeUnpublished(ctx, x)
			if err != nil {
				return err
			}
			for range 2 {
				if err := l.Desk.publish(ctx, id, x.event); err != nil {
					return err
				}
			}
			return nil
		})
		return plantedAll(orders, Duplicate), err
	},
}
