package verify_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// TestOrdersThatDifferEverywhereAreFoundByRow: of two sides with differences in all buckets, only the first part and what differs is
// read by value. Whatever is wrong with an order is found.
func TestOrdersThatDifferEverywhereAreFoundByRow(t *testing.T) {
	const n = 6000
	legacy, projection := dense(n), dense(n)
	differ, random := int64(0), rand.New(rand.NewPCG(3, 4))
	for i := range n {
		if i < n-10 && random.IntN(9) == 0 {
			projection[i].Values[0].Text = "FILLED"
			differ++
		}
	}
	phantom, missing, twice := projection[n-2], projection[n-4], projection[n-6]
	legacy, projection = append(legacy[:n-2], legacy[n-1]), append(projection[:n-4], append(projection[n-3:], twice)...)
	w, reads := newWorld(t, legacy, projection), map[string]int{}
	w.FirstPart(2000)
	w.legacy.Before = func(read string) error { reads[read]++; return nil }
	pass := w.must(w.full(t.Context()))
	open := w.open()
	for _, want := range []string{string(phantom.Key) + " phantom", string(missing.Key) + " missing", string(twice.Key) + " duplicate"} {
		if !strings.Contains(open+",", want+",") {
			t.Errorf("not found: %s", want)
		}
	}
	if found := int64(strings.Count(open, ",") + 1); pass.Result.Verdict != compare.Diverged || found != pass.Result.Diverged || found != differ+3 || pass.Scan.Compared != n {
		t.Errorf("%d of %d orders are open, %d were compared: %+v", found, pass.Result.Diverged, pass.Scan.Compared, pass.Result)
	}
	if reads["items"] != 1 {
		t.Errorf("reads of legacy: %v", reads)
	}

	w.legacy.Lost, w.projection.Lost = []order.Key{missing.Key}, []order.Key{missing.Key}
	pass, err := w.full(t.Context())
	if err == nil || !strings.Contains(err.Error(), "counted") || pass.Result.Verdict == compare.Match || pass.Scan.Coverage >= 1 {
		t.Errorf("a row that is in no index: %+v, %v", pass, err)
	}
}
