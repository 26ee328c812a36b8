package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// addSettled adds to what the pass has settled already. The transaction holds the pass exclusively.
func addSettled(ctx context.Context, tx pgx.Tx, id verify.PassID, more verify.Settled) error {
	if len(more) == 0 {
		return nil
	}
	var stored []byte
	if err := tx.QueryRow(ctx, `SELECT settled FROM pass WHERE id = $1`, id).Scan(&stored); err != nil {
		return fmt.Errorf("reading what has settled by group: %w", err)
	}
	sum, err := decodeSettled(stored)
	if err != nil {
		return err
	}
	sum.Add(more)
	text, err := marshalText(sum)
	if err != nil {
		return fmt.Errorf("encoding what has settled by group: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE pass SET settled = $2::jsonb WHERE id = $1`, id, text); err != nil {
		return fmt.Errorf("keeping what has settled by group: %w", err)
	}
	return nil
}

func decodeSettled(stored []byte) (verify.Settled, error) {
	s := verify.Settled{}
	if err := json.Unmarshal(stored, &s); err != nil {
		return nil, fmt.Errorf("decoding what has settled by group: %w", err)
	}
	return s, nil
}

func decodeCounted(stored []byte) (verify.Counted, error) {
	var c verify.Counted
	if err := json.Unmarshal(stored, &c); err != nil {
		return c, fmt.Errorf("decoding where a suspect was counted: %w", err)
	}
	return c, nil
}

// countEvents adds to the facts what a pass that compared legacy with the events found. It counts when the pass ends,
// because the pass's sightings are pruned long before the evidence expires. A divergence that it saw and that is resolved
// by then does not count.
// An order has its events unless the pass found it diverged between legacy and events, or could not judge it. If it
// diverged in legacy itself, the events may be right.
func countEvents(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	_, err := tx.Exec(ctx, `
		UPDATE pass p SET facts = jsonb_set(facts, '{events,found}', to_jsonb(found))
		FROM (
			SELECT count(*) FILTER (WHERE d.kind <> $3) AS without, count(*) FILTER (WHERE d.cause = $4) AS flawed,
				count(*) FILTER (WHERE d.cause = $5 AND d.kind = $6) AS gaps
			FROM sighting s JOIN divergence d ON d.id = s.divergence_id WHERE s.pass_id = $1 AND d.hop = $2 AND d.state <> 'resolved') found
		WHERE p.id = $1 AND p.facts ? 'events'`,
		id, order.LegacyToEvents, compare.Phantom, compare.SchemaDrift, compare.LostShadowWrite, compare.Differs)
	if err != nil {
		return fmt.Errorf("counting orders without their events: %w", err)
	}
	return nil
}
