package sourcetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func (n *snapshot) bucket(l verify.Layout, key order.Key) int64 {
	if l.Whole {
		return 0
	}
	if l.ByHash {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", l.Hash.Seed, key))
		return int64(binary.BigEndian.Uint16(sum[:]) >> (16 - l.Bits))
	}
	if !l.ByBounds {
		return integer(key) >> l.Shift
	}
	i, found := slices.BinarySearchFunc(l.Bounds, key, n.compare)
	if found {
		i++
	}
	return int64(i)
}

// cell is where a row is added.
type cell struct {
	bucket int64
	noKey  bool
	group  order.Value
}

// Digests implements [verify.Snapshot].
func (n *snapshot) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	if err := n.before(ctx, "digests"); err != nil {
		return nil, err
	}
	sums, rows := map[cell]*big.Int{}, map[cell]int64{}
	asked := map[order.Key]bool{}
	for _, k := range q.Keys {
		asked[k] = true
	}
	for _, r := range n.table.Rows {
		if !n.has(r) || q.Buckets != nil && (slices.Contains(n.Lost, r.Key) || !slices.Contains(q.Buckets, n.bucket(q.Parent, r.Key))) {
			continue
		}
		if q.Keys != nil && !asked[r.Key] {
			continue
		}
		at := cell{bucket: n.bucket(q.Layout, r.Key), group: n.group(r)}
		if q.Layout.Whole {
			at.group = order.Null
		}
		if sums[at] == nil {
			sums[at] = new(big.Int)
		}
		rows[at]++
		sums[at].Add(sums[at], big.NewInt(n.digest(r, q.Hash)))
	}
	var out []verify.Digest
	for at, sum := range sums {
		out = append(out, verify.Digest{Bucket: at.bucket, Group: at.group, Rows: rows[at], Sum: sum.String()})
	}
	if n.table.NoKey > 0 && q.Buckets == nil && q.Keys == nil && n.within.From == "" {
		out = append(out, verify.Digest{NullKey: true, Group: order.Null, Rows: int64(n.table.NoKey)})
	}
	progress(int64(len(n.table.Rows)))
	return out, pay(ctx, q.Pace, out)
}

// pay pauses as often as a database would between its statements.
func pay(ctx context.Context, p *verify.Pace, read []verify.Digest) error {
	var rows int64
	for _, d := range read {
		rows += d.Rows
	}
	for p != nil && rows > 0 {
		if err := p.After(ctx, min(rows, p.Rows)); err != nil {
			return err
		}
		rows -= p.Rows
	}
	return nil
}

func (n *snapshot) group(r order.Row) order.Value {
	for i, f := range n.table.Fields {
		if f.Name == n.table.GroupBy {
			return r.Values[i]
		}
	}
	return order.Null
}

func (n *snapshot) digest(r order.Row, h verify.Hash) int64 {
	if n.Blind {
		return h.Seed
	}
	text := fmt.Appendf(nil, "%d %d %v %v %q", h.Seed, n.version(h), h.Portable, r.Flawed, r.Key)
	for i, v := range r.Values {
		if d, _, err := apd.NewFromString(v.Text); err == nil && n.table.Fields[i].Type == order.Numeric {
			d, _ = d.Reduce(d)
			v.Text = d.Text('f')
		}
		text = fmt.Appendf(text, " %v %q", v.Null, v.Text)
	}
	sum := sha256.Sum256(text)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

var _ verify.Itemized = (*snapshot)(nil)

// Items implements [verify.Itemized].
func (n *snapshot) Items(ctx context.Context, l verify.Layout, buckets []int64, h verify.Hash) ([]verify.Items, error) {
	if err := n.before(ctx, "items"); err != nil {
		return nil, err
	}
	places := map[int64]int{}
	for i, b := range buckets {
		places[b] = i
	}
	out := make([]verify.Items, len(buckets))
	for _, r := range n.table.Rows {
		i, asked := places[n.bucket(l, r.Key)]
		if asked && n.has(r) && !slices.Contains(n.Lost, r.Key) {
			out[i].Keys, out[i].Digests = append(out[i].Keys, integer(r.Key)), append(out[i].Digests, n.digest(r, h))
		}
	}
	return out, nil
}
