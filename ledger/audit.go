package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.AuditLedger = (*Ledger)(nil)

// SettleAudit implements [verify.AuditLedger]. An older look never overrules a newer one.
func (l *Ledger) SettleAudit(ctx context.Context, held lease.Lease, id verify.PassID, outcomes []verify.AuditOutcome, more verify.AuditFacts, at time.Time) error {
	err := l.writePass(ctx, held, id, exclusive, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			SELECT pg_advisory_xact_lock(hashtext('crosscheck audit'), hashtext(current_schema()))`); err != nil {
			return err
		}
		if err := byKey(ctx, tx); err != nil {
			return err
		}
		for chunk := range slices.Chunk(outcomes, batchRows) {
			if err := sortAudits(lastByKey(chunk, func(o verify.AuditOutcome) order.Key { return o.Suspect.Key() })).write(ctx, tx, id, micro(at)); err != nil {
				return err
			}
		}
		return addAudit(ctx, tx, id, more)
	})
	if err != nil {
		return fmt.Errorf("settling %d audited orders: %w", len(outcomes), err)
	}
	return nil
}

// audits is one batch of outcomes, by what happens to them.
type audits struct {
	again suspectArrays // go back into the queue
	final []string      // keys that leave it
	tally verify.Tally

	judged []string // those whose findings are all known
	seen   []time.Time

	// The findings, as columns.
	keys, parts, kinds, causes, details []string
	at                                  []*time.Time
	positions                           []*int64
	marks                               [][]byte
	first, last                         []time.Time
}

func sortAudits(outcomes []verify.AuditOutcome) *audits {
	var a audits
	for _, o := range outcomes {
		if !o.Final {
			a.again.add(o.Suspect)
			continue
		}
		key := string(o.Suspect.Key())
		a.final = append(a.final, key)
		switch o.Verdict {
		case compare.Match:
			a.tally.Match++
		case compare.Diverged:
			a.tally.Diverged++
		default:
			a.tally.Unverified++
			continue
		}
		seen := micro(o.Seen())
		if !o.Cut {
			a.judged, a.seen = append(a.judged, key), append(a.seen, seen)
		}
		a.add(o, seen)
	}
	return &a
}

// add adds the findings of an order. Two that say the same are one.
func (a *audits) add(o verify.AuditOutcome, seen time.Time) {
	type identity struct{ part, kind, mark string }
	known := map[identity]bool{}
	for _, f := range o.Findings {
		mark := markOf(f)
		is := identity{string(f.Part), f.Kind, string(mark)}
		if known[is] {
			continue
		}
		known[is] = true
		a.keys, a.parts, a.kinds = append(a.keys, string(f.Key)), append(a.parts, is.part), append(a.kinds, f.Kind)
		a.causes, a.details, a.marks = append(a.causes, f.Cause), append(a.details, storable(f.Detail)), append(a.marks, mark)
		a.at, a.positions = append(a.at, orNull(f.At)), append(a.positions, (*int64)(order.Known(f.Position)))
		first := micro(o.Suspect.FirstSeen)
		if first.IsZero() || first.After(seen) {
			first = seen
		}
		a.first, a.last = append(a.first, first), append(a.last, seen)
	}
}

// markOf identifies a finding among those of its order, part and kind.
func markOf(f verify.AuditFinding) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", micro(f.At).UnixMicro(), f.Position, storable(f.Detail)+f.Told))
	return sum[:16]
}

func (a *audits) write(ctx context.Context, tx pgx.Tx, id verify.PassID, at time.Time) error {
	if err := a.again.write(ctx, tx, id, replacing("true")); err != nil {
		return fmt.Errorf("requeueing suspects: %w", err)
	}
	if err := a.open(ctx, tx, id); err != nil {
		return fmt.Errorf("writing findings: %w", err)
	}
	if len(a.final) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		UPDATE audit_finding f SET state = 'resolved', resolved_at = $4
		FROM (SELECT fingerprint FROM pass WHERE id = $1) p, unnest($2::text[], $3::timestamptz[]) AS u(k, seen)
		WHERE f.fingerprint = p.fingerprint AND f.order_key = u.k AND f.state <> 'resolved' AND f.last_pass <> $1 AND f.last_seen <= u.seen`,
		id, a.judged, a.seen, at)
	if err != nil {
		return fmt.Errorf("resolving findings: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM suspect WHERE pass_id = $1 AND order_key = ANY ($2::text[])`, id, a.final); err != nil {
		return fmt.Errorf("emptying the queue: %w", err)
	}
	_, err = tx.Exec(ctx, `
		UPDATE pass SET tally_match = tally_match + $2, tally_diverged = tally_diverged + $3, tally_unverified = tally_unverified + $4
		WHERE id = $1`, id, a.tally.Match, a.tally.Diverged, a.tally.Unverified)
	if err != nil {
		return fmt.Errorf("keeping the tally: %w", err)
	}
	return nil
}

// open opens findings, and renews those that are not resolved. An acceptance stays until it ends: what was accepted is the same. One of
// another cause is of something else.
func (a *audits) open(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	if len(a.keys) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO audit_finding AS f (fingerprint, order_key, part, kind, cause, at, position, detail, mark, first_seen, last_seen, first_pass, last_pass)
		SELECT p.fingerprint, k, part, kind, cause, at, position, detail, mark, first, last, $1, $1
		FROM (SELECT fingerprint FROM pass WHERE id = $1) p,
			unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[], $8::text[], $9::bytea[], $10::timestamptz[], $11::timestamptz[])
			AS u(k, part, kind, cause, at, position, detail, mark, first, last)
		ON CONFLICT (fingerprint, order_key, part, kind, mark) WHERE state <> 'resolved' DO UPDATE SET
			cause = excluded.cause, last_pass = excluded.last_pass, last_seen = greatest(f.last_seen, excluded.last_seen),
			state = CASE WHEN f.state = 'accepted' AND (f.accepted_until <= clock_timestamp() OR f.cause <> excluded.cause) THEN 'open' ELSE f.state END`,
		id, a.keys, a.parts, a.kinds, a.causes, a.at, a.positions, a.details, a.marks, a.first, a.last)
	return err
}

// addAudit adds to the facts of an audit whose scan has ended. The transaction holds the pass exclusively.
func addAudit(ctx context.Context, tx pgx.Tx, id verify.PassID, more verify.AuditFacts) error {
	var stored []byte
	if err := tx.QueryRow(ctx, `SELECT facts FROM pass WHERE id = $1`, id).Scan(&stored); err != nil || stored == nil {
		return err
	}
	var facts verify.AuditFacts
	if err := json.Unmarshal(stored, &facts); err != nil {
		return fmt.Errorf("decoding the facts of an audit: %w", err)
	}
	facts.Add(more)
	text, err := encodeFacts(facts)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE pass SET facts = $2::jsonb WHERE id = $1`, id, text)
	return err
}

