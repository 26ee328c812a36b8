package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// What is accepted is looked up each time, because an acceptance ends by itself. A pass's order is accepted if all its divergences that
// the pass saw are: one that is accepted at one hop and not at another is not.

// acceptedOrders counts the accepted orders of the pass p.
const acceptedOrders = `(SELECT count(*) FROM (SELECT FROM sighting s JOIN divergence d ON d.id = s.divergence_id
	WHERE s.pass_id = p.id GROUP BY d.order_key HAVING bool_and(` + acceptedNow + `)) orders)`

// AcceptedOrders counts the orders that a pass found diverged and that are accepted now.
func (l *Ledger) AcceptedOrders(ctx context.Context, id verify.PassID) (accepted int64, err error) {
	err = l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT `+acceptedOrders+` FROM pass p WHERE p.id = $1`, id).Scan(&accepted)
	})
	if err != nil {
		return 0, fmt.Errorf("counting accepted orders of pass %d: %w", id, err)
	}
	return accepted, nil
}

// addAccepted notes in a pass how many of its orders are accepted, and in which groups it had counted them.
func addAccepted(ctx context.Context, tx pgx.Tx, p *gate.Pass) error {
	if p == nil || p.Diverged == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		SELECT coalesce(counted->>'legacy', ''), coalesce(counted->>'projection', ''), count(*), sum(copies)
		FROM (SELECT (array_agg(s.counted) FILTER (WHERE s.counted IS NOT NULL))[1] AS counted,
				max(CASE WHEN d.kind = $2 THEN d.legacy_copies + d.projection_copies ELSE 0 END) AS copies
			FROM sighting s JOIN divergence d ON d.id = s.divergence_id
			WHERE s.pass_id = $1 GROUP BY d.order_key HAVING bool_and(`+acceptedNow+`)) orders
		GROUP BY 1, 2`, p.ID, compare.Duplicate)
	if err != nil {
		return err
	}
	legacy, projection := map[string]int64{}, map[string]int64{} // group → accepted rows
	var ofLegacy, ofProjection string
	var orders, copies int64
	_, err = pgx.ForEachRow(rows, []any{&ofLegacy, &ofProjection, &orders, &copies}, func() error {
		p.Accepted += orders
		p.AcceptedCopies += copies
		legacy[ofLegacy] += orders
		projection[ofProjection] += orders
		return nil
	})
	for i := range p.Counts {
		c := &p.Counts[i]
		c.AcceptedLegacy, c.AcceptedProjection = legacy[c.Group], projection[c.Group]
	}
	return err
}

