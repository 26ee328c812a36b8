package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// Trend returns the newest finished full and sample passes under the fingerprint, at most limit, oldest first.
func (l *Ledger) Trend(ctx context.Context, fingerprint string, limit int) ([]board.TrendPass, error) {
	var passes []board.TrendPass
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT kind, verdict, started_at, diverged, CASE WHEN coverage >= 1 THEN `+sampledFact+` ELSE sampled_diverged END,
				sampled_diverged, CASE WHEN coverage >= 1 THEN sampled_unjudged ELSE 0 END, `+populationFact+`
			FROM pass
			WHERE kind IN ($1, $2) AND fingerprint = $3 AND state = 'done' AND token > 0
			ORDER BY id DESC LIMIT $4`, verify.Full, verify.Sample, fingerprint, limit)
		if err != nil {
			return err
		}
		passes, err = pgx.CollectRows(rows, scanTrend)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the trend of passes: %w", err)
	}
	slices.Reverse(passes)
	return passes, nil
}

func scanTrend(row pgx.CollectableRow) (board.TrendPass, error) {
	var p board.TrendPass
	s := gate.Sampling{Passes: 1}
	err := row.Scan(&p.Kind, &p.Verdict, &p.StartedAt, &p.Diverged, &s.Orders, &s.Diverged, &s.Unverified, &s.Population)
	p.StartedAt = p.StartedAt.UTC()
	if p.Kind == verify.Sample {
		s.Since = p.StartedAt
		p.Sampling = s
	}
	return p, err
}
