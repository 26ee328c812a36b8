package eventlog

import (
	"context"
	"fmt"
	"time"
)

// Oldest implements [backfill.Store]. Of a prepared transaction the server knows only when it was prepared.
func (l *Log) Oldest(ctx context.Context) (began time.Time, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = l.pool.QueryRow(ctx, `
		SELECT least(pg_catalog.clock_timestamp(), (SELECT min(xact_start) FROM pg_catalog.pg_stat_activity
				WHERE datname = pg_catalog.current_database() AND backend_type NOT IN ('autovacuum worker', 'walsender') AND application_name NOT LIKE 'crosscheck%'),
			(SELECT min(prepared) FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database())),
			pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')`).Scan(&began, &known)
	if err != nil {
		return began, false, fmt.Errorf("asking how old the transactions of the event store are: %w", err)
	}
	return began, known, nil
}
