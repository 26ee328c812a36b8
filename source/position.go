package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Placed = (*Events)(nil)

// positionSQL returns what a server says of its place in the log. CASE keeps a primary from being asked what only a standby
// knows. Who may not see the state of the receiver sees at least whether there is one.
const positionSQL = `SELECT r.standby,
		CASE WHEN r.standby THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END::text,
		CASE WHEN r.standby THEN extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END::float8,
		CASE WHEN r.standby THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END,
		r.standby AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver WHERE coalesce(status, 'streaming') = 'streaming'),
		CASE WHEN r.standby THEN coalesce(pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn(), false) ELSE true END
	FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby) AS r`

// Position asks the server on another connection than that of a snapshot, because some services refuse the question.
//
// A standby that has replayed all that it has received is not behind only while it is connected to its primary. Otherwise
// nobody knows what the primary has written since, so the age of the last replayed commit counts.
func (s *Side) Position(ctx context.Context) (verify.Position, error) {
	defer s.observe("position")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var p verify.Position
	var lsn pgtype.Text
	var age *float64
	var paused, alone, replayed bool
	err := s.pool.QueryRow(ctx, positionSQL).Scan(&p.Standby, &lsn, &age, &paused, &alone, &replayed)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && !slices.Contains(passing, refused.Code[:2]) {
		p = verify.Position{}
		err = s.pool.QueryRow(ctx, "SELECT pg_catalog.pg_is_in_recovery()").Scan(&p.Standby)
		alone, replayed, age = false, false, nil
	}
	if err != nil {
		return p, fmt.Errorf("asking %s for its position: %w", s.config.Representation, err)
	}
	p.LSN = lsn.String
	if !p.Standby {
		return p, nil
	}
	switch {
	case paused:
		p.Stopped = "replay is paused"
	case alone:
		p.Stopped = "it receives nothing from its primary"
	case replayed:
		age = new(float64)
	}
	if age != nil {
		*age = max(*age, 0) // the primary's clock may be ahead
	}
	p.Lag = age
	return p, nil
}

// Position implements [verify.Placed].
func (e *Events) Position(ctx context.Context) (verify.Position, error) { return e.side.Position(ctx) }

// conflictHint is for reads that a standby cancels.
const conflictHint = "set hot_standby_feedback = on, or a larger max_standby_streaming_delay, on the standby, so that long reads are not cancelled"

// Conflict returns true for the errors with which a standby cancels a read, or ends a session, because of what it replays. The
// same read succeeds in a new snapshot.
func Conflict(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "40001", "25P02": // reads of a primary never have these: they only read, and end at their first error
		return true
	case "40P01":
		return strings.Contains(pg.Routine, "RecoveryConflict")
	case "57P01":
		return strings.Contains(pg.Message, "recovery")
	}
	return false
}
