package lab

import "context"

// disorderedPublish: a message fails and is sent again after the next one. This happens to a producer with several
// requests in flight.
var disorderedPublish = Fault{
	Name:  "disordered_publish",
	About: "two events of an order are published in the wrong order",
	Hop:   EventsToStream,
	Cause: "disordered_publish",
	Pass:  StreamPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			first := modify(o, o.price+unit, 0, l.Desk.after(o))
			firstID, err := l.writeUnpublished(ctx, first)
			if err != nil {
				return err
			}
			if err := l.Desk.write(ctx, cancel(first.after, l.Desk.after(first.after))); err != nil {
				return err
			}
			return l.Desk.publish(ctx, firstID, first.event)
		})
		return plantedAll(orders, Disorder), err
	},
}
