package explain_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// TestAMovedOrderIsJudgedAtTheNewSide: legacy, which stays behind, is no fault, and does not hide a projection that stays behind with it.
func TestAMovedOrderIsJudgedAtTheNewSide(t *testing.T) {
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	fields := []order.Field{{Name: "quantity", Type: order.Numeric}}
	row := func(quantity string) []order.Row {
		return []order.Row{{Key: key, Values: []order.Value{{Text: quantity}}, ChangedAt: at}}
	}
	events := []order.Event{
		ordertest.Event(1, key, at, ordertest.Created{Quantity: *apd.New(10, 0)}),
		ordertest.Event(2, key, at.Add(time.Second), ordertest.Modified{Field: "quantity", Old: order.Value{Text: "10"}, New: order.Value{Text: "77"}}),
	}
	for name, test := range map[string]struct {
		legacy, projection []order.Row
		verdict            compare.Verdict
		hop                order.Hop
	}{
		"legacy stays behind":               {row("10"), row("77"), compare.Match, ""},
		"it was created at the new side":    {nil, row("77"), compare.Match, ""},
		"the projection stays behind too":   {row("10"), row("10"), compare.Diverged, order.EventsToProjection},
		"the projection is wrong":           {row("10"), row("99"), compare.Diverged, order.EventsToProjection},
		"the projection is wrong as legacy": {row("99"), row("99"), compare.Diverged, order.EventsToProjection},
		"the projection lacks it":           {row("10"), nil, compare.Diverged, order.EventsToProjection},
	} {
		w := newWorld(t, corpusOrder{fields: fields, evidence: compare.Evidence{Events: events, Legacy: test.legacy, Projection: test.projection, ProjectionReached: at.Add(time.Hour)}})
		w.now = at.Add(time.Hour)
		w.Wait = func(context.Context, time.Duration) error { return nil }
		moved := &explain.Moved{Slice: "symbol=ACME", Run: "orders-1", At: at, Truth: order.Events}
		r, err := (&explain.Explainer{Comparison: w.Comparison, Moved: moved}).Explain(t.Context(), key)
		if err != nil || r.Verdict != test.verdict || r.Hop != test.hop || r.Moved != moved {
			t.Errorf("%s: %s at %q, %v, want %s at %q", name, r.Verdict, r.Hop, err, test.verdict, test.hop)
		}
		if shown := r.Representations[order.Legacy]; len(test.legacy) > 0 && *shown["quantity"] != test.legacy[0].Values[0].Text {
			t.Errorf("%s: legacy is shown as %v", name, shown)
		}
	}
	if said := (explain.Moved{Slice: "symbol=ACME", Run: "orders-1", At: at, Truth: order.Events}).String(); !strings.Contains(said, "by run orders-1 of symbol=ACME: the event store is the truth there") {
		t.Errorf("it is told as %s", said)
	}
}
