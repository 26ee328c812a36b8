package lab

import "context"

// unkeyedPublish: the producer sets no key, as in the case study. An order's events are spread over the partitions, so
// their order is lost.
var unkeyedPublish = Fault{
	Name:  "unkeyed_publish",
	About: "the events of one order are published without a key, so they are spread over the partitions",
	Hop:   EventsToStream,
	Cause: "unkeyed_publish",
	Pass:  StreamPass,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			first := modify(o, o.price+unit, 0, l.Desk.after(o))
			for _, x := range []deal{first, cancel(first.after, l.Desk.after(first.after))} {
				id, err := l.writeUnpublished(ctx, x)
				if err != nil {
					return err
				}
				m, err := l.Store.newMessage(id, x.event)
				if err != nil {
					return err
				}
				if err := l.Desk.publishOnce(ctx, Message{Value: m.Value}); err != nil {
					return err
				}
			}
			return nil
		})
		return plantedAll(orders, Disorder), err
	},
}
