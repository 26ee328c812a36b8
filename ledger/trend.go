package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// TrendPass is one finished pass, as a point of a trend.
type TrendPass struct {
	Kind      verify.PassKind
	Verdict   string
	StartedAt time.Time
	Diverged  int64
	// Sampling is what the pass alone adds to the sum of samples, in the sense of [gate.Sampling]; zero for other passes.
	Sampling gate.Sampling
}

// Trend returns the newest finished full and sample passes under the fingerprint, at most limit, the oldest first.
func (l *Ledger) Trend(ctx context.Context, fingerprint string, limit int) ([]TrendPass, error) {
	var passes []TrendPass
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT kind, verdict, started_at, diverged, CASE WHEN coverage >= 1 THEN sampled ELSE sampled_diverged END,
				sampled_diverged, CASE WHEN coverage >= 1 THEN sampled_unjudged ELSE 0 END, greatest(legacy_rows, projection_rows)
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

func scanTrend(row pgx.CollectableRow) (TrendPass, error) {
	var p TrendPass
	s := gate.Sampling{Passes: 1}
	err := row.Scan(&p.Kind, &p.Verdict, &p.StartedAt, &p.Diverged, &s.Orders, &s.Diverged, &s.Unverified, &s.Population)
	p.StartedAt = p.StartedAt.UTC()
	if p.Kind == verify.Sample {
		s.Since = p.StartedAt
		p.Sampling = s
	}
	return p, err
}
