package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Tally implements [verify.Findings].
func (l *Ledger) Tally(ctx context.Context, id verify.PassID) (verify.Tally, error) {
	var t verify.Tally
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `
			SELECT tally_match, tally_diverged, tally_lagging, tally_unverified, sampled_diverged FROM pass WHERE id = $1`,
			id).Scan(&t.Match, &t.Diverged, &t.Lagging, &t.Unverified, &t.SampledDiverged)
	})
	if err != nil {
		return verify.Tally{}, fmt.Errorf("reading the tally of pass %d: %w", id, err)
	}
	return t, nil
}

// OpenKeys implements [verify.Findings]. Keys are ordered by their bytes.
func (l *Ledger) OpenKeys(ctx context.Context, id verify.PassID, from order.Key, limit int) ([]order.Key, error) {
	var keys []order.Key
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := byKey(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT DISTINCT order_key FROM divergence
			WHERE fingerprint = (SELECT fingerprint FROM pass WHERE id = $1)
				AND state <> 'resolved' AND order_key >= $2 -- an accepted one may have been repaired
				AND hop = ANY ($4::text[]) AND found_by <> '`+string(verify.Frozen)+`' -- which no comparison of two sides looks at
			ORDER BY order_key LIMIT $3`, id, string(from), limit, texts(order.RowHops()))
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, pgx.RowTo[order.Key])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading keys of open divergences: %w", err)
	}
	return keys, nil
}

const divergenceColumns = `d.id, d.order_key, d.hop, d.kind, d.cause, d.fields, d.legacy_copies, d.projection_copies,
	CASE WHEN ` + openNow + ` THEN 'open' ELSE d.state END, d.first_seen, d.last_seen, d.resolved_at, d.found_by,
	d.accepted_by, d.accepted_why, d.accepted_at, d.accepted_until`

func scanDivergence(row pgx.CollectableRow) (verify.Divergence, error) {
	var d verify.Divergence
	var fields []byte
	var resolved, acceptedAt, until *time.Time
	var who, why string
	m := &d.Mismatch
	err := row.Scan(&d.ID, &m.Key, &m.Hop, &m.Kind, &m.Cause, &fields, &m.LegacyCopies, &m.ProjectionCopies,
		&d.State, &d.FirstSeen, &d.LastSeen, &resolved, &d.FoundBy, &who, &why, &acceptedAt, &until)
	if err != nil {
		return d, err
	}
	d.Acceptance = acceptance(d.State, who, why, acceptedAt, until)
	d.FirstSeen, d.LastSeen, d.ResolvedAt = d.FirstSeen.UTC(), d.LastSeen.UTC(), orZero(resolved)
	var stored []storedField
	if err := json.Unmarshal(fields, &stored); err != nil {
		return d, fmt.Errorf("decoding divergence %d: %w", d.ID, err)
	}
	m.Fields, err = decodeFields(stored)
	return d, err
}

// PassDivergences returns up to limit divergences that the pass opened or renewed and that are open or accepted, oldest
// first and then by [order.ByValue]. The ledger keeps what a pass renewed for two days after its end.
func (l *Ledger) PassDivergences(ctx context.Context, id verify.PassID, limit int) ([]verify.Divergence, error) {
	// Integers come by their value, as people count.
	return l.queryDivergences(ctx, `
		SELECT `+divergenceColumns+` FROM sighting s JOIN divergence d ON d.id = s.divergence_id
		WHERE s.pass_id = $1 AND d.state <> 'resolved'
		ORDER BY d.first_seen, CASE WHEN d.order_key ~ '^-?[0-9]{1,100}$' THEN d.order_key::numeric END, d.order_key, d.hop LIMIT $2`, id, limit)
}

// Divergences returns up to limit divergences in the state. Open and accepted ones come oldest first, resolved ones by
// their resolution, newest first.
func (l *Ledger) Divergences(ctx context.Context, state verify.DivergenceState, limit int) ([]verify.Divergence, error) {
	order := "d.first_seen, d.order_key, d.hop"
	if state == verify.Resolved {
		order = "d.resolved_at DESC, d.order_key, d.hop"
	}
	return l.queryDivergences(ctx, `
		SELECT `+divergenceColumns+` FROM divergence d WHERE CASE WHEN `+openNow+` THEN 'open' ELSE d.state END = $1 ORDER BY `+order+` LIMIT $2`, state, limit)
}

func (l *Ledger) queryDivergences(ctx context.Context, sql string, args ...any) ([]verify.Divergence, error) {
	var found []verify.Divergence
	err := l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanDivergence)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading divergences: %w", err)
	}
	return found, nil
}

// OpenDivergences returns up to limit open divergences under a fingerprint, or under any if it is empty, oldest first.
func (l *Ledger) OpenDivergences(ctx context.Context, fingerprint string, limit int) ([]verify.Divergence, error) {
	return l.queryDivergences(ctx, `
		SELECT `+divergenceColumns+` FROM divergence d WHERE `+openNow+` AND ($1 = '' OR d.fingerprint = $1)
		ORDER BY d.first_seen, d.order_key LIMIT $2`, fingerprint, limit)
}

// OpenCounts counts the open divergences under a fingerprint, or under any if it is empty, by hop, kind and cause.
func (l *Ledger) OpenCounts(ctx context.Context, fingerprint string) ([]gate.OpenDivergences, error) {
	var open []gate.OpenDivergences
	err := l.read(ctx, l.timeout, func(ctx context.Context) (err error) {
		open, err = openCounts(ctx, l.pool, fingerprint)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("counting open divergences: %w", err)
	}
	return open, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func openCounts(ctx context.Context, q querier, fingerprint string) ([]gate.OpenDivergences, error) {
	rows, err := q.Query(ctx, `
		SELECT hop, kind, cause, count(*), min(first_seen) FROM divergence d
		WHERE `+openNow+` AND ($1 = '' OR fingerprint = $1)
		GROUP BY hop, kind, cause ORDER BY hop, kind, cause`, fingerprint)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (gate.OpenDivergences, error) {
		var o gate.OpenDivergences
		err := row.Scan(&o.Hop, &o.Kind, &o.Cause, &o.Count, &o.Oldest)
		o.Oldest = o.Oldest.UTC()
		return o, err
	})
}
