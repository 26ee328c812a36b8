package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// layouts are some ways to cut the key space, from the coarsest to the finest.
func (x *exercise) layouts() []verify.Layout {
	all := slices.Compact(x.sorted())
	out := []verify.Layout{
		{Whole: true},
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
			group := model.group(r)
			if l.Whole {
				group = order.Null
			}
			want[cell{bucket: model.bucket(l, r.Key), group: group}]++
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
			if parent.ByBounds || fine.ByBounds || parent.Whole || fine.Whole || fine.Shift > parent.Shift {
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

// whole checks that one number is the sum of all buckets, whatever the hash, and that the numbers of some keys and of the others
// add up to it.
func (x *exercise) whole(t *testing.T) {
	n, all := x.begin(t), slices.Compact(x.sorted())
	for _, h := range []verify.Hash{{Seed: 7}, {Seed: -7}, {Seed: 7, Portable: true}} {
		sum := func(q verify.DigestQuery) (string, int64) {
			q.Hash = h
			total, rows := new(big.Int), int64(0)
			for _, d := range x.digests(t, n, q) {
				if d.NullKey {
					continue
				}
				rows += d.Rows
				if term, ok := new(big.Int).SetString(d.Sum, 10); ok {
					total.Add(total, term)
				} else {
					t.Errorf("a sum is %q", d.Sum)
				}
			}
			return total.String(), rows
		}
		want, rows := sum(verify.DigestQuery{Layout: verify.Layout{Whole: true}})
		if rows != int64(len(x.table.Rows)) {
			t.Errorf("%d rows", rows)
		}
		for _, l := range x.layouts()[:3] {
			if got, counted := sum(verify.DigestQuery{Layout: l}); got != want || counted != rows {
				t.Errorf("%+v, %+v: %d rows with %s, not %d with %s", h, l, counted, got, rows, want)
			}
			if got, counted := sum(verify.DigestQuery{Layout: l, Keys: []order.Key{}}); got != "0" || counted != 0 {
				t.Errorf("no keys: %d rows with %s", counted, got)
			}
			some := append([]order.Key{absent[x.table.KeyType][0]}, all[3], all[7], all[8])
			part, fewer := sum(verify.DigestQuery{Layout: l, Keys: some})
			rest := slices.DeleteFunc(slices.Clone(all), func(k order.Key) bool { return slices.Contains(some, k) })
			other, more := sum(verify.DigestQuery{Layout: l, Keys: rest})
			a, _ := new(big.Int).SetString(part, 10)
			b, _ := new(big.Int).SetString(other, 10)
			if a.Add(a, b).String() != want || fewer+more != rows || fewer < 3 {
				t.Errorf("%+v, %+v: %d and %d rows of some keys and of the others add up to %s, not %s", h, l, fewer, more, a, want)
			}
			bucket := x.model().bucket(l, all[3])
			if _, counted := sum(verify.DigestQuery{Layout: verify.Layout{Whole: true}, Keys: []order.Key{all[3]}, Parent: l, Buckets: []int64{bucket + 1}}); counted != 0 {
				t.Errorf("%+v: a key is in another bucket too", l)
			}
		}
	}
}

// paced checks that digests in pieces are the same, that every row is paid for, and that a refusal ends the read.
func (x *exercise) paced(t *testing.T) {
	n := x.begin(t)
	q := verify.DigestQuery{Layout: x.layouts()[2], Hash: verify.Hash{Seed: 7}}
	want := x.digests(t, n, q)
	var rows, paid int64
	for _, d := range want {
		rows += d.Rows
	}
	pay := func(_ context.Context, rows int64) error { paid += rows; return nil }
	q.Pace = &verify.Pace{Rows: 2, After: pay, During: pay}
	got := x.digests(t, n, q)
	less := func(a, b verify.Digest) bool { return fmt.Sprint(a) < fmt.Sprint(b) }
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(less)); diff != "" {
		t.Error(diff)
	}
	if paid < rows {
		t.Errorf("%d rows were paid for, of %d", paid, rows)
	}
	refuse := func(context.Context, int64) error { return errTest }
	q.Pace = &verify.Pace{Rows: 2, After: refuse, During: refuse}
	if _, err := n.Digests(t.Context(), q, func(int64) {}); !errors.Is(err, errTest) {
		t.Errorf("refused: %v", err)
	}
}

var errTest = errors.New("no more")

// hashed checks buckets by hash: reading one gives the rows that its digest counts, and all of them hold each row once.
func (x *exercise) hashed(t *testing.T) {
	if x.table.KeyType != order.KeyText {
		return // no layout of other keys is by hash
	}
	n, model := x.begin(t), x.model()
	for _, l := range []verify.Layout{
		{ByHash: true, Bits: 1, Hash: verify.Hash{Seed: -7}},
		{ByHash: true, Bits: 3, Hash: verify.Hash{Seed: 7}},
		{ByHash: true, Bits: 16, Hash: verify.Hash{Seed: 1 << 62}},
		{ByHash: true, Bits: 5, Hash: verify.Hash{Portable: true}},
	} {
		counted, read := map[cell]int64{}, map[cell]int64{}
		var buckets []int64
		for _, d := range x.digests(t, n, verify.DigestQuery{Layout: l, Hash: l.Hash}) {
			if !d.NullKey {
				counted[cell{bucket: d.Bucket, group: d.Group}] += d.Rows
				buckets = append(buckets, d.Bucket)
			}
		}
		slices.Sort(buckets)
		var keys []order.Key
		for _, b := range slices.Compact(buckets) {
			noError(t, n.Scan(t.Context(), l, []int64{b}, func(r order.Row) error {
				read[cell{bucket: b, group: model.group(r)}]++
				keys = append(keys, r.Key)
				return nil
			}))
		}
		if diff := cmp.Diff(counted, read, cmp.AllowUnexported(cell{})); diff != "" || len(read) < 2 {
			t.Errorf("%+v: counted, and read: %s", l, diff)
		}
		slices.SortFunc(keys, model.compare)
		if diff := cmp.Diff(x.sorted(), keys); diff != "" {
			t.Errorf("%+v: keys of all buckets: %s", l, diff)
		}
		var some []string
		for _, d := range x.digests(t, n, verify.DigestQuery{Layout: l, Hash: l.Hash, Parent: l, Buckets: buckets[:2]}) {
			some = append(some, fmt.Sprint(d.Bucket))
		}
		slices.Sort(some)
		want := []string{fmt.Sprint(buckets[0]), fmt.Sprint(buckets[1])}
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), slices.Compact(some)); diff != "" {
			t.Errorf("%+v: digests of two buckets: %s", l, diff)
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
