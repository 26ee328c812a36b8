package compare_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

var foldFields = []order.Field{{Name: "side", Type: order.Text}, {Name: "price", Type: order.Numeric}, {Name: "filled", Type: order.Numeric}}

// foldRules are those of a store whose rules are being written.
func foldRules() order.FoldRules {
	open := order.Source{Path: "$.side"}
	price, quantity := order.Source{Path: "$.price"}, order.Source{Path: "$.quantity"}
	return order.FoldRules{Events: map[string]order.EventRule{
		"Placed":   {Create: order.Creates, Set: map[string]order.Source{"side": open, "price": price}},
		"Repriced": {Set: map[string]order.Source{"price": price}},
		"Executed": {Add: map[string]order.Source{"filled": quantity}},
		"Noted":    {Set: map[string]order.Source{"side": open}},
	}}
}

// foldsOf folds ten orders by some rules, and compares them with what the right rules give. Of the orders, the even ones were
// repriced, and those that are divisible by three executed.
func foldsOf(t *testing.T, rules order.FoldRules) *compare.Folds {
	t.Helper()
	right, err := order.NewRules(foldRules(), foldFields)
	if err != nil {
		t.Fatal(err)
	}
	given, err := order.NewRules(rules, foldFields)
	if err != nil {
		t.Fatal(err)
	}
	folds := &compare.Folds{Oracle: compare.Oracle{Fields: foldFields, Rules: given}}
	for i := range 10 {
		var shows, history []order.Event
		add := func(eventType, payload string) {
			raw := order.RawEvent{
				Position: order.Position(len(history) + 1), Key: order.Key(fmt.Sprint(i)), Type: eventType,
				At: time.Date(2024, 1, 1, 0, len(history), 0, 0, time.UTC), Payload: []byte(payload),
			}
			e, _ := order.Decode(raw, right)
			shows = append(shows, e)
			e, _ = order.Decode(raw, given)
			history = append(history, e)
		}
		add("Placed", `{"side": "BUY", "price": 10}`)
		if i%2 == 0 {
			add("Repriced", `{"price": 11}`)
		}
		if i%3 == 0 {
			add("Executed", `{"quantity": 5}`)
		}
		state, _ := order.Fold(shows)
		row := order.Row{Key: order.Key(fmt.Sprint(i))}
		for _, f := range foldFields {
			v, _ := state.Value(f.Name)
			row.Values = append(row.Values, v)
		}
		folds.Add(row, history)
	}
	return folds
}

func TestFoldsNameTheRuleThatIsNotComplete(t *testing.T) {
	set := func(r order.FoldRules, eventType, field string, to *order.Source) {
		rule := r.Events[eventType]
		kept := map[string]order.Source{}
		for name, source := range rule.Set {
			if name != field {
				kept[name] = source
			}
		}
		if to != nil {
			kept[field] = *to
		}
		rule.Set = kept
		r.Events[eventType] = rule
	}
	for _, c := range []struct {
		name string
		harm func(order.FoldRules)
		want string
	}{
		{"all are right", func(order.FoldRules) {}, ""},
		{"an assignment is forgotten", func(r order.FoldRules) {
			set(r, "Repriced", "price", nil)
			set(r, "Repriced", "side", &order.Source{Path: "$.side", Optional: true})
		}, "price Repriced 5"},
		{"the creation forgets one", func(r order.FoldRules) { set(r, "Placed", "side", nil) }, "side Placed 10"},
		{"the creation has the wrong unit, and a later event the right one", func(r order.FoldRules) {
			set(r, "Placed", "price", &order.Source{Path: "$.price", Scale: 2})
		}, "price Placed 5"},
		{"an addition has the wrong sign", func(r order.FoldRules) {
			r.Events["Executed"] = order.EventRule{Subtract: r.Events["Executed"].Add}
		}, "filled Executed 4"},
		{"two rules are wrong", func(r order.FoldRules) {
			set(r, "Repriced", "price", &order.Source{Path: "$.price", Scale: 2})
			r.Events["Executed"] = order.EventRule{Subtract: r.Events["Executed"].Add}
		}, "price Repriced 5; filled Executed 4"},
		{"both prices have the wrong unit", func(r order.FoldRules) {
			set(r, "Placed", "price", &order.Source{Path: "$.price", Scale: 2})
			set(r, "Repriced", "price", &order.Source{Path: "$.price", Scale: 2})
		}, "price Placed 5; price Repriced 5"},
		{"two fields in the same orders", func(r order.FoldRules) {
			set(r, "Placed", "price", &order.Source{Path: "$.price", Scale: 2})
			set(r, "Repriced", "price", &order.Source{Path: "$.price", Scale: 2})
			set(r, "Repriced", "side", &order.Source{Path: "$.price"})
		}, "side,price Repriced 5; price Placed 5"},
		{"nothing creates orders", func(r order.FoldRules) {
			r.Events["Placed"] = order.EventRule{Set: r.Events["Placed"].Set}
			r.Events["Noted"] = order.EventRule{Create: order.Creates, Set: r.Events["Noted"].Set}
		}, " Placed 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := foldRules()
			c.harm(rules)
			folds := foldsOf(t, rules)
			var got []string
			for _, g := range folds.Groups() {
				got = append(got, fmt.Sprintf("%s %s %d", strings.Join(g.Fields, ","), g.After, len(g.Keys)))
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if folds.Compared() != 10 || folds.Equal+folds.Differing() != 10 {
				t.Errorf("%d compared, %d equal, %d differ", folds.Compared(), folds.Equal, folds.Differing())
			}
		})
	}
}

// TestFoldsThatCannotBeCompared: a row that is late is no difference, and nothing is said of a history that cannot be read.
func TestFoldsThatCannotBeCompared(t *testing.T) {
	rules, err := order.NewRules(foldRules(), foldFields)
	if err != nil {
		t.Fatal(err)
	}
	folds := compare.Folds{Oracle: compare.Oracle{Fields: foldFields, Rules: rules}}
	event := func(position order.Position, eventType, payload string) order.Event {
		e, _ := order.Decode(order.RawEvent{Position: position, Key: "1", Type: eventType, At: time.Date(2024, 1, 1, 0, 0, int(position), 0, time.UTC), Payload: []byte(payload)}, rules)
		return e
	}
	placed := event(1, "Placed", `{"side": "BUY", "price": 10}`)
	row := order.Row{Key: "1", Values: []order.Value{{Text: "BUY"}, {Text: "10.00"}, {Text: "0"}}}
	folds.Add(row, nil)
	folds.Add(row, []order.Event{placed, event(2, "Split", `{}`)})
	folds.Add(row, []order.Event{placed, event(2, "Repriced", `{"price": 11}`)})
	folds.Add(row, []order.Event{placed})
	if folds.NoEvent != 1 || folds.Unread != 1 || folds.Behind != 1 || folds.Equal != 1 || folds.Compared() != 2 || folds.Groups() != nil {
		t.Errorf("%+v", folds)
	}
}
