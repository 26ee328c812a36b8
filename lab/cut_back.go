package lab

import (
	"context"
	"fmt"
	"strings"
)

// CutBack returns to legacy after a cutover: it writes there what only the new system has, and switches reads and writes back. The desk and
// all clients must rest, and legacy must be open. It stands for the reverse feed that a real system would need.
func (l *Lab) CutBack(ctx context.Context) error {
	if err := l.Refresh(ctx); err != nil {
		return err
	}
	const batch = 10_000
	columns := "order_id, " + strings.Join(Columns, ", ")
	read := "SELECT coalesce(jsonb_agg(to_jsonb(c))::text, '[]'), coalesce(max(order_id), 0) FROM (SELECT " + columns + " FROM current_orders WHERE order_id > $1 ORDER BY order_id LIMIT $2) AS c"
	write := "INSERT INTO orders AS o (" + columns + ") SELECT " + columns + " FROM jsonb_populate_recordset(NULL::orders, $1::jsonb) ON CONFLICT (order_id) DO UPDATE SET (" +
		columns + ") = (SELECT " + qualified("excluded") + ") WHERE (" + qualified("o") + ") IS DISTINCT FROM (" + qualified("excluded") + ")"
	for after := int64(0); ; {
		var orders string
		var last int64
		if err := l.events.QueryRow(ctx, read, after, batch).Scan(&orders, &last); err != nil {
			return fmt.Errorf("reading what the new system has: %w", err)
		}
		if last == 0 {
			break
		}
		if _, err := l.legacy.Exec(ctx, write, orders); err != nil {
			return fmt.Errorf("writing legacy what the new system has: %w", err)
		}
		if err := l.returnTrades(ctx, after, last); err != nil {
			return err
		}
		after = last
	}
	if _, err := l.legacy.Exec(ctx, "UPDATE app_config SET value = 'legacy' WHERE value <> 'legacy'"); err != nil {
		return fmt.Errorf("switching back to legacy: %w", err)
	}
	return nil
}

// returnTrades writes the fills of some orders, from which legacy computes the next average price.
func (l *Lab) returnTrades(ctx context.Context, after, last int64) error {
	const read = `SELECT coalesce(jsonb_agg(jsonb_build_object('order_id', order_id, 'executed_at', timestamp, 'price', payload ->> 'price',
			'quantity', coalesce(payload ->> 'filled_quantity', payload ->> 'quantity'))), '[]')::text
		FROM {{events}} WHERE order_id > $1 AND order_id <= $2 AND event_type IN ('OrderPartiallyFilled', 'OrderFilled')`
	const write = `INSERT INTO trades (order_id, executed_at, quantity, price) SELECT order_id, executed_at, quantity, price FROM jsonb_populate_recordset(NULL::trades, $1::jsonb) AS f
		WHERE NOT EXISTS (SELECT FROM trades AS t WHERE t.order_id = f.order_id AND t.executed_at = f.executed_at)`
	var fills string
	if err := l.events.QueryRow(ctx, strings.ReplaceAll(read, "{{events}}", l.Store.spoken), after, last).Scan(&fills); err != nil {
		return fmt.Errorf("reading fills of the new system: %w", err)
	}
	if _, err := l.legacy.Exec(ctx, write, fills); err != nil {
		return fmt.Errorf("writing legacy the fills of the new system: %w", err)
	}
	return nil
}

// qualified lists the columns of an order in a row.
func qualified(row string) string {
	return row + ".order_id, " + row + "." + strings.Join(Columns, ", "+row+".")
}
