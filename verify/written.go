package verify

import (
	"context"
	"fmt"
	"math/big"

	"github.com/nordvarg/crosscheck/order"
)

// written is what was written of a side, by order.
type written struct {
	all, changed int64 // rows
	sum          string
	orders       map[order.Key]writtenOrder
}

type writtenOrder struct {
	rows, hash int64
}

func newWritten(w Written) written {
	out := written{all: w.Rows, changed: int64(len(w.Written)), sum: w.Sum, orders: make(map[order.Key]writtenOrder, len(w.Written))}
	for _, r := range w.Written {
		o := out.orders[r.Key]
		out.orders[r.Key] = writtenOrder{o.rows + 1, r.Hash}
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
// The last clean pass has found the same keys on both sides. Those that were written since are taken out of the sums
// over all keys, on both sides, and are judged by themselves. What remains is a part of the old keys. If it is not the same part
// on both sides, the sums of 64-bit hashes, whose seed is new for each pass, differ but for a chance of 1 in 2^64.
func (d *delta) sameKeys(ctx context.Context) error {
	sides := [2]untouched{{rows: d.legacy.all}, {rows: d.projection.all}}
	for i, w := range []written{d.legacy, d.projection} {
		if _, ok := sides[i].sum.SetString(w.sum, 10); !ok {
			return fmt.Errorf("reading the sum of keys: %q is not a number", w.sum)
		}
		for _, o := range w.orders {
			sides[i].take(o.rows, o.hash)
		}
	}
	if err := d.takeOthers(ctx, &sides[0], d.sides.legacy, d.legacy, d.projection); err != nil {
		return err
	}
	if err := d.takeOthers(ctx, &sides[1], d.sides.projection, d.projection, d.legacy); err != nil {
		return err
	}
	if sides[0].rows != sides[1].rows || sides[0].sum.Cmp(&sides[1].sum) != 0 {
		d.refused = "rows were deleted on one side only"
	}
	return nil
}

func (u *untouched) take(rows, hash int64) {
	u.rows -= rows
	u.sum.Sub(&u.sum, new(big.Int).Mul(big.NewInt(rows), big.NewInt(hash)))
}

// takeOthers takes out the rows of orders that were written on the other side only.
func (d *delta) takeOthers(ctx context.Context, from *untouched, n Snapshot, here, there written) error {
	var keys []order.Key
	for key := range there.orders {
		if _, ok := here.orders[key]; !ok {
			keys = append(keys, key)
		}
	}
	for keys = distinct(keys); len(keys) > 0; {
		part := keys[:min(batch, len(keys))]
		keys = keys[len(part):]
		rows, err := n.Rows(ctx, part)
		if err != nil {
			return err
		}
		for _, r := range rows {
			from.take(1, there.orders[r.Key].hash)
		}
	}
	return nil
}
