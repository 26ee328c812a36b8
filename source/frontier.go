package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	_ evidence.Server = (*Side)(nil)
	_ evidence.Server = (*Events)(nil)
)

// Frontier implements [evidence.Server].
func (s *Side) Frontier(ctx context.Context) (f evidence.Frontier, err error) {
	defer s.observe("frontier")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	const q = `SELECT pg_catalog.txid_snapshot_xmin(n), pg_catalog.txid_snapshot_xmax(n), pg_catalog.current_database()::text, pg_catalog.pg_is_in_recovery()
		FROM pg_catalog.txid_current_snapshot() AS n`
	if err := s.pool.QueryRow(ctx, q).Scan(&f.Oldest, &f.Next, &f.Database, &f.Standby); err != nil {
		return f, fmt.Errorf("asking %s for its transactions: %w", s.config.Representation, err)
	}
	if f.System, err = s.told(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"); err != nil {
		return f, fmt.Errorf("asking %s for its identity: %w", s.config.Representation, err)
	}
	return f, nil
}

// WrittenFrom implements [evidence.Server].
func (s *Side) WrittenFrom(ctx context.Context, first int64) (w evidence.Written, err error) {
	defer s.observe("written")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	if s.isSubquery() {
		return w, fmt.Errorf("%s is a subquery, whose rows do not tell which transaction has written them", s.config.Representation)
	}
	n, err := s.begin(ctx, "SELECT 1 FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return w, err
	}
	defer n.Close()
	w.Rows, w.Some, err = writtenFrom(ctx, n.tx, s, verify.Mark{Oldest: first})
	if err != nil {
		return w, fmt.Errorf("looking for rows of %s that were written: %w", s.config.Representation, err)
	}
	return w, nil
}

// named is how many orders are named of those that were written.
const named = 20

func writtenFrom(ctx context.Context, tx *session.Tx, s *Side, since verify.Mark) (rows int64, some []string, err error) {
	files, err := s.files(ctx, tx)
	if err != nil {
		return 0, nil, err
	}
	for _, f := range files {
		if why := f.blind(); why != "" {
			return 0, nil, fmt.Errorf("%s", why)
		}
	}
	found, err := tx.Query(ctx, fmt.Sprintf(`SELECT (%s)::text FROM %s AS t WHERE %s`, s.config.Key, s.config.Table, writtenSince(since)))
	if err != nil {
		return 0, nil, err
	}
	var key *string
	_, err = pgx.ForEachRow(found, []any{&key}, func() error {
		if rows++; len(some) < named && key != nil {
			some = append(some, *key)
		}
		return nil
	})
	return rows, some, err
}

// Frontier implements [evidence.Server].
func (e *Events) Frontier(ctx context.Context) (evidence.Frontier, error) {
	return e.side.Frontier(ctx)
}

// WrittenFrom implements [evidence.Server].
func (e *Events) WrittenFrom(ctx context.Context, first int64) (evidence.Written, error) {
	return e.side.WrittenFrom(ctx, first)
}
