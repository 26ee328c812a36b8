package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Settle implements [verify.Queue].
//
// An older look never overrules a newer one. Agreement resolves the divergence of its hop only if the order was looked
// at (Outcome.Seen) no earlier than the divergence was last seen by any pass. A divergence is last seen when the order
// was looked at, or at the time of settling if the look has no time. A look of a machine whose clock is ahead counts as one of now:
// otherwise nothing could resolve what it found until that time.
func (l *Ledger) Settle(ctx context.Context, held lease.Lease, id verify.PassID, outcomes []verify.Outcome, at time.Time) error {
	at = micro(at)
	err := l.writePass(ctx, held, id, exclusive, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		// Two passes may settle the same orders at once, in different orders, so they must take turns.
		if _, err := tx.Exec(ctx, `
			SELECT pg_advisory_xact_lock(hashtext('crosscheck settle'), hashtext(current_schema()))`); err != nil {
			return err
		}
		if err := byKey(ctx, tx); err != nil {
			return err
		}
		for chunk := range slices.Chunk(outcomes, batchRows) {
			b, err := sortOutcomes(lastByKey(chunk, func(o verify.Outcome) order.Key { return o.Suspect.Key() }), at)
			if err != nil {
				return err
			}
			if err := b.write(ctx, tx, id, at, &l.news); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settling %d outcomes: %w", len(outcomes), err)
	}
	return nil
}

// settling is one batch of outcomes, by what happens to them.
type settling struct {
	final    []string // keys that leave the queue
	elsewise []string // those of them that agreed at another look than their recheck, if they are in the queue at all
	agreed   agreements
	diverged divergences
	again    suspectArrays // go back into the queue
	tally    verify.Tally
	unjudged int64 // drawn uniformly, ended without a judgement
	settled  verify.Settled
}

// agreements are hops of orders at which a look found agreement, as columns.
type agreements struct {
	keys, hops []string
	at         []time.Time
}

func (a *agreements) add(o verify.Outcome, seen time.Time) {
	for _, hop := range o.Agreed() {
		a.keys = append(a.keys, string(o.Suspect.Key()))
		a.hops = append(a.hops, string(hop))
		a.at = append(a.at, seen)
	}
}

func sortOutcomes(outcomes []verify.Outcome, at time.Time) (*settling, error) {
	b := settling{settled: verify.Settled{}}
	for _, o := range outcomes {
		seen := micro(o.Seen())
		if seen.IsZero() {
			seen = at
		}
		b.agreed.add(o, seen)
		for _, m := range o.Diverged {
			b.diverged.add(m, o.Suspect, seen)
		}
		if !o.Final {
			b.again.add(o.Suspect)
			continue
		}
		b.final = append(b.final, string(o.Suspect.Key()))
		if err := b.count(o); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

// count counts a final outcome. It counts orders, whatever the number of their hops.
func (b *settling) count(o verify.Outcome) error {
	switch o.Verdict {
	case compare.Match:
		b.tally.Match++
		if o.Suspect.Counted == (verify.Counted{}) {
			b.elsewise = append(b.elsewise, string(o.Suspect.Key()))
		}
		b.settled.Matched(o.Suspect.Counted)
	case compare.Diverged:
		if len(o.Diverged) == 0 {
			return fmt.Errorf("order %s is diverged without a mismatch", o.Suspect.Key())
		}
		b.tally.Diverged++
		if o.Unproven {
			b.tally.Unverified++
		}
		if o.Suspect.InSample {
			b.tally.SampledDiverged++
		}
	case compare.Lagging, compare.Unverified:
		if o.Verdict == compare.Lagging {
			b.tally.Lagging++
		} else {
			b.tally.Unverified++
		}
		if o.Suspect.InSample {
			b.unjudged++
		}
		b.settled.Unjudged(o.Suspect.Counted, 1)
	default:
		return fmt.Errorf("order %s has the unknown verdict %q", o.Suspect.Key(), o.Verdict)
	}
	return nil
}

func (b *settling) write(ctx context.Context, tx pgx.Tx, id verify.PassID, at time.Time, news *news) error {
	if err := b.again.write(ctx, tx, id, replacing("true")); err != nil {
		return fmt.Errorf("requeueing suspects: %w", err)
	}
	err := news.insert(ctx, tx, id, func(tx pgx.Tx, known bool) error { return b.diverged.write(ctx, tx, id, known) })
	if err != nil {
		return fmt.Errorf("writing divergences: %w", err)
	}
	if err := b.agreed.write(ctx, tx, id, at); err != nil {
		return fmt.Errorf("resolving divergences: %w", err)
	}
	if len(b.final) == 0 {
		return nil
	}
	if err := b.matchElsewise(ctx, tx, id); err != nil {
		return fmt.Errorf("reading where suspects were counted: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		DELETE FROM suspect WHERE pass_id = $1 AND order_key = ANY ($2::text[])`, id, b.final); err != nil {
		return fmt.Errorf("emptying the queue: %w", err)
	}
	t := b.tally
	_, err = tx.Exec(ctx, `
		UPDATE pass SET tally_match = tally_match + $2, tally_diverged = tally_diverged + $3,
			tally_lagging = tally_lagging + $4, tally_unverified = tally_unverified + $5,
			sampled_diverged = sampled_diverged + $6, sampled_unjudged = sampled_unjudged + $7
		WHERE id = $1`,
		id, t.Match, t.Diverged, t.Lagging, t.Unverified, t.SampledDiverged, b.unjudged)
	if err != nil {
		return fmt.Errorf("keeping the tally: %w", err)
	}
	return addSettled(ctx, tx, id, b.settled)
}

// matchElsewise counts suspects that agreed before their recheck. The look at them does not know where the scan has counted them.
func (b *settling) matchElsewise(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	if len(b.elsewise) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT counted FROM suspect WHERE pass_id = $1 AND order_key = ANY ($2::text[])`, id, b.elsewise)
	if err != nil {
		return err
	}
	var counted []byte
	_, err = pgx.ForEachRow(rows, []any{&counted}, func() error {
		where, err := decodeCounted(counted)
		b.settled.Matched(where)
		return err
	})
	return err
}

// write looks each divergence up by its key. Written as a join, it was one loop in the other: for each batch, over all
// divergences of the ledger. What was written to a closed legacy stays, whatever two sides have: no agreement undoes a write.
func (a *agreements) write(ctx context.Context, tx pgx.Tx, id verify.PassID, at time.Time) error {
	if len(a.keys) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		UPDATE divergence SET state = 'resolved', resolved_at = $4
		WHERE state <> 'resolved' AND id = ANY (ARRAY(
			SELECT (SELECT d.id FROM divergence d
				WHERE d.fingerprint = p.fingerprint AND d.order_key = u.k AND d.hop = u.h AND d.state <> 'resolved' AND d.last_seen <= least(u.seen, clock_timestamp()) AND d.found_by <> '`+string(verify.Frozen)+`')
			FROM (SELECT fingerprint FROM pass WHERE id = $5) p, unnest($1::text[], $2::text[], $3::timestamptz[]) AS u(k, h, seen)))`,
		a.keys, a.hops, a.at, at, id)
	return err
}

// divergences are those of one batch, as columns. What many have in common is sent once.
type divergences struct {
	keys, fields []string
	kinds, looks []int32 // places in the following
	kind         dictionary[kindOf]
	seen         dictionary[seen]
}

type kindOf struct{ hop, kind, cause string }

type seen struct {
	legacyCopies, projectionCopies int32
	first, last                    time.Time
	counted                        verify.Counted
	inSample                       bool
}

func (d *divergences) add(m compare.Mismatch, s verify.Suspect, last time.Time) {
	first := micro(s.FirstSeen)
	if first.IsZero() || first.After(last) {
		first = last
	}
	d.keys = append(d.keys, string(s.Key()))
	d.fields = append(d.fields, string(appendFields(nil, m.Fields)))
	d.kinds = append(d.kinds, d.kind.place(kindOf{string(m.Hop), string(m.Kind), string(m.Cause)}))
	d.looks = append(d.looks, d.seen.place(seen{int32(m.LegacyCopies), int32(m.ProjectionCopies), first, last, s.Counted, s.InSample}))
}

// places says for each order where its look is, as a JSON object. Of an order with several hops the last one counts.
func (d *divergences) places() string {
	b := append(make([]byte, 0, 24*len(d.keys)), '{')
	for i, key := range d.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(appendText(b, key), ':'), int64(d.looks[i]), 10)
	}
	return string(append(b, '}'))
}

// write opens divergences, renews those that are not resolved, and notes that the pass saw them. An accepted divergence
// that has changed is open again, because the acceptance was for what it was before. Only the two ends of its hop count:
// a fault at another hop changes the rest. If none of them is known, one that is not resolved is an error.
func (d *divergences) write(ctx context.Context, tx pgx.Tx, id verify.PassID, known bool) error {
	if len(d.keys) == 0 {
		return nil
	}
	counted, err := texted(column(d.seen, func(s seen) verify.Counted { return s.counted }))
	if err != nil {
		return err
	}
	renewing, seenBefore := "", ""
	if known {
		renewing, seenBefore = renewal, "ON CONFLICT DO NOTHING"
	}
	_, err = tx.Exec(ctx, `
		WITH written AS (
			INSERT INTO divergence AS d (fingerprint, order_key, hop, kind, cause, fields, legacy_copies, projection_copies, state,
				first_seen, last_seen, found_by, first_pass, last_pass)
			SELECT p.fingerprint, k, ($6::text[])[w], ($7::text[])[w], ($8::text[])[w], f::jsonb, ($9::integer[])[s], ($10::integer[])[s], 'open',
				least(($11::timestamptz[])[s], clock_timestamp()), least(($12::timestamptz[])[s], clock_timestamp()), p.kind, $1, $1
			FROM (SELECT fingerprint, kind FROM pass WHERE id = $1) p, unnest($2::text[], $3::text[], $4::integer[], $5::integer[]) AS u(k, f, w, s)
			`+renewing+`
			RETURNING d.id, d.order_key)
		INSERT INTO sighting (pass_id, divergence_id, counted, in_sample)
		SELECT $1, id, ($13::text[]::jsonb[])[s], ($14::boolean[])[s] FROM (SELECT id, ($15::jsonb->order_key)::integer AS s FROM written) w -- a join may become one loop in the other
		`+seenBefore,
		id, d.keys, spelledFor(tx, d.fields), d.kinds, d.looks,
		column(d.kind, func(k kindOf) string { return k.hop }), column(d.kind, func(k kindOf) string { return k.kind }),
		column(d.kind, func(k kindOf) string { return k.cause }),
		column(d.seen, func(s seen) int32 { return s.legacyCopies }), column(d.seen, func(s seen) int32 { return s.projectionCopies }),
		column(d.seen, func(s seen) time.Time { return s.first }), column(d.seen, func(s seen) time.Time { return s.last }), counted,
		column(d.seen, func(s seen) bool { return s.inSample }), d.places())
	return err
}

// renewal makes an INSERT of divergences renew those that are not resolved.
var renewal = `
			ON CONFLICT (fingerprint, order_key, hop) WHERE state <> 'resolved' DO UPDATE SET
				kind = excluded.kind, cause = excluded.cause, fields = excluded.fields, legacy_copies = excluded.legacy_copies,
				projection_copies = excluded.projection_copies, last_pass = excluded.last_pass,
				first_seen = least(d.first_seen, excluded.first_seen),
				last_seen = greatest(d.last_seen, excluded.last_seen),
				state = CASE WHEN d.state = 'accepted' AND (d.accepted_until <= clock_timestamp()
					OR d.kind <> excluded.kind OR d.cause <> excluded.cause
					OR ` + atHop("d") + ` <> ` + atHop("excluded") + `)
					THEN 'open' ELSE d.state END`

// atHop is what a divergence says of the two ends of its hop: their values and copies.
func atHop(d string) string {
	return strings.ReplaceAll(`(CASE $.hop
		WHEN 'legacy->projection' THEN jsonb_build_array($.legacy_copies, $.projection_copies, $.fields)
		WHEN 'events->projection' THEN jsonb_build_array($.projection_copies, (SELECT jsonb_agg(f - 'legacy') FROM jsonb_array_elements($.fields) f))
		ELSE jsonb_build_array($.legacy_copies, (SELECT jsonb_agg(f - 'projection') FROM jsonb_array_elements($.fields) f)) END)`, "$", d)
}
