package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// countedFact is true of a pass that counted rows by group.
const countedFact = `jsonb_typeof(facts->'counts') = 'array'`

// countedBefore returns the newest full pass that counted rows by group, if another one proved by numbers alone that all are
// equal; nil otherwise.
func countedBefore(ctx context.Context, tx pgx.Tx, full *gate.Pass, fingerprint string) (*gate.Pass, error) {
	if full == nil || !full.ByNumber || full.Counts != nil {
		return nil, nil
	}
	p, err := newestFinished(ctx, tx, fingerprint, countedFact, verify.Full)
	if p == nil || err != nil {
		return nil, err
	}
	return evidencePass(*p), nil
}

// Earlier implements [verify.Findings].
func (l *Ledger) Earlier(ctx context.Context, id verify.PassID) (verify.Earlier, error) {
	var e verify.Earlier
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) (err error) {
			var fingerprint string
			if err := tx.QueryRow(ctx, `SELECT fingerprint FROM pass WHERE id = $1`, id).Scan(&fingerprint); err != nil {
				return err
			}
			if e.Last, err = newestFinished(ctx, tx, fingerprint, "true", verify.Full); err != nil {
				return err
			}
			counted, err := newestFinished(ctx, tx, fingerprint, countedFact, verify.Full)
			if counted != nil {
				e.Counted = counted.StartedAt
			}
			return err
		})
	})
	if err != nil {
		return verify.Earlier{}, fmt.Errorf("reading what was before pass %d: %w", id, err)
	}
	return e, nil
}
