package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// readsEvidence is the newest pass that asked both read paths. If there is none under the fingerprint, it reports whether there is
// one under another.
func (l *Ledger) readsEvidence(ctx context.Context, tx pgx.Tx, fingerprint string) (*gate.ReadsEvidence, bool, error) {
	p, err := newestOfAll(ctx, tx, fingerprint, verify.Reads)
	if err != nil {
		return nil, false, err
	}
	if p == nil {
		void, err := l.passedBefore(ctx, tx, verify.Reads, fingerprint)
		return nil, void, err
	}
	e := &gate.ReadsEvidence{Pass: int64(p.ID), At: p.StartedAt, Covered: p.Scan.Coverage, Reason: p.Result.Reason}
	f, _ := p.Scan.Facts.(verify.ReadsFacts) // those that this program cannot read name no queries
	e.Basis, e.Fewer = f.Basis, f.Fewer
	for _, q := range f.Queries {
		e.Queries = append(e.Queries, gate.ReadEvidence{
			Name: q.Name, Questions: q.Questions, Agreed: q.Agreed, Differing: q.Differing, Twice: q.Twice, Noise: q.Noise,
			Measured: q.Measured, Ratio: q.P99.Ratio, Low: q.P99.Low, High: q.P99.High,
		})
	}
	return e, false, nil
}
