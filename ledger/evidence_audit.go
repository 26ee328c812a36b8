package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// auditedAll is true for an audit of all orders that came to its end.
const auditedAll = `coverage > 0 AND facts->'created' IS NULL`

// auditEvidence is the newest audit of all orders, with what has become of its findings. If there is none under the fingerprint, it
// reports whether there is one under another.
func (l *Ledger) auditEvidence(ctx context.Context, tx pgx.Tx, fingerprint string) (*gate.HistoryEvidence, bool, error) {
	p, err := newestFinished(ctx, tx, fingerprint, auditedAll, verify.Audit)
	if err != nil {
		return nil, false, err
	}
	if p == nil {
		void, err := l.passedBefore(ctx, tx, verify.Audit, fingerprint)
		return nil, void, err
	}
	e := historyEvidence(*p)
	if err := addFindings(ctx, tx, *p, e); err != nil {
		return nil, false, err
	}
	return e, false, nil
}

// historyEvidence are the numbers of an audit. Facts that this program cannot read are no numbers.
func historyEvidence(p verify.Pass) *gate.HistoryEvidence {
	e := &gate.HistoryEvidence{Pass: int64(p.ID), At: p.StartedAt, Covered: p.Scan.Coverage, Reason: p.Result.Reason, Orders: p.Scan.Compared, Unsettled: p.Result.Unverified}
	f, ok := p.Scan.Facts.(verify.AuditFacts)
	if !ok {
		return e
	}
	e.Unlisted = f.Unlisted
	for _, n := range f.Numbers() {
		e.Numbers = append(e.Numbers, gate.HistoryNumber{Name: n.Name, Of: n.Of, All: n.All, Excluded: n.Excluded, Unknown: n.Unknown, Unaudited: n.Unaudited, Counts: n.Meaning})
	}
	return e
}

// addFindings adds what has become of the findings of an audit, and what newer audits of parts have found. These also renew findings.
func addFindings(ctx context.Context, tx pgx.Tx, p verify.Pass, e *gate.HistoryEvidence) error {
	rows, err := tx.Query(ctx, `
		SELECT part, kind, cause, count(*) FILTER (WHERE `+openAudit+`),
			count(*) FILTER (WHERE state = 'accepted' AND accepted_until > clock_timestamp()), count(*) FILTER (WHERE state = 'resolved')
		FROM audit_finding f WHERE last_pass >= $1 AND first_pass <= $1 AND fingerprint = $2 GROUP BY part, kind, cause ORDER BY part DESC, kind, cause`, p.ID, p.Fingerprint)
	if err != nil {
		return err
	}
	if e.Found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[gate.HistoryFound]); err != nil {
		return err
	}
	return tx.QueryRow(ctx, `
		SELECT count(DISTINCT order_key) FILTER (WHERE first_pass <= $1), count(*) FILTER (WHERE first_pass > $1)
		FROM audit_finding f WHERE last_pass >= $1 AND fingerprint = $2 AND `+openAudit, p.ID, p.Fingerprint).Scan(&e.OpenOrders, &e.Newer)
}
