package fence

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/switches"
)

// standbyNames are the standbys that are connected, by name, sorted. Several may have one name. A backup is none.
func standbyNames(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, "SELECT application_name::text "+walsenders+" AND application_name NOT IN ('', 'pg_basebackup') ORDER BY 1")
	if err != nil {
		return nil, fmt.Errorf("asking for the standbys: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// walsenders are those that feed a standby. One that just connects has neither position nor, for some roles, a state.
const walsenders = `FROM pg_catalog.pg_stat_replication WHERE state IS DISTINCT FROM 'backup'
	AND pid NOT IN (SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL)`

// standbys waits until all standbys have on disk what is written by now: those that are connected, and those that were so when the fence was
// closed. A slot alone is not waited for, because nobody may ever come back to it.
func standbys(ctx context.Context, conn *pgx.Conn, fed []string) error {
	var written string
	if err := conn.QueryRow(ctx, "SELECT "+switches.LogEnd+"::text").Scan(&written); err != nil {
		return fmt.Errorf("asking how far the WAL is: %w", err)
	}
	for {
		behind, err := behind(ctx, conn, fed, written)
		if err != nil {
			return err
		}
		if len(behind) == 0 {
			return nil
		}
		if last, ok := ctx.Deadline(); !ok || time.Until(last) < 2*tick || !wait(ctx, tick) { // the session must outlive this
			return fmt.Errorf("%w: %s", ErrStandbys, strings.Join(behind, ", "))
		}
	}
}

// Confirmed waits, in a session of its own, until all standbys have on disk what is written by now, as [Fence.Permanent] does. An object that has not
// closed the fence knows those that are connected now, and those of [Fence.Expect].
func (f *Fence) Confirmed(ctx context.Context) error {
	return f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		f.mu.Lock()
		fed := f.fed
		f.mu.Unlock()
		return standbys(ctx, conn, fed)
	})
}

// Fed are the standbys that were connected when this object closed the fence, or that it was told of.
func (f *Fence) Fed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.fed)
}

// Expect tells an object that goes on for another one which standbys were connected when that closed the fence: they are waited for.
func (f *Fence) Expect(fed []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fed = slices.Clone(fed)
}

func behind(ctx context.Context, conn *pgx.Conn, fed []string, written string) (missing []string, err error) {
	rows, err := conn.Query(ctx, `SELECT coalesce(nullif(application_name, ''), 'pid ' || pid) || CASE WHEN state IS NULL THEN ' (its position is hidden: GRANT pg_monitor TO the role)' ELSE '' END
		`+walsenders+` AND coalesce(pg_catalog.pg_wal_lsn_diff(flush_lsn, '0/0') < $1::text::numeric, true) ORDER BY 1`, written)
	if err != nil {
		return nil, fmt.Errorf("asking the standbys: %w", err)
	}
	if missing, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("asking the standbys: %w", err)
	}
	now, err := standbyNames(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, name := range fed {
		if i := slices.Index(now, name); i >= 0 {
			now = slices.Delete(now, i, i+1)
		} else {
			missing = append(missing, name+", which was connected when the fence was closed")
		}
	}
	return missing, nil
}
