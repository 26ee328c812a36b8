package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	lost  = "legacy->events lost_shadow_write"
	wrong = "events->projection wrong_value"
	both  = wrong + ", " + lost
)

// hops lists what is open as "hop cause".
func (f *four) hops(t *testing.T) string {
	t.Helper()
	var out []string
	for _, d := range f.found(t) {
		out = append(out, fmt.Sprintf("%s %s", d.Mismatch.Hop, d.Mismatch.Cause))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestEachHopKeepsItsOwnDivergence plants two faults in one order, in each order, and repairs them in each order.
func TestEachHopKeepsItsOwnDivergence(t *testing.T) {
	edit := func(f *four) { f.projection.Put(row(1, "CANCELED", "7")) }
	project := func(f *four) { f.projection.Put(row(1, "FILLED", "10")) }
	fill := func(f *four) {
		f.events.add(1, f.now, ordertest.Filled{Quantity: *apd.New(10, 0), Price: *apd.New(1, 0)})
		f.folded.Put(row(1, "FILLED", "10"))
	}
	steps := map[string]func(*four){
		"lose":            func(f *four) { f.lose(1, false) },
		"lose, stay":      func(f *four) { f.lose(1, true) },
		"edit":            edit,
		"undo":            func(f *four) { f.projection.Put(row(1, "OPEN", "0")) },
		"project":         project,
		"append":          fill,
		"append, project": func(f *four) { fill(f); project(f) },
	}
	type step struct{ does, open string }
	for name, life := range map[string][]step{
		"the second fault is at a later hop":     {{"lose", lost}, {"edit", both}, {"undo", lost}, {"append, project", ""}},
		"the second fault is at an earlier hop":  {{"edit", wrong}, {"lose, stay", both}, {"append", wrong}, {"project", ""}},
		"both are repaired at once":              {{"lose", lost}, {"edit", both}, {"append, project", ""}},
		"the projection is made to match legacy": {{"lose", lost}, {"edit", both}, {"project", both}, {"append", ""}},
	} {
		for kind, run := range map[string]func(*four) (verify.Pass, error){
			"full":   func(f *four) (verify.Pass, error) { return f.full(t.Context()) },
			"sample": func(f *four) (verify.Pass, error) { return f.sample(t.Context(), 10) },
		} {
			f := newFour(t)
			for _, s := range life {
				steps[s.does](f)
				pass := f.must(run(f))
				if got := f.hops(t); got != s.open {
					t.Fatalf("%s, %s: after %q open is %q, want %q", name, kind, s.does, got, s.open)
				}
				if diverged := pass.Result.Diverged == 1; diverged != (s.open != "") {
					t.Errorf("%s, %s: after %q the pass has %d diverged orders", name, kind, s.does, pass.Result.Diverged)
				}
			}
		}
	}
}

// TestALateProjectionDoesNotHideALostEvent: the lost event is known after a window, and the projection is not accused
// until its excuse has ended.
func TestALateProjectionDoesNotHideALostEvent(t *testing.T) {
	f := newFour(t)
	written := f.events.newest
	legacy := row(1, "CANCELED", "10")
	legacy.ChangedAt = written
	f.legacy.Put(legacy)
	late := row(1, "OPEN", "0")
	late.ChangedAt = written.Add(-time.Minute)
	f.projection.Put(late)
	f.events.newest = written.Add(time.Minute)
	var opened string
	f.meanwhile = func(wait int) {
		if f.now.Sub(f.stored(1).StartedAt) > 2*time.Minute {
			opened = f.hops(t)
			f.projection.Put(row(1, "FILLED", "10"))
			f.meanwhile = nil
		}
	}
	pass := f.must(f.sample(t.Context(), 10))
	if opened == "" || strings.Contains(opened, string(order.EventsToProjection)) {
		t.Errorf("while the projection was late, open was %q", opened)
	}
	if got := f.hops(t); pass.Result.Verdict != compare.Diverged || got != opened {
		t.Errorf("ended %+v, open is %q", pass.Result, got)
	}
}
