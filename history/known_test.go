package history_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestWhatLegacyTellsOfATimeIsTheFoldToIt: whatever the records of an order tell of a field at a time, the events that they
// allow give the same.
func TestWhatLegacyTellsOfATimeIsTheFoldToIt(t *testing.T) {
	for _, v := range vocabularies(t) {
		t.Run(v.name, func(t *testing.T) {
			a := auditor(t, v)
			rapid.Check(t, func(t *rapid.T) {
				l := lives(t, v.rules)
				events := told(t, v.rules, a.Speaker, a.Reconstruct(l.row, l.record))
				at := start.Add(time.Duration(rapid.IntRange(-1, 8*60).Draw(t, "seconds")) * time.Second)
				state, _ := order.Fold(slices.DeleteFunc(slices.Clone(events), func(e order.Event) bool { return e.At.After(at) }))
				for _, name := range a.Judged {
					known, ok := a.At(l.row, l.record, name, at)
					has, exists := state.Value(name)
					if ok != exists && (ok || name != "status") {
						t.Fatalf("%s at %s: known %t, and by events %t", name, at, ok, exists)
					}
					if ok && !equal(known.Value, has) {
						t.Fatalf("%s at %s: %v by %s, and the events give %v", name, at, known.Value, known.By, has)
					}
				}
			})
		})
	}
}

// TestNothingIsInferredWithoutARecord: a field that may have changed is not known.
func TestNothingIsInferredWithoutARecord(t *testing.T) {
	v := vocabularies(t)[0]
	a := auditor(t, v)
	row, _ := clean()
	for name, want := range map[string]string{"price": "", "filled_quantity": "", "status": "", "created_at": "row"} {
		if known, ok := a.At(row, history.Record{}, name, row.CreatedAt); ok != (want != "") || known.By != want {
			t.Errorf("%s is known by %q, want %q", name, known.By, want)
		}
	}
	if _, ok := a.At(row, history.Record{}, "created_at", row.CreatedAt.Add(-1)); ok {
		t.Error("something is known of an order before its creation")
	}
}