// countAudit adds to the facts what an audit found. It counts when the pass ends. A finding that is accepted counts too.
func countAudit(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	_, err := tx.Exec(ctx, `
		UPDATE pass p SET facts = jsonb_set(facts, '{found}', (
			SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM (`+countFindings+` WHERE f.last_pass = $1 AND f.state <> 'resolved' `+groupFindings+`) c))
		WHERE p.id = $1 AND p.kind = $2 AND jsonb_typeof(p.facts) = 'object'`, id, verify.Audit)
	if err != nil {
		return fmt.Errorf("counting the findings of an audit: %w", err)
	}
	return nil
}

const (
	countFindings = `SELECT f.part, f.kind, f.cause, count(*) AS findings, count(DISTINCT f.order_key) AS orders FROM audit_finding f`
	groupFindings = `GROUP BY f.part, f.kind, f.cause ORDER BY f.part DESC, f.kind, f.cause`
)

// openAudit is a condition on f, a finding.
const openAudit = `(f.state = 'open' OR f.state = 'accepted' AND f.accepted_until <= clock_timestamp())`

// OpenAudit counts the open findings under a fingerprint, or under any if it is empty.
func (l *Ledger) OpenAudit(ctx context.Context, fingerprint string) (found []verify.AuditFound, err error) {
	err = l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, countFindings+` WHERE `+openAudit+` AND ($1 = '' OR f.fingerprint = $1) `+groupFindings, fingerprint)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[verify.AuditFound])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("counting the findings of audits: %w", err)
	}
	return found, nil
}

