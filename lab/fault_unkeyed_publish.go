package lab

import "context"

// unkeyedPublish: the producer sets no key, as the case study's did. An order's events go round the partitions, and
// nothing keeps them in their order.
var unkeyedPublish = Fault{
	Name:  "unkeyed_publish",
	About: "events of one order are published without a key, and spread over the partitions",
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
				m, err := newMessage(id, x.event)
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
