package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/verify"
)

// news inserts rows that are usually new. INSERT ON CONFLICT takes twice as long as INSERT, so it is only tried when a row is
// known already: an open divergence, or a suspect that an attempt before has left.
type news struct{ known atomic.Int64 } // the last pass that met such a row

// insert calls fn in a savepoint, to insert rows without ON CONFLICT. If some of them are known, it calls fn again, and so for the
// rest of the pass.
func (n *news) insert(ctx context.Context, tx pgx.Tx, id verify.PassID, fn func(tx pgx.Tx, known bool) error) error {
	if n.known.Load() == int64(id) {
		return fn(tx, true)
	}
	trial, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a savepoint: %w", err)
	}
	if err = fn(trial, false); err == nil {
		if err = trial.Commit(ctx); err != nil {
			return fmt.Errorf("releasing a savepoint: %w", err)
		}
		return nil
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != uniqueViolation {
		return err // the caller rolls back everything
	}
	if err := trial.Rollback(ctx); err != nil {
		return fmt.Errorf("rolling back to a savepoint: %w", err)
	}
	n.known.Store(int64(id))
	return fn(tx, true)
}