// PassAudit calls fn for each finding of a pass that is not resolved, in the order in which they were found.
func (l *Ledger) PassAudit(ctx context.Context, id verify.PassID, fn func(verify.AuditFinding) error) error {
	return l.eachAudit(ctx, fn, `WHERE f.last_pass = $1 AND f.state <> 'resolved' ORDER BY f.id`, id)
}

// AuditFindings returns up to limit findings in the state under a fingerprint, or under any if it is empty, oldest first.
func (l *Ledger) AuditFindings(ctx context.Context, fingerprint string, state verify.DivergenceState, limit int) (found []verify.AuditFinding, err error) {
	err = l.eachAudit(ctx, func(f verify.AuditFinding) error { found = append(found, f); return nil },
		`WHERE CASE WHEN `+openAudit+` THEN 'open' ELSE f.state END = $2 AND ($1 = '' OR f.fingerprint = $1) ORDER BY f.first_seen, f.id LIMIT $3`, fingerprint, state, limit)
	return found, err
}

func (l *Ledger) eachAudit(ctx context.Context, fn func(verify.AuditFinding) error, where string, args ...any) error {
	err := l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT f.id, f.order_key, f.part, f.kind, f.cause, f.at, f.position, f.detail, CASE WHEN `+openAudit+` THEN 'open' ELSE f.state END,
				f.first_seen, f.last_seen, f.resolved_at, f.accepted_by, f.accepted_why, f.accepted_at, f.accepted_until FROM audit_finding f `+where, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			f, err := scanAudit(rows)
			if err != nil {
				return err
			}
			if err := fn(f); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("reading the findings of audits: %w", err)
	}
	return nil
}

func scanAudit(row pgx.Row) (verify.AuditFinding, error) {
	f := verify.AuditFinding{Position: order.NoPosition}
	var at, resolved, accepted, until *time.Time
	var position *int64
	var who, why string
	err := row.Scan(&f.ID, &f.Key, &f.Part, &f.Kind, &f.Cause, &at, &position, &f.Detail, &f.State, &f.FirstSeen, &f.LastSeen, &resolved, &who, &why, &accepted, &until)
	if err != nil {
		return f, err
	}
	if position != nil {
		f.Position = order.Position(*position)
	}
	f.At, f.FirstSeen, f.LastSeen, f.ResolvedAt = orZero(at), f.FirstSeen.UTC(), f.LastSeen.UTC(), orZero(resolved)
	f.Acceptance = acceptance(f.State, who, why, accepted, until)
	return f, nil
}

// AuditedBefore implements [verify.AuditLedger].
func (l *Ledger) AuditedBefore(ctx context.Context, id verify.PassID, keys []order.Key) ([]order.Key, error) {
	return l.auditKeys(ctx, `SELECT DISTINCT f.order_key FROM audit_finding f WHERE f.fingerprint = (SELECT fingerprint FROM pass WHERE id = $1)
		AND f.order_key = ANY ($2::text[]) AND f.state <> 'resolved'`, id, texts(keys))
}

// UnresolvedAudits implements [verify.AuditLedger]. Keys are ordered by their bytes.
func (l *Ledger) UnresolvedAudits(ctx context.Context, id verify.PassID, from order.Key, limit int) ([]order.Key, error) {
	return l.auditKeys(ctx, `SELECT DISTINCT f.order_key FROM audit_finding f WHERE f.fingerprint = (SELECT fingerprint FROM pass WHERE id = $1)
		AND f.last_pass <> $1 AND f.order_key >= $2 AND f.state <> 'resolved' ORDER BY f.order_key LIMIT $3`, id, string(from), limit)
}

func (l *Ledger) auditKeys(ctx context.Context, sql string, args ...any) (keys []order.Key, err error) {
	err = l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if err := byKey(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, pgx.RowTo[order.Key])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the orders with findings: %w", err)
	}
	return keys, nil
}
