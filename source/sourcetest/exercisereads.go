package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func (x *exercise) scans(t *testing.T) {
	n, model := x.begin(t), x.model()
	for _, l := range x.layouts() {
		var list []int64
		for i, r := range x.table.Rows {
			if i%3 != 1 {
				list = append(list, model.bucket(l, r.Key))
			}
		}
		slices.Sort(list)
		list = slices.Compact(list)
		var want, got []order.Key
		for _, k := range x.sorted() {
			if slices.Contains(list, model.bucket(l, k)) {
				want = append(want, k)
			}
		}
		noError(t, n.Scan(t.Context(), l, list, func(r order.Row) error { got = append(got, r.Key); return nil }))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("buckets %v of %+v: %s", list, l, diff)
		}
	}
	stop, calls := errors.New("stop"), 0
	err := x.begin(t).Scan(t.Context(), verify.Layout{ByBounds: true}, []int64{0}, func(order.Row) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("after %d calls: %v", calls, err)
	}
}

func (x *exercise) rows(t *testing.T) {
	n := x.begin(t)
	asked := []order.Key{x.table.Rows[5].Key, x.table.Rows[0].Key, x.table.Rows[3].Key, x.table.Rows[15].Key}
	got, err := n.Rows(t.Context(), append(asked, absent[x.table.KeyType][0]))
	noError(t, err)
	var want []order.Row
	for _, r := range x.table.Rows {
		if slices.Contains(asked, r.Key) {
			want = append(want, r)
		}
	}
	byText := func(a, b order.Row) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(want, byText)
	slices.SortFunc(got, byText)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err = n.Rows(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("no keys: %v, %v", got, err)
	}
}

// draws finds each row at one address.
func (x *exercise) draws(t *testing.T) {
	n := x.begin(t)
	d, err := n.Draws(t.Context())
	noError(t, err)
	if d.NoAddress != "" || d.NoLookup != "" || d.Addresses < int64(len(x.table.Rows)) {
		t.Fatalf("rows are drawn by %+v", d)
	}
	addresses := make([]int64, d.Addresses)
	for i := range addresses {
		addresses[i] = int64(i)
	}
	for _, asked := range [][]int64{nil, addresses} {
		got, err := n.At(t.Context(), asked)
		noError(t, err)
		slices.SortFunc(got, x.model().compare)
		if got, want := slices.Compact(got), slices.Compact(x.sorted()); !slices.Equal(got, want) {
			t.Errorf("at %d addresses are %q, want %q", len(asked), got, want)
		}
	}
	if got, err := n.At(t.Context(), addresses[:0]); err != nil || len(got) > 0 {
		t.Errorf("at no address are %q, %v", got, err)
	}
}

func (x *exercise) probe(t *testing.T) {
	ask := func(h verify.Hash) []int64 {
		found, err := x.Side.Probe(t.Context(), h)
		noError(t, err)
		return found
	}
	if !slices.Equal(ask(verify.Hash{Seed: 3}), ask(verify.Hash{Seed: 3})) {
		t.Error("the same question has two answers")
	}
	if slices.Equal(ask(verify.Hash{Seed: 3}), ask(verify.Hash{Seed: 4})) {
		t.Error("the seed does not matter")
	}
}

func (x *exercise) ended(t *testing.T) {
	n := x.begin(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, digests := n.Digests(ctx, verify.DigestQuery{Layout: verify.Layout{ByBounds: true}}, func(int64) {})
	_, rows := n.Rows(ctx, []order.Key{x.table.Rows[0].Key})
	scan := n.Scan(ctx, verify.Layout{ByBounds: true}, []int64{0}, func(order.Row) error { return nil })
	_, begin := x.Side.Begin(ctx)
	for read, err := range map[string]error{"digests": digests, "rows": rows, "scan": scan, "begin": begin} {
		if err == nil {
			t.Errorf("%s went on", read)
		}
	}
	n.Close()
	n.Close()
}

func (x *exercise) instant(t *testing.T) {
	n, late := x.begin(t), absent[x.table.KeyType][1]
	x.Add(order.Row{Key: late, Values: x.table.Rows[1].Values, ChangedAt: start})
	read := func(n verify.Snapshot) int {
		got, err := n.Rows(t.Context(), []order.Key{late})
		noError(t, err)
		return len(got)
	}
	if before, after := read(n), read(x.begin(t)); before != 0 || after != 1 {
		t.Errorf("a row added since shows %d times in the old snapshot, %d times in a new one", before, after)
	}
}
