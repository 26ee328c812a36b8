package order_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestAnEventMayHaveNoPayload, if its rule reads none. Both ways of the fold agree.
func TestAnEventMayHaveNoPayload(t *testing.T) {
	text := func(s string) map[string]order.Source { return map[string]order.Source{"status": {Text: &s}} }
	opened, closed := text("OPEN"), text("CLOSED")
	closed["symbol"] = order.Source{Path: "$.symbol", Optional: true}
	noted := text("NOTED")
	noted["symbol"] = order.Source{Path: "$.symbol", Null: true}
	rules, err := order.NewRules(order.FoldRules{Events: map[string]order.EventRule{
		"Opened": {Create: order.Creates, Set: opened}, "Closed": {Set: closed}, "Noted": {Set: noted}, "Seen": {Ignore: true},
	}}, []order.Field{{Name: "status", Type: order.Text}, {Name: "symbol", Type: order.Text}})
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.NeedNoPayload(); !slices.Equal(got, []string{"Closed", "Opened", "Seen"}) {
		t.Errorf("%v need no payload", got)
	}
	for _, test := range []struct {
		kind    string
		payload []byte
		says    string
	}{
		{"Closed", nil, ""},
		{"Closed", []byte("null"), ""},
		{"Closed", []byte("{}"), ""},
		{"Closed", []byte("[]"), "payload: "},
		{"Noted", nil, "the event has no payload"},
		{"Noted", []byte("null"), "payload: "},
		{"Other", nil, "there is no rule"},
	} {
		raw := []order.RawEvent{{Position: 1, Key: "1", Type: "Opened", At: at}, {Position: 2, Key: "1", Type: test.kind, At: at, Payload: test.payload}}
		var events []order.Event
		r := order.NewReplay(rules)
		r.Start([]byte("1"))
		for _, e := range raw {
			event, _ := order.Decode(e, rules)
			events = append(events, event)
			r.Apply(order.StoredRow{Position: e.Position, Type: []byte(e.Type), At: e.At, Payload: e.Payload})
		}
		if s := events[1].Schema; (s == nil) != (test.says == "") || s != nil && !strings.Contains(s.Error(), test.says) {
			t.Errorf("%s %s: %v; want %q", test.kind, test.payload, s, test.says)
		}
		state, _ := order.Fold(events)
		if status, _ := state.Value("status"); r.Flawed() != state.Flawed() || r.Flawed() != (test.says != "") || test.says == "" && status.Text != "CLOSED" {
			t.Errorf("%s %s: flawed %t, by the fast way %t, status %s", test.kind, test.payload, state.Flawed(), r.Flawed(), status.Text)
		}
	}
}
