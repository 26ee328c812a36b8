package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// firstTail lets later looks read only the newest events, if an index finds them.
func (e *Events) firstTail(ctx context.Context, tx *session.Tx, q verify.EventsQuery, m *verify.Mark) error {
	if e.config.PerOrder {
		return nil
	}
	root, err := e.side.byIndex(ctx, e.newestSQL())
	if err != nil {
		return err
	}
	if scansAll(root) {
		return nil
	}
	found, err := e.tailLook(ctx, tx, q, *m)
	if err == nil {
		m.Tail = &verify.Tail{Whole: found.Look, Next: found.Look, Oldest: m.Oldest, Edits: found.Edits}
	}
	return err
}

// scansAll returns true if a plan does not find its rows by an index.
func scansAll(root plan) (all bool) {
	root.walk(func(p plan) { all = all || slices.Contains(readsAll, p.Node) })
	return all
}

func (e *Events) newestSQL() string {
	return fmt.Sprintf("SELECT (%[1]s)::bigint FROM %[2]s WHERE (%[1]s) IS NOT NULL ORDER BY (%[1]s) DESC LIMIT 1", e.config.Position, e.side.from())
}

// tailLook reads what a mark notes of the newest events.
func (e *Events) tailLook(ctx context.Context, tx *session.Tx, q verify.EventsQuery, m verify.Mark) (found verify.TailFound, err error) {
	found.Look = verify.TailLook{At: q.At, Newest: order.NoPosition}
	if err := tx.QueryRow(ctx, e.newestSQL()).Scan(&found.Look.Newest); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return found, fmt.Errorf("reading the newest position: %w", err)
	}
	found.Edits = m.Edits
	if err := tx.QueryRow(ctx, begun).Scan(&found.Look.Begun); err != nil {
		return found, fmt.Errorf("asking which transactions have begun: %w", err)
	}
	return found, nil
}

// begun is the number that the next transaction will get. The xmax of a snapshot is less, if the youngest transactions are open: it
// follows the youngest that has ended. The age of xmax is how far the next number is from it.
const begun = `SELECT x + pg_catalog.age((x & 4294967295)::text::xid) FROM pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) AS x`

// writtenWithTail reads only the tail of the store if that is allowed, if the server has counted no edit since the last look at
// the whole, and if an index finds the tail.
func (e *Events) writtenWithTail(ctx context.Context, tx *session.Tx, since verify.Mark, q verify.EventsQuery, w *verify.WrittenEvents) error {
	found, err := e.tailLook(ctx, tx, q, w.Now)
	if err != nil {
		return err
	}
	w.Newest = found.Look.Newest
	if q.Tail && found.Edits == since.Tail.Edits {
		if w.Tail, err = e.writtenInTail(ctx, tx, since, &found, w); err != nil {
			return err
		}
	}
	if !w.Tail {
		if err := e.writtenInAll(ctx, tx, since, q, w); err != nil || w.Written > q.Most {
			return err
		}
	}
	tail, err := since.Tail.After(found, !w.Tail, w.Now.Oldest)
	w.Now.Tail = &tail
	return err
}

func (e *Events) writtenInTail(ctx context.Context, tx *session.Tx, since verify.Mark, found *verify.TailFound, w *verify.WrittenEvents) (bool, error) {
	if err := tx.Set(ctx, "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0"); err != nil {
		return false, err
	}
	tail := fmt.Sprintf("(%s) > %d AND %s", e.config.Position, int64(*since.Tail.Floor), e.side.within())
	root, err := explain(ctx, tx, "(FORMAT JSON)", "SELECT 1 FROM "+e.side.itself()+" WHERE "+tail)
	if err != nil || scansAll(root) {
		return false, err
	}
	w.Tail = true
	if found.Sum, err = e.writtenIn(ctx, tx, tail, since, w); err != nil {
		return false, err
	}
	found.Added = w.Now.Events - w.Old // of what was read: all but the young ones, less those that the mark has seen
	w.Old = since.Events
	w.Now.Events = since.Events + found.Added
	return true, nil
}
