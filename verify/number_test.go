package verify_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// plan is how a pass compared.
func plan(p verify.Pass) verify.Plan { return p.Scan.Facts.(verify.FullFacts).Plan }

// clean is a world in which a full pass has found nothing.
func clean(t *testing.T, legacy, projection []order.Row) *world {
	w := newWorld(t, legacy, projection)
	w.store.AddClean("", w.now)
	return w
}

// TestThePlanIsChosen: one number where nothing is open and the last pass was clean, else buckets.
func TestThePlanIsChosen(t *testing.T) {
	w := newWorld(t, dense(3000), dense(3000))
	expect := func(what string, want verify.Plan, verdict compare.Verdict, open string) {
		t.Helper()
		pass := w.must(w.full(t.Context()))
		facts := pass.Scan.Facts.(verify.FullFacts)
		if facts.Plan != want || pass.Result.Verdict != verdict || w.open() != open {
			t.Errorf("%s: by %q, %s, open %q", what, facts.Plan, pass.Result.Verdict, w.open())
		}
		if pass.Scan.Coverage != 1 || pass.Scan.Compared != 3000 || facts.Rows != (verify.Rows{Legacy: 3000, Projection: 3000}) || len(facts.Counts) != 1 || facts.Counts[0].Legacy != 3000 {
			t.Errorf("%s: %+v", what, pass.Scan)
		}
	}
	expect("first", verify.ByBuckets, compare.Match, "")
	expect("after a clean one", verify.ByNumber, compare.Match, "")
	w.projection.Put(row(7, "FILLED", "6"))
	expect("one row is wrong", verify.ByBoth, compare.Diverged, "7 differs status")
	expect("something is open", verify.ByBuckets, compare.Diverged, "7 differs status")
	w.projection.Put(row(7, "OPEN", "6"))
	expect("it is repaired", verify.ByBuckets, compare.Match, "")
	expect("after a clean one again", verify.ByNumber, compare.Match, "")
}

// TestNumbersThatDifferInVainAreNotAskedForAgain at once: nothing tells which orders are in flight, so each pass would pay twice.
func TestNumbersThatDifferInVainAreNotAskedForAgain(t *testing.T) {
	w := clean(t, dense(100), dense(99))
	for i, want := range []verify.Plan{verify.ByBoth, verify.ByBuckets, verify.ByBoth} {
		w.projection.Delete("100")
		waits := w.waits
		w.meanwhile = func(wait int) {
			if wait == waits+1 {
				w.projection.Put(dense(100)[99])
			}
		}
		if pass := w.must(w.full(t.Context())); plan(pass) != want || pass.Result.Verdict != compare.Match {
			t.Errorf("pass %d by %q: %+v", i, plan(pass), pass.Result)
		}
	}
}

// TestGroupsAreCountedWhenDue: a number has no groups.
func TestGroupsAreCountedWhenDue(t *testing.T) {
	legacy, projection := table(dense(30)), table(dense(30))
	legacy.GroupBy, projection.GroupBy = "status", "status"
	w := worldOf(t, legacy, projection)
	w.GroupBy, w.Recount = "status", time.Hour
	for i, want := range []verify.Plan{verify.ByBuckets, verify.ByNumber, verify.ByNumber, verify.ByBuckets} {
		pass := w.must(w.full(t.Context()))
		facts := pass.Scan.Facts.(verify.FullFacts)
		if facts.Plan != want || pass.Result.Verdict != compare.Match || facts.Legacy != 30 || (facts.Counts != nil) != (want == verify.ByBuckets) {
			t.Errorf("pass %d: %+v, %+v", i, facts, pass.Result)
		}
		w.now = w.now.Add(20 * time.Minute)
	}
}

// living is a world of so many orders, the newest of them written just now.
func living(t *testing.T, n int) *world {
	rows := dense(n)
	for i := range rows {
		rows[i].ChangedAt = time.Date(2024, 5, 1, 11, 0, 0, 0, time.UTC)
	}
	return clean(t, rows, rows)
}

