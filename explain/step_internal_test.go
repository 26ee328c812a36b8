package explain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestStepsSayWhatParts: an event too many, a wrong one, and a line of the audit log that the events contradict.
func TestStepsSayWhatParts(t *testing.T) {
	start := time.Date(2025, 3, 1, 9, 30, 0, 0, time.UTC)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	fields := []order.Field{{Name: "quantity", Type: order.Numeric}, {Name: "price", Type: order.Numeric}, {Name: "filled_quantity", Type: order.Numeric}}
	values := []order.Value{{Text: "100"}, {Text: "12"}, {Text: "40"}}
	event := func(n int, b ordertest.Body) order.Event { return ordertest.Event(order.Position(n), "7", at(n), b) }
	fill := ordertest.PartiallyFilled{Quantity: *apd.New(40, 0), Remaining: *apd.New(60, 0), Price: *apd.New(12, 0)}
	again := event(2, fill)
	again.Position = 3
	l := look{}
	l.Key, l.EventStore, l.Legacy = "7", true, []order.Row{{Key: "7", Values: values, ChangedAt: at(4)}}
	l.Events = []order.Event{
		event(1, ordertest.Created{Symbol: "NVDA", Quantity: *apd.New(100, 0), Price: apd.NullDecimal{Valid: true, Decimal: *apd.New(9, 0)}}),
		event(2, fill), again,
		event(4, ordertest.Modified{Field: "price", Old: order.Value{Text: "9"}, New: order.Value{Text: "13"}}),
	}
	l.History = &history.Record{
		Audit:  []history.Line{{At: at(4), Field: "price", Old: order.Value{Text: "10"}, New: order.Value{Text: "12"}}},
		Trades: []history.Trade{{At: at(2), Quantity: *apd.New(40, 0), Price: *apd.New(12, 0)}},
	}
	x := &Explainer{Comparison: &verify.Comparison{Fields: fields, Rules: order.Defaults()}, Fold: order.Orders()}
	steps, _ := x.walk(l)
	if len(steps) != 4 {
		t.Fatalf("steps %+v", steps)
	}
	for i, want := range [][]string{{"price: 9, and legacy's record says 10"}, nil, {"says the same as event 2"}, {"price: 13, and legacy's record says 12", "price is 10 by the audit log, and 9 by the events"}} {
		parts := strings.Join(steps[i].Parts, "; ")
		if (parts == "") != (want == nil) || slices.ContainsFunc(want, func(text string) bool { return !strings.Contains(parts, text) }) {
			t.Errorf("step %d parts in %q, want %q", i+1, parts, want)
		}
	}
	if got := steps[3]; len(got.Records) != 1 || got.Records[0].Source != "audit_log" || len(got.Changes) != 1 || *got.Changes[0].From != "9" {
		t.Errorf("the last step is %+v", got)
	}
}
