package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

var _ backfill.Notes = (*Ledger)(nil)

// Done implements [backfill.Notes].
func (l *Ledger) Done(ctx context.Context, run string) (done []backfill.Range, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, "SELECT number, from_key, below_key, orders, events, again, remained FROM backfill_range WHERE pair = $2 AND run = $1 ORDER BY number", run, l.pair)
		if err != nil {
			return err
		}
		done, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d backfill.Range, err error) {
			return d, row.Scan(&d.Number, &d.From, &d.Below, &d.Orders, &d.Events, &d.Again, &d.Left)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what a backfill has done: %w", err)
	}
	return done, nil
}

// Note implements [backfill.Notes].
func (l *Ledger) Note(ctx context.Context, held lease.Lease, run string, r backfill.Range) error {
	again := r.Again
	if again == nil {
		again = []order.Key{}
	}
	left := r.Left
	if left == nil {
		left = map[backfill.Missing]int64{}
	}
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO backfill_range (pair, run, number, from_key, below_key, orders, events, again, remained) VALUES ($8, $1, $2, $3, $4, $5, $6, $7, $9)
			ON CONFLICT (pair, run, number) DO UPDATE SET events = excluded.events, again = excluded.again, remained = excluded.remained`,
			run, r.Number, string(r.From), string(r.Below), r.Orders, r.Events, again, l.pair, left)
		return err
	})
	if err != nil {
		return fmt.Errorf("noting that a range of a backfill is done: %w", err)
	}
	return nil
}

// Forget implements [backfill.Notes].
func (l *Ledger) Forget(ctx context.Context, held lease.Lease, run string) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM backfill_range WHERE pair = $2 AND run = $1", run, l.pair)
		return err
	})
	if err != nil {
		return fmt.Errorf("forgetting the ranges of a backfill: %w", err)
	}
	return nil
}
