package source

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// CountPositions implements [follow.EventStore]. It reads only what is asked, in the order of positions. So a call
// takes as long at the first event of a store as at its last. With an index on the position it reads nothing else.
func (e *Events) CountPositions(ctx context.Context, from, to order.Position, shift uint, limit int64) (counts []follow.PositionCount, upTo order.Position, err error) {
	defer e.side.observe("count")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	counts, err = e.countPositions(ctx, from, to, shift, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("counting events by position: %w", err)
	}
	var all int64
	for _, n := range counts {
		all += n.Events
	}
	if all < limit || all == 0 {
		return counts, to, nil
	}
	last := counts[len(counts)-1].Bucket // may be counted only in part
	if len(counts) > 1 {
		return counts[:len(counts)-1], order.Position(last<<shift) - 1, nil
	}
	upTo = min(to, order.Position(last<<shift|(1<<shift-1)))
	if counts, err = e.countPositions(ctx, from, upTo, shift, math.MaxInt64); err != nil {
		return nil, 0, fmt.Errorf("counting events by position: %w", err)
	}
	return counts, upTo, nil
}

func (e *Events) countPositions(ctx context.Context, from, to order.Position, shift uint, limit int64) ([]follow.PositionCount, error) {
	p := "(" + e.config.Position + ")"
	// After a subquery with LIMIT, the planner does not expect a group for each position. The sum is that of
	// follow.AddPosition, modulo 2^63 without regard to its sign.
	rows, err := e.side.pool.Query(ctx, fmt.Sprintf(`SELECT crosscheck_bucket, count(*), (sum(crosscheck_mixed) %% 9223372036854775808)::bigint
		FROM (SELECT %[1]s::bigint >> $3::integer AS crosscheck_bucket, pg_catalog.hashint8extended(%[1]s::bigint, 0) AS crosscheck_mixed
			FROM %[2]s WHERE %[1]s BETWEEN $1::bigint AND $2::bigint ORDER BY %[1]s LIMIT $4::bigint) AS q
		GROUP BY crosscheck_bucket ORDER BY crosscheck_bucket`, p, e.side.from()), int64(from), int64(to), int32(shift), limit) //nolint:gosec // below 64
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (n follow.PositionCount, err error) {
		var sum int64
		err = row.Scan(&n.Bucket, &n.Events, &sum)
		n.Sum = uint64(sum) & math.MaxInt64 //nolint:gosec // modulo 2^63, the same for what is below zero
		return n, err
	})
}
