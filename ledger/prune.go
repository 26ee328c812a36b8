package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// sightingsKept is how long after a pass's end its list of renewed divergences is kept, long enough for every report. Those of orders with
// something accepted stay as long as passes that matched: criteria ask which passes found nothing else.
const sightingsKept = 48 * time.Hour

// Retention says how long the ledger keeps its records. It keeps failures longer than successes, and open divergences
// for ever.
type Retention struct {
	Clean  time.Duration // of passes that matched; zero is 14 days
	Failed time.Duration // of all other passes, and of resolved divergences; zero is 365 days
}

func (r Retention) withDefaults() Retention {
	const day = 24 * time.Hour
	if r.Clean <= 0 {
		r.Clean = 14 * day
	}
	if r.Failed <= 0 {
		r.Failed = 365 * day
	}
	return r
}

// Pruned counts what Prune deleted.
type Pruned struct{ Passes, Divergences int64 }

// Prune deletes what is older than the retention. Of each kind and fingerprint, the newest finished pass always stays,
// whatever its verdict, because the gate judges it. So does the one that moved the watermark last. Prune works in small transactions and may run at any time.
func (l *Ledger) Prune(ctx context.Context, now time.Time, r Retention) (Pruned, error) {
	r = r.withDefaults()
	var pruned Pruned
	steps := []struct {
		what  string
		count *int64
		sql   string
		args  []any
	}{
		{
			"passes", &pruned.Passes, `
			DELETE FROM pass WHERE id IN (
				SELECT id FROM pass
				WHERE state = 'done' AND finished_at < CASE verdict WHEN 'match' THEN $2::timestamptz ELSE $3::timestamptz END
					AND id NOT IN (SELECT max(id) FROM pass WHERE state = 'done' GROUP BY pair, kind, fingerprint)
					AND id NOT IN (SELECT (array_agg(id ORDER BY through DESC, id DESC))[1] FROM pass WHERE proves GROUP BY pair, kind, fingerprint)
				LIMIT $1)`,
			[]any{micro(now.Add(-r.Clean)), micro(now.Add(-r.Failed))},
		},
		{
			"divergences", &pruned.Divergences, `
			DELETE FROM divergence WHERE id IN (
				SELECT id FROM divergence WHERE state = 'resolved' AND resolved_at < $2 LIMIT $1)`,
			[]any{micro(now.Add(-r.Failed))},
		},
		{
			"findings of audits", new(int64), `
			DELETE FROM audit_finding WHERE id IN (SELECT id FROM audit_finding WHERE state = 'resolved' AND resolved_at < $2 LIMIT $1)`,
			[]any{micro(now.Add(-r.Failed))},
		},
		{
			"sightings", new(int64), `
			DELETE FROM sighting WHERE (pass_id, divergence_id) IN (
				SELECT s.pass_id, s.divergence_id FROM sighting s LEFT JOIN pass p ON p.id = s.pass_id
				WHERE p.id IS NULL OR p.finished_at < $3 OR p.finished_at < $2 AND NOT EXISTS (
					SELECT FROM divergence d JOIN divergence a ON a.fingerprint = d.fingerprint AND a.order_key = d.order_key AND a.state = 'accepted'
					WHERE d.id = s.divergence_id) LIMIT $1)`,
			[]any{micro(now.Add(-sightingsKept)), micro(now.Add(-max(r.Clean, sightingsKept)))},
		},
		{
			"streams that nobody follows", new(int64), `
			DELETE FROM stream_state WHERE fingerprint IN (SELECT fingerprint FROM stream_state WHERE at < $2 LIMIT $1)`,
			[]any{micro(now.Add(-r.Failed))},
		},
	}
	for _, s := range steps {
		if err := l.deleteBatches(ctx, s.sql, s.args, s.count); err != nil {
			return pruned, fmt.Errorf("pruning %s: %w", s.what, err)
		}
	}
	return pruned, nil
}

func (l *Ledger) deleteBatches(ctx context.Context, sql string, args []any, count *int64) error {
	args = append([]any{batchRows}, args...)
	for {
		var deleted int64
		err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sql, args...)
			deleted = tag.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
		*count += deleted
		if deleted < batchRows {
			return nil
		}
	}
}
