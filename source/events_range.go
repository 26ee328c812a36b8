package source

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

var _ follow.EventStore = (*Events)(nil)

// Between implements [follow.EventStore].
func (e *Events) Between(ctx context.Context, from, to order.Position, fn func(order.Position, order.Key) error) error {
	defer e.side.observe("range")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p := "(" + e.config.Position + ")"
	rows, err := e.side.pool.Query(ctx, fmt.Sprintf(`SELECT %[1]s::bigint, coalesce((%[3]s)::text, '') FROM %[2]s
		WHERE %[1]s BETWEEN $1::bigint AND $2::bigint ORDER BY %[1]s`, p, e.side.from(), e.config.Key), int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("reading positions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var position int64
		var key string
		if err := rows.Scan(&position, &key); err != nil {
			return fmt.Errorf("reading positions: %w", err)
		}
		if err := fn(order.Position(position), order.Key(key)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading positions: %w", err)
	}
	return nil
}

// Horizon implements [follow.EventStore]. It reads the position first, and then which transactions have begun. These
// include all that could still add an event at or below the position, if a position is given by the transaction that
// stores it and grows (a sequence without CACHE). Horizon needs only the right to read, and works for a view and for a
// replica too. A transaction of another database of the server that stays open holds the horizon back as well.
func (e *Events) Horizon(ctx context.Context) (follow.Horizon, error) {
	defer e.side.observe("horizon")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	h := follow.Horizon{Position: order.NoPosition}
	p := "(" + e.config.Position + ")"
	rows, err := e.side.pool.Query(ctx, fmt.Sprintf(`SELECT %[1]s::bigint FROM %[2]s WHERE %[1]s IS NOT NULL ORDER BY %[1]s DESC LIMIT 1`, p, e.side.from()))
	if err == nil {
		var found []int64
		if found, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err == nil && len(found) > 0 {
			h.Position = order.Position(found[0])
		}
	}
	if err != nil {
		return follow.Horizon{}, fmt.Errorf("reading the newest position: %w", err)
	}
	h.Below, err = e.snapshot(ctx, "pg_snapshot_xmax")
	return h, err
}

// Oldest implements [follow.EventStore].
func (e *Events) Oldest(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return e.snapshot(ctx, "pg_snapshot_xmin")
}

// snapshot reads one end of the server's list of running transactions.
func (e *Events) snapshot(ctx context.Context, end string) (uint64, error) {
	var text string
	if err := e.side.pool.QueryRow(ctx, "SELECT pg_catalog."+end+"(pg_catalog.pg_current_snapshot())::text").Scan(&text); err != nil {
		return 0, fmt.Errorf("reading which transactions run: %w", err)
	}
	xid, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading which transactions run: %w", err)
	}
	return xid, nil
}
