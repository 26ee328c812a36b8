package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/order"
)

// notesName is the table of checkpoints beside the store's table.
const notesName = "crosscheck_backfill"

// notesTable are its columns. Rows with the number 0 say who has claimed a table of events. All others are ranges that are done.
const notesTable = `(
	store     text NOT NULL,
	run       text NOT NULL,
	number    bigint NOT NULL,
	from_key  text NOT NULL DEFAULT '',
	below_key text NOT NULL DEFAULT '',
	orders    bigint NOT NULL DEFAULT 0,
	events    bigint NOT NULL DEFAULT 0,
	again     text[] NOT NULL DEFAULT '{}',
	remained  jsonb NOT NULL DEFAULT '{}',
	holder    text NOT NULL DEFAULT '',
	claim     text NOT NULL DEFAULT '',
	at        timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (store, run, number)
)`

// findNotes looks for the table of checkpoints, which may not be there yet.
func (l *Log) findNotes(ctx context.Context) error {
	name := l.notesIn()
	var there bool
	if err := l.pool.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1::text) IS NOT NULL", name).Scan(&there); err != nil {
		return fmt.Errorf("looking for the table of checkpoints %s: %w", name, err)
	}
	if there {
		l.notes = name
	}
	return nil
}

func (l *Log) notesIn() string {
	if l.config.Checkpoint != "" {
		return l.config.Checkpoint
	}
	return pgx.Identifier{l.table.schema, notesName}.Sanitize()
}

// Keeps is true if the store has a table of checkpoints.
func (l *Log) Keeps() bool { return l.notes != "" }

// MakeNotes makes the table of checkpoints, unless the role may not. Then [Log.Keeps] stays false.
func (l *Log) MakeNotes(ctx context.Context) error {
	if l.notes != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err := l.pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+l.notesIn()+" "+notesTable)
	if forbidden(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making the table of checkpoints %s: %w", l.notesIn(), err)
	}
	l.notes = l.notesIn()
	return nil
}

// Claim implements [backfill.Store]. It waits for a range that somebody else is writing, and all later ones fail.
func (l *Log) Claim(ctx context.Context, r backfill.Run) (done []backfill.Range, err error) {
	if l.notes == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "INSERT INTO "+l.notes+` AS n (store, run, number, holder, claim) VALUES ($1, '', 0, $2, pg_catalog.gen_random_uuid()::text)
			ON CONFLICT (store, run, number) DO UPDATE SET holder = excluded.holder, claim = excluded.claim, at = clock_timestamp() RETURNING claim`,
			l.table.String(), r.Holder).Scan(&l.claim)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT number, from_key, below_key, orders, events, again, remained FROM "+l.notes+" WHERE store = $1 AND run = $2 AND number > 0 ORDER BY number",
			l.table.String(), r.Name)
		if err != nil {
			return err
		}
		done, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d backfill.Range, err error) {
			return d, row.Scan(&d.Number, &d.From, &d.Below, &d.Orders, &d.Events, &d.Again, &d.Left)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming the event store in %s: %w", l.notes, err)
	}
	return done, nil
}

// stillOurs returns [backfill.ErrTaken] if somebody else has claimed the store. Nobody can until the transaction ends.
func (l *Log) stillOurs(ctx context.Context, tx pgx.Tx) error {
	if l.notes == "" {
		return nil
	}
	var claim, holder string
	err := tx.QueryRow(ctx, "SELECT claim, holder FROM "+l.notes+" WHERE store = $1 AND run = '' AND number = 0 FOR SHARE", l.table.String()).Scan(&claim, &holder)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && claim != l.claim {
		return fmt.Errorf("%w: %s has taken it over", backfill.ErrTaken, holder)
	}
	if err != nil {
		return fmt.Errorf("asking who has claimed the event store: %w", err)
	}
	return nil
}

// note says that a range is done, or that orders that had to be looked at again are.
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
	_, err := tx.Exec(ctx, "INSERT INTO "+l.notes+` (store, run, number, from_key, below_key, orders, events, again, remained) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (store, run, number) DO UPDATE SET events = excluded.events, again = excluded.again, remained = excluded.remained, at = clock_timestamp()`,
		l.table.String(), b.Run.Name, b.Range.Number, string(b.Range.From), string(b.Range.Below), b.Range.Orders, b.Range.Events, again, left)
	if err != nil {
		return fmt.Errorf("noting that range %d is done: %w", b.Range.Number, err)
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
	_, err := l.pool.Exec(ctx, "DELETE FROM "+l.notes+" WHERE store = $1 AND (run = $2 AND number > 0 OR at < clock_timestamp() - interval '90 days')", l.table.String(), r.Name)
	if err != nil {
		return fmt.Errorf("forgetting the ranges of a run that has ended: %w", err)
	}
	return nil
}
