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

// written is what was written of a side.
type written struct {
	all, changed int64 // rows
	sum          string
}

// writtenRows are those of an order that were written on a side.
type writtenRows struct {
	rows, hash int64
	digest     int64 // 0 if it is not known
}

// writtenOrder is an order of which a side at least was written.
type writtenOrder struct{ legacy, projection writtenRows }

// equal is true if both sides have the same digest, as far as digests are known. They are only where each key has one row.
func (o writtenOrder) equal() bool {
	return o.legacy.digest != 0 && o.legacy.digest == o.projection.digest && o.legacy.rows == 1 && o.projection.rows == 1
}

func byOrder(legacy, projection []WrittenRow) map[order.Key]writtenOrder {
	orders := make(map[order.Key]writtenOrder, max(len(legacy), len(projection)))
	for _, r := range legacy {
		o := orders[r.Key]
		o.legacy = writtenRows{o.legacy.rows + 1, r.Hash, r.Digest}
		orders[r.Key] = o
	}
	for _, r := range projection {
		o := orders[r.Key]
		o.projection = writtenRows{o.projection.rows + 1, r.Hash, r.Digest}
		orders[r.Key] = o
	}
	return orders
}

// untouched is the number and the sum of the keys of rows whose orders were not written on either side.
type untouched struct {
	rows int64
	sum  big.Int // of all rows
	// Of the hashes to be taken out of the sum, high and low 32 bits are added up apart. Both fit for 2^31 rows.
	high, low int64
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
	}
	others := [2][]order.Key{slices.Clone(d.known), slices.Clone(d.known)} // whose rows were not written on that side
	for key, o := range d.orders {
		if d.isKnown(key) {
			continue
		}
		for i, w := range []writtenRows{o.legacy, o.projection} {
			if w.rows == 0 {
				others[i] = append(others[i], key)
			}
			sides[i].take(w.rows, w.hash)
		}
	}
	for i, n := range []Snapshot{d.sides.legacy, d.sides.projection} {
		if err := sides[i].takeAll(ctx, n, distinct(others[i]), h); err != nil {
			return err
		}
	}
	if sides[0].rows != sides[1].rows || sides[0].rest().Cmp(sides[1].rest()) != 0 {
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
	u.high += rows * (hash >> 32)
	u.low += rows * int64(uint32(hash)) //nolint:gosec // the low half
}

// rest is the sum without what was taken out.
func (u *untouched) rest() *big.Int {
	taken := big.NewInt(u.high)
	taken.Lsh(taken, 32).Add(taken, big.NewInt(u.low))
	return taken.Sub(&u.sum, taken)
}

// takeAll takes out all rows of orders.
func (u *untouched) takeAll(ctx context.Context, n Snapshot, keys []order.Key, h Hash) error {
	for part := range slices.Chunk(keys, batch) {
		rows, err := keyed(ctx, n, part, h)
		if err != nil {
			return err
		}
		for _, r := range rows {
			u.take(1, r.Hash)
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