// addAcceptedEvents notes how many of the orders that a full verification found without the right events are accepted.
func addAcceptedEvents(ctx context.Context, tx pgx.Tx, id verify.PassID, e *gate.EventsEvidence) error {
	return tx.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE d.kind <> $3), count(*) FILTER (WHERE d.cause = $4), count(*) FILTER (WHERE d.cause = $5 AND d.kind = $6)
		FROM sighting s JOIN divergence d ON d.id = s.divergence_id WHERE s.pass_id = $1 AND d.hop = $2 AND `+acceptedNow,
		id, order.LegacyToEvents, compare.Phantom, compare.SchemaDrift, compare.LostShadowWrite, compare.Differs).Scan(&e.Accepted, &e.AcceptedFlawed, &e.AcceptedGaps)
}

// addAcceptedChanges notes how many of the changes without an event belong to orders whose lost events are accepted, and of which none is
// open: as a divergence, or as findings of an audit.
func addAcceptedChanges(ctx context.Context, tx pgx.Tx, fingerprint string, without []verify.Unrecorded, e *gate.ChangesEvidence) error {
	keys, changes := make([]string, len(without)), make([]int64, len(without))
	for i, w := range without {
		keys[i], changes[i] = string(w.Key), w.Changes
	}
	return tx.QueryRow(ctx, `
		WITH lost AS (SELECT k, n,
				(SELECT array_agg(`+acceptedNow+`) FROM divergence d WHERE d.fingerprint = $1 AND d.order_key = k AND d.hop = $4 AND d.state <> 'resolved'
					AND (d.cause = $5 OR d.kind = $6)) AS hop,
				(SELECT array_agg(NOT `+openAudit+`) FROM audit_finding f WHERE f.fingerprint = $1 AND f.order_key = k AND f.kind = 'event_missing' AND f.state <> 'resolved') AS audit
			FROM unnest($2::text[], $3::bigint[]) AS w(k, n))
		SELECT coalesce(sum(n), 0)::bigint FROM lost WHERE true = ALL (hop || audit) AND cardinality(hop || audit) > 0`,
		fingerprint, keys, changes, order.LegacyToEvents, compare.LostShadowWrite, compare.Missing).Scan(&e.Accepted)
}

// addAcceptedStream notes how many of the events that the stream lacks, and of its holes, are accepted. A batch that cannot be read is a
// hole too. A further one of the same order or
// partition ends the acceptance.
func addAcceptedStream(ctx context.Context, tx pgx.Tx, fingerprint string, e *gate.StreamEvidence) error {
	var open bool
	err := tx.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM stream_lost l WHERE l.fingerprint = $1 AND EXISTS (SELECT FROM divergence d
				WHERE d.fingerprint = $1 AND d.order_key = l.order_key AND d.hop = $2 AND `+acceptedNow+`)),
			coalesce(bool_or(NOT `+acceptedNow+`), true) FROM divergence d WHERE d.fingerprint = $1 AND d.hop = $2 AND d.kind = $3 AND d.state <> 'resolved'`,
		fingerprint, order.EventsToStream, compare.Gap).Scan(&e.Accepted, &open)
	e.Accepted = min(e.Accepted, max(e.Stored-e.Seen, 0))
	if !open {
		e.AcceptedGaps = e.Gaps
	}
	return err
}

// addAcceptedDraws takes accepted orders out of the samples. A sample says what orders are like that it has not drawn, so accepting what
// it has found answers for more than is known. Two cases are sound: the order was accepted before the pass that drew it, or a later full
// verification has compared all orders, and everything that it found is accepted.
func addAcceptedDraws(ctx context.Context, tx pgx.Tx, e *gate.Evidence, in string, args ...any) error {
	var known any
	if f := e.Full; f != nil && f.Coverage >= 1 && f.Unverified == 0 && f.Diverged == f.Accepted {
		known = f.StartedAt
	}
	var before, since int64
	err := tx.QueryRow(ctx, `
		WITH drawn AS (
			SELECT max(d.accepted_at) < p.started_at OR p.started_at <= coalesce($4, '-infinity'::timestamptz) AS sound
			FROM pass p JOIN sighting s ON s.pass_id = p.id AND s.in_sample JOIN divergence d ON d.id = s.divergence_id
			WHERE `+in+` GROUP BY p.id, d.order_key HAVING bool_and(`+acceptedNow+`))
		SELECT count(*) FILTER (WHERE sound), count(*) FILTER (WHERE NOT sound) FROM drawn`, append(args, known)...).Scan(&before, &since)
	s := &e.Sampling
	before = min(before, s.Diverged)
	s.Accepted, s.AcceptedSince = before, min(since, s.Diverged-before)
	s.Orders, s.Diverged = s.Orders-before, s.Diverged-before
	return err
}

// acceptances groups what is accepted, the largest groups first.
func acceptances(ctx context.Context, tx pgx.Tx, fingerprint string) ([]gate.Acceptance, error) {
	const listed = 20
	rows, err := tx.Query(ctx, `
		SELECT hop, kind, cause, accepted_by, accepted_why, accepted_until, count(*) FROM divergence d WHERE `+acceptedNow+` AND fingerprint = $1
		GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY count(*) DESC, 1, 2, 3, 4, 5, 6 LIMIT $2`, fingerprint, listed)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a gate.Acceptance, err error) {
		err = row.Scan(&a.Hop, &a.Kind, &a.Cause, &a.Who, &a.Why, &a.Until, &a.Count)
		a.Until = a.Until.UTC()
		return a, err
	})
}
