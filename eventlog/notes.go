package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/order"
)

// Claim implements [backfill.Store]. It waits for a range that somebody else is writing, and all later ones fail.
func (l *Log) Claim(ctx context.Context, r backfill.Run) (done []backfill.Range, err error) {
	if l.notes == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO "+l.notes+` AS n (store, run, number, holder, claim, working) VALUES ($1, '', 0, $2, $3, $4)
			ON CONFLICT (store, run, number) DO UPDATE SET holder = excluded.holder, claim = excluded.claim, working = excluded.working, at = clock_timestamp()`,
			l.table.String(), r.Holder, r.Claim, r.Name)
		if err != nil {
			return err
		}
		done, err = l.ranges(ctx, tx, r, "number > 0")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming the event store in %s: %w", l.notes, err)
	}
	return done, nil
}

// ranges are ranges of a run that are done.
func (l *Log) ranges(ctx context.Context, in interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, r backfill.Run, which string, args ...any,
) ([]backfill.Range, error) {
	rows, err := in.Query(ctx, "SELECT number, from_key, below_key, orders, events, again, remained FROM "+l.notes+" WHERE store = $1 AND run = $2 AND "+which+" ORDER BY number",
		append([]any{l.table.String(), r.Name}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d backfill.Range, err error) {
		return d, row.Scan(&d.Number, &d.From, &d.Below, &d.Orders, &d.Events, &d.Again, &d.Left)
	})
}

// Stored implements [backfill.Store].
func (l *Log) Stored(ctx context.Context, r backfill.Run, numbers []int64) ([]backfill.Range, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	done, err := l.ranges(ctx, l.pool, r, "number = ANY($3)", numbers)
	if err != nil {
		return nil, fmt.Errorf("asking %s which ranges are done: %w", l.notes, err)
	}
	return done, nil
}

// Claimed implements [backfill.Store].
func (l *Log) Claimed(ctx context.Context) (r backfill.Run, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = l.pool.QueryRow(ctx, "SELECT working, holder, claim FROM "+l.notes+" WHERE store = $1 AND run = '' AND number = 0", l.table.String()).Scan(&r.Name, &r.Holder, &r.Claim)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("asking who has claimed the event store: %w", err)
	}
	return r, nil
}

// stillOurs returns [backfill.ErrTaken] if somebody else has claimed the store. Nobody can until the transaction ends.
func (l *Log) stillOurs(ctx context.Context, tx pgx.Tx, r backfill.Run) error {
	if l.notes == "" {
		return nil
	}
	var claim, holder string
	err := tx.QueryRow(ctx, "SELECT claim, holder FROM "+l.notes+" WHERE store = $1 AND run = '' AND number = 0 FOR SHARE", l.table.String()).Scan(&claim, &holder)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && claim != r.Claim {
		return fmt.Errorf("%w: %s has taken it over", backfill.ErrTaken, holder)
	}
	if err != nil {
		return fmt.Errorf("asking who has claimed the event store: %w", err)
	}
	return nil
}

// note says that a range is done, before its events are copied: a second process that has the same range waits here for the first.
// It also says that orders of the range that had to be looked at again are.
func (l *Log) note(ctx context.Context, tx pgx.Tx, b backfill.Batch) error {
	if l.notes == "" || b.Range.Number == 0 {
		return nil
	}
	again := b.Range.Again
	if again == nil {
		again = []order.Key{}
	}
	left := b.Range.Left
	if left == nil {
		left = map[backfill.Missing]int64{}
	}
	known := "NOTHING"
	if b.Again {
		known = "UPDATE SET events = excluded.events, again = excluded.again, remained = excluded.remained, at = clock_timestamp()"
	}
	done, err := tx.Exec(ctx, "INSERT INTO "+l.notes+` (store, run, number, from_key, below_key, orders, events, again, remained) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (store, run, number) DO `+known,
		l.table.String(), b.Run.Name, b.Range.Number, string(b.Range.From), string(b.Range.Below), b.Range.Orders, b.Range.Events, again, left)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" { // lock_timeout
		return fmt.Errorf("%w: another process has been storing range %d for %s", backfill.ErrMoved, b.Range.Number, askTimeout)
	}
	if err != nil {
		return fmt.Errorf("noting that range %d is done: %w", b.Range.Number, err)
	}
	if done.RowsAffected() == 0 {
		return backfill.ErrStored
	}
	return nil
}

// Finish implements [backfill.Store].
func (l *Log) Finish(ctx context.Context, r backfill.Run) error {
	if l.notes == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{}, func(tx pgx.Tx) error {
		given, err := tx.Exec(ctx, "UPDATE "+l.notes+" SET claim = '' WHERE store = $1 AND run = '' AND number = 0 AND claim = $2", l.table.String(), r.Claim)
		if err != nil {
			return err
		}
		if given.RowsAffected() == 0 { // the ranges are of whoever has it now
			return backfill.ErrTaken
		}
		_, err = tx.Exec(ctx, "DELETE FROM "+l.notes+" WHERE store = $1 AND (run = $2 AND number > 0 OR at < clock_timestamp() - interval '90 days')", l.table.String(), r.Name)
		return err
	})
	if err != nil {
		return fmt.Errorf("forgetting the ranges of a run that has ended: %w", err)
	}
	return nil
}
