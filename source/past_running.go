package source

import (
	"context"
	"fmt"
	"time"
)

// Oldest implements [backfill.Legacy]. What only reads for crosscheck does not count. Of a prepared transaction the server knows only
// when it was prepared.
func (p *Past) Oldest(ctx context.Context) (began time.Time, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = p.side.pool.QueryRow(ctx, `
		SELECT least(pg_catalog.clock_timestamp(), (SELECT min(xact_start) FROM pg_catalog.pg_stat_activity
				WHERE datname = pg_catalog.current_database() AND backend_type NOT IN ('autovacuum worker', 'walsender') AND application_name <> 'crosscheck'),
			(SELECT min(prepared) FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database())),
			`+maySee+` AND NOT pg_catalog.pg_is_in_recovery()`).Scan(&began, &known)
	if err != nil {
		return began, false, fmt.Errorf("asking how old the transactions of legacy are: %w", err)
	}
	return began, known, nil
}
