package main

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// projectionLag is how far the projection as a whole is behind the event store.
type projectionLag struct {
	Behind time.Duration // the age of the oldest event that is newer than all that the projection shows; 0 where none is
	Events int64         // newer than all that the projection shows
}

// lagMeter measures it; nil where nothing tells.
type lagMeter func(context.Context) (*projectionLag, error)

// measureLag returns nil where nothing tells: no event store or an empty one, or no indexed projection.changed_at.
func (s sides) measureLag(ctx context.Context) (*projectionLag, error) {
	if s.events == nil {
		return nil, nil
	}
	shown, err := s.projection.Shown(ctx) // first: what becomes visible meanwhile makes the lag longer, never shorter
	if errors.Is(err, verify.ErrNotIndexed) || err == nil && shown.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if newest, err := s.events.Newest(ctx); err != nil || newest.IsZero() {
		return nil, err
	}
	pending, err := s.events.After(ctx, shown)
	if err != nil {
		return nil, err
	}
	return &projectionLag{Behind: pending.Waiting, Events: pending.Events}, nil
}
