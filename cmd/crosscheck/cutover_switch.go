package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/switches"
)

// switching is a switch as the steps of a cutover see it.
type switching struct{ switches.Switch }

var _ steps.Switch = switching{}

// newSwitch returns nil for a switch that the configuration does not have.
func newSwitch(c *config.Config, name string, s config.Switch) steps.Switch {
	if s.Kind == "" {
		return nil
	}
	timeout := s.Timeout
	if s.Kind == "pgbouncer" {
		timeout = poolTimeout(s)
	}
	return switching{switches.Switch{Action: switchAction(s), Name: name, Timeout: timeout, Mask: c.Mask}}
}

// poolTimeout is how long all instances take at most: each has its own timeout, and those that did pause go on again if one does not.
func poolTimeout(s config.Switch) time.Duration {
	return time.Duration(2*len(s.PgBouncer.Instances)) * s.Timeout
}

func switchAction(s config.Switch) switches.Action {
	switch s.Kind {
	case "sql":
		return switches.SQL{DSN: s.SQL.DSN.Reveal(), Do: s.SQL.Do, Undo: s.SQL.Undo, Asks: s.SQL.Check}
	case "http":
		return switches.HTTP{Do: switchRequest(s.HTTP.Do), Undo: switchRequest(s.HTTP.Undo), Asks: switchRequest(s.HTTP.Check), On: s.HTTP.On, Off: s.HTTP.Off}
	case "exec":
		return switches.Exec{Do: s.Exec.Do, Undo: s.Exec.Undo, Asks: s.Exec.Check}
	default:
		instances := make([]string, len(s.PgBouncer.Instances))
		for i, dsn := range s.PgBouncer.Instances {
			instances[i] = dsn.Reveal()
		}
		return switches.PgBouncer{Instances: instances, Database: s.PgBouncer.Database, Timeout: s.Timeout}
	}
}

func switchRequest(r config.SwitchRequest) switches.Request {
	out := switches.Request{Method: r.Method, URL: r.URL.Reveal(), Body: r.Body.Reveal(), Headers: map[string]string{}}
	for name, value := range r.Headers {
		out.Headers[name] = value.Reveal()
	}
	return out
}

// Set implements [steps.Switch].
func (s switching) Set(ctx context.Context, on bool, sc steps.Scope) (string, error) {
	step := switches.Undo
	if on {
		step = switches.Do
	}
	o, err := s.Switch.Set(ctx, step, switchRun(sc))
	return o.Output, provenAs(err, steps.ErrRefused, switches.ErrFailed)
}

// On implements [steps.Switch].
func (s switching) On(ctx context.Context, sc steps.Scope) (bool, error) {
	return s.Switch.On(ctx, switchRun(sc))
}

func switchRun(sc steps.Scope) switches.Run {
	column, value, one := strings.Cut(sc.Slice, "=")
	return switches.Run{Name: sc.Run, Slice: value, One: one, Column: column}
}

// neverNew is the switch of writes in a rehearsal. It goes back before that step, whatever it was asked to do.
type neverNew struct{ steps.Switch }

// Set implements [steps.Switch].
func (n neverNew) Set(ctx context.Context, on bool, sc steps.Scope) (string, error) {
	if on {
		return "", fmt.Errorf("%w: a rehearsal does not switch writes to the new side", steps.ErrRefused)
	}
	return n.Switch.Set(ctx, on, sc)
}
