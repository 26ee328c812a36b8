package main

import (
	"context"
	"strings"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// boardSettings returns the board's settings from the configuration.
func boardSettings(c *config.Config) board.Settings {
	s := board.Settings{
		Policy: c.Gate, Fields: comparedFields(c), Schedules: map[verify.PassKind]board.Schedule{}, Window: c.Compare.Settle.Window,
		Stream: c.Stream.Given(), Shared: c.Stream.Group != "", Alerts: c.Alerts.Given(), Values: c.Alerts.IncludeValues,
		Throttle: c.Throttle.Reasons(), Sides: []order.Representation{order.Legacy, order.Projection},
	}
	if c.Events.Given() {
		s.Sides = append(s.Sides, order.Events)
	}
	for _, pass := range scheduledPasses(c) {
		if !pass.schedule.Off() {
			s.Schedules[pass.kind] = pass.schedule
		}
	}
	return s
}

// systemOf says which system the configuration is about.
func systemOf(c *config.Config) web.System {
	name := c.Name
	if c.Pair != "" {
		name = strings.TrimPrefix(name+": "+c.Pair, ": ")
	}
	return web.System{Name: name, Environment: c.Environment}
}

// lag returns nil if there is no event store.
func (s sides) lag(ctx context.Context) (*board.Lag, error) {
	if s.events == nil {
		return nil, nil
	}
	return board.MeasureLag(ctx, s.projection, s.events)
}
