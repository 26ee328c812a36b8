package explain_test

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// TestAnImpossibleStateIsProvenByAWindowAtRest: a late commit can make plain lag look impossible. So an order to which
// something has just happened is looked at again, as a pass does.
func TestAnImpossibleStateIsProvenByAWindowAtRest(t *testing.T) {
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	fields := []order.Field{{Name: "quantity", Type: order.Numeric}}
	row := func(quantity string) []order.Row {
		return []order.Row{{Key: key, Values: []order.Value{{Text: quantity}}, ChangedAt: at}}
	}
	for name, test := range map[string]struct {
		after string // what the projection shows at the second look
		want  string
	}{
		"it was lag":     {"10", said(compare.Match, "", "")},
		"it is still so": {"99", said(compare.Diverged, order.EventsToProjection, compare.WrongValue)},
	} {
		w := newWorld(t, corpusOrder{fields: fields, evidence: compare.Evidence{
			Events: []order.Event{ordertest.Event(1, key, at, ordertest.Created{Quantity: *apd.New(10, 0)})},
			Legacy: row("10"), Projection: row("99"), ProjectionReached: at.Add(time.Hour),
		}})
		w.now = at.Add(time.Second)
		looked := 1
		w.Wait = func(_ context.Context, d time.Duration) error {
			looked++
			w.now = w.now.Add(d)
			w.Projection.(*side).Put(row(test.after)[0])
			return nil
		}
		r, err := (&explain.Explainer{Comparison: w.Comparison}).Explain(t.Context(), key)
		if got := said(r.Verdict, r.Hop, r.Cause); err != nil || got != test.want || looked != 2 {
			t.Errorf("%s: explain says %q after %d looks, %v", name, got, looked, err)
		}
		if !r.ChangedAt[order.Legacy].Equal(at) {
			t.Errorf("%s: legacy's row was changed at %s", name, r.ChangedAt[order.Legacy])
		}
		w.now, looked = at.Add(time.Second), 1
		w.Projection.(*side).Put(row("99")[0])
		r, err = (&explain.Explainer{Comparison: w.Comparison, Once: true}).Explain(t.Context(), key)
		if err != nil || r.Verdict != compare.Lagging || looked != 1 {
			t.Errorf("%s: a single look says %q after %d looks, %v", name, r.Verdict, looked, err)
		}
	}
}
