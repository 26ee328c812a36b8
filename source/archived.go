package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
)

// Archived implements [verify.Snapshot].
func (n *snapshot) Archived(ctx context.Context) (orders int64, err error) {
	c := n.side.config
	if c.Archived == "" {
		return 0, nil
	}
	defer n.side.observe("archived")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	query := fmt.Sprintf("SELECT count(*) FROM %s WHERE (%s) AND (%s) IS NOT NULL AND %s", n.side.from(), c.Archived, c.Key, n.inRange())
	if err := n.tx.QueryRow(ctx, query).Scan(&orders); err != nil {
		return 0, n.fail("counting the archived orders", err)
	}
	return orders, nil
}

// Archived implements [follow.Legacy].
func (s *Side) Archived(ctx context.Context, keys []order.Key) (found []order.Key, err error) {
	if s.config.Archived == "" || len(keys) == 0 {
		return nil, nil
	}
	defer s.observe("archived")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query := fmt.Sprintf("SELECT (%[1]s)::text FROM %[2]s WHERE (%[1]s) = ANY($1::text[]::%[3]s[]) GROUP BY 1 HAVING bool_and(coalesce((%[4]s), false))",
		s.lookup, s.from(), keyCast(s.shape.keyType), s.config.Archived)
	rows, err := s.pool.Query(ctx, query, texts(keys))
	if err == nil {
		found, err = pgx.CollectRows(rows, pgx.RowTo[order.Key])
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s which orders were archived: %w", s.config.Representation, err)
	}
	return found, nil
}
