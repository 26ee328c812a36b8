package verify_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestARecheckLooksAtTheNamedOrdersAlone: it opens, renews and resolves the divergences of these, and of no other.
func TestARecheckLooksAtTheNamedOrdersAlone(t *testing.T) {
	projection := dense(9)
	projection[1], projection[4] = row(2, "FILLED", "1"), row(5, "FILLED", "4")
	w := newWorld(t, dense(9), projection)
	open := func() (keys []order.Key) {
		t.Helper()
		found, err := w.store.Divergences(t.Context(), verify.Open, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range found {
			keys = append(keys, d.Mismatch.Key)
		}
		return keys
	}
	recheck := func(keys ...order.Key) verify.Pass {
		t.Helper()
		return w.must(w.Recheck(t.Context(), w.lease, w.start(), keys))
	}
	if p := recheck("2", "3", "2"); p.Kind != verify.Recheck || p.Result.Verdict != compare.Diverged || p.Scan.Compared != 2 || p.Result.Diverged != 1 {
		t.Errorf("orders 2 and 3: %+v", p)
	}
	if got := open(); len(got) != 1 || got[0] != "2" {
		t.Errorf("open are %v, want 2", got)
	}
	recheck("5")
	w.projection.Put(row(2, "OPEN", "1"))
	if p := recheck("2"); p.Result.Verdict != compare.Match {
		t.Errorf("the mended order 2: %+v", p.Result)
	}
	if got := open(); len(got) != 1 || got[0] != "5" {
		t.Errorf("open are %v, want 5", got)
	}
	if p := recheck("77"); p.Result.Verdict != compare.Unverified || p.Result.Reason != "nothing was compared: 1 key names no order: 77" {
		t.Errorf("an order that is nowhere: %+v", p.Result)
	}
	w.legacy.Delete("5")
	w.projection.Delete("5")
	if p := recheck("2", "5", "77"); p.Result.Verdict != compare.Unverified || p.Scan.Compared != 1 || p.Result.Reason != "not everything was compared: 2 keys name no order: 5, 77" {
		t.Errorf("an order, and two that are nowhere: %+v, %+v", p.Result, p.Scan)
	}
	if got := open(); len(got) != 0 {
		t.Errorf("open are %v although order 5 is gone", got)
	}
}
