package eventlog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nordvarg/crosscheck/throttle"
)

// lost is the status of a slot that has lost WAL which its consumer needs.
const lost = "lost"

// Slots are the replication slots of the server that events are written to.
type Slots struct{ pool *pgxpool.Pool }

// OpenSlots does not connect yet.
func OpenSlots(ctx context.Context, dsn string) (*Slots, error) {
	cfg, err := poolConfig(dsn, 1)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the server of the event store: %w", err)
	}
	return &Slots{pool}, nil
}

// Close ends all connections.
func (s *Slots) Close() { s.pool.Close() }

// Read returns the slots with a limit of WAL, and those that have lost some.
func (s *Slots) Read(ctx context.Context) ([]throttle.Slot, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return slots(ctx, s.pool)
}

// slots are those with a limit, the one that is nearest to losing its WAL first, and at the end those that have lost it. A slot has
// a limit only if max_slot_wal_keep_size is set, and no status before its first use.
func slots(ctx context.Context, pool *pgxpool.Pool) ([]throttle.Slot, error) {
	rows, err := pool.Query(ctx, `SELECT slot_name::text, wal_status, coalesce(safe, 0), greatest(pg_catalog.pg_size_bytes(current_setting('max_slot_wal_keep_size', true)), 0) FROM (
			SELECT slot_name, to_jsonb(s) ->> 'wal_status' AS wal_status, (to_jsonb(s) ->> 'safe_wal_size')::bigint AS safe FROM pg_catalog.pg_replication_slots s) s
		WHERE wal_status = $1 OR safe IS NOT NULL AND wal_status IS NOT NULL ORDER BY wal_status = $1, safe, slot_name`, lost) // both columns since PostgreSQL 13
	if err != nil {
		return nil, fmt.Errorf("asking for the replication slots: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[throttle.Slot])
	if err != nil {
		return nil, fmt.Errorf("asking for the replication slots: %w", err)
	}
	return list, nil
}
