package lab

import "context"

// stoppedProjector: the projector has stopped for every order. Events pile up.
var stoppedProjector = Fault{
	Name:  "stopped_projector",
	About: "the projector has stopped for every order, and events pile up",
	Hop:   EventsToProjection,
	Cause: "stopped_projector",
	Pass:  FullPass,
	whole: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		l.Projector.halt(true)
		_, err := l.each(ctx, n, func(o workingOrder) error {
			return l.Desk.write(ctx, cancel(o, l.Desk.after(o)))
		})
		return nil, err
	},
}
