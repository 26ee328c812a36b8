package compare_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestOneOfTwoTradesOfOneTime: the event of one trade is lost, and that of the other has a rounded price, or says something
// that may be meant for either.
func TestOneOfTwoTradesOfOneTime(t *testing.T) {
	trade := func(quantity, price int64) history.Trade {
		return history.Trade{At: second(2), Quantity: *apd.New(quantity, 0), Price: *apd.New(price, -4)}
	}
	legacy := rowOf(oracle, eventsOf(t, "create 100@10; part 40@10.5; fill 60@11.0001 again"))
	record := history.Record{Trades: []history.Trade{trade(40, 105000), trade(60, 110001)}, Audit: []history.Line{}}
	for fill, want := range map[string]struct {
		about      string
		confidence compare.Confidence
	}{"60@11": {"a trade of 60", compare.Medium}, "50@11": {"a trade of 40", compare.Medium}} {
		stored := eventsOf(t, "create 100@10; fill "+fill)
		d := oracle.Diagnose(compare.Evidence{Events: stored, Legacy: one(legacy), Projection: one(rowOf(oracle, stored)), History: &record})
		if d.Hop != order.LegacyToEvents || !strings.Contains(d.Reason, want.about) || d.Confidence != want.confidence || len(d.Or) == 0 {
			t.Errorf("%s: %s %s %s %v: %s", fill, d.Hop, d.Cause, d.Confidence, d.Or, d.Reason)
		}
	}
}

// TestANullThatAnEventSaysWasThere may be older than the event.
func TestANullThatAnEventSaysWasThere(t *testing.T) {
	for old, want := range map[string]compare.Confidence{"null": compare.Medium, `"12"`: compare.High} {
		events := eventsOf(t, "create 100@12; part 40@10; price 11")
		raw := order.RawEvent{
			Position: 3, Key: "42", Type: "OrderModified", At: second(3),
			Payload: []byte(`{"field": "price", "old_value": ` + old + `, "new_value": "11"}`),
		}
		var err error
		if events[2], err = order.Decode(raw, order.Defaults()); err != nil {
			t.Fatal(err)
		}
		right := rowOf(oracle, events)
		d := oracle.Diagnose(compare.Evidence{Events: events, Legacy: one(right), Projection: one(but(right, "price=NULL"))})
		skipped := slices.Contains(d.Or, compare.EventSkipped)
		if d.Cause != compare.NullInsteadOfValue || d.Confidence != want || skipped != (want == compare.Medium) {
			t.Errorf("old value %s: %s %s %v: %s", old, d.Cause, d.Confidence, d.Or, d.Reason)
		}
	}
}
