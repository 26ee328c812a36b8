package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.ChangedOrders = (*Ledger)(nil)

func writeChanged(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	return markChanged(ctx, tx, c.Fingerprint, slices.Collect(maps.Keys(c.Changed)), c.At)
}

func markChanged(ctx context.Context, tx pgx.Tx, fingerprint string, keys []order.Key, at time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	if err := lockChanged(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO stream_changed (fingerprint, order_key, at) SELECT $1, k, $3 FROM unnest($2::text[]) k
		ON CONFLICT (fingerprint, order_key) DO UPDATE SET mark = excluded.mark, at = excluded.at`, fingerprint, texts(keys), micro(at))
	return err
}

// lockChanged lets one transaction at a time mark orders. A mark is drawn before it becomes visible, and without the
// lock a reader that has read up to a later mark would skip it.
func lockChanged(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('crosscheck changed orders'), hashtext(current_schema()))`)
	return err
}

// MarkChanged implements [verify.ChangedOrders].
func (l *Ledger) MarkChanged(ctx context.Context, held lease.Lease, fingerprint string, keys []order.Key, at time.Time) (marked bool, err error) {
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT FROM stream_state WHERE fingerprint = $1 FOR KEY SHARE`, fingerprint)
		if err != nil {
			return err
		}
		marked = rows.Next()
		rows.Close()
		if err := rows.Err(); err != nil || !marked {
			return err
		}
		return markChanged(ctx, tx, fingerprint, keys, at)
	})
	if err != nil {
		return false, fmt.Errorf("marking %d orders: %w", len(keys), err)
	}
	return marked, nil
}

// ChangedAfter implements [verify.ChangedOrders].
func (l *Ledger) ChangedAfter(ctx context.Context, fingerprint string, after int64, limit int) (keys []order.Key, mark int64, err error) {
	mark = after
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT order_key, mark FROM stream_changed WHERE fingerprint = $1 AND mark > $2 ORDER BY mark LIMIT $3`, fingerprint, after, limit)
		if err != nil {
			return err
		}
		var key string
		_, err = pgx.ForEachRow(rows, []any{&key, &mark}, func() error {
			keys = append(keys, order.Key(key))
			return nil
		})
		return err
	})
	if err != nil {
		return nil, after, fmt.Errorf("reading changed orders: %w", err)
	}
	return keys, mark, nil
}

// ForgetChanged implements [verify.ChangedOrders].
func (l *Ledger) ForgetChanged(ctx context.Context, held lease.Lease, fingerprint string, upTo int64, before time.Time) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		if err := lockChanged(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM stream_changed WHERE fingerprint = $1 AND mark <= $2 AND at < $3`, fingerprint, upTo, micro(before))
		return err
	})
	if err != nil {
		return fmt.Errorf("forgetting changed orders: %w", err)
	}
	return nil
}
