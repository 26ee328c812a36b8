package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// mostBehind limits how many of the newest events are searched for events that a projection does not show yet.
const mostBehind = 100_000

// After counts the events that are newer than a time, among the last 100,000 by position. It compares milliseconds,
// because many systems do not keep more, or what the time's own digits are in. It uses the index on the position. The age of the oldest of them is by the
// server's clock; 0 if there is none, or if it is in the future.
func (e *Events) After(ctx context.Context, at time.Time) (events int64, waiting time.Duration, err error) {
	defer e.side.observe("lag")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if e.config.AtPath != nil {
		return e.afterInPayloads(ctx, at)
	}
	var micros int64
	query := fmt.Sprintf(`SELECT count(*), coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(crosscheck_at)) * 1000000), 0)::bigint
		FROM (SELECT %s AS crosscheck_at FROM %s %s LIMIT %d) newest
		WHERE isfinite(crosscheck_at) AND date_trunc($2, crosscheck_at) > $1`,
		e.config.At, e.side.from(), e.config.newestFirst(), mostBehind)
	if err := e.side.pool.QueryRow(ctx, query, at, truncation(at)).Scan(&events, &micros); err != nil {
		return 0, 0, fmt.Errorf("looking for events that the projection has not reached: %w", err)
	}
	return events, time.Duration(micros) * time.Microsecond, nil
}

// truncation names the precision of a time for date_trunc.
func truncation(at time.Time) string {
	unit := order.Unit(at)
	if unit > time.Second {
		return "day"
	}
	if unit == time.Second {
		return "second"
	}
	return "milliseconds"
}

// NewestChange is the newest change that any row shows and that is not of the future by the server's clock, so that one wrong
// row cannot make a projection that stands still look as if it had applied everything. It is zero where there is none,
// or no changed_at; [verify.ErrNotIndexed] where that has no index.
func (s *Side) NewestChange(ctx context.Context) (time.Time, error) {
	if s.config.ChangedAt == "" {
		return time.Time{}, nil
	}
	defer s.observe("reached")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	indexed, err := s.timeIndexed(ctx) // checked again, because a swapped table has its own indexes
	if err == nil && !indexed {
		err = verify.ErrNotIndexed
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the newest change of %s: %w", s.config.Representation, err)
	}
	var at time.Time
	err = s.pool.QueryRow(ctx, s.newestChangeSQL()).Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, fmt.Errorf("reading the newest change of %s: %w", s.config.Representation, err)
	}
	return at.UTC(), nil
}
