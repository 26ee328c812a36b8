package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// checkThrottle is the name of doctor's check.
const checkThrottle = "throttle"

// longSnapshot is for how long a pass may keep old rows before doctor warns of it.
const longSnapshot = time.Hour

// diagnoseThrottle asks whether the limits of throttle can be kept, and how long a pass takes with them. What keeps the sides from
// being opened at all is found by other checks.
func diagnoseThrottle(ctx context.Context, c *config.Config, now time.Time) (findings []doctor.Finding) {
	if !c.Throttle.Given() {
		return nil
	}
	if next := c.Sampler.Full.Next(now); !next.IsZero() && !c.Throttle.Hours.Open(next) {
		findings = append(findings, doctor.Finding{
			Side: "config", Check: checkThrottle, Level: doctor.Warning,
			Message: fmt.Sprintf("the next full verification is due at %s, outside throttle.hours (%s): it waits until %s", human.Instant(next), c.Throttle.Hours, human.Instant(c.Throttle.Hours.Next(next).UTC())),
			Hint:    "let sampler.full begin within the hours",
		})
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return findings
	}
	defer func() { s.close() }()
	if s.openFolded(ctx, c, nil) != nil {
		s.folded.events = nil
	}
	for _, is := range []order.Representation{order.Legacy, order.Projection, order.Events} {
		if side := s.limited()[is]; side != nil {
			findings = append(findings, throttleFindings(ctx, string(is), side, c.Throttle, c.Verify.MaxSnapshot > 0, source.UserOf(sideDSN(c, string(is))))...)
		}
	}
	return findings
}

func throttleFindings(ctx context.Context, name string, side loaded, limits throttle.Limits, ranged bool, role string) (findings []doctor.Finding) {
	add := func(level doctor.Level, message, hint string) {
		findings = append(findings, doctor.Finding{Side: name, Check: checkThrottle, Level: level, Message: message, Hint: hint})
	}
	if limits.Observed() {
		load, err := side.Load(ctx, limits)
		switch {
		case errors.Is(err, throttle.ErrUnseen):
			add(doctor.Error, "max_sessions and max_replica_lag cannot be kept, because the role may not see the other sessions of the server", hintFor(err))
			findings[0].Fixes = []doctor.Fix{{As: "a superuser", SQL: []string{"GRANT pg_read_all_stats TO " + identifier(role)}}}
		case err != nil:
			return nil
		default:
			add(doctor.OK, observed(load, limits), "")
		}
	}
	if why := side.Unpaced(); why != "" {
		add(doctor.Warning, why+", so a full verification reads them in one statement, without pauses", "give the key an index; docs/load.md says what can be read in small statements")
	}
	if took := atRate(ctx, side, limits.RowsPerSecond); took > 0 {
		message := fmt.Sprintf("at %s rows per second a full verification takes about %s", human.Number(limits.RowsPerSecond), human.Duration(took))
		switch {
		case ranged:
			add(doctor.OK, message, "")
		case limits.Hours.Given() && took > limits.Hours.Length():
			add(doctor.Warning, message+", longer than throttle.hours: it will end unverified", "set verify.max_snapshot, a higher rows_per_second, or longer hours")
		case took > longSnapshot:
			add(doctor.Warning, message+", and holds a snapshot as long: VACUUM cannot remove rows that were replaced meanwhile", "set verify.max_snapshot, or a higher rows_per_second")
		default:
			add(doctor.OK, message, "")
		}
	}
	return findings
}

func observed(load throttle.Load, limits throttle.Limits) string {
	text := human.Quantity(load.Sessions, "other session is active", "other sessions are active")
	switch {
	case limits.MaxReplicaLag == 0:
	case load.Replica == "":
		text += "; no standby reports a lag"
	default:
		text += fmt.Sprintf("; standby %s is %s behind", load.Replica, load.ReplicaLag.Round(time.Millisecond))
	}
	return text
}

// atRate estimates how long reading a side takes; 0 if that is not known. The events of an order are not counted.
func atRate(ctx context.Context, side loaded, rate int64) time.Duration {
	s, ok := side.(verify.Side)
	if !ok || rate == 0 {
		return 0
	}
	n, err := s.Begin(ctx)
	if err != nil {
		return 0
	}
	defer n.Close()
	e, err := n.Extent(ctx)
	if err != nil {
		return 0
	}
	return time.Duration(float64(e.Rows) / float64(rate) * float64(time.Second))
}
