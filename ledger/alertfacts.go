package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// OpenGroups returns the open divergences under a fingerprint by hop and cause. Each group has a few orders as
// examples, the ones that have been open longest. Values are included only if they are asked for.
func (l *Ledger) OpenGroups(ctx context.Context, fingerprint string, values bool) ([]incident.Group, error) {
	var groups []incident.Group
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT hop, cause, count(*), min(first_seen) FROM divergence d WHERE `+openNow+` AND fingerprint = $1
			GROUP BY hop, cause ORDER BY hop, cause`, fingerprint)
		if err != nil {
			return err
		}
		groups, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (incident.Group, error) {
			var g incident.Group
			err := row.Scan(&g.Hop, &g.Cause, &g.Count, &g.Oldest)
			g.Oldest = g.Oldest.UTC()
			return g, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("grouping open divergences: %w", err)
	}
	for i := range groups {
		g := &groups[i]
		found, err := l.queryDivergences(ctx, `
			SELECT `+divergenceColumns+` FROM divergence d
			WHERE `+openNow+` AND d.fingerprint = $1 AND d.hop = $2 AND d.cause = $3
			ORDER BY d.first_seen, d.order_key LIMIT $4`, fingerprint, g.Hop, g.Cause, incident.MaxExamples)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			g.Examples = append(g.Examples, example(d, values))
		}
	}
	return groups, nil
}

// maxAcceptances limits how many acceptances are read. The newest ones matter to an incident that ends.
const maxAcceptances = 10_000

// Acceptances returns the divergences under a fingerprint that are accepted now, the newest acceptances first.
func (l *Ledger) Acceptances(ctx context.Context, fingerprint string) ([]incident.Acceptance, error) {
	var found []incident.Acceptance
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT hop, cause, accepted_by, accepted_at, accepted_until FROM divergence d WHERE `+acceptedNow+` AND fingerprint = $1
			ORDER BY accepted_at DESC, id LIMIT $2`, fingerprint, maxAcceptances)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (incident.Acceptance, error) {
			var a incident.Acceptance
			err := row.Scan(&a.Hop, &a.Cause, &a.Who, &a.At, &a.Until)
			a.At, a.Until = a.At.UTC(), a.Until.UTC()
			return a, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading who has accepted divergences: %w", err)
	}
	return found, nil
}

func example(d verify.Divergence, values bool) incident.Example {
	e := incident.Example{OrderID: string(d.Mismatch.Key), Kind: string(d.Mismatch.Kind)}
	if !values {
		return e
	}
	shown := func(v *order.Value) string {
		switch {
		case v == nil:
			return "nothing"
		case v.Null:
			return "NULL"
		}
		return v.Text
	}
	for _, f := range d.Mismatch.Fields {
		e.Values = append(e.Values, fmt.Sprintf("%s: legacy %s, projection %s", f.Name, shown(f.Legacy), shown(f.Projection)))
	}
	return e
}

// NewestFinished returns the newest finished pass of each kind that ever ran, in the order of their kinds.
func (l *Ledger) NewestFinished(ctx context.Context) ([]verify.Pass, error) {
	var passes []verify.Pass
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT `+passColumns+` FROM pass
			WHERE id IN (SELECT max(id) FROM pass WHERE pair = $1 AND state = 'done' AND token > 0 GROUP BY kind) ORDER BY kind`, l.pair)
		if err != nil {
			return err
		}
		passes, err = pgx.CollectRows(rows, scanPass)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the newest passes: %w", err)
	}
	return passes, nil
}
