package order_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
)

// secondLanguage is another store of the same orders: money in ten-thousandths within objects, a status that follows from
// what is filled, trades that can be taken back, and a time in the payload.
func secondLanguage() order.FoldRules {
	text := func(s string) order.Source { return order.Source{Text: &s} }
	path := func(p string) order.Source { return order.Source{Path: "$." + p} }
	amount := order.Source{Path: "$.px.amount", Scale: 4}
	was := order.Source{Path: "$.was", Null: true, Optional: true}
	return order.FoldRules{
		Events: map[string]order.EventRule{
			"Placed": {Create: order.Creates, Set: map[string]order.Source{
				"side":   {Path: "$.side", Map: map[string]string{"1": "BUY", "x": "SELL", "else": "?"}},
				"status": text("OPEN"), "quantity": path("qty"), "price": amount,
				"created_at": {Path: "$.when", Optional: true},
			}},
			"Moved": {SetNamed: &order.Named{
				Field: path("what"), To: path("to"), Was: &was, Only: []string{"price", "quantity", "side"}, Names: map[string]string{"px": "price"},
				Null: []string{"price"},
			}},
			"Executed": {
				Add: map[string]order.Source{"filled": path("last.qty")}, AddProduct: map[string][2]order.Source{"paid": {path("last.qty"), path("last.px")}},
				Set: map[string]order.Source{"traded_at": {Path: "$.ms", Unit: "ms", Optional: true}},
			},
			"Busted": {
				Subtract: map[string]order.Source{"filled": path("last.qty")}, SubtractProduct: map[string][2]order.Source{"paid": {path("last.qty"), path("last.px")}},
			},
			"Ended": {Set: map[string]order.Source{"status": text("CANCELED"), "why": {Path: "$.why", Null: true, Optional: true}}},
			"Noted": {Ignore: true},
		},
		Derive: map[string]order.Derivation{
			"average": {Ratio: [2]string{"paid", "filled"}, Scale: 6},
			"status": {Unless: []string{"CANCELED"}, When: []order.When{
				{Field: "filled", AtLeast: "quantity", Then: "FILLED"}, {Field: "filled", Above: "0", Then: "PARTIALLY_FILLED"},
			}},
		},
		Types: map[string]order.FieldType{
			"side": order.Text, "price": order.Numeric, "created_at": order.Timestamptz, "traded_at": order.Timestamptz, "why": order.Text,
		},
		Invariants: order.Invariants{Ordered: "quantity", Filled: "filled", Average: "average", Status: "status", Terminal: []string{"FILLED", "CANCELED"}},
	}
}

const (
	placed   = `Placed {"side": 1, "qty": "100", "px": {"amount": 123400, "cur": "EUR"}, "when": "2024-01-01T10:00:00.25+01:00"}`
	executed = `Executed {"last": {"qty": 40, "px": 10}, "ms": 1704103200123}`
	busted   = `Busted {"last": {"qty": 40, "px": 10}}`
)

func TestRulesOfAUserFold(t *testing.T) {
	r := rules(t, secondLanguage())
	for _, test := range []struct {
		lines    []string
		want     string // status side quantity@price filled@average created traded
		problems string
	}{
		{[]string{placed}, "OPEN BUY 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 NULL", ""},
		{[]string{placed, executed}, "PARTIALLY_FILLED BUY 100@12.3400 40@10.000000 2024-01-01 09:00:00.25+00 2024-01-01 10:00:00.123+00", ""},
		{[]string{placed, executed, busted}, "OPEN BUY 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 2024-01-01 10:00:00.123+00", ""},
		{[]string{placed, busted}, "OPEN BUY 100@12.3400 -40@10.000000 2024-01-01 09:00:00.25+00 NULL", "contradicts_history"},
		{[]string{placed, executed, executed, executed}, "FILLED BUY 100@12.3400 120@10.000000 2024-01-01 09:00:00.25+00 2024-01-01 10:00:00.123+00", "overfill"},
		{[]string{placed, `Ended {}`, executed}, "CANCELED BUY 100@12.3400 40@10.000000 2024-01-01 09:00:00.25+00 2024-01-01 10:00:00.123+00", "fill_after_cancel"},
		{[]string{placed, `Ended {"why": null}`, `Ended {"why": "x"}`}, "CANCELED BUY 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 NULL", "canceled_twice"},
		{[]string{placed, `Moved {"what": "px", "to": 13.5, "was": "12.34"}`}, "OPEN BUY 100@13.5 0@NULL 2024-01-01 09:00:00.25+00 NULL", ""},
		{[]string{placed, `Moved {"what": "px", "to": null, "was": "12.35"}`}, "OPEN BUY 100@NULL 0@NULL 2024-01-01 09:00:00.25+00 NULL", "contradicts_history"},
		{[]string{placed, `Noted {"anything": [`}, "OPEN BUY 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 NULL", ""},
		{[]string{strings.Replace(placed, `1,`, `"x",`, 1)}, "OPEN SELL 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 NULL", ""},
		{[]string{strings.Replace(placed, `1,`, `true,`, 1)}, "OPEN ? 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 NULL", ""},
		{[]string{strings.Replace(placed, "123400", "1234.5", 1)}, "none", "schema"},
		{[]string{strings.Replace(placed, "123400", "1234e2", 1)}, "OPEN BUY 100@12.3400 0@NULL 2024-01-01 09:00:00.25+00 NULL", ""},
		{[]string{strings.Replace(placed, `"amount"`, `"value"`, 1)}, "none", "schema"},
	} {
		replay := order.NewReplay(r)
		replay.Start([]byte("42"))
		var events []order.Event
		for i, line := range test.lines {
			eventType, payload, _ := strings.Cut(line, " ")
			raw := order.RawEvent{Position: order.Position(i + 1), Key: "42", Type: eventType, At: start, Payload: []byte(payload)}
			e, _ := order.Decode(raw, r)
			events = append(events, e)
			replay.Apply(order.StoredRow{Position: raw.Position, Type: []byte(eventType), At: start, Payload: raw.Payload})
		}
		folded, problems := order.Fold(events)
		replayed := replay.State()
		for way, s := range map[string]order.State{"fold": folded, "replay": replayed} {
			if got := second(&s); got != test.want {
				t.Errorf("%s by %s\ngot  %s\nwant %s", strings.Join(test.lines, "\n"), way, got, test.want)
			}
		}
		var got []string
		for _, p := range problems {
			got = append(got, string(p.Kind))
		}
		if d := cmp.Diff(test.problems, strings.Join(got, " ")); d != "" {
			t.Errorf("%s\n%s", strings.Join(test.lines, "\n"), d)
		}
		if folded.Flawed() != replay.Flawed() {
			t.Errorf("%s: flawed %v, by the replay %v", strings.Join(test.lines, "\n"), folded.Flawed(), replay.Flawed())
		}
	}
}

