package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// eventsEvidence is what the newest full verification has shown of the event store; nil where none folded it. An order has
// its events unless the pass found it diverged between legacy and events, or in legacy itself, where the events may well
// be right.
func eventsEvidence(ctx context.Context, tx pgx.Tx, fingerprint string) (*gate.EventsEvidence, error) {
	var id, legacy, folded, unverified int64
	var at time.Time
	err := tx.QueryRow(ctx, `
		SELECT id, legacy_rows, events_rows, unverified, finished_at FROM pass
		WHERE kind = $1 AND fingerprint = $2 AND state = 'done' AND token > 0 AND events_rows > 0 AND coverage >= 1
		ORDER BY id DESC LIMIT 1`, verify.Full, fingerprint).Scan(&id, &legacy, &folded, &unverified, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a pass that folded the events: %w", err)
	}
	e := gate.EventsEvidence{Changes: legacy, Orders: folded, At: at.UTC()}
	var without int64
	err = tx.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE d.kind <> $3), count(*) FILTER (WHERE d.cause = $4), count(*) FILTER (WHERE d.cause = $5 AND d.kind = $6)
		FROM sighting s JOIN divergence d ON d.id = s.divergence_id WHERE s.pass_id = $1 AND d.hop = $2`,
		id, compare.LegacyToEvents, compare.Phantom, compare.SchemaDrift, compare.LostShadowWrite, compare.Differs).Scan(&without, &e.Flawed, &e.Gaps)
	if err != nil {
		return nil, fmt.Errorf("counting orders without their events: %w", err)
	}
	e.WithEvents = max(0, legacy-without-unverified) // what was not judged has not been shown to have them
	return &e, nil
}
