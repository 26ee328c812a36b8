package lab

import "context"

// lostPublish: a producer that asks for no acknowledgement (kafka-go's default) writes into a dead connection and gets
// no error.
var lostPublish = Fault{
	Name:  "lost_publish",
	About: "an event is stored but never published",
	Hop:   EventsToStream,
	Cause: "lost_publish",
	Pass:  StreamPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := cancel(o, l.Desk.after(o))
			id, err := l.writeUnpublished(ctx, x)
			l.later(func(ctx context.Context) error { return l.Desk.publish(ctx, id, x.event) })
			return err
		})
		return plantedAll(orders, Missing), err
	},
}
