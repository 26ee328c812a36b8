package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// streak looks back from the newest finished full or sample pass to the last one that diverged; nil without any pass.
// Passes that matched are pruned after a while (Retention), so a streak is never longer than that.
func streak(ctx context.Context, tx pgx.Tx, fingerprint string) (*gate.Streak, error) {
	var s gate.Streak
	var since, newest, broken *time.Time
	err := tx.QueryRow(ctx, `
		WITH finished AS (
			SELECT id, verdict, started_at FROM pass
			WHERE kind IN ($1, $2) AND fingerprint = $3 AND state = 'done' AND token > 0
		), last AS (SELECT id, started_at FROM finished WHERE verdict = 'diverged' ORDER BY id DESC LIMIT 1)
		SELECT count(*) FILTER (WHERE verdict = 'match'), count(*) FILTER (WHERE verdict <> 'match'),
			min(started_at) FILTER (WHERE verdict = 'match'), max(started_at) FILTER (WHERE verdict = 'match'),
			(SELECT started_at FROM last)
		FROM finished WHERE id > coalesce((SELECT id FROM last), 0)`,
		verify.Full, verify.Sample, fingerprint).Scan(&s.Clean, &s.Unjudged, &since, &newest, &broken)
	s.Since, s.Newest, s.Broken = orZero(since), orZero(newest), orZero(broken)
	if err != nil || s == (gate.Streak{}) {
		return nil, err
	}
	return &s, nil
}
