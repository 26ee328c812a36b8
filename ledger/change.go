package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
)

var _ board.Journal = (*Ledger)(nil)

// BeginChange implements [board.Journal].
func (l *Ledger) BeginChange(ctx context.Context, c board.Change) (id int64, err error) {
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `INSERT INTO change (who, role, action, request) VALUES ($1, $2, $3, $4) RETURNING id`,
			storable(c.Who), c.Role, c.Action, storable(string(c.Request))).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("writing down what %s asks for: %w", c.Who, err)
	}
	return id, nil
}

// EndChange implements [board.Journal].
func (l *Ledger) EndChange(ctx context.Context, id int64, outcome string) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE change SET outcome = $2 WHERE id = $1`, id, storable(outcome))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing down what has become of change %d: %w", id, err)
	}
	return nil
}

// ListChanges implements [board.Logged].
func (l *Ledger) ListChanges(ctx context.Context, before int64, limit int) (changes []board.Change, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT id, at, who, role, action, request, outcome FROM change WHERE $1 = 0 OR id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
		if err != nil {
			return err
		}
		changes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c board.Change, err error) {
			var request string
			err = row.Scan(&c.ID, &c.At, &c.Who, &c.Role, &c.Action, &request, &c.Outcome)
			c.At, c.Request = c.At.UTC(), json.RawMessage(request)
			return c, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing changes: %w", err)
	}
	return changes, nil
}
