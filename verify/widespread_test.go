package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// altered is the orders with a change to each.
func altered(rows []order.Row, change func(i int, r *order.Row)) []order.Row {
	for i := range rows {
		rows[i].Values = slices.Clone(rows[i].Values)
		change(i, &rows[i])
	}
	return rows
}

func setStatus(r *order.Row) { r.Values[0].Text = "B" }
func setFilled(r *order.Row) { r.Values[1].Text = "-1" }

// TestWhatMostOrdersHaveIsToldOnce: examples of it are recorded, and of every other fault that was seen.
func TestWhatMostOrdersHaveIsToldOnce(t *testing.T) {
	for name, test := range map[string]struct {
		legacy, projection []order.Row
		said               string // begins the reason
		open               int
	}{
		"a field": {
			dense(5000), altered(dense(5000), func(i int, r *order.Row) {
				if i%500 != 0 {
					setStatus(r)
				}
			}),
			"field `status` differs in 99.8 % of orders: mapping? Only examples were recorded. 4,987 other orders were not compared in detail", 3,
		},
		"a field, and another fault": {
			dense(5000), append(altered(dense(4999), func(i int, r *order.Row) {
				setStatus(r)
				if i == 77 {
					setFilled(r)
				}
			}), row(6000, "B", "0")), // and 5000 is missing
			"field `status` differs in 100 % of orders: mapping? Only", 6,
		},
		"two fields": {
			dense(5000), altered(dense(5000), func(i int, r *order.Row) {
				if setStatus(r); i%4 != 0 {
					setFilled(r)
				}
			}),
			"field `status` differs in 100 % of orders, field `filled` differs in 75 % of orders: mapping? Only", 3,
		},
		"two fields, one of two orders": {
			dense(5000), altered(dense(5000), func(i int, r *order.Row) {
				if setStatus(r); i%2 == 0 {
					setFilled(r)
				}
			}),
			"field `status` differs in 100 % of orders: mapping? Only", 6,
		},
		"an empty projection": {dense(5000), nil, "100 % of orders are missing in the projection: wrong table or key? Only", 3},
		"an empty legacy":     {nil, dense(5000), "100 % of orders are not in legacy: wrong table or key? Only", 3},
		"other orders": {
			dense(5000), altered(dense(5000), func(i int, r *order.Row) { r.Key = row(int64(5001+i), "", "").Key }),
			"100 % of orders are missing in the projection: wrong table or key?; 100 % of orders are not in legacy: wrong table or key? Only", 3,
		},
		"the newest": {
			dense(20_000), altered(dense(20_000), func(i int, r *order.Row) {
				if i > 8000 {
					setStatus(r)
				}
			}),
			"field `status` differs in 59.99 % of orders: mapping? Only", 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, indexed := range []bool{true, false} {
				l, p := table(test.legacy), table(test.projection)
				l.Indexed, p.Indexed = indexed, indexed
				w := worldOf(t, l, p)
				pass := w.must(w.full(t.Context()))
				open := strings.Split(w.open(), ", ")
				if pass.Result.Verdict != compare.Diverged || len(open) != test.open || !strings.HasPrefix(pass.Result.Reason, test.said) || pass.Scan.Reason != pass.Result.Reason {
					t.Errorf("ended %+v %q, open %q", pass.Result, pass.Scan.Reason, open)
				}
				if w.must(w.full(t.Context())); strings.Join(open, ", ") != w.open() {
					t.Errorf("another pass recorded other examples: %s", w.open())
				}
				if pass.Scan.Coverage >= 0.1 && name != "the newest" || len(pass.Scan.Widespread()) == 0 || w.stored(pass.ID).Scan.Coverage != pass.Scan.Coverage {
					t.Errorf("scanned %+v", pass.Scan)
				}
			}
		})
	}
}

