package board

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// Lag is how far the projection as a whole is behind the event store.
type Lag struct {
	Behind time.Duration // age of the oldest event that is newer than everything the projection shows; 0 if there is none
	Events int64         // number of events that are newer than everything the projection shows
}

// Projection returns the newest change that it shows: zero time if there is no column for it, verify.ErrNotIndexed if
// the answer would read the whole table.
type Projection interface {
	NewestChange(context.Context) (time.Time, error)
}

// Events returns the newest event, how many events are newer than a time, and how long the oldest of these has waited.
type Events interface {
	Newest(context.Context) (time.Time, error)
	After(ctx context.Context, at time.Time) (events int64, waiting time.Duration, err error)
}

// MeasureLag returns nil if the lag cannot be measured: the event store is empty, or projection.changed_at has no
// index.
func MeasureLag(ctx context.Context, projection Projection, events Events) (*Lag, error) {
	shown, err := projection.NewestChange(ctx) // first, so that changes in between make the lag longer and never shorter
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
