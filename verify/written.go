package verify

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

func writtenSince(ctx context.Context, n Snapshot, since Mark, q WrittenQuery, progress func(int64)) (Written, error) {
	t, ok := n.(Tracked)
	if !ok {
		return Written{Stopped: true}, nil
	}
	return t.Written(ctx, since, q, progress)
}

// written is what was written of a side, by order.
type written struct {
	all, changed int64 // rows
	sum          string
	orders       map[order.Key]writtenOrder
}

type writtenOrder struct {
	rows, hash int64
	digest     int64 // 0 if it is not known
}

func newWritten(w Written) written {
	out := written{all: w.Rows, changed: int64(len(w.Written)), sum: w.Sum, orders: make(map[order.Key]writtenOrder, len(w.Written))}
	for _, r := range w.Written {
		o := out.orders[r.Key]
		out.orders[r.Key] = writtenOrder{o.rows + 1, r.Hash, r.Digest}
	}
	return out
}

// untouched is the number and the sum of the keys of rows whose orders were not written on either side.
type untouched struct {
	rows int64
	sum  big.Int
}

// sameKeys proves that the orders that were written on neither side are the same on both. A deleted row leaves nothing that a
// snapshot could read, but the key is missing.
//
// # Why nothing can be missed
//
// The pass before has found the same keys on both sides, except for orders with a divergence. Keys that were written since, and
// those of unresolved divergences, are taken out of the sums over all keys, on both sides, and are judged by themselves. A
// divergence that was resolved in between has no difference left, or its order was written, or deleted on one side. So what
// remains is a part of the old keys. If it is not the same part on both sides, the sums of 64-bit hashes, whose seed is new for
// each pass, differ but for a chance of 1 in 2^64.
func (d *delta) sameKeys(ctx context.Context, h Hash) error {
	sides := [2]untouched{{rows: d.legacy.all}, {rows: d.projection.all}}
	for i, w := range []written{d.legacy, d.projection} {
		if _, ok := sides[i].sum.SetString(w.sum, 10); !ok {
			return fmt.Errorf("reading the sum of keys: %q is not a number", w.sum)
		}
		for key, o := range w.orders {
			if !d.isKnown(key) {
				sides[i].take(o.rows, o.hash)
			}
		}
	}
	if err := d.takeOthers(ctx, &sides[0], d.sides.legacy, d.legacy, d.projection, h); err != nil {
		return err
	}
	if err := d.takeOthers(ctx, &sides[1], d.sides.projection, d.projection, d.legacy, h); err != nil {
		return err
	}
	if sides[0].rows != sides[1].rows || sides[0].sum.Cmp(&sides[1].sum) != 0 {
		d.refused = "rows were deleted on one side only"
	}
	return nil
}

// isKnown returns true for an order with an unresolved divergence.
func (d *delta) isKnown(key order.Key) bool {
	_, found := slices.BinarySearch(d.known, key)
	return found
}

func (u *untouched) take(rows, hash int64) {
	u.rows -= rows
	u.sum.Sub(&u.sum, new(big.Int).Mul(big.NewInt(rows), big.NewInt(hash)))
}

// takeOthers takes out the rows of orders that were written on the other side only, and of those with a divergence.
func (d *delta) takeOthers(ctx context.Context, from *untouched, n Snapshot, here, there written, h Hash) error {
	keys := slices.Clone(d.known)
	for key := range there.orders {
		if _, ok := here.orders[key]; !ok {
			keys = append(keys, key)
		}
	}
	for part := range slices.Chunk(distinct(keys), batch) {
		rows, err := keyed(ctx, n, part, h)
		if err != nil {
			return err
		}
		for _, r := range rows {
			from.take(1, r.Hash)
		}
	}
	return nil
}

func keyed(ctx context.Context, n Snapshot, keys []order.Key, h Hash) ([]WrittenRow, error) {
	t, ok := n.(Tracked)
	if !ok {
		return nil, nil // nothing was read of such a side
	}
	return t.Keyed(ctx, keys, h)
}
