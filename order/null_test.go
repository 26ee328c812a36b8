package order_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestNullAddsNothing in the fold and in the replay.
func TestNullAddsNothing(t *testing.T) {
	source := func(path string) order.Source { return order.Source{Path: path, Null: true} }
	rules, err := order.NewRules(order.FoldRules{Events: map[string]order.EventRule{
		"Made": {
			Create:          order.Creates,
			Add:             map[string]order.Source{"sum": source("$.a")},
			SubtractProduct: map[string][2]order.Source{"paid": {source("$.a"), source("$.b")}},
		},
	}}, []order.Field{{Name: "sum", Type: order.Numeric}, {Name: "paid", Type: order.Numeric}})
	if err != nil {
		t.Fatal(err)
	}
	for payload, want := range map[string][2]string{
		`{"a":null,"b":null}`: {"0", "0"}, `{"a":5,"b":null}`: {"5", "0"}, `{"a":null,"b":5}`: {"0", "0"}, `{"a":5,"b":2}`: {"5", "-10"},
	} {
		row := order.StoredRow{Position: 1, Key: []byte("1"), Type: []byte("Made"), At: start, Payload: []byte(payload)}
		event, err := order.Decode(row.Raw(), rules)
		if err != nil {
			t.Fatal(err)
		}
		fold, _ := order.Fold([]order.Event{event})
		replay := order.NewReplay(rules)
		replay.Start([]byte("1"))
		replay.Apply(row)
		replayed := replay.State()
		for i, field := range []string{"sum", "paid"} {
			a, _ := fold.Value(field)
			b, _ := replayed.Value(field)
			if a.Null || a != b || a.Text != want[i] {
				t.Errorf("%s: %s is %v by the fold and %v by the replay, want %s", payload, field, a, b, want[i])
			}
		}
	}
}
