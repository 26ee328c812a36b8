package lab

import "context"

// stoppedShadowWriter: the shadow writer has stopped for every order. Legacy goes on trading without events. Repair
// writes all events that were held back.
var stoppedShadowWriter = Fault{
	Name:  "stopped_shadow_writer",
	About: "no event is written for any order, and legacy goes on trading",
	Hop:   LegacyToEvents,
	Cause: "stopped_shadow_writer",
	Pass:  FullPass,
	whole: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		l.Desk.held.stop()
		_, err := l.each(ctx, n, func(o workingOrder) error {
			return l.Desk.write(ctx, fill(o, o.quantity, o.price, l.Desk.after(o)))
		})
		return nil, err
	},
}
