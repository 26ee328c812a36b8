package lab

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// lostUpdate: two writers read the legacy row, and each writes back what it has computed from it. The first one's fill
// is gone from the row. Trades and events have both fills.
var lostUpdate = Fault{
	Name:  "lost_update",
	About: "two fills at the same time both read the legacy row and write it back, so one is overwritten",
	Hop:   LegacyItself,
	Cause: "lost_update",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			first := fill(o, o.quantity/4, o.price, l.Desk.after(o))
			second := fill(first.after, o.quantity/4, o.price+unit/10, l.Desk.after(first.after))
			l.freeze(second.after)
			l.later(func(ctx context.Context) error { return fillsFromTrades(ctx, l, o.id) })
			if err := race(ctx, l, first, second); err != nil {
				return fmt.Errorf("two writers at once: %w", err)
			}
			for _, x := range []deal{first, second} {
				if _, err := l.Desk.shadow(ctx, x.event); err != nil {
					return err
				}
			}
			return nil
		})
		return plantedAll(orders, Differs, "filled_quantity", "avg_fill_price"), err
	},
}

// race lets both writers read before either writes.
func race(ctx context.Context, l *Lab, first, second deal) error {
	var writers [2]struct {
		tx    pgx.Tx
		write func() error
	}
	for i, x := range []deal{first, second} {
		tx, err := l.legacy.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // committed, or given up with the error that is returned
		writers[i].tx = tx
		if writers[i].write, err = readThenFill(ctx, tx, x); err != nil {
			return err
		}
	}
	for _, w := range writers {
		if err := w.write(); err != nil {
			return err
		}
		if err := w.tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readThenFill enters the trade and reads the row. It returns a function that writes the sum.
func readThenFill(ctx context.Context, tx pgx.Tx, x deal) (write func() error, err error) {
	trade := x.legacy[0]
	if _, err := tx.Exec(ctx, trade.sql, trade.args...); err != nil {
		return nil, err
	}
	var filled, notional string
	const read = `SELECT filled_quantity::text, (filled_quantity * coalesce(avg_fill_price, 0))::text FROM orders WHERE order_id = $1`
	if err := tx.QueryRow(ctx, read, x.after.id).Scan(&filled, &notional); err != nil {
		return nil, err
	}
	return func() error {
		const update = `UPDATE orders SET status = $2, updated_at = $3, filled_quantity = $4::text::numeric + $5::text::numeric,
			avg_fill_price = round(($6::text::numeric + $5::text::numeric * $7::text::numeric) / ($4::text::numeric + $5::text::numeric), 6)
			WHERE order_id = $1`
		quantity, price := trade.args[2], trade.args[3]
		_, err := tx.Exec(ctx, update, x.after.id, x.after.status, x.after.updatedAt, filled, quantity, notional, price)
		return err
	}, nil
}

// fillsFromTrades computes the fills of a legacy row from its trades.
func fillsFromTrades(ctx context.Context, l *Lab, order int64) error {
	const update = `UPDATE orders SET filled_quantity = t.quantity, avg_fill_price = round(t.notional::numeric(38, 8) / t.quantity::numeric(18, 4), 6)
		FROM (SELECT sum(quantity) AS quantity, sum(quantity * price) AS notional FROM trades WHERE order_id = $1) AS t
		WHERE order_id = $1 AND t.quantity IS NOT NULL`
	_, err := l.legacy.Exec(ctx, update, order)
	return err
}
