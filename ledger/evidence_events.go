package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// countEvents writes down what a pass that folded the events found of them. It is counted when the pass ends, because the
// pass's sightings are pruned long before the evidence expires, and divergences move on to other hops. An order has its
// events unless the pass found it diverged between legacy and events, or could not judge it; where it diverged in legacy
// itself the events may well be right.
func countEvents(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	_, err := tx.Exec(ctx, `
		UPDATE pass p SET events_without = found.without, events_flawed = found.flawed, events_gaps = found.gaps
		FROM (
			SELECT count(*) FILTER (WHERE d.kind <> $3) AS without, count(*) FILTER (WHERE d.cause = $4) AS flawed,
				count(*) FILTER (WHERE d.cause = $5 AND d.kind = $6) AS gaps
			FROM sighting s JOIN divergence d ON d.id = s.divergence_id WHERE s.pass_id = $1 AND d.hop = $2) found
		WHERE p.id = $1 AND p.folded`,
		id, order.LegacyToEvents, compare.Phantom, compare.SchemaDrift, compare.LostShadowWrite, compare.Differs)
	if err != nil {
		return fmt.Errorf("counting orders without their events: %w", err)
	}
	return nil
}

// eventsEvidence is what the newest full verification has shown that compared all of legacy with the events; nil where
// none did. One that found no event at all is such a pass too: then no order has its events.
func eventsEvidence(ctx context.Context, tx pgx.Tx, fingerprint string) (*gate.EventsEvidence, error) {
	var legacy, unverified, without int64
	var e gate.EventsEvidence
	err := tx.QueryRow(ctx, `
		SELECT legacy_rows, events_rows, unverified, events_without, events_flawed, events_gaps, finished_at FROM pass
		WHERE kind = $1 AND fingerprint = $2 AND state = 'done' AND token > 0 AND folded AND coverage >= 1
			AND events_without IS NOT NULL
		ORDER BY id DESC LIMIT 1`, verify.Full, fingerprint).Scan(&legacy, &e.Orders, &unverified, &without, &e.Flawed, &e.Gaps, &e.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a pass that folded the events: %w", err)
	}
	// What was not judged has not been shown to have them, and no more orders have events than the events give.
	e.Legacy, e.At = legacy, e.At.UTC()
	e.WithEvents = min(max(0, legacy-without-unverified), e.Orders)
	return &e, nil
}

// changesEvidence is what the newest pass has shown that drew orders and found changes in legacy's own record; nil where none did.
func changesEvidence(ctx context.Context, tx pgx.Tx, fingerprint string) (*gate.ChangesEvidence, error) {
	var e gate.ChangesEvidence
	err := tx.QueryRow(ctx, `
		SELECT changes, changes_with_events, started_at FROM pass
		WHERE kind = ANY ($1) AND fingerprint = $2 AND state = 'done' AND token > 0 AND coverage >= 1 AND changes > 0
		ORDER BY id DESC LIMIT 1`, texts([]verify.PassKind{verify.Sample, verify.Full}), fingerprint).Scan(&e.Changes, &e.WithEvents, &e.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a sample that counted changes: %w", err)
	}
	e.At = e.At.UTC()
	return &e, nil
}
