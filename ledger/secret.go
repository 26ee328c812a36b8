package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Secret returns the secret of a name that all processes with this ledger share. The first who asks decides what it is.
func (l *Ledger) Secret(ctx context.Context, name string, fresh []byte) (secret []byte, err error) {
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT value FROM secret WHERE name = $1`, name).Scan(&secret)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the secret %s: %w", name, err)
	}
	return secret, nil
}