// TestFaultsOfManyOrdersAreRecorded one by one, unless most orders of a large table have them.
func TestFaultsOfManyOrdersAreRecorded(t *testing.T) {
	for name, test := range map[string]struct {
		orders int
		faulty func(i int) bool
		want   int64
	}{
		"of a status that two fifths of the orders have": {5000, func(i int) bool { return i%5 < 2 }, 2000},
		"the newest third":            {9000, func(i int) bool { return i >= 6000 }, 3000},
		"nearly all of a small table": {900, func(i int) bool { return i > 0 }, 899},
		"nine of ten":                 {10, func(i int) bool { return i > 0 }, 9},
	} {
		t.Run(name, func(t *testing.T) {
			faulty := func() []order.Row {
				return altered(dense(test.orders), func(i int, r *order.Row) {
					if test.faulty(i) {
						setStatus(r)
					}
				})
			}
			w := newWorld(t, dense(test.orders), faulty())
			pass := w.must(w.full(t.Context()))
			if pass.Result.Diverged != test.want || pass.Scan.Coverage != 1 || pass.Scan.Widespread() != nil {
				t.Errorf("full ended %+v, coverage %g", pass.Result, pass.Scan.Coverage)
			}
			w = newWorld(t, dense(test.orders), faulty())
			pass = w.must(w.sample(t.Context(), test.orders))
			if pass.Result.Diverged != test.want || pass.Scan.Coverage != 1 || pass.Scan.Widespread() != nil {
				t.Errorf("sample ended %+v, coverage %g", pass.Result, pass.Scan.Coverage)
			}
		})
	}
}

// TestALagOfMostOrdersIsNoDivergence: the examples agree when they are looked at again.
func TestALagOfMostOrdersIsNoDivergence(t *testing.T) {
	w := newWorld(t, dense(5000), nil)
	w.meanwhile = func(int) {
		for _, r := range dense(5000) {
			w.projection.Put(r)
		}
	}
	pass := w.must(w.full(t.Context()))
	if pass.Result.Verdict != compare.Unverified || w.open() != "" || !strings.Contains(pass.Result.Reason, "100 % of orders are missing") {
		t.Errorf("ended %+v, open %s", pass.Result, w.open())
	}
	w.meanwhile = nil
	if pass = w.must(w.full(t.Context())); pass.Result.Verdict != compare.Match {
		t.Errorf("then %+v", pass.Result)
	}
}

// TestASampleSaysWhatMostOrdersHave, and leaves the rest.
func TestASampleSaysWhatMostOrdersHave(t *testing.T) {
	for size, left := range map[int]string{100: " 97 other orders", 2000: " 1,997 other orders", 20_000: " about 4,997 other orders"} {
		w := newWorld(t, dense(5000), altered(dense(5000), func(_ int, r *order.Row) { setStatus(r) }))
		pass := w.must(w.sample(t.Context(), size))
		if pass.Result.Verdict != compare.Diverged || pass.Result.Diverged != 3 || !strings.HasPrefix(pass.Result.Reason, "field `status` differs in 100 % of orders: mapping?") ||
			!strings.Contains(pass.Result.Reason, left) || pass.Scan.Coverage > 0.04 || len(w.stored(pass.ID).Scan.Widespread()) != 1 {
			t.Errorf("a sample of %d ended %+v, coverage %g", size, pass.Result, pass.Scan.Coverage)
		}
		open := w.open()
		again := w.must(w.sample(t.Context(), size))
		if again.Result.Verdict != compare.Diverged || w.open() != open {
			t.Errorf("the next one ended %+v, open %s after %s", again.Result, w.open(), open)
		}
	}
}

// TestEventsThatMostOrdersDisagreeWith are told as one too, and hide nothing of the projection.
func TestEventsThatMostOrdersDisagreeWith(t *testing.T) {
	const orders = 3000
	for name, test := range map[string]struct {
		events []order.Row
		said   string
	}{
		"a field": {altered(dense(orders), func(_ int, r *order.Row) { setStatus(r) }), "legacy and events: field `status` differs in 100 % of orders: mapping?"},
		"none":    {nil, "legacy and events: 100 % of orders have no events: wrong table or key?"},
		"flawed":  {altered(dense(orders), func(_ int, r *order.Row) { r.Flawed = true }), "legacy and events: 100 % of orders have events that cannot be read or applied: mapping?"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dense(orders), altered(dense(orders), func(i int, r *order.Row) {
				if i == 7 {
					setFilled(r)
				}
			}))
			w.Events = &eventStore{histories: map[order.Key][]order.Event{}} // none: all orders differ
			w.Folded = &verify.Folded{Legacy: w.legacy, Events: sourcetest.New(order.Events, table(test.events)), Fields: fields}
			pass := w.must(w.full(t.Context()))
			if pass.Result.Verdict != compare.Diverged || pass.Result.Diverged != 4 || !strings.Contains(pass.Result.Reason, test.said) || pass.Scan.Coverage >= 0.01 ||
				!strings.Contains(w.open(), "8 ") {
				t.Errorf("ended %+v, coverage %g, open %s", pass.Result, pass.Scan.Coverage, w.open())
			}
		})
	}
}
