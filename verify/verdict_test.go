package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func TestNothingComparedIsNoMatch(t *testing.T) {
	noKeys := table(nil)
	noKeys.NoKey = 5
	someKeys := table(dense(5))
	someKeys.NoKey = 5
	changed := table([]order.Row{row(1, "FILLED", "0")})
	for _, test := range []struct {
		name     string
		world    func(*testing.T) *world
		verdict  compare.Verdict
		coverage float64
		open     string
	}{
		{"both sides empty", func(t *testing.T) *world { return newWorld(t, nil, nil) }, compare.Unverified, 0, ""},
		{"no row has a key", func(t *testing.T) *world { return worldOf(t, noKeys, noKeys) }, compare.Unverified, 0, ""},
		{"projection empty", func(t *testing.T) *world { return newWorld(t, dense(2), nil) }, compare.Diverged, 1, "1 missing, 2 missing"},
		{"legacy empty", func(t *testing.T) *world { return newWorld(t, nil, dense(2)) }, compare.Diverged, 1, "1 phantom, 2 phantom"},
		{"equal", func(t *testing.T) *world { return newWorld(t, dense(2), dense(2)) }, compare.Match, 1, ""},
		{"some rows have no key", func(t *testing.T) *world { return worldOf(t, someKeys, someKeys) }, compare.Unverified, 5.0 / 15, ""},
		{"some rows have no key, the others differ", func(t *testing.T) *world {
			w := worldOf(t, someKeys, changed)
			w.legacy.Delete("5")
			return w
		}, compare.Diverged, 4.0 / 9, "1 differs status, 2 missing, 3 missing, 4 missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := test.world(t)
			pass := w.must(w.full(t.Context()))
			if pass.Result.Verdict != test.verdict || pass.Scan.Coverage != test.coverage || w.open() != test.open {
				t.Errorf("full ended %+v, coverage %v, open %s", pass.Result, pass.Scan.Coverage, w.open())
			}
			if (pass.Result.Reason == "") != (test.verdict == compare.Match) {
				t.Errorf("the reason is %q", pass.Result.Reason)
			}
			w = test.world(t)
			pass = w.must(w.sample(t.Context(), 10))
			if want := test.verdict; pass.Result.Verdict != want && test.name != "some rows have no key" {
				t.Errorf("sample ended %+v", pass.Result)
			}
		})
	}
}

// at dates a row's last write, in seconds of the world's clock.
func at(r order.Row, seconds int) order.Row {
	r.ChangedAt = time.Date(2024, 5, 1, 12, 0, seconds, 0, time.UTC)
	return r
}

