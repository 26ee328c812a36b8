package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/verify"
)

// Proven returns the newest proof of everything under a fingerprint, and what the newest pass since then has verified. They are nil if there is none.
// Their age is not set.
func (l *Ledger) Proven(ctx context.Context, fingerprint string) (proof, verified *cutoverrun.Proof, err error) {
	newest := func(ctx context.Context, kinds ...verify.PassKind) (*cutoverrun.Proof, error) {
		var p cutoverrun.Proof
		err := l.pool.QueryRow(ctx, `SELECT through, id, kind FROM pass WHERE pair = $1 AND fingerprint = $2 AND proves AND kind = ANY ($3) ORDER BY through DESC, id DESC LIMIT 1`,
			l.pair, fingerprint, texts(kinds)).Scan(&p.At, &p.Pass, &p.Kind)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil //nolint:nilnil // there is none
		}
		p.At = p.At.UTC()
		return &p, err
	}
	err = l.read(ctx, l.timeout, func(ctx context.Context) (err error) {
		if proof, err = newest(ctx, verify.Full); err == nil {
			verified, err = newest(ctx, verify.Full, verify.Delta)
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading what is proven: %w", err)
	}
	return proof, verified, nil
}
