package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/throttle"
)

// Load asks the server what else it does, and how much WAL its replication slots have left. It returns
// [throttle.ErrUnseen] if the role may not know.
func (l *Log) Load(ctx context.Context, limits throttle.Limits) (load throttle.Load, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if limits.SlotReserve > 0 {
		if load.Slot, err = l.slot(ctx); err != nil {
			return load, err
		}
	}
	if limits.MaxSessions == 0 && limits.MaxReplicaLag == 0 {
		return load, nil
	}
	var sees bool
	var micros int64
	err = l.pool.QueryRow(ctx, `SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
		(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND application_name NOT LIKE 'crosscheck%'),
		coalesce((SELECT (extract(epoch FROM max(replay_lag)) * 1000000)::bigint FROM pg_catalog.pg_stat_replication r
			WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')), 0)`).Scan(&sees, &load.Sessions, &micros)
	if err != nil {
		return load, fmt.Errorf("asking the event store what else it does: %w", err)
	}
	if !sees {
		return load, throttle.ErrUnseen
	}
	load.ReplicaLag, load.Replica = time.Duration(micros)*time.Microsecond, "that is furthest behind"
	return load, nil
}

// slot is the replication slot that is nearest to losing its WAL. One that has lost it cannot be saved by waiting.
func (l *Log) slot(ctx context.Context) (throttle.Slot, error) {
	list, err := slots(ctx, l.pool)
	if err != nil || len(list) == 0 || list[0].Status == lost {
		return throttle.Slot{}, err
	}
	return list[0], nil
}

// forbidden is true if the role lacks a right, or the server takes no writes.
func forbidden(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "42501" || pg.Code == "25006")
}
