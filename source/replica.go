package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/verify"
)

var (
	_ verify.Replica = (*Side)(nil)
	_ verify.Replica = (*Fold)(nil)
	_ verify.Replica = (*Events)(nil)
)

// behindSQL is NULL if the standby does not tell. On a quiet primary no transaction is replayed. Then the last message of
// the primary counts, if all that the primary had written until then is replayed. Only a role with pg_read_all_stats
// sees it.
const behindSQL = `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN extract(epoch FROM pg_catalog.clock_timestamp() - greatest(
		pg_catalog.pg_last_xact_replay_timestamp(),
		(SELECT max(last_msg_send_time) FROM pg_catalog.pg_stat_wal_receiver WHERE latest_end_lsn <= pg_catalog.pg_last_wal_replay_lsn())))
	ELSE 0 END::float8`

// Behind implements [verify.Replica].
func (s *Side) Behind(ctx context.Context) (time.Duration, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var seconds pgtype.Float8
	err := s.pool.QueryRow(ctx, behindSQL).Scan(&seconds)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && !slices.Contains(passing, refused.Code[:2]) {
		return 0, false, nil // a service that does not tell
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading the position of %s: %w", s.config.Representation, err)
	}
	return time.Duration(max(0, seconds.Float64) * float64(time.Second)), seconds.Valid, nil
}

// Behind implements [verify.Replica].
func (e *Events) Behind(ctx context.Context) (time.Duration, bool, error) { return e.side.Behind(ctx) }
