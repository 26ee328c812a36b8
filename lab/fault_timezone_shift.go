package lab

import (
	"context"
	"time"
)

// timezoneShift: the producer stamps events with local time and calls it UTC. Repair modifies the order again.
var timezoneShift = Fault{
	Name:  "timezone_shift",
	About: "the event of a modification has New York's time, labelled as UTC",
	Hop:   LegacyToEvents,
	Cause: "timezone_shift",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		newYork := time.FixedZone("EST", -5*60*60)
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := modify(o, o.price+unit, 0, l.Desk.after(o))
			wall := x.event.at.In(newYork)
			x.event.at = time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
			l.amendLater(x.after)
			return l.Desk.write(ctx, x)
		})
		return plantedAll(orders, Differs, "updated_at"), err
	},
}
