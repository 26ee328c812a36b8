package sourcetest

import (
	"math/big"
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// written adds a row after a mark, and looks for it. Other transactions of the server may let more rows count as written.
func (x *exercise) written(t *testing.T) {
	tracked := func() verify.Tracked {
		n, ok := x.begin(t).(verify.Tracked)
		if !ok {
			t.Fatal("cannot tell what was written")
		}
		return n
	}
	before := tracked()
	mark, err := before.Mark(t.Context())
	noError(t, err)
	if r, ok := before.(verify.Reaching); ok {
		if at, err := r.Reach(t.Context()); err != nil || at.Server != mark.Server || at.Oldest != mark.Oldest {
			t.Errorf("reaches %+v, %v; the mark is %+v", at, err, mark)
		}
	}
	q := verify.WrittenQuery{Hash: verify.Hash{Seed: 7}, Most: 1000}
	none, err := before.Written(t.Context(), mark, q, func(int64) {})
	noError(t, err)
	added := x.table.Rows[1]
	x.Add(added)

	n := tracked()
	now, err := n.Mark(t.Context())
	noError(t, err)
	if now.Unlike(mark) {
		t.Errorf("the marks %+v and %+v cannot be compared", mark, now)
	}
	w, err := n.Written(t.Context(), mark, q, func(int64) {})
	noError(t, err)
	at := slices.IndexFunc(w.Written, func(r verify.WrittenRow) bool { return r.Key == added.Key })
	if at < 0 || w.Stopped || w.Rows != none.Rows+1 {
		t.Fatalf("written are %+v, and before %+v", w, none)
	}
	keys := []order.Key{absent[x.table.KeyType][0], absent[x.table.KeyType][1]}
	for _, r := range x.table.Rows {
		keys = append(keys, r.Key)
	}
	slices.Sort(keys)
	rows, err := n.Keyed(t.Context(), slices.Compact(keys), q.Hash)
	noError(t, err)
	var sum big.Int
	found := 0
	for _, r := range rows {
		sum.Add(&sum, big.NewInt(r.Hash))
		if r.Key == added.Key {
			found++
			if r.Hash != w.Written[at].Hash {
				t.Errorf("order %s has two hashes", r.Key)
			}
		}
	}
	all, err := n.Keyed(t.Context(), []order.Key{added.Key}, q.Hash)
	noError(t, err)
	if len(all) != found || found < 2 {
		t.Errorf("%d rows of order %s, and %d if all are read", len(all), added.Key, found)
	}
	if w.Rows != int64(len(rows)+x.table.NoKey) || sum.String() != w.Sum {
		t.Errorf("%d rows have the sum %s; all %d have %s", len(rows), &sum, w.Rows, w.Sum)
	}
	q.Most = 0
	if w, err = n.Written(t.Context(), mark, q, func(int64) {}); err != nil || !w.Stopped {
		t.Errorf("more than was asked for: %+v, %v", w, err)
	}
}
