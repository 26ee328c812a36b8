package compare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// hopsCase is an order with up to two faults. What is wanted is "hop cause" of each hop at which it parts, and the hops
// in agreement; a hop in neither was not judged.
type hopsCase struct {
	reason string
	e      compare.Evidence
	parts  string
	agreed string
}

const (
	lostAndWrong = "legacy->events lost_shadow_write, events->projection wrong_value"
	allHops      = "legacy legacy->events events->projection legacy->projection"
)

func hopsCases(t testing.TB) []hopsCase {
	events := eventsOf(t, "create 100@10; part 40@10; price 11.5")
	right := rowOf(oracle, events)
	ahead := but(right, "changed_at=9", "status=CANCELED")
	record := func(audit ...history.Line) *history.Record {
		return &history.Record{Audit: append([]history.Line{}, audit...), Trades: trades(t, 40)}
	}
	price := func(v string, n int) history.Line {
		return history.Line{At: second(n), Field: "price", Old: text("10"), New: text(v)}
	}
	rows := func(r ...order.Row) []order.Row { return r }
	with := func(h *history.Record, legacy, projection []order.Row) compare.Evidence {
		return compare.Evidence{Events: events, Legacy: legacy, Projection: projection, History: h, Recorded: h != nil}
	}
	unread := with(nil, rows(ahead), rows(right))
	unread.Recorded = true
	at := func(r order.Row, venue string) order.Row {
		r.Values = append(slices.Clone(r.Values), text(venue))
		return r
	}
	cancelled := eventsOf(t, "create 100@10; fill 100@10; cancel")
	impossible := rowOf(oracle, cancelled)
	return []hopsCase{
		{"all agree", with(nil, rows(right), rows(right)), "", allHops},
		{"a lost event", with(nil, rows(ahead), rows(right)), "legacy->events lost_shadow_write", "legacy events->projection legacy->projection"},
		{"a wrong projection", with(nil, rows(right), rows(but(right, "trader_id=8"))), "events->projection wrong_value", "legacy->events legacy legacy->projection"},
		{"both", with(nil, rows(ahead), rows(but(right, "trader_id=8"))), lostAndWrong, "legacy legacy->projection"},
		{"both, in one field", with(nil, rows(ahead), rows(but(right, "status=OPEN"))), lostAndWrong, "legacy legacy->projection"},
		{"a lost event that the projection shows", with(nil, rows(ahead), rows(ahead)), "legacy->events lost_shadow_write", "legacy legacy->projection"},
		{"a lost event and a row that is behind", with(nil, rows(ahead), rows(rowOf(oracle, events[:2]))), "legacy->events lost_shadow_write, events->projection stale_projection", "legacy legacy->projection"},
		{"a lost event and a row that is gone", with(nil, rows(ahead), nil), "legacy->events lost_shadow_write, events->projection stale_projection", "legacy"},
		{"a lost event and a row twice", with(nil, rows(ahead), rows(right, right)), "legacy->events lost_shadow_write, events->projection duplicate_row", "legacy"},
		{"no event at all, and a wrong projection", compare.Evidence{Legacy: rows(ahead), Projection: rows(right)}, "legacy->events lost_shadow_write", "legacy"},
		{"no event at all, and no row", compare.Evidence{Legacy: rows(ahead)}, "legacy->events lost_shadow_write", "legacy events->projection"},
		{"a record that could not be read", unread, "legacy->events lost_shadow_write", "events->projection legacy->projection"},
		{"the row twice in legacy hides what its events lack", with(nil, rows(ahead, ahead), rows(right)), "legacy duplicate_row", "events->projection"},
		{
			"the row twice in legacy, and a trade without an event", with(&history.Record{Trades: trades(t, 40, 10)}, rows(ahead, ahead), rows(right)),
			"legacy duplicate_row, legacy->events lost_shadow_write", "events->projection",
		},
		{"a direct edit", with(record(price("11.5", 3)), rows(but(right, "price=77")), rows(right)), "legacy direct_edit", "legacy->events events->projection legacy->projection"},
		{
			"a direct edit and a wrong projection", with(record(price("11.5", 3)), rows(but(right, "price=77")), rows(but(right, "price=88"))),
			"legacy direct_edit, events->projection wrong_value", "legacy->events legacy->projection",
		},
		{
			"a direct edit and a lost event", with(record(price("11.5", 3), price("12", 7)), rows(but(right, "price=77")), rows(right)),
			"legacy direct_edit, legacy->events lost_shadow_write", "events->projection legacy->projection",
		},
		{
			"a direct edit that may hide more", with(record(price("11.5", 3)), rows(but(right, "price=77", "status=CANCELED")), rows(right)),
			"legacy direct_edit", "events->projection legacy->projection",
		},
		{
			"an impossible history and a wrong projection",
			compare.Evidence{Events: cancelled, Legacy: rows(impossible), Projection: rows(but(impossible, "trader_id=8"))},
			"legacy impossible_transition, events->projection wrong_value", "legacy->events legacy->projection",
		},
		{"a lost event, and a field that events do not judge", with(nil, rows(at(ahead, "X")), rows(at(right, "Y"))), "legacy->events lost_shadow_write", "legacy events->projection"},
		{
			"an event that cannot be read hides the rest",
			compare.Evidence{Events: eventsOf(t, "create 100@10; broken"), Legacy: rows(ahead), Projection: rows(right)},
			"legacy->events schema_drift", "",
		},
	}
}

