package verify

import (
	"context"
	"slices"
	"strconv"

	"github.com/nordvarg/crosscheck/order"
)

// Itemized is a Snapshot that can digest each row by itself, if keys are integers.
type Itemized interface {
	// Items returns the rows of each of the buckets, which are sorted.
	Items(ctx context.Context, l Layout, buckets []int64, h Hash) ([]Items, error)
}

// Items are the rows of one bucket: their keys, ascending, and the digest of each.
type Items struct{ Keys, Digests []int64 }

// fewItems is up to one in how many orders may differ. If there are more, it takes less time to read all rows than to digest them, and to
// look up those that differ.
const fewItems = 4

// itemize digests each row of buckets by itself, and reads those that differ. A row has the digest with which it was counted in its
// bucket, so nothing is missed that a smaller bucket would show.
func (w *walk) itemize(ctx context.Context, part []int64, counted sizes) (step, error) {
	legacy, other, err := both(w.sides, func(n Snapshot) ([]Items, error) {
		return n.(Itemized).Items(ctx, w.layout, part, w.hash) //nolint:forcetypeassert // see itemized
	})
	if err != nil {
		return nil, err
	}
	var found sizes
	for i := range part {
		found = found.plus(sizes{int64(len(legacy[i].Keys)), int64(len(other[i].Keys))})
	}
	if found != counted {
		return nil, uncounted(found, counted)
	}
	keys, same, rows := differingItems(legacy, other)
	w.scan.Compared += same
	var read sizes
	if err := w.compareKeys(ctx, keys, w.counting(&read)); err != nil {
		return nil, err
	}
	if read != rows {
		return nil, uncounted(read, rows)
	}
	if differ := int64(len(keys)); differ*fewItems > differ+same {
		return w.readAll, nil
	}
	return w.itemize, nil
}

// itemized is true if both sides can do it.
func (w *walk) itemized() bool {
	_, legacy := w.sides.legacy.(Itemized)
	_, other := w.sides.projection.(Itemized)
	return legacy && other
}

// differingItems returns the keys whose rows are not one and the same on both sides, how many others there are, and how many rows
// have these keys.
func differingItems(legacy, other []Items) (keys []order.Key, same int64, rows sizes) {
	for i := range legacy {
		l, o := legacy[i], other[i]
		for len(l.Keys)+len(o.Keys) > 0 {
			key := l.next(o)
			a, b := l.take(key), o.take(key)
			if len(a) == 1 && len(b) == 1 && a[0] == b[0] {
				same++
				continue
			}
			keys = append(keys, order.Key(strconv.FormatInt(key, 10)))
			rows = rows.plus(sizes{int64(len(a)), int64(len(b))})
		}
	}
	return keys, same, rows
}

// next is the smallest key of two buckets, of which one has any.
func (i *Items) next(other Items) int64 {
	switch {
	case len(i.Keys) == 0:
		return other.Keys[0]
	case len(other.Keys) == 0:
		return i.Keys[0]
	}
	return min(i.Keys[0], other.Keys[0])
}

// take removes the first rows if they have the key, and returns their digests.
func (i *Items) take(key int64) []int64 {
	n := slices.IndexFunc(i.Keys, func(k int64) bool { return k != key })
	if n < 0 {
		n = len(i.Keys)
	}
	taken := i.Digests[:n]
	i.Keys, i.Digests = i.Keys[n:], i.Digests[n:]
	return taken
}