func (w *world) written(key int64, status, filled string) order.Row {
	r := row(key, status, filled)
	r.ChangedAt = w.now.Add(-time.Second)
	return r
}

// TestOrdersInFlightCostNoBuckets, and are not accused.
func TestOrdersInFlightCostNoBuckets(t *testing.T) {
	w := living(t, 500)
	for key := int64(10); key < 40; key++ {
		w.legacy.Put(w.written(key, "FILLED", "1"))
	}
	w.legacy.Put(w.written(501, "OPEN", "1"))     // its row is not in the projection yet
	w.projection.Put(w.written(502, "OPEN", "1")) // the projection's snapshot was later
	w.meanwhile = func(int) {
		for key := int64(10); key < 40; key++ {
			w.projection.Put(w.written(key, "FILLED", "1"))
		}
		w.projection.Put(w.written(501, "OPEN", "1"))
		w.legacy.Put(w.written(502, "OPEN", "1"))
	}
	pass := w.must(w.full(t.Context()))
	if plan(pass) != verify.ByNumber || pass.Result.Verdict != compare.Match || w.open() != "" {
		t.Errorf("by %q: %+v, open %s", plan(pass), pass.Result, w.open())
	}
	if pass.Scan.Compared != 502 || pass.Scan.Mismatches != 32 || pass.Scan.Facts.(verify.FullFacts).Rows != (verify.Rows{Legacy: 501, Projection: 501}) {
		t.Errorf("scan %+v", pass.Scan)
	}
}

// TestOrdersInFlightHideNothing: two of them exchange their values, or one is there instead of another.
func TestOrdersInFlightHideNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world)
		plan   verify.Plan
		open   string
	}{
		"two exchange a value": {func(w *world) {
			w.legacy.Put(w.written(3, "OPEN", "1"))
			w.legacy.Put(w.written(4, "OPEN", "2"))
			w.projection.Put(w.written(3, "OPEN", "2"))
			w.projection.Put(w.written(4, "OPEN", "1"))
		}, verify.ByNumber, "3 differs filled, 4 differs filled"},
		"one is missing, another a phantom": {func(w *world) {
			w.legacy.Put(w.written(501, "OPEN", "1"))
			w.projection.Put(w.written(502, "OPEN", "1"))
		}, verify.ByNumber, "501 missing, 502 phantom"},
		"an old one differs beside": {func(w *world) {
			w.legacy.Put(w.written(3, "FILLED", "1"))
			w.projection.Put(w.written(3, "FILLED", "1"))
			w.projection.Put(at(row(9, "LOST", "8"), -3600))
		}, verify.ByBoth, "9 differs status"},
		"an old one is missing, another a phantom": {func(w *world) {
			w.projection.Delete("9")
			w.projection.Put(at(row(900, "OPEN", "8"), -3600))
		}, verify.ByBoth, "9 missing, 900 phantom"},
	} {
		t.Run(name, func(t *testing.T) {
			w := living(t, 500)
			test.change(w)
			pass := w.must(w.full(t.Context()))
			if plan(pass) != test.plan || pass.Result.Verdict != compare.Diverged || w.open() != test.open {
				t.Errorf("by %q: %+v, open %s", plan(pass), pass.Result, w.open())
			}
		})
	}
}

// TestABlindNumberIsFound by the orders that are read by value.
func TestABlindNumberIsFound(t *testing.T) {
	changed := dense(50)
	for i := range changed {
		changed[i].Values[0].Text = "FILLED"
	}
	w := clean(t, dense(50), changed)
	w.legacy.Blind, w.projection.Blind = true, true
	if pass, err := w.full(t.Context()); !errors.Is(err, verify.ErrDigestBlind) || pass.Result.Verdict != compare.Unverified || plan(pass) != verify.ByNumber {
		t.Errorf("by %q: %+v, %v", plan(pass), pass.Result, err)
	}
}

