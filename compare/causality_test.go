package compare_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

var oracle = compare.Oracle{Fields: fieldsOf(
	"trader_id", "symbol", "side", "quantity", "price", "status", "filled_quantity", "avg_fill_price", "created_at", "updated_at",
)}

func fieldsOf(names ...string) []order.Field {
	types := map[string]order.FieldType{
		"quantity": order.Numeric, "price": order.Numeric, "filled_quantity": order.Numeric, "avg_fill_price": order.Numeric,
		"trader_id": order.Integer, "created_at": order.Timestamptz, "updated_at": order.Timestamptz,
	}
	var out []order.Field
	for _, name := range names {
		f := order.Field{Name: name, Type: order.Text}
		if t, ok := types[name]; ok {
			f.Type = t
		}
		out = append(out, f)
	}
	return out
}

var start = time.Date(2024, 1, 1, 9, 30, 0, 0, time.UTC)

// second is the time of the n-th event of a history.
func second(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }

// eventsOf is written as "create 100@10; part 40@10; price 11; quantity 150; fill 60@10; cancel". An event followed by
// "again" has the time of the one before it. Broken ones cannot be decoded.
func eventsOf(t testing.TB, life string) []order.Event {
	t.Helper()
	var events []order.Event
	quantity, price, filled := "0", "0", 0.0
	for i, line := range strings.Split(life, "; ") {
		what, rest, _ := strings.Cut(line, " ")
		rest, again := strings.CutSuffix(rest, " again")
		q, p, _ := strings.Cut(rest, "@")
		raw := order.RawEvent{Position: order.Position(i + 1), Key: "42", At: second(i + 1)}
		if again {
			raw.At = events[i-1].At
		}
		switch what {
		case "create":
			raw.Type, quantity, price = "OrderCreated", q, p
			raw.Payload = fmt.Appendf(nil, `{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": %s, "price": %s}`, q, p)
		case "price", "quantity":
			raw.Type = "OrderModified"
			old := map[string]*string{"price": &price, "quantity": &quantity}[what]
			raw.Payload = fmt.Appendf(nil, `{"field": %q, "old_value": %q, "new_value": %q}`, what, *old, rest)
			*old = rest
		case "part":
			raw.Type = "OrderPartiallyFilled"
			var all, now float64 // small whole numbers
			_, _ = fmt.Sscan(quantity, &all)
			_, _ = fmt.Sscan(q, &now)
			filled += now
			raw.Payload = fmt.Appendf(nil, `{"filled_quantity": %s, "remaining_quantity": %v, "price": %s}`, q, all-filled, p)
		case "fill":
			raw.Type = "OrderFilled"
			raw.Payload = fmt.Appendf(nil, `{"quantity": %s, "price": %s}`, q, p)
		case "cancel":
			raw.Type, raw.Payload = "OrderCanceled", []byte(`{"reason": "x"}`)
		default:
			raw.Type, raw.Payload = "OrderModified", []byte(`{"field": "price", "old_value": "1", "newValue": "2"}`)
		}
		e, err := order.Decode(raw, order.Defaults())
		if err != nil && what != "broken" {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// rowOf is what a system that applied these events rightly would show, as PostgreSQL would print it.
func rowOf(o compare.Oracle, events []order.Event) order.Row {
	state, _ := order.Fold(events)
	row := order.Row{Key: "42", ChangedAt: order.Microseconds(state.UpdatedAt())}
	for _, f := range o.Fields {
		v, _ := state.Value(f.Name)
		row.Values = append(row.Values, v)
	}
	return row
}

// but changes a row: "price=11", "filled_quantity=NULL"; "changed_at=3" is the time of the third event.
func but(row order.Row, changes ...string) order.Row {
	row.Values = append([]order.Value(nil), row.Values...)
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		if name == "changed_at" {
			n := 0
			_, _ = fmt.Sscan(value, &n)
			row.ChangedAt = second(n)
			name, value = "updated_at", order.TimestamptzText(row.ChangedAt)
		}
		for i, f := range oracle.Fields {
			if f.Name == name {
				row.Values[i] = order.Value{Text: value}
				if value == "NULL" {
					row.Values[i] = order.Null
				}
			}
		}
	}
	return row
}

func one(r order.Row) []order.Row { return []order.Row{r} }

type placeCase struct {
	reason string
	oracle compare.Oracle
	events []order.Event
	rows   []order.Row
	want   string // kind, events, behind, next
	unsure bool
}

func placeCases(t testing.TB) []placeCase {
	events := eventsOf(t, "create 100@10; part 40@10; price 11; fill 60@10.01")
	back := eventsOf(t, "create 100@10; price 11; price 10")
	withoutTime := compare.Oracle{Fields: fieldsOf("price", "status")}
	unstamped := func(r order.Row) order.Row { r.ChangedAt = time.Time{}; return r }
	return []placeCase{
		{"all events", oracle, events, one(rowOf(oracle, events)), "whole 4 0 0", false},
		{"all but one", oracle, events, one(rowOf(oracle, events[:3])), "prefix 3 1 4", false},
		{"the first", oracle, events, one(rowOf(oracle, events[:1])), "prefix 1 3 2", false},
		{"no row", oracle, events, nil, "absent 0 4 1", false},
		{"neither row nor events", oracle, nil, nil, "whole 0 0 0", false},
		{"a row without events", oracle, nil, one(rowOf(oracle, events)), "none 0 0 0", false},
		{"a value that never was", oracle, events, one(but(rowOf(oracle, events), "status=OPEN")), "none 0 0 0", false},
		{"two rows", oracle, events, []order.Row{rowOf(oracle, events), rowOf(oracle, events)}, "none 0 0 0", false},
		{"numbers are compared by value", oracle, events, one(but(rowOf(oracle, events), "price=11.0000")), "whole 4 0 0", false},
		{"no judged field, and a row", compare.Oracle{Fields: fieldsOf("venue")}, events, one(order.Row{Values: make([]order.Value, 1)}), "whole 4 0 0", false},
		{"no judged field, and no row", compare.Oracle{Fields: fieldsOf("venue")}, events, nil, "absent 0 4 1", false},
		{"no judged field, and no event", compare.Oracle{Fields: fieldsOf("venue")}, nil, one(order.Row{Values: make([]order.Value, 1)}), "none 0 0 0", false},
		{"a type that no fold can tell", compare.Oracle{Fields: []order.Field{{Name: "price", Type: order.Text}}}, events, one(order.Row{Values: []order.Value{text("ten")}}), "whole 4 0 0", false},

		{"A to B to A, all", withoutTime, back, one(rowOf(withoutTime, back)), "whole 3 0 0", false},
		{"A to B to A, the first: what is compared is right", withoutTime, back, one(rowOf(withoutTime, back[:1])), "whole 3 0 0", true},
		{"A to B to A, nothing tells", withoutTime, back, one(unstamped(rowOf(withoutTime, back[:1]))), "whole 3 0 0", true},
		{"A to B to A, told by a compared field", oracle, back, one(unstamped(rowOf(oracle, back[:1]))), "prefix 1 2 2", false},
		{"a row with the newest time and an old value", withoutTime, events, one(order.Row{Values: rowOf(withoutTime, events[:3]).Values, ChangedAt: second(4)}), "none 0 0 0", false},
		{"a time of no event tells nothing", withoutTime, events, one(order.Row{Values: rowOf(withoutTime, events[:3]).Values, ChangedAt: second(99)}), "prefix 3 1 4", false},
		{"events that change nothing visible", compare.Oracle{Fields: fieldsOf("symbol")}, events, one(unstamped(rowOf(compare.Oracle{Fields: fieldsOf("symbol")}, events))), "whole 4 0 0", false},
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range placeCases(t) {
		p := test.oracle.Place(test.events, test.rows)
		if got := fmt.Sprint(p.Kind, " ", p.Events, " ", p.Behind, " ", p.Next); got != test.want || p.Ambiguous != test.unsure {
			t.Errorf("%s: %s, ambiguous %v, want %s, %v", test.reason, got, p.Ambiguous, test.want, test.unsure)
		}
		if (p.Behind > 0) != p.Since.Equal(second(int(p.Next))) {
			t.Errorf("%s: %d behind since %v", test.reason, p.Behind, p.Since)
		}
	}
}

// found is a diagnosis as a sentence: "diverged events->projection event_skipped at 2".
func found(d compare.Diagnosis) string {
	s := string(d.Verdict)
	if d.Hop != "" {
		s += " " + string(d.Hop)
	}
	if d.Cause != "" {
		s += " " + string(d.Cause)
	}
	if d.PartsAt != nil {
		s += fmt.Sprint(" at ", d.PartsAt)
	}
	return s
}

type diagnosisCase struct {
	reason string
	oracle compare.Oracle
	e      compare.Evidence
	want   string
	sure   compare.Confidence
}

func diagnosed(t *testing.T, cases []diagnosisCase) {
	t.Helper()
	for _, c := range cases {
		d := c.oracle.Diagnose(c.e)
		if found(d) != c.want || d.Confidence != c.sure {
			t.Errorf("%s:\ngot  %s (%s)\nwant %s (%s)\n%s", c.reason, found(d), d.Confidence, c.want, c.sure, d.Reason)
		}
		if (d.Reason == "") != (d.Verdict == compare.Match) {
			t.Errorf("%s: %s for the reason %q", c.reason, d.Verdict, d.Reason)
		}
	}
}

func TestDiagnosesOfProjections(t *testing.T) { diagnosed(t, projectionCases(t)) }

func projectionCases(t testing.TB) (cases []diagnosisCase) {
	const life = "create 100@10; part 40@10; price 11.5; part 20@10.01"
	for _, test := range []struct {
		reason string
		life   string
		wrong  func([]order.Event) []order.Row
		more   func(*compare.Evidence)
		want   string
		sure   compare.Confidence
	}{
		{reason: "right", life: life, wrong: shows(4), want: "match"},
		{reason: "behind", life: life, wrong: shows(2), want: "lagging events->projection stale_projection at 3", sure: compare.Low},
		{reason: "not there yet", life: life, wrong: none, want: "lagging events->projection stale_projection at 1", sure: compare.Low},
		{reason: "overtaken", life: life, wrong: shows(2), more: overtaken, want: "lagging events->projection stale_projection at 3", sure: compare.Medium},
		{reason: "stuck at an equal timestamp", life: "create 100@10; part 40@10; price 11 again", wrong: shows(2), more: overtaken, want: "lagging events->projection skipped_equal_timestamp at 3", sure: compare.Medium},

		{reason: "a type ignored, twice", life: life, wrong: applies(0, 2), want: "diverged events->projection event_type_ignored at 2", sure: compare.Medium},
		{reason: "partial fills ignored, of which there is one", life: "create 100@10; part 40@10; price 11", wrong: applies(0, 2), want: "diverged events->projection event_type_ignored at 2", sure: compare.Medium},
		{reason: "a type ignored, and behind", life: life + "; part 5@10; price 12; cancel", wrong: applies(0, 2, 5), want: "diverged events->projection event_type_ignored at 2", sure: compare.Medium},
		{reason: "one skipped", life: life, wrong: applies(0, 2, 3), want: "diverged events->projection skipped_late_commit at 2", sure: compare.Low},
		{reason: "one skipped with an equal timestamp", life: "create 100@10; part 25@10; price 11 again; part 25@10", wrong: applies(0, 1, 3), want: "diverged events->projection skipped_equal_timestamp at 3", sure: compare.Medium},
		{reason: "a run skipped", life: life + "; price 12; part 5@10", wrong: applies(0, 4, 5), want: "diverged events->projection event_skipped at 2", sure: compare.Medium},
		{reason: "the last one twice", life: life, wrong: applies(0, 1, 2, 3, 3), want: "diverged events->projection event_applied_twice at 4", sure: compare.High},
		{reason: "an early one twice, and behind", life: life, wrong: applies(0, 1, 1, 2), want: "diverged events->projection event_applied_twice at 2", sure: compare.Medium},
		{reason: "in the wrong order", life: "create 100@10; price 11; part 5@10", wrong: applies(0, 2, 1), want: "diverged events->projection applied_out_of_order at 2", sure: compare.Medium},

		{reason: "NULL", life: life, wrong: has("filled_quantity=NULL"), want: "diverged events->projection null_instead_of_value at 4", sure: compare.High},
		{reason: "a drift within a cent", life: life, wrong: has("filled_quantity=60.005"), want: "diverged events->projection value_drift at 4", sure: compare.Medium},
		{reason: "another time zone", life: life, wrong: has("updated_at=2024-01-01 04:30:04+00"), want: "diverged events->projection timezone_shift at 4", sure: compare.High},
		{reason: "a float of single precision", life: "create 100@12345.6789; part 50@10", wrong: has("price=12345.679"), want: "diverged events->projection float_rounding at 1", sure: compare.Medium},
		{reason: "what a float of double precision can hold", life: "create 100@123456.7891; part 50@10", wrong: has("price=123456.7891"), want: "match"},
		{reason: "a float in all its digits", life: "create 100@12345.6789; part 50@10", wrong: has("price=12345.6787109375"), want: "diverged events->projection float_rounding at 1", sure: compare.High},
		{reason: "a float in the column's scale", life: "create 100@123456.7811; part 50@10", wrong: has("price=123456.7812"), want: "diverged events->projection float_rounding at 1", sure: compare.Medium},
		{reason: "a sum of floats", life: "create 100@10; part 0.3@10", wrong: has("filled_quantity=0.30000000000000004"), want: "diverged events->projection float_rounding at 2", sure: compare.High},
		{reason: "another order's status", life: life + "; cancel", wrong: has("status=PARTIALLY_FILLED"), want: "diverged events->projection wrong_value at 5", sure: compare.Low},
		{reason: "a price far off", life: life, wrong: has("price=99"), want: "diverged events->projection wrong_value at 3", sure: compare.Low},
		{reason: "the row twice", life: life, wrong: func(e []order.Event) []order.Row { return append(shows(4)(e), shows(4)(e)...) }, want: "diverged events->projection duplicate_row", sure: compare.High},
		{reason: "a row of nothing", life: "part 40@10", wrong: func([]order.Event) []order.Row { return one(but(rowOf(oracle, eventsOf(t, life)), "changed_at=1")) }, want: "lagging legacy->events ghost_event at 1", sure: compare.Medium},
	} {
		events := eventsOf(t, test.life)
		e := compare.Evidence{Events: events, Legacy: one(rowOf(oracle, events)), Projection: test.wrong(events)}
		if state, _ := order.Fold(events); !state.Exists() {
			e.Legacy = nil
		}
		if test.more != nil {
			test.more(&e)
		}
		cases = append(cases, diagnosisCase{test.reason, oracle, e, test.want, test.sure})
	}
	return cases
}

func none([]order.Event) []order.Row { return nil }
func overtaken(e *compare.Evidence)  { e.ProjectionReached = second(1000) }

// shows is a row of the first n events.
func shows(n int) func([]order.Event) []order.Row {
	return func(events []order.Event) []order.Row { return one(rowOf(oracle, events[:n])) }
}

// has is a row of all events with other values.
func has(changes ...string) func([]order.Event) []order.Row {
	return func(events []order.Event) []order.Row { return one(but(rowOf(oracle, events), changes...)) }
}

// applies is a row of the events at the indexes, in that order.
func applies(indexes ...int) func([]order.Event) []order.Row {
	return func(events []order.Event) []order.Row { return one(applied(events, indexes)) }
}

func applied(events []order.Event, indexes []int) order.Row {
	var chosen []order.Event
	for n, i := range indexes {
		e := events[i]
		e.Position = order.Position(n + 1)
		chosen = append(chosen, e)
	}
	return rowOf(oracle, chosen)
}

func TestDiagnosesOfLegacy(t *testing.T) { diagnosed(t, legacyCases(t)) }

func legacyCases(t testing.TB) (cases []diagnosisCase) {
	const life = "create 100@10; part 40@10; price 11.5; part 20@10.01"
	trades := func(quantities ...int64) func(*compare.Evidence) {
		return func(e *compare.Evidence) {
			e.History = &history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
			for i, q := range quantities {
				at := second([]int{2, 4, 5}[i])
				e.History.Trades = append(e.History.Trades, history.Trade{At: at, Quantity: *apd.New(q, 0), Price: *apd.New([]int64{1000, 1001, 1000}[i], -2)})
			}
			e.History.Audit = append(e.History.Audit, history.Line{At: second(3), Field: "price", Old: text("10"), New: text("11.5")})
		}
	}
	unchanged := func(e *compare.Evidence) {
		e.History = &history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
	}
	for _, test := range []struct {
		reason string
		life   string
		legacy func([]order.Event) []order.Row
		more   func(*compare.Evidence)
		want   string
		sure   compare.Confidence
	}{
		{reason: "right", life: life, legacy: shows(4), more: trades(40, 20), want: "match"},
		{reason: "an event of an order that nobody created", life: "part 40@10", legacy: none, want: "lagging legacy->events ghost_event at 1", sure: compare.Medium},
		{reason: "an order that legacy does not have", life: life, legacy: none, want: "lagging legacy->events ghost_event at 1", sure: compare.Medium},
		{reason: "a trailing event that legacy does not show", life: life, legacy: shows(3), want: "lagging legacy->events ghost_event at 4", sure: compare.Medium},
		{reason: "a trailing event that is in no record of legacy's", life: life, legacy: shows(3), more: trades(40), want: "lagging legacy->events ghost_event at 4", sure: compare.High},
		{reason: "a trailing event that is in legacy's own record", life: life, legacy: shows(3), more: trades(40, 20), want: "lagging legacy lost_update at 4", sure: compare.Medium},
		{reason: "an event in the middle that was rolled back", life: "create 100@10; price 12; part 40@10", legacy: applies(0, 2), more: func(e *compare.Evidence) {
			unchanged(e)
			e.History.Trades = append(e.History.Trades, history.Trade{At: second(3), Quantity: *apd.New(40, 0), Price: *apd.New(10, 0)})
		}, want: "lagging legacy->events ghost_event at 2", sure: compare.High},
		{reason: "an overwritten fill", life: life, legacy: applies(0, 2, 3), more: trades(40, 20), want: "lagging legacy lost_update at 2", sure: compare.Medium},
		{reason: "an overwritten fill, without a record", life: life, legacy: applies(0, 2, 3), want: "lagging legacy lost_update at 2", sure: compare.Low},
		{reason: "an overwritten price", life: life, legacy: has("price=10"), more: trades(40, 20), want: "lagging legacy lost_update at 3", sure: compare.Medium},
		{reason: "a price that nobody logged", life: life, legacy: has("price=77"), more: trades(40, 20), want: "lagging legacy direct_edit at 3", sure: compare.High},
		{reason: "a price that nobody logged, never changed before", life: "create 100@10", legacy: has("price=77"), more: unchanged, want: "lagging legacy direct_edit at 1", sure: compare.Medium},
		{reason: "more filled than traded", life: life, legacy: has("filled_quantity=61"), more: trades(40, 20), want: "lagging legacy direct_edit at 4", sure: compare.High},
		{reason: "less filled than traded, by no trade", life: life, legacy: has("filled_quantity=59"), more: trades(40, 20), want: "lagging legacy direct_edit at 4", sure: compare.High},
		{reason: "a row that was deleted", life: life, legacy: none, more: trades(40, 20), want: "lagging legacy direct_edit at 1", sure: compare.High},
		{reason: "a status of which no record speaks", life: life, legacy: has("status=CANCELED"), more: trades(40, 20), want: "lagging legacy->events wrong_event_content at 2", sure: compare.Low},
		{reason: "the event has the old price", life: life + "; price 11.5", legacy: has("price=12"), more: func(e *compare.Evidence) {
			trades(40, 20)(e)
			e.History.Audit = append(e.History.Audit, history.Line{At: second(5), Field: "price", Old: text("11.5"), New: text("12")})
		}, want: "lagging legacy->events wrong_event_content at 5", sure: compare.High},
		{reason: "another price, without a record", life: life, legacy: has("price=77"), want: "lagging legacy->events wrong_event_content at 3", sure: compare.Low},

		{reason: "written after the last event", life: life, legacy: has("changed_at=9", "status=CANCELED"), want: "lagging legacy->events lost_shadow_write", sure: compare.Medium},
		{reason: "a trade without an event", life: life, legacy: has("changed_at=5", "filled_quantity=65"), more: trades(40, 20, 5), want: "lagging legacy->events lost_shadow_write", sure: compare.High},
		{reason: "a hole that a later event speaks of", life: "create 100@10; part 20@10", legacy: has("filled_quantity=60", "avg_fill_price=10.5"), more: func(e *compare.Evidence) {
			part := ordertest.PartiallyFilled{Quantity: *apd.New(20, 0), Remaining: *apd.New(40, 0), Price: *apd.New(10, 0)}
			e.Events[1] = ordertest.Event(2, e.Events[1].Key, e.Events[1].At, part)
		}, want: "lagging legacy->events lost_shadow_write at 2", sure: compare.Low},
		{reason: "more filled than the events say", life: life, legacy: has("filled_quantity=65"), want: "lagging legacy->events lost_shadow_write", sure: compare.Low},
		{reason: "the creation has no event", life: "part 40@10", legacy: func([]order.Event) []order.Row { return one(rowOf(oracle, eventsOf(t, life))) }, want: "lagging legacy->events lost_shadow_write at 1", sure: compare.High},

		{reason: "one fill, two events", life: "create 100@10; part 25@10; part 25@10 again", legacy: shows(2), more: func(e *compare.Evidence) { e.Events[2].Said = e.Events[1].Said }, want: "lagging legacy->events duplicate_event at 3", sure: compare.High},
		{reason: "one fill, two events, and more behind", life: "create 100@10; part 25@10; part 25@10 again; price 12", legacy: applies(0, 1, 3), more: func(e *compare.Evidence) { e.Events[2].Said = e.Events[1].Said }, want: "lagging legacy->events duplicate_event at 3", sure: compare.High},
		{reason: "a cancel after the fill", life: "create 100@10; fill 100@10; cancel", legacy: shows(2), want: "lagging legacy->events impossible_transition at 3", sure: compare.High},
		{reason: "overfilled", life: "create 100@10; part 50@10; fill 100@10", legacy: has("filled_quantity=100"), want: "lagging legacy->events impossible_transition at 3", sure: compare.Medium},
		{reason: "all agree on a cancel after the fill", life: "create 100@10; fill 100@10; cancel", legacy: shows(3), want: "diverged legacy impossible_transition at 3", sure: compare.Medium},
		{reason: "an event that cannot be read", life: life + "; broken", legacy: has("changed_at=5", "price=2"), want: "lagging legacy->events schema_drift at 5", sure: compare.High},
		{reason: "events in New York's time", life: life, legacy: has("updated_at=2024-01-01 14:30:04+00"), want: "lagging legacy->events timezone_shift at 4", sure: compare.High},
		{reason: "an event's price through a float", life: "create 100@10; price 12345.679", legacy: has("price=12345.6789"), want: "lagging legacy->events float_rounding at 2", sure: compare.Medium},
		{reason: "the row twice", life: life, legacy: func(e []order.Event) []order.Row { return append(shows(4)(e), shows(4)(e)...) }, want: "lagging legacy duplicate_row", sure: compare.High},
	} {
		events := eventsOf(t, test.life)
		e := compare.Evidence{Events: events, Legacy: test.legacy(events)}
		if test.more != nil {
			test.more(&e)
		}
		if state, _ := order.Fold(e.Events); state.Exists() {
			e.Projection = one(rowOf(oracle, e.Events))
		}
		cases = append(cases, diagnosisCase{test.reason, oracle, e, test.want, test.sure})
	}
	return cases
}

func TestDiagnosesOfBoth(t *testing.T) {
	diagnosed(t, bothCases(t))
	events := eventsOf(t, "create 100@10; part 40@10; price 11.5")
	d := oracle.Diagnose(compare.Evidence{Events: events, Legacy: one(rowOf(oracle, events)), Projection: one(rowOf(oracle, events[:1]))})
	if d.Behind != 2 || !d.Since.Equal(second(2)) {
		t.Errorf("behind by %d since %s, want 2 since the second event", d.Behind, d.Since)
	}
}

func bothCases(t testing.TB) []diagnosisCase {
	events := eventsOf(t, "create 100@10; part 40@10; price 11.5")
	right := rowOf(oracle, events)
	conflict := append(eventsOf(t, "create 100@10; part 40@10; price 11.5"), eventsOf(t, "create 100@10; part 40@10; price 12")[2])
	venue, nothing := compare.Oracle{Fields: fieldsOf("price", "venue")}, compare.Oracle{Fields: fieldsOf("venue")}
	rows := func(v string) []order.Row { return one(order.Row{Values: []order.Value{text("11.5"), text(v)}}) }
	row := one(order.Row{Values: []order.Value{text("X")}})
	return []diagnosisCase{
		{"nothing anywhere", oracle, compare.Evidence{}, "match", ""},
		{"no events", oracle, compare.Evidence{Legacy: one(right)}, "lagging legacy->events lost_shadow_write", compare.High},
		{"no events, both rows", oracle, compare.Evidence{Legacy: one(right), Projection: one(right)}, "lagging legacy->events lost_shadow_write", compare.High},
		{"a row from nowhere", oracle, compare.Evidence{Projection: one(right)}, "diverged events->projection ghost_row", compare.High},
		{
			"both wrong, each in its way", oracle,
			compare.Evidence{Events: events, Legacy: one(but(right, "price=77")), Projection: one(but(right, "price=88"))},
			"lagging legacy->events wrong_event_content at 3", compare.Low,
		},
		{
			"both wrong in the same way: the events are", oracle,
			compare.Evidence{Events: events, Legacy: one(but(right, "price=77")), Projection: one(but(right, "price=77"))},
			"lagging legacy->events wrong_event_content at 3", compare.Low,
		},
		{
			"legacy ahead, the projection behind", oracle,
			compare.Evidence{Events: events, Legacy: one(but(right, "changed_at=9", "status=CANCELED")), Projection: one(rowOf(oracle, events[:2]))},
			"lagging legacy->events lost_shadow_write", compare.Medium,
		},
		{"a field that events do not tell", venue, compare.Evidence{Events: events, Legacy: rows("X"), Projection: rows("Y")}, "lagging legacy->projection wrong_value", compare.Low},
		{
			"another event at a position that has one", oracle,
			compare.Evidence{Events: conflict, Legacy: one(right), Projection: one(right)},
			"diverged legacy->events duplicate_event at 3", compare.Medium,
		},
		{"no judged field", nothing, compare.Evidence{Events: events, Legacy: row, Projection: row}, "match", ""},
		{"no judged field, and no row", nothing, compare.Evidence{Events: events, Legacy: row}, "lagging events->projection stale_projection at 1", compare.Low},
		{"no judged field, and no event", nothing, compare.Evidence{Legacy: row, Projection: row}, "lagging legacy->events lost_shadow_write", compare.High},
	}
}

// TestTheLastWriteHasAnyName: where changed_at is not configured, the field that all events set to their time says when the
// row was written, whatever it is called.
func TestTheLastWriteHasAnyName(t *testing.T) {
	rules := ordertest.RulesWith(t, func(r *order.FoldRules) {
		for _, e := range r.Events {
			e.Set["touched"] = e.Set["updated_at"]
			delete(e.Set, "updated_at")
		}
		delete(r.Types, "updated_at")
		r.Types["touched"] = order.Timestamptz
	})
	o := compare.Oracle{Rules: rules, Fields: []order.Field{{Name: "price", Type: order.Numeric}, {Name: "touched", Type: order.Timestamptz}}}
	created := order.RawEvent{
		Position: 1, Key: "42", Type: "OrderCreated", At: second(1),
		Payload: []byte(`{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`),
	}
	e, err := order.Decode(created, rules)
	if err != nil {
		t.Fatal(err)
	}
	row := order.Row{Key: "42", Values: []order.Value{{Text: "11"}, {Text: order.TimestamptzText(second(9))}}}
	d := o.Diagnose(compare.Evidence{Events: []order.Event{e}, Legacy: []order.Row{row}, Projection: []order.Row{row}})
	if d.Cause != compare.LostShadowWrite {
		t.Errorf("%s: %s; want %s, because legacy was written after the last event", d.Cause, d.Reason, compare.LostShadowWrite)
	}
}
