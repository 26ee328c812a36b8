package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// ownLocks is how long a snapshot waits for locks that its guard has already. It waits only if somebody asked for
	// the table exclusively in between, and then that one waits for the guard.
	ownLocks  = "SET LOCAL lock_timeout = '200ms'"
	lockTries = 3
)

// Begin opens a transaction with one snapshot. Before the snapshot is taken, everything that the statements read is
// locked against changes that are not MVCC-safe: TRUNCATE, ALTER TABLE that rewrites the table, and another table under
// the same name. A snapshot that is older than such a change would see an empty table, as if all rows were missing.
//
// The transaction may run long: its statements have up to timeout, and it is watched between them and while they run.
//
// # How it works
//
// The locks are first taken by a guard, a short transaction on another connection. Planning a statement locks all that
// it reads: a view and the tables behind it, partitions, the tables of a subquery. LOCK TABLE would need rights on all
// columns, and cannot lock materialized views. In the snapshot's own transaction, planning would take the snapshot
// first. If the server's address leads to several servers, the guard may come to another one, and then guards nothing.
func (p *Pool) Begin(ctx context.Context, timeout time.Duration, reads ...string) (*Tx, error) {
	for try := 1; ; try++ {
		tx, err := p.guarded(ctx, timeout, reads)
		if !errors.Is(err, errQueued) || try == lockTries {
			return tx, err
		}
	}
}

// errQueued is returned if others ask for a table exclusively.
var errQueued = errors.New("waiting for a table that others want to change")

func (p *Pool) guarded(ctx context.Context, timeout time.Duration, reads []string) (*Tx, error) {
	guard, err := p.begin(ctx, p.readCommitted())
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	if err := guard.plan(ctx, reads); err != nil {
		return nil, err
	}
	tx, err := p.share(ctx, timeout, "")
	if err != nil {
		return nil, err
	}
	if err := tx.lock(ctx, reads); err != nil {
		tx.Close()
		return nil, err
	}
	return tx, nil
}

// lock takes the locks that the guard has.
func (t *Tx) lock(ctx context.Context, reads []string) error {
	if err := t.Set(ctx, ownLocks); err != nil {
		return err
	}
	if err := t.plan(ctx, reads); err != nil {
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "55P03" {
			err = fmt.Errorf("%w: %w", errQueued, err)
		}
		return err
	}
	return t.Set(ctx, lockTimeout)
}

// plan executes statements that return no rows.
func (t *Tx) plan(ctx context.Context, statements []string) error {
	for _, sql := range statements {
		rows, err := t.Query(ctx, sql)
		if err != nil {
			return err
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Share opens a further transaction with the snapshot of this one, which holds all locks. It is like one of
// [Pool.Begin].
func (p *Pool) Share(ctx context.Context, timeout time.Duration, of *Tx) (*Tx, error) {
	var id string
	if err := of.QueryRow(ctx, "SELECT pg_catalog.pg_export_snapshot()").Scan(&id); err != nil {
		return nil, fmt.Errorf("sharing a snapshot: %w", err)
	}
	return p.share(ctx, timeout, id)
}
