package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// writeTries is how often a transaction is tried that PostgreSQL itself rolled back (deadlock, serialization).
const writeTries = 4

// read gives fn a deadline, once the schema is known to be right.
func (l *Ledger) read(ctx context.Context, timeout time.Duration, fn func(context.Context) error) error {
	if err := l.Ready(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return fn(ctx)
}

// write runs fn in one transaction. fn may run again from the start when PostgreSQL rolled it back by its own
// choice; a lost connection is not tried again, because nobody knows whether the commit arrived.
func (l *Ledger) write(ctx context.Context, timeout time.Duration, fn func(context.Context, pgx.Tx) error) error {
	return l.read(ctx, timeout, func(ctx context.Context) error {
		var err error
		for range writeTries {
			err = l.transaction(ctx, timeout, fn)
			if !isCode(err, deadlockDetected, serializationFailure) {
				return err
			}
		}
		return err
	})
}

func (l *Ledger) transaction(ctx context.Context, timeout time.Duration, fn func(context.Context, pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	return pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) error {
		if timeout > l.timeout {
			if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, milliseconds(timeout)); err != nil {
				return err
			}
		}
		return fn(ctx, tx)
	})
}

// A passLock is how strongly a write holds on to its pass.
type passLock string

const (
	// shared lets other writes to the pass's queue go on beside, and holds off those that change the pass itself.
	shared passLock = `FOR SHARE OF p`
	// exclusive is for writes that change the pass.
	exclusive passLock = `FOR NO KEY UPDATE OF p`
)

// writePass runs fn in one transaction that owns the pass: lease valid, pass of that lease, not done. It returns
// ErrFenced before anything is written otherwise.
//
// The lease row is held FOR KEY SHARE until the commit: a take-over changes the token, a key column, and has to
// wait; a renewal does not change it, and need not.
func (l *Ledger) writePass(ctx context.Context, held lease.Lease, id verify.PassID, lock passLock, timeout time.Duration,
	fn func(context.Context, pgx.Tx) error,
) error {
	return l.write(ctx, timeout, func(ctx context.Context, tx pgx.Tx) error {
		var state verify.PassState
		err := tx.QueryRow(ctx, `
			SELECT p.state
			FROM lease l JOIN pass p ON p.job = l.job AND p.token = l.token
			WHERE l.job = $1 AND l.token = $2 AND l.expires_at > clock_timestamp() AND p.id = $3
			FOR KEY SHARE OF l `+string(lock), held.Job, held.Token, id).Scan(&state)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("pass %d, job %s: %w", id, held.Job, lease.ErrFenced)
		case err != nil:
			return err
		case state == verify.Done:
			return fmt.Errorf("pass %d: %w", id, ErrPassDone)
		}
		return fn(ctx, tx)
	})
}

// holdLease locks the lease for the rest of the transaction, or returns ErrFenced.
func holdLease(ctx context.Context, tx pgx.Tx, held lease.Lease) error {
	var one int
	err := tx.QueryRow(ctx, `
		SELECT 1 FROM lease WHERE job = $1 AND token = $2 AND expires_at > clock_timestamp() FOR KEY SHARE`,
		held.Job, held.Token).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("job %s: %w", held.Job, lease.ErrFenced)
	}
	return err
}

// micro is t as PostgreSQL keeps it: what is read back equals it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// orNull is micro, and NULL for the zero time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = micro(t)
	return &t
}

// orZero undoes orNull.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
