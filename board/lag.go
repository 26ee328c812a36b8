package board

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// Lag is how far the projection as a whole is behind the event store.
type Lag struct {
	Behind time.Duration // the age of the oldest event that is newer than all that the projection shows; 0 where none is
	Events int64         // newer than all that the projection shows
}

// Projection tells the newest change that it shows: a zero time where nothing tells, verify.ErrNotIndexed where that would
// read the whole table.
type Projection interface {
	NewestChange(context.Context) (time.Time, error)
}

// Events tells the newest event, and how many are newer than a time and how long the oldest of these has waited.
type Events interface {
	Newest(context.Context) (time.Time, error)
	After(ctx context.Context, at time.Time) (events int64, waiting time.Duration, err error)
}

// MeasureLag returns nil where nothing tells: an empty event store, or no indexed projection.changed_at.
func MeasureLag(ctx context.Context, projection Projection, events Events) (*Lag, error) {
	shown, err := projection.NewestChange(ctx) // first: what becomes visible meanwhile makes the lag longer, never shorter
	if errors.Is(err, verify.ErrNotIndexed) || err == nil && shown.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if newest, err := events.Newest(ctx); err != nil || newest.IsZero() {
		return nil, err
	}
	pending, waiting, err := events.After(ctx, shown)
	if err != nil {
		return nil, err
	}
	return &Lag{Behind: waiting, Events: pending}, nil
}
