package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// fencing is the fence as the steps of a cutover see it.
type fencing struct{ *fence.Fence }

var _ steps.Fence = fencing{}

func newFence(c *config.Config) (*fence.Fence, error) {
	f := c.Cutover.Fence
	return fence.New(fence.Config{DSN: f.DSN.Reveal(), Name: c.Cutover.Name, Tables: f.Tables, Mode: fence.Mode(f.Mode), Slice: f.Slice, Reverse: c.Cutover.Reverse.Role})
}

// fenceScope is the scope of a run, whose slice is written as COLUMN=VALUE.
func fenceScope(s steps.Scope) fence.Scope {
	_, value, one := strings.Cut(s.Slice, "=")
	return fence.Scope{Slice: value, One: one}
}

// provenAs wraps an error that proves something with the sentinel of the steps.
func provenAs(err, as error, of ...error) error {
	if slices.ContainsFunc(of, func(known error) bool { return errors.Is(err, known) }) {
		return fmt.Errorf("%w: %w", as, err)
	}
	return err
}

// Close implements [steps.Fence].
func (f fencing) Close(ctx context.Context, s steps.Scope) error {
	return provenAs(f.Fence.Close(ctx, fenceScope(s)), steps.ErrRefused, fence.ErrBusy, fence.ErrInstalled, fence.ErrTable, fence.ErrStandby, fence.ErrPooler, fence.ErrDSN)
}

// Held implements [steps.Fence].
func (f fencing) Held(ctx context.Context) error { return lostFence(f.Fence.Held(ctx)) }

// Permanent implements [steps.Fence].
func (f fencing) Permanent(ctx context.Context) error { return lostFence(f.Fence.Permanent(ctx)) }

func lostFence(err error) error {
	return provenAs(err, steps.ErrFenceLost, fence.ErrLost, fence.ErrOpen, fence.ErrElsewhere, fence.ErrInstalled)
}

// Sealed implements [steps.Fence]. What stands must stand after a failover too.
func (f fencing) Sealed(ctx context.Context, s steps.Scope) (bool, error) {
	closed, err := f.Fence.Sealed(ctx, fenceScope(s))
	if err != nil || !closed {
		return false, err
	}
	return true, f.Confirmed(ctx)
}

// Shut implements [steps.Fence].
func (f fencing) Shut(ctx context.Context, s steps.Scope) (bool, error) {
	return f.Fence.Shut(ctx, fenceScope(s))
}

// Release implements [steps.Fence].
func (f fencing) Release(ctx context.Context) error { return lostFence(f.Fence.Release(ctx)) }

// Free implements [steps.Fence].
func (f fencing) Free(ctx context.Context, s steps.Scope) (bool, error) {
	return f.Fence.Free(ctx, fenceScope(s))
}

// Open implements [steps.Fence].
func (f fencing) Open(ctx context.Context) error {
	if err := f.Fence.Open(ctx); !errors.Is(err, fence.ErrOpen) {
		return lostFence(err)
	}
	return nil
}

// Unfence implements [steps.Fence].
func (f fencing) Unfence(ctx context.Context, s steps.Scope) error {
	return f.Fence.Unfence(ctx, fenceScope(s))
}

// Evict implements [steps.Fence].
func (f fencing) Evict(ctx context.Context, s steps.Scope) error {
	return f.Fence.Evict(ctx, fenceScope(s))
}

// Passes implements [steps.Fence].
func (f fencing) Passes(ctx context.Context, s steps.Scope) (met steps.Probed, err error) {
	probed, err := f.Probe(ctx, fenceScope(s))
	if err != nil {
		return met, err
	}
	for _, p := range probed {
		switch p.Answer {
		case fence.Passed:
			met.Passed = append(met.Passed, p.Table)
		case fence.Refused, fence.Waits:
			met.KeptOut = append(met.KeptOut, p.Table)
		default:
			met.Unclear = append(met.Unclear, p.Table+" ("+p.Detail+")")
		}
	}
	return met, nil
}
