package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// loaded is a side whose server can be asked what else it does.
type loaded interface {
	Load(context.Context, throttle.Limits) (throttle.Load, error)
	Unpaced() string
}

// limited are the sides that a full verification reads whole.
func (s sides) limited() map[order.Representation]loaded {
	out := map[order.Representation]loaded{order.Legacy: s.legacy, order.Projection: s.projection}
	if s.folded.events != nil {
		out[order.Events] = s.folded.events
	}
	return out
}

// throttled returns nil if nothing limits a full verification.
func (s sides) throttled(limits throttle.Limits) *verify.Throttle {
	if !limits.Given() {
		return nil
	}
	t := &verify.Throttle{Limits: limits, Observe: map[order.Representation]func(context.Context) (throttle.Load, error){}}
	for is, side := range s.limited() {
		t.Observe[is] = func(ctx context.Context) (throttle.Load, error) { return side.Load(ctx, limits) }
	}
	return t
}

// keepsLimits returns an error if a limit cannot be kept because the role may not see what it is about, and says which sides
// are read in one statement.
func (s sides) keepsLimits(ctx context.Context, c *config.Config, log *slog.Logger) error {
	if !c.Throttle.Given() {
		return nil
	}
	for _, is := range []order.Representation{order.Legacy, order.Projection, order.Events} {
		side := s.limited()[is]
		if side == nil {
			continue
		}
		if c.Throttle.Observed() {
			if _, err := side.Load(ctx, c.Throttle); err != nil {
				return fmt.Errorf("asking %s what else it does: %w", is, err)
			}
		}
		if why := side.Unpaced(); why != "" {
			log.WarnContext(ctx, "throttle: a side is read in one statement, without pauses", slog.String("side", string(is)), slog.String("why", why))
		}
	}
	return nil
}
