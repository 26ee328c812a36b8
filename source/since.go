package source

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Dated = (*snapshot)(nil)

// Since counts recent changes through the index on the time of the last write.
func (n *snapshot) Since(ctx context.Context, times []time.Time) ([]verify.Recent, error) {
	if !n.side.shape.timeIndex {
		return nil, n.fail("counting recent changes", verify.ErrNotIndexed)
	}
	defer n.side.observe("since")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	query, args := n.side.sinceSQL(times, n.inRange())
	result, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, n.fail("counting recent changes", err)
	}
	found, err := pgx.CollectRows(result, func(row pgx.CollectableRow) (verify.Recent, error) {
		var r verify.Recent
		var group *string
		err := row.Scan(&group, &r.Index, &r.Rows)
		r.Group = textOrNull(group)
		return r, err
	})
	if err != nil {
		return nil, n.fail("counting recent changes", err)
	}
	return found, nil
}

func (s *Side) sinceSQL(times []time.Time, condition string) (query string, args []any) {
	var bands strings.Builder
	for i, t := range times {
		args = append(args, t)
		fmt.Fprintf(&bands, " WHEN %s >= $%d::timestamptz THEN %d", s.config.ChangedAt, i+1, i)
	}
	return fmt.Sprintf("SELECT %s, (CASE%s END)::int AS band, count(*) FROM %s WHERE %[4]s >= $%[5]d::timestamptz AND isfinite(%[4]s) AND %[6]s GROUP BY 1, 2",
		s.groupSQL(), bands.String(), s.from(), s.config.ChangedAt, len(times), condition), args
}
