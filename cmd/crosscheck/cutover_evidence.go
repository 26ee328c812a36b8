package main

import (
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/lease"
)

// evidence is what the steps of a cutover ask about the representations.
func (t *cutting) evidence() *evidence.Evidence {
	e := &evidence.Evidence{Legacy: t.sides.legacy, New: t.sides.projection, Behind: t.behind, Verify: t.verify, Wait: lease.Sleep}
	if t.sides.events == nil {
		return e
	}
	e.New = t.sides.events
	if t.config.Events.PerOrder {
		return e
	}
	e.Newest = func(ctx context.Context) (int64, error) {
		h, err := t.sides.events.Horizon(ctx)
		return int64(h.Position), err
	}
	if t.config.Stream.Given() {
		e.Stream = t.streamed
	}
	return e
}

// behind asks what the projection has not got yet. A projection that does not tell is judged by the final verification alone.
func (t *cutting) behind(ctx context.Context) (string, error) {
	lag, err := t.sides.lag(ctx)
	switch {
	case err != nil:
		return "", err
	case lag != nil && lag.Events > 0:
		return fmt.Sprintf("%d events at the projection", lag.Events), nil
	}
	return "", nil
}

// streamed asks the follower of the stream how far it has checked. What the stream lacks below is a divergence, which the gate judges.
func (t *cutting) streamed(ctx context.Context, position int64) (string, error) {
	state, err := t.ledger.LoadStream(ctx, t.basis.Fingerprint)
	if err != nil {
		return "", err
	}
	if checked := int64(state.Evidence.Checked); checked < position {
		return fmt.Sprintf("the stream is checked up to event %d of %d", checked, position), nil
	}
	return "", nil
}
