package sourcetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// ranges are some ways to cut the key space, each with every row once.
func (x *exercise) ranges() [][]verify.KeyRange {
	all := slices.DeleteFunc(slices.Compact(x.sorted()), func(k order.Key) bool { return k == "" })
	var out [][]verify.KeyRange
	for _, cuts := range [][]order.Key{nil, {all[4]}, {all[0], all[1], all[8], all[len(all)-1]}, {absent[x.table.KeyType][0]}, all} {
		var parts []verify.KeyRange
		var from order.Key
		for _, cut := range cuts {
			parts = append(parts, verify.KeyRange{From: from, Below: cut})
			from = cut
		}
		out = append(out, append(parts, verify.KeyRange{From: from}))
	}
	return out
}

// within checks that ranges that follow one another hold each row once, whatever is asked, and that a range has its keys only.
func (x *exercise) within(t *testing.T) {
	n, model := x.begin(t), x.model()
	layouts := []verify.Layout{{ByBounds: true, Bounds: x.layouts()[2].Bounds}}
	switch x.table.KeyType {
	case order.KeyText:
		layouts = append(layouts, verify.Layout{ByHash: true, Bits: 3, Hash: verify.Hash{Seed: 7}})
	case order.KeyInteger:
		layouts = append(layouts, verify.Layout{Shift: 7})
	case order.KeyUUID:
	}
	for _, l := range layouts {
		for _, parts := range x.ranges() {
			counted := map[string]int64{} // of the whole, less all parts
			n.Within(verify.KeyRange{})
			x.count(t, n, l, counted, 1)
			for _, part := range parts {
				n.Within(part)
				x.count(t, n, l, counted, -1)
				noError(t, n.Scan(t.Context(), verify.Layout{ByBounds: true}, []int64{0}, func(r order.Row) error {
					if part.From != "" && model.compare(r.Key, part.From) < 0 || part.Below != "" && model.compare(r.Key, part.Below) >= 0 {
						t.Errorf("%+v has %q", part, r.Key)
					}
					return nil
				}))
			}
			for what, rest := range counted {
				if rest != 0 {
					t.Errorf("ranges %v by %+v: %d of %s are in no range", parts, l, rest, what)
				}
			}
		}
	}
}

// count adds all that the snapshot tells of its range.
func (x *exercise) count(t *testing.T, n verify.Snapshot, l verify.Layout, counted map[string]int64, sign int64) {
	t.Helper()
	numbers := map[int64]bool{}
	for _, d := range x.digests(t, n, verify.DigestQuery{Layout: l, Hash: verify.Hash{Seed: 7}}) {
		if d.NullKey {
			d.Bucket = 0
		} else {
			numbers[d.Bucket] = true
		}
		counted[fmt.Sprint("digest ", d.Bucket, d.NullKey, d.Group)] += sign * d.Rows
	}
	x.countScanned(t, n, l, slices.Sorted(maps.Keys(numbers)), counted, sign)
	x.countRecent(t, n, counted, sign)
}

// countScanned adds the rows of buckets, and those of their digests.
func (x *exercise) countScanned(t *testing.T, n verify.Snapshot, l verify.Layout, buckets []int64, counted map[string]int64, sign int64) {
	t.Helper()
	if len(buckets) == 0 {
		return
	}
	noError(t, n.Scan(t.Context(), l, buckets, func(r order.Row) error {
		counted["row "+string(r.Key)] += sign
		return nil
	}))
	for _, d := range x.digests(t, n, verify.DigestQuery{Layout: l, Parent: l, Buckets: buckets, Hash: verify.Hash{Seed: 7}}) {
		counted[fmt.Sprint("again ", d.Bucket, d.Group)] += sign * d.Rows
	}
}

func (x *exercise) countRecent(t *testing.T, n verify.Snapshot, counted map[string]int64, sign int64) {
	dated, ok := n.(verify.Dated)
	if !ok {
		return
	}
	found, err := dated.Since(t.Context(), []time.Time{start.Add(6 * time.Second), start.Add(2 * time.Second)})
	if errors.Is(err, verify.ErrNotIndexed) {
		return
	}
	noError(t, err)
	for _, r := range found {
		counted[fmt.Sprint("recent ", r.Group, r.Index)] += sign * r.Rows
	}
}

// sums checks that the sums of ranges add up to that of everything: each row was digested once.
func (x *exercise) sums(t *testing.T) {
	n := x.begin(t)
	everyKey := verify.DigestQuery{Layout: verify.Layout{ByBounds: true, Bounds: slices.Compact(x.sorted())}, Hash: verify.Hash{Seed: 7}}
	texts := func(n verify.Snapshot) (out []string) {
		for _, d := range x.digests(t, n, everyKey) {
			if d.NullKey { // what was digested of them tells nothing
				d.Bucket, d.Sum = 0, ""
			}
			out = append(out, fmt.Sprint(d))
		}
		return out
	}
	want := texts(n)
	slices.Sort(want)
	for _, parts := range x.ranges() {
		var got []string
		for _, part := range parts {
			n.Within(part)
			got = append(got, texts(n)...)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ranges %v: %s", parts, diff)
		}
	}
}
