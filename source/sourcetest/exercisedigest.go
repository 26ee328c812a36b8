package sourcetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// layouts are some ways to cut the key space, from the coarsest to the finest.
func (x *exercise) layouts() []verify.Layout {
	all := slices.Compact(x.sorted())
	out := []verify.Layout{
		{ByBounds: true},
		{ByBounds: true, Bounds: all},
		{ByBounds: true, Bounds: []order.Key{all[2], all[9]}},
	}
	if x.table.KeyType == order.KeyInteger {
		out = append(out, verify.Layout{}, verify.Layout{Shift: 7}, verify.Layout{Shift: 32}, verify.Layout{Shift: 63})
	}
	return out
}

func (x *exercise) digests(t *testing.T, n verify.Snapshot, q verify.DigestQuery) []verify.Digest {
	t.Helper()
	found, err := n.Digests(t.Context(), q, func(int64) {})
	noError(t, err)
	return found
}

// partition checks that each row is counted once, in the bucket of its key.
func (x *exercise) partition(t *testing.T) {
	n, model := x.begin(t), x.model()
	for _, l := range x.layouts() {
		want, got := map[cell]int64{}, map[cell]int64{}
		for _, r := range x.table.Rows {
			want[cell{bucket: model.bucket(l, r.Key), group: model.group(r)}]++
		}
		if x.table.NoKey > 0 {
			want[cell{noKey: true, group: order.Null}] = int64(x.table.NoKey)
		}
		for _, d := range x.digests(t, n, verify.DigestQuery{Layout: l, Hash: verify.Hash{Seed: 7}}) {
			if d.NullKey {
				d.Bucket = 0
			}
			got[cell{d.Bucket, d.NullKey, d.Group}] += d.Rows
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(cell{})); diff != "" {
			t.Errorf("layout %+v: %s", l, diff)
		}
	}
}

// restricted checks that the digests of some buckets of a coarser layout are those of a whole digest.
func (x *exercise) restricted(t *testing.T) {
	n := x.begin(t)
	for _, parent := range x.layouts() {
		for _, fine := range x.layouts() {
			if parent.ByBounds || fine.ByBounds || fine.Shift > parent.Shift {
				continue
			}
			bits, hash := parent.Shift-fine.Shift, verify.Hash{Seed: 7}
			all := slices.DeleteFunc(x.digests(t, n, verify.DigestQuery{Layout: fine, Hash: hash}), func(d verify.Digest) bool { return d.NullKey })
			var parts []int64
			for i, d := range all {
				if i%2 == 0 {
					parts = append(parts, d.Bucket>>bits)
				}
			}
			slices.Sort(parts)
			parts = slices.Compact(parts)
			var want, got []string
			for _, d := range all {
				if slices.Contains(parts, d.Bucket>>bits) {
					want = append(want, fmt.Sprint(d))
				}
			}
			for _, d := range x.digests(t, n, verify.DigestQuery{Layout: fine, Hash: hash, Parent: parent, Buckets: parts}) {
				got = append(got, fmt.Sprint(d))
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("buckets %v of %+v by %+v: %s", parts, parent, fine, diff)
			}
		}
	}
}

// telling checks that every row has its own digest, and another one under another seed and with the portable hash.
func (x *exercise) telling(t *testing.T) {
	n := x.begin(t)
	seen := map[string]string{}
	for _, h := range []verify.Hash{{Seed: 1}, {Seed: -2}, {Seed: 1, Portable: true}} {
		for _, d := range x.digests(t, n, verify.DigestQuery{Layout: verify.Layout{ByBounds: true, Bounds: slices.Compact(x.sorted())}, Hash: h}) {
			if d.NullKey {
				continue
			}
			who := fmt.Sprint(h, d.Bucket, d.Group)
			if other, taken := seen[d.Sum]; taken {
				t.Errorf("%s and %s have the same sum", who, other)
			}
			seen[d.Sum] = who
		}
	}
}
