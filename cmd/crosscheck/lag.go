package main

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// projectionLag is how far the projection as a whole is behind the event store.
type projectionLag struct {
	Behind time.Duration // from the newest change that the projection shows to the newest event; 0 where it shows that
	Events int64         // newer than the newest change that the projection shows
}

// lagMeter measures it; nil where nothing tells.
type lagMeter func(context.Context) (*projectionLag, error)

// measureLag returns nil where nothing tells: no event store, or no indexed projection.changed_at.
func (s sides) measureLag(ctx context.Context) (*projectionLag, error) {
	if s.events == nil {
		return nil, nil
	}
	reached, err := s.reached(ctx) // first: what becomes visible meanwhile makes the lag longer, never shorter
	if errors.Is(err, verify.ErrNotIndexed) || err == nil && reached.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	newest, err := s.events.Newest(ctx)
	if err != nil {
		return nil, err
	}
	lag := projectionLag{Behind: max(0, newest.Sub(reached))}
	if lag.Behind > 0 {
		lag.Events, err = s.events.After(ctx, reached)
	}
	return &lag, err
}

func (s sides) reached(ctx context.Context) (time.Time, error) {
	snapshot, err := s.projection.Begin(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer snapshot.Close()
	return snapshot.Reached(ctx)
}
