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

// writeTries is how often a transaction is tried that PostgreSQL rolled back itself (deadlock, serialization).
const writeTries = 4

// read gives fn a deadline, after checking the schema's version.
func (l *Ledger) read(ctx context.Context, timeout time.Duration, fn func(context.Context) error) error {
	if err := l.Ready(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := fn(ctx)
	if isCode(err, undefinedTable) { // dropped while this process runs; the next call says so
		l.current.Store(false)
	}
	return explained(err)
}

// write runs fn in one transaction. fn may run again from the start if PostgreSQL itself rolled it back. After a lost
// connection it does not run again, because it is not known whether the commit arrived.
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
	begun := false
	err := pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) error {
		begun = true
		if timeout > l.timeout {
			if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, milliseconds(timeout)); err != nil {
				return err
			}
		}
		if err := writable(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
	if !begun && isCode(err, featureNotSupported) { // BEGIN READ WRITE, which a server in recovery refuses
		return fmt.Errorf("%w: its server is a standby: %w", ErrReadOnly, err)
	}
	return err
}

// explained says what is wrong with the ledger, or with an order, where the server's error only says what it could not do. The keys
// of orders are the only long texts that are indexed.
func explained(err error) error {
	switch {
	case isCode(err, readOnlyTransaction):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case isCode(err, insufficientPrivilege) && !errors.Is(err, ErrMayNotCreate):
		return fmt.Errorf("%w: %w", ErrRights, err)
	case isCode(err, programLimitExceeded):
		return fmt.Errorf("%w: %w", ErrLongKey, err)
	}
	return err
}

// byKey makes the rest of the transaction read rows by their keys, through an index. Statistics are not trusted: on a new
// ledger there are none, and while a pass writes a million rows they are from before. With a plan for a few rows each
// batch would read all rows of the table.
func byKey(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) AS name
		UNION ALL SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`)
	return err
}

// passLock says how strongly a write locks its pass.
type passLock string

const (
	// shared allows other writes to the pass's queue, and blocks those that change the pass itself.
	shared passLock = `FOR SHARE OF p`
	// exclusive is for writes that change the pass.
	exclusive passLock = `FOR NO KEY UPDATE OF p`
)

// writePass runs fn in one transaction that owns the pass: the lease is valid, and the pass belongs to it and is not
// done. Otherwise it returns ErrFenced and writes nothing.
//
// The lease row is locked FOR KEY SHARE until the commit. A take-over changes the token, which is a key column, so it
// must wait. A renewal does not change the token, so it need not wait.
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

// micro returns t with PostgreSQL's precision, so that a value that is read back is equal.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// orNull returns micro of the time, and NULL for the zero time.
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
