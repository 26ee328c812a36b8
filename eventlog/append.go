package eventlog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/order"
)

// Append implements [backfill.Store].
func (l *Log) Append(ctx context.Context, b backfill.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := l.stillOurs(ctx, tx, b.Run); err != nil {
			return err
		}
		if err := l.note(ctx, tx, b); err != nil {
			return err
		}
		if len(b.Events) > 0 {
			if err := l.inTurn(ctx, tx); err != nil {
				return err
			}
			if err := l.copy(ctx, tx, b.Events); err != nil {
				return err
			}
			if err := l.alone(ctx, tx); err != nil {
				return err
			}
			if err := l.unmoved(ctx, tx, b); err != nil {
				return err
			}
		}
		return nil
	})
	return refused(l.overtaken(ctx, err, b), b.Events)
}

// overtaken makes [backfill.ErrMoved] of an error for which live events of the same orders are the reason: they took the number of an
// event, or a lock. The transaction has been rolled back.
func (l *Log) overtaken(ctx context.Context, err error, b backfill.Batch) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	moved := ok && pg.Code == "40P01" // deadlock_detected
	if ok && pg.Code == "23505" {     // unique_violation
		n, asked := l.count(ctx, l.pool, b.Keys)
		if asked != nil {
			return errors.Join(err, asked)
		}
		moved = n != b.Stored
	}
	if moved {
		return fmt.Errorf("%w: %w", backfill.ErrMoved, err)
	}
	return err
}

// inTurn waits for the store's own writers, before positions are given: a projector that goes by position would pass over those that
// become visible late.
func (l *Log) inTurn(ctx context.Context, tx pgx.Tx) error {
	if l.config.Lock == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", l.config.Lock); err != nil {
		return fmt.Errorf("waiting for the store's writers (backfill.lock): %w", err)
	}
	return nil
}

// alone lets one transaction after the other count, where no claim fences the store. The commit before, perhaps one of a process
// that was killed, is visible then.
func (l *Log) alone(ctx context.Context, tx pgx.Tx) error {
	if l.notes != "" {
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1::text, 0))", "crosscheck backfill "+l.table.String()); err != nil {
		return fmt.Errorf("waiting for others that write to the event store: %w", err)
	}
	return nil
}

// unmoved returns [backfill.ErrMoved] unless the orders have the events that they had, and the new ones. It sees what
// others have committed by now.
func (l *Log) unmoved(ctx context.Context, tx pgx.Tx, b backfill.Batch) error {
	n, err := l.count(ctx, tx, b.Keys)
	if err == nil && n != b.Stored+int64(len(b.Events)) {
		return backfill.ErrMoved
	}
	return err
}

// count counts the events of some orders.
func (l *Log) count(ctx context.Context, in interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, keys []order.Key,
) (n int64, err error) {
	of, args := l.ofKeys(keys)
	if err := in.QueryRow(ctx, "SELECT count(*) FROM "+l.config.ReadTable+" AS t WHERE "+of, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the events of the orders: %w", err)
	}
	return n, nil
}

// ofKeys is the condition for events of some orders, and its arguments.
func (l *Log) ofKeys(keys []order.Key) (of string, args []any) {
	of, args = order.AmongSQL(l.config.ReadKey, l.keyType, l.stored(keys))
	if l.config.Where != "" {
		of += " AND (" + l.config.Where + "\n)"
	}
	return of, args
}

// stored are keys as the store has them.
func (l *Log) stored(keys []order.Key) []order.Key {
	if l.config.Strip == "" {
		return keys
	}
	out := make([]order.Key, len(keys))
	for i, key := range keys {
		out[i] = order.Key(l.config.Strip) + key
	}
	return out
}

// copied is how the server says at which row of a COPY something happened.
var copied = regexp.MustCompile(`(?m)^COPY .*, line (\d+)`)

// refused names the event that the server does not take.
func refused(err error, events []backfill.Event) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || errors.Is(err, backfill.ErrMoved) {
		return err
	}
	r := &backfill.RefusedError{Err: err}
	switch pg.Code[:2] {
	case "22", "23", "P0", "42", "53", "58": // data, constraint, raised, rights, no room, the system
	default:
		return err
	}
	if at := copied.FindStringSubmatch(pg.Where); at != nil {
		if line, err := strconv.Atoi(at[1]); err == nil && line >= 1 && line <= len(events) {
			e := events[line-1]
			r.Key, r.Type, r.ID = e.Key, e.Type, e.Deed.ID.String()
		}
	}
	return r
}
