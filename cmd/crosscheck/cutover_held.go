package main

import (
	"context"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/ledger"
)

// heldKnown is what is known at the hold point of a run of a slice, from the journals of all runs and the passes under a fingerprint.
func heldKnown(ctx context.Context, c *config.Config, l *ledger.Ledger, journals [][]cutover.Record, slice, fingerprint string) (*cutoverrun.Held, error) {
	proof, verified, err := l.Proven(ctx, fingerprint)
	if err != nil {
		return nil, err
	}
	now, err := l.Clock(ctx)
	b := cutover.Budget{Total: c.Cutover.Budget, Reserve: c.Cutover.RollbackReserve, Forecast: cutoverrun.Forecast(cutoverrun.Of(journals, slice))}
	return cutoverrun.NewHeld(b, proof, verified, now), err
}

// held implements [web.API.Held].
func (s *sidecar) held(ctx context.Context, run string) (*cutoverrun.Held, error) {
	journals, err := s.ledger.Runs(ctx)
	if err != nil {
		return nil, err
	}
	return heldOf(ctx, s.config, s.ledger, journals, run)
}

// heldOf is what is known at the hold point of a run.
func heldOf(ctx context.Context, c *config.Config, l *ledger.Ledger, journals [][]cutover.Record, run string) (*cutoverrun.Held, error) {
	slice, fingerprint := "", ""
	for _, records := range journals {
		if records[0].Run == run {
			slice, fingerprint = records[0].Action.Slice, cutoverrun.Positions(records)["fingerprint"]
		}
	}
	return heldKnown(ctx, c, l, journals, slice, fingerprint)
}

// known is what a person at the hold point wants to know now.
func (h *holdPoint) known(ctx context.Context) (*cutoverrun.Held, error) {
	journals, err := h.ledger.Runs(ctx)
	if err != nil {
		return nil, err
	}
	return heldKnown(ctx, h.config, h.ledger, journals, h.slice, h.basis.Fingerprint)
}
