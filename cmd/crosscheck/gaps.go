package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
)

const (
	// countEvery is the time between two counts of the newest events and messages. A full pass ends it earlier.
	countEvery = 5 * time.Minute
	// countAgain is that time after a count that failed, or that found a part of which most cannot be read.
	countAgain = 30 * time.Second
)

// gaps is what the newest count of events and messages says of this process's parts.
type gaps struct {
	wanted chan struct{} // holds a value if a count is wanted before its time

	mu    sync.Mutex
	known []gate.Gap
}

// newGaps says of each part that it was not read yet.
func newGaps(c *config.Config, now time.Time) *gaps {
	g := &gaps{wanted: make(chan struct{}, 1)}
	for _, part := range []struct {
		form
		given bool
	}{{eventsForm, c.Events.Given()}, {messagesForm, c.Stream.Given()}} {
		if part.given {
			g.known = append(g.known, gate.Gap{Name: part.gap, Reason: "The newest " + part.many + " have not been read yet.", Hint: "wait a moment", At: now})
		}
	}
	return g
}

func (g *gaps) get(context.Context) []gate.Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

// again asks for a count before its time.
func (g *gaps) again() {
	select {
	case g.wanted <- struct{}{}:
	default: // already asked for
	}
}

// count counts, and returns what [sides.gaps] calls unfit.
func (g *gaps) count(ctx context.Context, opened sides, c *config.Config) error {
	known, unfit := opened.gaps(ctx, c)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = known
	return unfit
}

func (g *gaps) pause() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.ContainsFunc(g.known, func(known gate.Gap) bool { return !known.Partial }) {
		return countAgain
	}
	return countEvery
}

// countGaps counts again and again until ctx ends.
func (s *sidecar) countGaps(ctx context.Context) error {
	for {
		next := time.NewTimer(s.gaps.pause())
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-s.gaps.wanted:
			next.Stop()
		case <-next.C:
		}
		opened, err := s.open(ctx)
		if err == nil {
			err = s.gaps.count(ctx, opened, s.config)
		}
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "the newest events or messages cannot be read", slog.Any("error", err))
		}
	}
}
