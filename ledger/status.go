package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/verify"
)

// SetSchedule stores when the next scheduled run of a kind is due, and the time between two runs.
func (l *Ledger) SetSchedule(ctx context.Context, kind verify.PassKind, next time.Time, every time.Duration) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO schedule (pair, kind, next_due, every, set_at) VALUES ($4, $1, $2, $3, clock_timestamp())
			ON CONFLICT (pair, kind) DO UPDATE SET next_due = excluded.next_due, every = excluded.every, set_at = excluded.set_at`,
			kind, micro(next), every, l.pair)
		return err
	})
	if err != nil {
		return fmt.Errorf("remembering the schedule of %s: %w", kind, err)
	}
	return nil
}

// NextRun returns the stored time at which the next scheduled run of a kind is due; zero if there is none.
func (l *Ledger) NextRun(ctx context.Context, kind verify.PassKind) (time.Time, error) {
	var next *time.Time
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT max(next_due) FROM schedule WHERE pair = $1 AND kind = $2`, l.pair, kind).Scan(&next)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the schedule of %s: %w", kind, err)
	}
	return orZero(next), nil
}

// Kinds returns the status of every kind of pass that ever ran or was scheduled, in the order of their names.
func (l *Ledger) Kinds(ctx context.Context) ([]board.KindStatus, error) {
	var kinds []board.KindStatus
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) (err error) {
			kinds, err = kindStatuses(ctx, tx, l.pair)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the status of passes: %w", err)
	}
	return kinds, nil
}

func kindStatuses(ctx context.Context, tx pgx.Tx, pair verify.PairID) ([]board.KindStatus, error) {
	newest := map[verify.PassKind]verify.Pass{}
	rows, err := tx.Query(ctx, `SELECT `+passColumns+` FROM pass WHERE id IN (SELECT max(id) FROM pass WHERE pair = $1 GROUP BY kind)`, pair)
	if err != nil {
		return nil, err
	}
	passes, err := pgx.CollectRows(rows, scanPass)
	if err != nil {
		return nil, err
	}
	for _, p := range passes {
		newest[p.Kind] = p
	}
	rows, err = tx.Query(ctx, `
		SELECT kind, p.success, s.next_due, coalesce(s.every, interval '0'), coalesce(p.failures, 0), p.since
		FROM (
			SELECT kind, success, failures, since
			FROM (SELECT kind, max(finished_at) FILTER (WHERE verdict <> 'unverified') AS success, max(id) FILTER (WHERE verdict <> 'unverified') AS good
				FROM pass WHERE pair = $1 GROUP BY kind) k,
				LATERAL (SELECT count(*) AS failures, min(started_at) AS since FROM pass f
					WHERE f.pair = $1 AND f.kind = k.kind AND f.verdict = 'unverified' AND f.id > coalesce(k.good, 0)) n) p
			FULL JOIN (SELECT * FROM schedule WHERE pair = $1) s USING (kind)
		ORDER BY kind`, pair)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (board.KindStatus, error) {
		var s board.KindStatus
		var success, next, since *time.Time
		err := row.Scan(&s.Kind, &success, &next, &s.Every, &s.Failures, &since)
		s.LastSuccess, s.NextDue, s.FailingSince = orZero(success), orZero(next), orZero(since)
		if p, ok := newest[s.Kind]; ok {
			s.Newest = &p
		}
		return s, err
	})
}
