package source

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Scan reads the rows of buckets in key order: ranges of keys through the index, or one scan for all buckets if there
// is no index, or the keys of a bucket are no range.
func (n *snapshot) Scan(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	defer n.side.observe("scan")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	var err error
	switch {
	case !n.side.shape.keyIndex || l.ByHash:
		err = n.scanAll(ctx, l, buckets, fn)
	case l.ByBounds || l.Whole:
		err = n.scanBounds(ctx, l, buckets, fn)
	default:
		err = n.scanRanges(ctx, l, buckets, fn)
	}
	if err != nil {
		return n.fail("reading buckets", err)
	}
	return nil
}

func (n *snapshot) scanAll(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	bucket, args := n.side.bucket(l, nil)
	args = append(args, buckets)
	key := keySQL(n.side.shape.keyType, n.side.config.Key)
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s = ANY($%d::bigint[]) AND %s ORDER BY %s",
		n.side.columns(n.side.config.Key), n.side.from(), bucket, len(args), n.inRange(), key)
	return n.each(ctx, fn, query, args...)
}

// scanRanges reads all ranges in one statement, in ascending order. OFFSET 0 prevents the planner from joining the
// ranges to a scan of the whole index, which it considers cheaper for sorted output. The order is that of the nested
// loop. Nothing else is possible, because the inner query depends on the range, and merging the rows would notice a
// wrong order. The table is alone in its query, because its columns may also be called low or high.
func (n *snapshot) scanRanges(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	low, high := keyRanges(l.Shift, buckets)
	query := fmt.Sprintf(`SELECT s.* FROM unnest($1::bigint[], $2::bigint[]) AS r(low, high)
		CROSS JOIN LATERAL (SELECT %[1]s FROM %[2]s WHERE (%[3]s) >= r.low AND (%[3]s) <= r.high AND %[4]s ORDER BY (%[3]s) OFFSET 0) s`,
		n.side.columns(n.side.config.Key), n.side.from(), n.side.config.Key, n.inRange())
	return n.each(ctx, fn, query, low, high)
}

func (n *snapshot) scanBounds(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	key, cast := keySQL(n.side.shape.keyType, n.side.config.Key), keyCast(n.side.shape.keyType)
	for _, run := range runs(buckets) {
		query := fmt.Sprintf("SELECT %s FROM %s WHERE %s", n.side.columns(n.side.config.Key), n.side.from(), n.inRange())
		var args []any
		if run.first > 0 {
			args = append(args, string(l.Bounds[run.first-1]))
			query += fmt.Sprintf(" AND %s >= $%d::text::%s", key, len(args), cast)
		}
		if run.last < int64(len(l.Bounds)) {
			args = append(args, string(l.Bounds[run.last]))
			query += fmt.Sprintf(" AND %s < $%d::text::%s", key, len(args), cast)
		}
		if err := n.each(ctx, fn, query+" AND "+key+" IS NOT NULL ORDER BY "+key, args...); err != nil {
			return err
		}
	}
	return nil
}

// run is a row of neighbouring buckets, both ends included.
type run struct{ first, last int64 }

func runs(buckets []int64) []run {
	sorted := slices.Clone(buckets)
	slices.Sort(sorted)
	var out []run
	for _, b := range slices.Compact(sorted) {
		if last := len(out) - 1; last >= 0 && out[last].last+1 == b {
			out[last].last = b
			continue
		}
		out = append(out, run{b, b})
	}
	return out
}

// keyRanges are the keys of integer buckets, both ends included, so that the largest integer has a bucket too.
func keyRanges(shift uint, buckets []int64) (low, high []int64) {
	for _, r := range runs(buckets) {
		low = append(low, r.first<<shift)
		if r.last == math.MaxInt64>>shift {
			high = append(high, math.MaxInt64)
			continue
		}
		high = append(high, (r.last+1)<<shift-1)
	}
	return low, high
}
