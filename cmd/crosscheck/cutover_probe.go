package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/switches"
)

// probing asks by the clients' way, as the steps of a cutover see it.
type probing struct {
	switches.Probe
	waits bool // a write at a closed legacy gets no answer
}

var _ steps.Probe = probing{}

// newProbe returns nil for a probe that the configuration does not have.
func newProbe(c *config.Config, name string, s config.Switch) steps.Probe {
	prober, ok := switchAction(s).(switches.Prober)
	if s.Kind == "" || !ok {
		return nil
	}
	return probing{switches.Probe{Prober: prober, Name: name, Timeout: s.Timeout, Mask: c.Mask}, c.Cutover.Fence.Mode == "wait"}
}

// New implements [steps.Probe].
func (p probing) New(ctx context.Context, sc steps.Scope) (bool, error) {
	isNew, err := p.Probe.New(ctx, switchRun(sc))
	_, refused := errors.AsType[*switches.RefusedError](err)
	if refused || p.waits && errors.Is(err, switches.ErrSilent) {
		err = fmt.Errorf("%w: %w", steps.ErrRefused, err)
	}
	return isNew, err
}