// TestRowsWithoutAKeyAreNotProven by a number either.
func TestRowsWithoutAKeyAreNotProven(t *testing.T) {
	keyless := table(dense(5))
	keyless.NoKey = 5
	w := worldOf(t, keyless, keyless)
	w.store.AddClean("", w.now)
	if pass := w.must(w.full(t.Context())); plan(pass) != verify.ByNumber || pass.Result.Verdict != compare.Unverified || pass.Scan.Coverage != 5.0/15 {
		t.Errorf("by %q: %+v, coverage %v", plan(pass), pass.Result, pass.Scan.Coverage)
	}
}

// TestBothPlansSayTheSame of random tables with random differences, of old orders and of orders in flight.
func TestBothPlansSayTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		n := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 1500)).Draw(rt, "orders")
		differences := rapid.SampledFrom([]int{0, 1, 2, 40}).Draw(rt, "differences")
		keyType := rapid.SampledFrom([]order.KeyType{order.KeyInteger, order.KeyUUID, order.KeyText}).Draw(rt, "keys")
		legacy, projection := random(rng, keyType, n, differences)
		indexed := rapid.Bool().Draw(rt, "indexed")
		var said [2]string
		for i := range said {
			a, b := table(legacy), table(projection)
			a.KeyType, b.KeyType, a.Indexed, b.Indexed = keyType, keyType, indexed, indexed
			w := worldOf(t, a, b)
			if i == 1 {
				w.store.AddClean("", w.now)
			}
			pass := w.must(w.full(t.Context()))
			said[i] = fmt.Sprintf("%+v, coverage %v, %d compared, %d mismatches, rows %+v, open %s",
				pass.Result, pass.Scan.Coverage, pass.Scan.Compared, pass.Scan.Mismatches, pass.Scan.Facts.(verify.FullFacts).Rows, w.open())
			if (plan(pass) == verify.ByBuckets) != (i == 0) {
				rt.Errorf("pass %d by %q", i, plan(pass))
			}
		}
		if said[0] != said[1] {
			rt.Errorf("by buckets: %.2000s\nby number: %.2000s", said[0], said[1])
		}
	})
}

// random makes two tables with so many differences. Half of the orders that differ were written a moment ago.
func random(rng *rand.Rand, keyType order.KeyType, n, differences int) (legacy, projection []order.Row) {
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for i := range n {
		r := row(int64(i*(1+rng.IntN(2))+i), []string{"OPEN", "FILLED"}[rng.IntN(2)], strconv.Itoa(rng.IntN(3)))
		switch keyType {
		case order.KeyUUID:
			r.Key = order.Key(fmt.Sprintf("%08x-0000-4000-8000-%012x", rng.Uint32(), i))
		case order.KeyText:
			r.Key = order.Key(fmt.Sprintf("order %d", i))
		default:
			r.Key = order.Key(strconv.Itoa(3 * i))
		}
		r.ChangedAt = now.Add(-time.Hour - time.Duration(i)*time.Second)
		legacy = append(legacy, r)
	}
	projection = slices.Clone(legacy)
	for range differences {
		i, j := rng.IntN(len(projection)), rng.IntN(len(projection))
		a, b := projection[i], projection[j]
		a.Values, b.Values = slices.Clone(a.Values), slices.Clone(b.Values)
		if rng.IntN(2) == 0 {
			a.ChangedAt = now.Add(-time.Minute)
		}
		switch rng.IntN(5) {
		case 0:
			a.Values[rng.IntN(2)].Text = strconv.Itoa(rng.IntN(4))
		case 1:
			f := rng.IntN(2)
			a.Values[f], b.Values[f] = b.Values[f], a.Values[f]
		case 2:
			a.Values[1] = order.Null
		case 3:
			if len(projection) > 1 {
				projection = slices.Delete(projection, i, i+1)
			}
			continue
		default:
			if len(legacy) > 1 {
				k := rng.IntN(len(legacy))
				legacy = slices.Delete(legacy, k, k+1)
			}
			continue
		}
		projection[i], projection[j] = a, b
	}
	return legacy, projection
}
