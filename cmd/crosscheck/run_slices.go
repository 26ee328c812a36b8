package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
)

// errMoved ends a sidecar whose configuration leaves out other slices than it should.
var errMoved = errors.New("other slices are at the new side")

// sliced is what a sidecar leaves out.
type sliced struct {
	whole *config.Config
	moved []string
}

// slice has the sidecar leave out the slices that are at the new side. A ledger that does not answer is asked again later.
func (s *sidecar) slice(ctx context.Context, c *config.Config) error {
	s.config, s.sliced = c, sliced{whole: c}
	rest, moved, err := remaining(ctx, c, s.ledger)
	switch {
	case err == nil:
		s.config, s.sliced.moved = rest, moved
	case errors.Is(err, board.ErrNotMigrated):
	case passes(err):
		s.log.WarnContext(ctx, "which slices are at the new side is not known yet", slog.String("error", err.Error()))
	default:
		return err
	}
	if len(moved) > 0 {
		s.log.InfoContext(ctx, "slices at the new side are not compared with legacy", slog.String("slices", strings.Join(moved, ", ")))
	}
	return nil
}

// watchSlices returns [errMoved] once other slices are at the new side. While the sidecar drives a run to its end it waits: page, metrics and alerts
// would be gone for as long as the tail check takes.
func (s *sidecar) watchSlices(ctx context.Context) error {
	if s.sliced.whole.Cutover.Fence.Slice == "" {
		return nil
	}
	for lease.Sleep(ctx, finishEvery) == nil {
		if s.finishing.Load() {
			continue
		}
		_, moved, err := remaining(ctx, s.sliced.whole, s.ledger)
		if err == nil && !slices.Equal(moved, s.sliced.moved) {
			s.log.InfoContext(ctx, "other slices are at the new side, so the sidecar begins anew", slog.String("slices", strings.Join(moved, ", ")))
			return errMoved
		}
	}
	return nil
}
