package sourcetest

import (
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// items checks that the rows of buckets, each digested by itself, are those of which the digests of the buckets are made.
func (x *exercise) items(t *testing.T) {
	n, hash := x.begin(t), verify.Hash{Seed: 7}
	itemized, ok := n.(verify.Itemized)
	if !ok || x.table.KeyType != order.KeyInteger || !x.table.Indexed {
		return
	}
	for _, shift := range []uint{0, 7, 32, 63} {
		l := verify.Layout{Shift: shift}
		sums, keys := map[int64]*big.Int{}, map[int64][]int64{}
		for _, d := range x.digests(t, n, verify.DigestQuery{Layout: l, Hash: hash}) {
			if d.NullKey {
				continue
			}
			if sums[d.Bucket] == nil {
				sums[d.Bucket] = new(big.Int)
			}
			part, _ := new(big.Int).SetString(d.Sum, 10)
			sums[d.Bucket].Add(sums[d.Bucket], part)
		}
		for _, key := range x.sorted() {
			number, _ := strconv.ParseInt(string(key), 10, 64)
			bucket := number >> shift
			keys[bucket] = append(keys[bucket], number)
		}
		buckets := []int64{100 >> shift} // has no row if buckets are small
		for b := range keys {
			buckets = append(buckets, b)
		}
		slices.Sort(buckets)
		buckets = slices.Compact(buckets)
		found, err := itemized.Items(t.Context(), l, buckets, hash)
		noError(t, err)
		if len(found) != len(buckets) {
			t.Fatalf("shift %d: %d of %d buckets", shift, len(found), len(buckets))
		}
		for i, b := range buckets {
			sum, want := new(big.Int), new(big.Int)
			for _, d := range found[i].Digests {
				sum.Add(sum, big.NewInt(d))
			}
			if sums[b] != nil {
				want = sums[b]
			}
			if diff := cmp.Diff(keys[b], found[i].Keys); diff != "" || sum.Cmp(want) != 0 {
				t.Errorf("shift %d, bucket %d: the sum is %s, want %s; keys %s", shift, b, sum, want, diff)
			}
		}
	}
}