// TestSettling is one order that differs at the scan, and what happens between the looks at it.
func TestSettling(t *testing.T) {
	const key = 7
	base := dense(20)
	stale := dense(20)
	stale[key-1] = row(key, "FILLED", "99")
	for _, test := range []struct {
		name      string
		meanwhile func(w *world, wait int)
		verdict   compare.Verdict
		waits     int
		open      string
	}{
		{"nothing moves", func(*world, int) {}, compare.Diverged, 1, "7 differs status filled"},
		{"the projection catches up", func(w *world, _ int) { w.projection.Put(base[key-1]) }, compare.Match, 1, ""},
		{"gone on both sides", func(w *world, _ int) { w.legacy.Delete("7"); w.projection.Delete("7") }, compare.Match, 1, ""},
		{"it moves once", func(w *world, wait int) {
			if wait == 1 {
				w.legacy.Put(row(key, "CANCELED", "0"))
			}
		}, compare.Diverged, 2, "7 differs status filled"},
		{"it moves once and then agrees", func(w *world, wait int) {
			w.legacy.Put(row(key, "CANCELED", "0"))
			if wait == 2 {
				w.projection.Put(row(key, "CANCELED", "0.0"))
			}
		}, compare.Match, 2, ""},
		{"legacy never holds still", func(w *world, wait int) { w.legacy.Put(row(key, fmt.Sprint(wait), "0")) }, compare.Unverified, 3, ""},
		{"the projection never holds still", func(w *world, wait int) { w.projection.Put(row(key, fmt.Sprint(wait), "0")) }, compare.Unverified, 3, ""},
		// Two looks cannot tell that it was away in between; both sides held still as far as anybody saw.
		{"away and back", func(w *world, _ int) {
			w.legacy.Put(row(key, "CANCELED", "0"))
			w.legacy.Put(base[key-1])
		}, compare.Diverged, 1, "7 differs status filled"},
		{"now it is missing", func(w *world, wait int) {
			if wait == 1 {
				w.projection.Delete("7")
			}
		}, compare.Diverged, 2, "7 missing"},
		{"now it is there twice", func(w *world, wait int) {
			if wait == 1 {
				w.projection.Add(row(key, "OPEN", "6"))
			}
		}, compare.Diverged, 2, "7 duplicate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, base, stale)
			w.meanwhile = func(wait int) { test.meanwhile(w, wait) }
			pass := w.must(w.full(t.Context()))
			if pass.Result.Verdict != test.verdict || w.open() != test.open || w.waits != test.waits {
				t.Errorf("ended %+v after %d waits, open %s", pass.Result, w.waits, w.open())
			}
			if pass.Result.Verdict == compare.Unverified && (pass.Result.Unverified != 1 || !strings.Contains(pass.Result.Reason, "1 order")) {
				t.Errorf("ended %+v", pass.Result)
			}
		})
	}
}

// TestLagIsNotDivergenceUntilMaxLag: the projection shows no change as new as legacy's write.
func TestLagIsNotDivergenceUntilMaxLag(t *testing.T) {
	for _, test := range []struct {
		name      string
		meanwhile func(w *world, wait int)
		verdict   compare.Verdict
		after     time.Duration
	}{
		{"it stays behind", func(*world, int) {}, compare.Diverged, 5 * time.Minute},
		{"it stays behind, and each look takes time", func(w *world, wait int) {
			if wait < 10 {
				w.now = w.now.Add(2 * time.Second)
			}
		}, compare.Diverged, 5 * time.Minute},
		{"it arrives late", func(w *world, wait int) {
			if wait == 6 {
				w.projection.Put(at(row(2, "FILLED", "2"), 10))
			}
		}, compare.Match, 3 * time.Minute},
		{"it passes the order by", func(w *world, wait int) {
			if wait == 6 {
				w.projection.Put(at(row(1, "OPEN", "1"), 11))
			}
		}, compare.Diverged, 3 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t,
				[]order.Row{at(row(1, "OPEN", "1"), 0), at(row(2, "FILLED", "2"), 10)},
				[]order.Row{at(row(1, "OPEN", "1"), 0), at(row(2, "OPEN", "0"), 1)})
			began := w.now
			w.meanwhile = func(wait int) { test.meanwhile(w, wait) }
			pass := w.must(w.full(t.Context()))
			if pass.Result.Verdict != test.verdict || w.now.Sub(began) != test.after {
				t.Errorf("ended %+v after %s", pass.Result, w.now.Sub(began))
			}
		})
	}
}

// TestAClockThatJumpsDoesNotConvict: an order counts as still only by looks a window apart.
func TestAClockThatJumpsDoesNotConvict(t *testing.T) {
	w := newWorld(t, dense(5), dense(4))
	w.meanwhile = func(wait int) {
		if wait == 1 {
			w.now = w.now.Add(-time.Hour)
		}
		if wait == 2 {
			w.projection.Put(dense(5)[4])
		}
	}
	if pass := w.must(w.full(t.Context())); pass.Result.Verdict != compare.Match {
		t.Errorf("ended %+v, open %s", pass.Result, w.open())
	}
}

