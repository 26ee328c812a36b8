package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
)

var _ lease.Store = (*Ledger)(nil)

// Acquire takes the lease of a job for ttl, by the database's clock. Its token is greater than all before it. It
// returns ErrHeld while any process holds it, even one with the same holder: a process that starts again under its old
// name is another process.
func (l *Ledger) Acquire(ctx context.Context, job, holder string, ttl time.Duration) (lease.Lease, error) {
	if ttl <= 0 {
		return lease.Lease{}, fmt.Errorf("acquiring the lease of %s: time to live %s is not positive", job, ttl)
	}
	held := lease.Lease{Job: job}
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := refuseHeld(ctx, tx, job); err != nil {
			return err
		}
		// This is not one statement: ON CONFLICT (job) DO UPDATE would fail on the other unique index if two processes
		// insert the same job at once.
		_, err := tx.Exec(ctx, `
			INSERT INTO lease (job, token, holder, acquired_at, expires_at)
			VALUES ($1, 0, '', clock_timestamp(), '-infinity') ON CONFLICT DO NOTHING`, job)
		if err != nil {
			return err
		}
		// Wait for writes of the last holder that are still running, and look at the clock again afterwards.
		err = tx.QueryRow(ctx, `
			UPDATE lease SET token = token + 1, holder = $2, acquired_at = clock_timestamp(),
				expires_at = clock_timestamp() + $3::interval
			WHERE job = $1 AND expires_at <= clock_timestamp()
			RETURNING token`, job, holder, ttl).Scan(&held.Token)
		if errors.Is(err, pgx.ErrNoRows) || isCode(err, lockNotAvailable) {
			return lease.ErrHeld
		}
		return err
	})
	if err != nil {
		return lease.Lease{}, fmt.Errorf("acquiring the lease of %s: %w", job, err)
	}
	return held, nil
}

// refuseHeld names the winner. It saves the loser the wait for the winner's writes.
func refuseHeld(ctx context.Context, tx pgx.Tx, job string) error {
	var holder string
	var until time.Time
	err := tx.QueryRow(ctx, `SELECT holder, expires_at FROM lease WHERE job = $1 AND expires_at > clock_timestamp()`,
		job).Scan(&holder, &until)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %s, until %s", lease.ErrHeld, holder, until.UTC().Format(time.RFC3339))
}

// Held reports whether any process holds the lease of a job.
func (l *Ledger) Held(ctx context.Context, job string) (held bool, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM lease WHERE job = $1 AND expires_at > clock_timestamp())`, job).Scan(&held)
	})
	if err != nil {
		return false, fmt.Errorf("asking who holds the lease of %s: %w", job, err)
	}
	return held, nil
}

// Renew prolongs the lease to ttl from now. It returns ErrFenced if the lease has expired, even if no other process has
// taken it yet, because the pass may have been given up in the meantime.
func (l *Ledger) Renew(ctx context.Context, held lease.Lease, ttl time.Duration) error {
	return l.setExpiry(ctx, "renewing", held, ttl)
}

// Release ends the lease at once, so that the next process need not wait until it expires. It returns ErrFenced if
// there was nothing to release.
func (l *Ledger) Release(ctx context.Context, held lease.Lease) error {
	return l.setExpiry(ctx, "releasing", held, 0)
}

func (l *Ledger) setExpiry(ctx context.Context, doing string, held lease.Lease, ttl time.Duration) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE lease SET expires_at = clock_timestamp() + $3::interval
			WHERE job = $1 AND token = $2 AND expires_at > clock_timestamp()`, held.Job, held.Token, ttl)
		if err == nil && tag.RowsAffected() == 0 {
			return lease.ErrFenced
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s the lease of %s: %w", doing, held.Job, err)
	}
	return nil
}