func second(s *order.State) string {
	if !s.Exists() {
		return "none"
	}
	text := func(field string) string { return textOf(s, field) }
	return text("status") + " " + text("side") + " " + text("quantity") + "@" + text("price") + " " + text("filled") + "@" + text("average") + " " + text("created_at") + " " + text("traded_at")
}

func TestRulesThatCannotBeAreRefused(t *testing.T) {
	for path, change := range map[string]func(*order.FoldRules){
		"events.Placed.set.pirce":        func(r *order.FoldRules) { r.Events["Placed"].Set["pirce"] = order.Source{Path: "$.x"} },
		"events.Placed.set.price":        func(r *order.FoldRules) { r.Events["Placed"].Set["price"] = order.Source{Path: "px"} },
		"events.Placed.set.side":         func(r *order.FoldRules) { r.Events["Placed"].Set["side"] = order.Source{} },
		"events.Placed.set.average":      func(r *order.FoldRules) { r.Events["Placed"].Set["average"] = order.Source{Path: "$.x"} },
		"events.Placed.set.quantity":     func(r *order.FoldRules) { r.Events["Placed"].Set["quantity"] = order.Source{Of: "at"} },
		"events.Executed.set.side.scale": func(r *order.FoldRules) { r.Events["Executed"].Set["side"] = order.Source{Path: "$.x", Scale: 2} },
		"events.Executed.add.filled":     func(r *order.FoldRules) { r.Events["Executed"].Set["filled"] = order.Source{Path: "$.x"} },
		"events.Moved.set_named.only":    func(r *order.FoldRules) { r.Events["Moved"].SetNamed.Only[0] = "prize" },
		"derive.average":                 func(r *order.FoldRules) { r.Derive["average"] = order.Derivation{} },
		"derive.status.when.1":           func(r *order.FoldRules) { r.Derive["status"].When[1].Above = "average" },
		"invariants.ordered":             func(r *order.FoldRules) { r.Invariants.Ordered = "ordered" },
		"types.filled":                   func(r *order.FoldRules) { r.Types["filled"] = order.Text },
		"events.Noted": func(r *order.FoldRules) {
			r.Events["Noted"] = order.EventRule{Ignore: true, Create: order.Creates}
		},
	} {
		r := secondLanguage()
		change(&r)
		_, err := order.NewRules(r, nil)
		mistakes, ok := errors.AsType[order.RuleErrors](err)
		if !ok || !errors.Is(err, order.ErrRules) || strings.Join(mistakes[0].Path, ".") != path {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestWhatRulesAnswerIsTheCallers: whoever changes an answer changes nothing for others.
func TestWhatRulesAnswerIsTheCallers(t *testing.T) {
	spec := order.Orders()
	spec.Events["OrderNoted"] = order.EventRule{Ignore: true}
	rules, err := order.NewRules(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules.IgnoredTypes()[0] = "'OrderNoted'"
	if got := rules.IgnoredTypes(); len(got) != 1 || got[0] != "OrderNoted" {
		t.Errorf("ignored are %q", got)
	}
}
