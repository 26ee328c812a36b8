package order_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestSumsOfOneEvent are those of the fold in the replay, too. Null adds nothing.
func TestSumsOfOneEvent(t *testing.T) {
	source := func(path string) order.Source { return order.Source{Path: path, Null: true} }
	rules, err := order.NewRules(order.FoldRules{Events: map[string]order.EventRule{
		"Made": {
			Create:          order.Creates,
			Add:             map[string]order.Source{"sum": source("$.a")},
			SubtractProduct: map[string][2]order.Source{"paid": {source("$.a"), source("$.b")}},
		},
		"Corrected": { // what was is taken off what is
			Create: order.CreatesIfAbsent,
			Add:    map[string]order.Source{"sum": source("$.a")}, Subtract: map[string]order.Source{"sum": source("$.b")},
			AddProduct:      map[string][2]order.Source{"paid": {source("$.a"), source("$.a")}},
			SubtractProduct: map[string][2]order.Source{"paid": {source("$.a"), source("$.b")}},
		},
	}}, []order.Field{{Name: "sum", Type: order.Numeric}, {Name: "paid", Type: order.Numeric}})
	if err != nil {
		t.Fatal(err)
	}
	for said, want := range map[string][2]string{
		`Made {"a":null,"b":null}`: {"0", "0"}, `Made {"a":5,"b":null}`: {"5", "0"}, `Made {"a":null,"b":5}`: {"0", "0"}, `Made {"a":5,"b":2}`: {"5", "-10"},
		`Corrected {"a":5,"b":2}`: {"3", "15"}, `Corrected {"a":5,"b":null}`: {"5", "25"},
	} {
		kind, payload, _ := strings.Cut(said, " ")
		row := order.StoredRow{Position: 1, Key: []byte("1"), Type: []byte(kind), At: start, Payload: []byte(payload)}
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
				t.Errorf("%s: %s is %v by the fold and %v by the replay, want %s", said, field, a, b, want[i])
			}
		}
	}
}

// TestAConstantNull takes a value away, in the fold and in the replay.
func TestAConstantNull(t *testing.T) {
	fields := []order.Field{{Name: "coupon", Type: order.Text}, {Name: "rate", Type: order.Numeric}, {Name: "until", Type: order.Timestamptz}}
	set, unset := map[string]order.Source{}, map[string]order.Source{}
	for _, f := range fields {
		set[f.Name], unset[f.Name] = order.Source{Path: "$." + f.Name}, order.Source{Null: true}
	}
	rules, err := order.NewRules(order.FoldRules{Events: map[string]order.EventRule{
		"Given": {Create: order.Creates, Set: set}, "Taken": {Set: unset},
	}}, fields)
	if err != nil {
		t.Fatal(err)
	}
	replay := order.NewReplay(rules)
	replay.Start([]byte("1"))
	var fold order.State
	for i, event := range []string{`Given {"coupon":"C","rate":2.5,"until":"2024-01-01T00:00:00Z"}`, `Taken {}`} {
		kind, payload, _ := strings.Cut(event, " ")
		row := order.StoredRow{Position: order.Position(i + 1), Key: []byte("1"), Type: []byte(kind), At: start, Payload: []byte(payload)}
		replay.Apply(row)
		decoded, err := order.Decode(row.Raw(), rules)
		if err != nil {
			t.Fatal(err)
		}
		fold.Apply(decoded)
		replayed := replay.State()
		for _, f := range fields {
			a, _ := fold.Value(f.Name)
			b, _ := replayed.Value(f.Name)
			if a != b || a.Null != (i == 1) {
				t.Errorf("%s after %s: %v by the fold, %v by the replay", f.Name, kind, a, b)
			}
		}
	}
	if !replay.Plain() {
		t.Error("the replay left its plain form")
	}
}
