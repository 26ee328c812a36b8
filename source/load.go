package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/throttle"
)

// maySee is true if the role sees what the sessions of others do. Otherwise they all look idle.
const maySee = "pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"

// Load asks the server what else it does, on behalf of limits. It returns [throttle.ErrUnseen] if the role may not know.
func (s *Side) Load(ctx context.Context, limits throttle.Limits) (throttle.Load, error) {
	defer s.observe("load")()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var load throttle.Load
	var sees bool
	err := s.pool.QueryRow(ctx, "SELECT "+maySee+`, (SELECT count(*) FROM pg_catalog.pg_stat_activity
		WHERE backend_type = 'client backend' AND state = 'active' AND application_name NOT IN ('crosscheck', 'crosscheck-backfill'))`).Scan(&sees, &load.Sessions)
	if err != nil {
		return load, fmt.Errorf("counting the active sessions: %w", err)
	}
	if !sees {
		return load, throttle.ErrUnseen
	}
	if limits.MaxReplicaLag == 0 {
		return load, nil
	}
	// Consumers of logical slots are no standbys, and many confirm rarely. A lag is NULL if nothing was written lately.
	var micros int64
	err = s.pool.QueryRow(ctx, `SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text), (extract(epoch FROM replay_lag) * 1000000)::bigint
		FROM pg_catalog.pg_stat_replication r
		WHERE replay_lag IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
		ORDER BY replay_lag DESC LIMIT 1`).Scan(&load.Replica, &micros)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return load, fmt.Errorf("asking how far the standbys are behind: %w", err)
	}
	load.ReplicaLag = time.Duration(micros) * time.Microsecond
	return load, nil
}
