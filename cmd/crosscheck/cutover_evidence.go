package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/switches"
)

// evidence is what the steps of a cutover ask about the representations.
func (t *cutting) evidence() *evidence.Evidence {
	e := &evidence.Evidence{Legacy: t.sides.legacy, New: t.sides.projection, Behind: t.behind, Verify: t.verify, Sequences: t.sequencesBehind, Nonce: t.nonce(), Standbys: t.standbys(), Wait: lease.Sleep}
	if t.config.Cutover.Reverse.Given() {
		e.Reversed, e.Fed = t.reversed, t.fed
	}
	if t.sides.events != nil {
		e.New = t.sides.events
	}
	t.restrict(e)
	if t.sides.events == nil {
		return e
	}
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

// nonce sends a nonce by the user's way of shadow writes.
func (t *cutting) nonce() func(context.Context, steps.Scope) (func(context.Context) (bool, error), error) {
	of := t.config.Cutover.Barrier
	if of.Kind == "" {
		return nil
	}
	barrier := switches.Switch{Action: switchAction(of), Name: "the barrier", Timeout: of.Timeout, Mask: t.config.Mask}
	return func(ctx context.Context, sc steps.Scope) (func(context.Context) (bool, error), error) {
		run := switchRun(sc)
		run.Nonce = rand.Text()
		if err := barrier.Make(ctx, switches.Do, run); err != nil {
			if _, refused := errors.AsType[*switches.RefusedError](err); refused {
				err = fmt.Errorf("%w: %w", steps.ErrContradicted, err)
			}
			return nil, err
		}
		return func(ctx context.Context) (bool, error) { return barrier.On(ctx, run) }, nil
	}
}

// futureFor is how long nothing must arrive at the projection where events have times of the future: clocks may differ a little.
const futureFor = 2 * time.Second

// lacking is how many events the projection lacks by their times, and since when it has been as many.
type lacking struct {
	events int64
	since  time.Time
}

// behind asks what the projection has not got yet. A projection that does not tell is judged by the final verification alone. So is one where
// events have times of the future: no row counts as showing these, and rows that show them hide which events of before have arrived.
func (t *cutting) behind(ctx context.Context) (string, error) {
	lag, err := t.sides.lag(ctx)
	if err != nil || lag == nil || lag.Events == 0 {
		return "", err
	}
	now := time.Now()
	future, _, err := t.sides.events.After(ctx, now)
	switch {
	case err != nil:
		return "", err
	case future == 0 || lag.Events != t.lacking.events:
		t.lacking = lacking{lag.Events, now}
	case now.Sub(t.lacking.since) > futureFor:
		return "", nil
	}
	return fmt.Sprintf("%d events at the projection", lag.Events), nil
}

// streamed asks what the follower of the stream has stored: it has checked up to the position, or has seen every event behind its check, which waits for a
// settle window. What the stream lacks below is a divergence, which the gate judges.
func (t *cutting) streamed(ctx context.Context, position int64) (string, error) {
	state, err := t.ledger.LoadStream(ctx, t.decides.Fingerprint)
	if err != nil {
		return "", err
	}
	checked := int64(state.Evidence.Checked)
	if checked >= position {
		return "", nil
	}
	switch shown, err := state.Shown(ctx, t.sides.events, order.Position(position)); {
	case err != nil:
		return "", fmt.Errorf("looking for what the stream has shown: %w", err)
	case shown:
		return "", nil
	}
	return fmt.Sprintf("the stream is checked up to event %d of %d, and has not shown all of the rest", checked, position), nil
}
