package verify_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// touchedList has an order for each mark, from 1 on.
type touchedList struct {
	keys      []order.Key
	forgotten int64
}

func (l *touchedList) Touched(_ context.Context, _ string, after int64, limit int) ([]order.Key, int64, error) {
	rest := l.keys[after:]
	rest = rest[:min(limit, len(rest))]
	return slices.Clone(rest), after + int64(len(rest)), nil
}

func (l *touchedList) ForgetTouched(_ context.Context, _ verify.Lease, _ string, upTo int64, _ time.Time) error {
	l.forgotten = upTo
	return nil
}

func TestWatchJudgesTheOrdersThatWereTouchedAndNoOthers(t *testing.T) {
	w := newWorld(t, []order.Row{row(1, "OPEN", "0"), row(2, "OPEN", "0"), row(3, "OPEN", "0")},
		[]order.Row{row(1, "OPEN", "0"), row(2, "FILLED", "0"), row(3, "FILLED", "0")})
	touched := &touchedList{keys: []order.Key{"1"}}
	w.meanwhile = func(wait int) {
		if wait == 3 {
			touched.keys = append(touched.keys, "2")
		}
	}
	start := verify.Start{Trigger: "stream", Fingerprint: "f", At: w.now}
	pass, err := w.Watch(t.Context(), w.lease, start, touched, time.Second, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if pass.Kind != verify.StreamPass || pass.Scan.Compared != 2 || pass.Result.Verdict != compare.Diverged || pass.Result.Diverged != 1 {
		t.Errorf("the pass is %+v", pass)
	}
	found, err := w.store.PassDivergences(t.Context(), pass.ID, 10)
	if err != nil || len(found) != 1 || found[0].Mismatch.Key != "2" || touched.forgotten != 2 {
		t.Errorf("found %+v, forgotten up to %d, %v", found, touched.forgotten, err)
	}
}