func TestOpenDivergencesAreResolvedByFullToo(t *testing.T) {
	w := newWorld(t, dense(50), dense(48))
	if pass := w.must(w.full(t.Context())); w.open() != "49 missing, 50 missing" {
		t.Fatalf("ended %+v, open %s", pass.Result, w.open())
	}
	w.projection.Put(dense(50)[48])
	w.legacy.Delete("50")
	if pass := w.must(w.full(t.Context())); pass.Result.Verdict != compare.Match || w.open() != "" {
		t.Errorf("ended %+v, open %s", pass.Result, w.open())
	}
}

func TestCountsAreByGroup(t *testing.T) {
	legacy, projection := table(dense(30)), table(dense(30))
	legacy.GroupBy, projection.GroupBy = "status", "status"
	for i := range 10 {
		legacy.Rows[i].Values[0] = order.Null
		projection.Rows[i+5].Values[0] = order.Value{Text: "FILLED"}
	}
	w := worldOf(t, legacy, projection)
	w.GroupBy = "status"
	pass := w.must(w.full(t.Context()))
	got := map[string][2]int64{}
	facts := pass.Scan.Facts.(verify.FullFacts)
	for _, c := range facts.Counts {
		got[c.Group] = [2]int64{c.Legacy, c.Projection}
	}
	want := map[string][2]int64{"(null)": {10, 0}, "OPEN": {20, 20}, "FILLED": {0, 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if facts.Rows != (verify.Rows{Legacy: 30, Projection: 30}) || pass.Scan.Compared != 30 {
		t.Errorf("scan is %+v", pass.Scan)
	}
}

// TestTheSameDuplicatesOnBothSidesAgree whichever pass looks, and whether or not the bucket is read.
func TestTheSameDuplicatesOnBothSidesAgree(t *testing.T) {
	rows := append(dense(20), dense(20)...)
	w := newWorld(t, rows, rows)
	if pass := w.must(w.full(t.Context())); pass.Result.Verdict != compare.Match {
		t.Errorf("full ended %+v", pass.Result)
	}
	if pass := w.must(w.sample(t.Context(), 100)); pass.Result.Verdict != compare.Match || pass.Scan.Facts.(verify.SampleFacts).Sampled != 20 {
		t.Errorf("sample ended %+v", pass)
	}
	w.projection.Put(row(3, "OPEN", "2"))
	if pass := w.must(w.full(t.Context())); pass.Result.Verdict != compare.Diverged || w.open() != "3 duplicate" {
		t.Errorf("full ended %+v, open %s", pass.Result, w.open())
	}
}

// TestToleranceDecidesByValue: a drift within the tolerance differs by digest only.
func TestToleranceDecidesByValue(t *testing.T) {
	drift := dense(50)
	drift[3].Values[1].Text = "3.005"
	for tolerance, want := range map[string]string{"": "4 differs filled", "0.004": "4 differs filled", "0.005": "", "0.01": ""} {
		w := newWorld(t, dense(50), drift)
		w.Fields = []order.Field{fields[0], {Name: "filled", Type: order.Numeric, Tolerance: decimal(t, tolerance)}}
		pass := w.must(w.full(t.Context()))
		if w.open() != want || (pass.Result.Verdict == compare.Match) != (want == "") || pass.Scan.Compared != 50 {
			t.Errorf("tolerance %q: ended %+v, open %s", tolerance, pass.Result, w.open())
		}
	}
}

// TestDifferencesEverywhere go to the ledger as they are found.
func TestDifferencesEverywhere(t *testing.T) {
	changed := dense(12_000)
	for i := 0; i < len(changed); i += 2 {
		changed[i].Values[0].Text = "FILLED"
	}
	w := newWorld(t, dense(12_000), changed)
	most := &largest{Ledger: w.store}
	w.Ledger = most
	pass := w.must(w.full(t.Context()))
	if pass.Result.Diverged != 6000 || pass.Scan.Mismatches != 6000 {
		t.Errorf("ended %+v", pass)
	}
	if most.batch > 5000 {
		t.Errorf("%d suspects were held at once", most.batch)
	}
}

var _ verify.Ledger = (*largest)(nil)
