package verify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// aged are orders last written so long ago, by turns OPEN and FILLED; nobody knows when the last one was.
func aged(now time.Time, ago ...time.Duration) []order.Row {
	rows := dense(len(ago) + 1)
	for i := range rows {
		rows[i].Values[0] = order.Value{Text: []string{"OPEN", "FILLED"}[i%2]}
		if i < len(ago) {
			rows[i].ChangedAt = now.Add(-ago[i])
		}
	}
	return rows
}

const day = 24 * time.Hour

// agedWorld has the same orders on both sides but the last of legacy's, which is a phantom of the projection.
func agedWorld(t *testing.T, indexed bool) *world {
	t.Helper()
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	rows := aged(now, -time.Minute, time.Minute, time.Hour, time.Hour+time.Second, 7*day, 8*day, 30*day, 2*day)
	of := func(rows []order.Row) sourcetest.Table {
		return sourcetest.Table{KeyType: order.KeyInteger, Fields: fields, GroupBy: "status", Indexed: indexed, Rows: rows}
	}
	w := worldOf(t, of(rows[:len(rows)-1]), of(rows))
	w.GroupBy = "status"
	return w
}

func sameStrata(t *testing.T, w *world, id verify.PassID, want ...verify.Stratum) {
	t.Helper()
	var got []verify.Stratum
	switch facts := w.stored(id).Scan.Facts.(type) {
	case verify.SampleFacts:
		got = facts.Strata
	case verify.FullFacts:
		got = facts.Strata
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("strata (-want +got):\n%s", diff)
	}
}

func TestAFullPassTellsStatusesApartByAge(t *testing.T) {
	w := agedWorld(t, true)
	w.meanwhile = func(wait int) { w.legacy.Put(row(4, fmt.Sprint("MOVING", wait), "3")) } // was FILLED, an hour and a second old
	w.projection.Put(row(4, "OPEN", "3"))
	pass := w.must(w.full(t.Context()))
	if pass.Result.Unverified != 1 {
		t.Fatalf("ended %+v", pass.Result)
	}
	sameStrata(t, w, pass.ID,
		verify.Stratum{Group: "FILLED", Age: verify.UnderAnHour, Orders: 1},
		verify.Stratum{Group: "FILLED", Age: verify.UnderADay, Orders: 1, Unverified: 1}, // where the scan met it
		verify.Stratum{Group: "FILLED", Age: verify.UnderAWeek, Orders: 1},
		verify.Stratum{Group: "FILLED", Age: verify.Old, Orders: 1},
		verify.Stratum{Group: "OPEN", Age: verify.UnderAnHour, Orders: 2},
		verify.Stratum{Group: "OPEN", Age: verify.UnderAWeek, Orders: 1},
		verify.Stratum{Group: "OPEN", Age: verify.Old, Orders: 1},
	)
}

func TestWithoutAnIndexAgesAreNotToldApart(t *testing.T) {
	w := agedWorld(t, false)
	pass := w.must(w.full(t.Context()))
	if facts := pass.Scan.Facts.(verify.FullFacts); facts.Strata != nil || len(facts.Counts) != 2 {
		t.Errorf("scanned %+v", pass.Scan)
	}
}

func TestASampleCountsWhatItLookedAt(t *testing.T) {
	w := agedWorld(t, true)
	w.must(w.full(t.Context())) // so that the phantom is an open divergence, which every sample looks at
	pass := w.must(w.sample(t.Context(), 1000))
	sameStrata(t, w, pass.ID,
		verify.Stratum{Group: "FILLED", Age: verify.UnderAnHour, Orders: 1},
		verify.Stratum{Group: "FILLED", Age: verify.UnderADay, Orders: 1},
		verify.Stratum{Group: "FILLED", Age: verify.UnderAWeek, Orders: 1},
		verify.Stratum{Group: "FILLED", Age: verify.Old, Orders: 1},
		verify.Stratum{Group: "OPEN", Age: verify.UnderAnHour, Orders: 1},
		verify.Stratum{Group: "OPEN", Age: verify.UnderADay, Orders: 1}, // an hour old before the full pass waited
		verify.Stratum{Group: "OPEN", Age: verify.Old, Orders: 3},       // the phantom too, once
	)
	var met int64
	small := w.must(w.sample(t.Context(), 2))
	for _, s := range small.Scan.Facts.(verify.SampleFacts).Strata {
		met += s.Orders
	}
	if met != small.Scan.Compared {
		t.Errorf("%d orders were looked at, and %d have a status and an age", small.Scan.Compared, met)
	}
}
