package source

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Itemized = (*snapshot)(nil)

// Items implements [verify.Itemized]. A bucket comes as two arrays: a row for each order would take several times as long to send and
// to read. The order of the buckets is that of the nested loop, as in scanRanges.
func (n *snapshot) Items(ctx context.Context, l verify.Layout, buckets []int64, h verify.Hash) ([]verify.Items, error) {
	defer n.side.observe("items")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	var low, high []int64
	for _, b := range buckets { // neighbours stay apart
		first, last := keyRanges(l.Shift, []int64{b})
		low, high = append(low, first...), append(high, last...)
	}
	key := n.side.config.Key
	query := fmt.Sprintf(`SELECT r.low, s.keys, s.digests FROM unnest($1::bigint[], $2::bigint[]) AS r(low, high)
		CROSS JOIN LATERAL (SELECT array_agg(k) AS keys, array_agg(h) AS digests FROM (
			SELECT (%[1]s)::bigint AS k, %[2]s AS h FROM %[3]s WHERE (%[1]s) >= r.low AND (%[1]s) <= r.high AND %[4]s ORDER BY (%[1]s) OFFSET 0) o) s`,
		key, n.side.digest(h), n.side.from(), n.inRange())
	found, err := n.items(ctx, low, query, low, high)
	if err != nil {
		return nil, n.fail("digesting rows", err)
	}
	return found, nil
}

func (n *snapshot) items(ctx context.Context, low []int64, query string, args ...any) ([]verify.Items, error) {
	rows, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make([]verify.Items, 0, len(low))
	for rows.Next() {
		raw := rows.RawValues()
		if at := len(out); at == len(low) || string(raw[0]) != strconv.FormatInt(low[at], 10) {
			return nil, fmt.Errorf("the server returned bucket %s out of order", raw[0])
		}
		var i verify.Items
		if i.Keys, err = integers(raw[1]); err != nil {
			return nil, err
		}
		if i.Digests, err = integers(raw[2]); err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) != len(low) {
		return nil, fmt.Errorf("the server returned %d of %d buckets", len(out), len(low))
	}
	return out, nil
}

// integers reads an array as a server prints it; nil is empty.
func integers(text []byte) ([]int64, error) {
	if len(text) == 0 {
		return nil, nil
	}
	out := make([]int64, 0, bytes.Count(text, []byte{','})+1)
	for part := range bytes.SplitSeq(bytes.Trim(text, "{}"), []byte{','}) {
		n, err := strconv.ParseInt(string(part), 10, 64) // does not allocate
		if err != nil {
			return nil, fmt.Errorf("reading an array of integers: %w", err)
		}
		out = append(out, n)
	}
	return out, nil
}