func trades(t testing.TB, quantities ...int) []history.Trade {
	var out []history.Trade
	for i, q := range quantities {
		trade, err := history.NewTrade(second(2+4*i), fmt.Sprint(q), "10")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, trade)
	}
	return out
}

func TestEachHopIsJudgedByItself(t *testing.T) {
	for _, c := range hopsCases(t) {
		oracle := oracle
		if rows := append(slices.Clone(c.e.Legacy), c.e.Projection...); len(rows[0].Values) > len(oracle.Fields) {
			oracle.Fields = append(slices.Clone(oracle.Fields), order.Field{Name: "venue", Type: order.Text})
		}
		is := compare.Observe(oracle.Fields, "42", c.e.Legacy, c.e.Projection, start, time.Time{})
		oracle.Representations(&is, c.e)
		var parts []string
		var agreed []string
		for _, m := range is.Mismatches {
			parts = append(parts, fmt.Sprintf("%s %s", m.Hop, m.Cause))
		}
		for _, hop := range is.Agreed {
			agreed = append(agreed, string(hop))
		}
		want := strings.Fields(c.agreed)
		slices.Sort(want)
		slices.Sort(agreed)
		if got := strings.Join(parts, ", "); got != c.parts || !slices.Equal(agreed, want) {
			t.Errorf("%s:\n got  %s; agreed %v\n want %s; agreed %v", c.reason, got, agreed, c.parts, want)
		}
	}
}

// TestAFaultAtAnotherHopLeavesAMismatchAsItIs: an accepted divergence must not be open again because of it.
func TestAFaultAtAnotherHopLeavesAMismatchAsItIs(t *testing.T) {
	events := eventsOf(t, "create 100@10; part 40@10; price 11.5")
	right := rowOf(oracle, events)
	ahead, wrong := but(right, "changed_at=9", "status=CANCELED"), but(right, "price=88")
	at := func(hop order.Hop, legacy, projection order.Row) string {
		is, _ := oracle.Judge(compare.Reading{
			System: compare.System{EventStore: true}, Key: "42", Legacy: one(legacy), Projection: one(projection), Events: events,
		})
		for _, m := range is.Mismatches {
			if m.Hop == hop {
				return mismatchText([]compare.Mismatch{m})
			}
		}
		return ""
	}
	for hop, alone := range map[order.Hop]string{
		order.LegacyToEvents:     at(order.LegacyToEvents, ahead, right),
		order.EventsToProjection: at(order.EventsToProjection, right, wrong),
	} {
		if both := at(hop, ahead, wrong); alone == "" || both != alone {
			t.Errorf("%s: %q alone, %q with another fault", hop, alone, both)
		}
	}
}
