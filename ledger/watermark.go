package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// prove marks a pass that has just ended if it moves the watermark; see [verify.Watermark]. Nothing that it saw may be
// open, nor anything that another pass saw before its snapshots. A delta pass proves nothing after a full pass that left
// most orders out because they had diverged: only another full pass shows that none of them is left. Nor does a pass of a machine
// whose clock is ahead: until its time has come, no later pass could move the watermark.
func prove(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	_, err := tx.Exec(ctx, `
		UPDATE pass p SET proves = true, accepted = seen.accepted
		FROM (
			SELECT count(*) FILTER (WHERE `+openNow+`) AS open, count(DISTINCT d.order_key) FILTER (WHERE `+acceptedNow+`) AS accepted
			FROM sighting s JOIN divergence d ON d.id = s.divergence_id WHERE s.pass_id = $1) seen
		WHERE p.id = $1 AND p.through IS NOT NULL AND p.finished_at <= clock_timestamp() + interval '1 minute' AND `+judgedAll+`
			AND (p.verdict = 'match' OR p.verdict = 'diverged' AND seen.open = 0 AND seen.accepted > 0)
			AND NOT EXISTS (SELECT FROM divergence d
				WHERE d.fingerprint = p.fingerprint AND d.hop = ANY ($2) AND d.first_seen <= p.through AND `+openNow+`)
			AND (p.kind <> $3 OR NOT EXISTS (SELECT FROM pass f
				WHERE f.pair = p.pair AND f.fingerprint = p.fingerprint AND f.kind = $4 AND f.facts ? 'widespread' AND f.id > coalesce(
					(SELECT max(id) FROM pass c WHERE c.pair = p.pair AND c.fingerprint = p.fingerprint AND c.kind = $4 AND c.proves), 0)))`,
		id, texts(order.RowHops()), verify.Delta, verify.Full)
	if err != nil {
		return fmt.Errorf("moving the watermark: %w", err)
	}
	return nil
}

// proveAnswered moves the watermark if the newest pass that could do so found nothing that is not accepted by now.
func (l *Ledger) proveAnswered(ctx context.Context, tx pgx.Tx, fingerprint string) error {
	rows, err := tx.Query(ctx, `SELECT max(id) FROM pass WHERE pair = $1 AND fingerprint = $2 AND kind = ANY ($3) AND state = 'done' AND token > 0 GROUP BY kind`,
		l.pair, fingerprint, texts([]verify.PassKind{verify.Full, verify.Delta}))
	if err != nil {
		return err
	}
	newest, err := pgx.CollectRows(rows, pgx.RowTo[verify.PassID])
	if err != nil {
		return err
	}
	for _, id := range newest {
		if err := prove(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// watermark returns the watermark under the fingerprint; nil if there is none. It also reports whether there is one under
// another fingerprint.
func watermark(ctx context.Context, tx pgx.Tx, pair verify.PairID, fingerprint string) (*gate.Watermark, bool, error) {
	var w gate.Watermark
	var old *int64
	var oldAt *time.Time
	err := tx.QueryRow(ctx, `
		SELECT through, id, kind, finished_at, accepted, (facts->'old_events'->>'up_to')::bigint, (facts->'old_events'->>'looked_at')::timestamptz FROM pass WHERE pair = $1 AND fingerprint = $2 AND proves
		ORDER BY through DESC, id DESC LIMIT 1`, pair, fingerprint).Scan(&w.Through, &w.Pass, &w.Kind, &w.FinishedAt, &w.Accepted, &old, &oldAt)
	if err == nil {
		w.Through, w.FinishedAt = w.Through.UTC(), w.FinishedAt.UTC()
		if old != nil && oldAt != nil {
			w.OldEvents, w.OldEventsAt = *old, oldAt.UTC()
		}
		return &w, false, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, false, err
	}
	var void bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pass WHERE pair = $1 AND proves)`, pair).Scan(&void)
	return nil, void, err
}

// How long delta passes are kept after the next one. There may be thousands a day.
const (
	deltasKept       = time.Hour      // of those that matched
	failedDeltasKept = 24 * time.Hour // of the others
	deltasDropped    = 100            // at most, when one ends
)

// dropDeltas deletes old delta passes when another one ends, a few at a time. So the ledger does not grow with their number.
// What later passes and the board go back to stays: of each fingerprint the newest that proves, the newest that the next delta
// goes on from, and the newest that reached a verdict.
func (l *Ledger) dropDeltas(ctx context.Context, tx pgx.Tx, id verify.PassID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		WITH old AS (
			SELECT id FROM pass
			WHERE pair = $1 AND kind = $2 AND $2 = (SELECT kind FROM pass WHERE id = $3) AND state = 'done' AND id < $3 AND finished_at < CASE verdict WHEN 'match' THEN $4::timestamptz ELSE $5::timestamptz END
				AND id <> ALL (ARRAY(
					SELECT unnest(array_remove(ARRAY[max(id) FILTER (WHERE `+judgedAll+` AND `+marked+`), max(id) FILTER (WHERE verdict <> 'unverified'), (array_agg(id ORDER BY through DESC, id DESC) FILTER (WHERE proves))[1]], NULL))
					FROM pass WHERE pair = $1 AND kind = $2 GROUP BY fingerprint)::bigint[])
			ORDER BY id LIMIT $6),
		unseen AS (DELETE FROM sighting WHERE pass_id IN (SELECT id FROM old))
		DELETE FROM pass WHERE id IN (SELECT id FROM old)`,
		l.pair, verify.Delta, id, micro(now.Add(-deltasKept)), micro(now.Add(-failedDeltasKept)), deltasDropped)
	if err != nil {
		return fmt.Errorf("deleting old delta passes: %w", err)
	}
	return nil
}
