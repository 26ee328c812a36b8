package order_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// TestAPositionThatIsLeftOutIsAGap where positions count the events of each order. Replay finds the same orders flawed.
func TestAPositionThatIsLeftOutIsAGap(t *testing.T) {
	for name, test := range map[string]struct {
		positions []order.Position
		want      []order.ProblemKind
		flawed    bool
	}{
		"from zero":          {[]order.Position{0, 1, 2}, nil, false},
		"from one":           {[]order.Position{1, 2, 3}, nil, false},
		"one is left out":    {[]order.Position{1, 3, 4}, []order.ProblemKind{order.ProblemGap}, true},
		"two are left out":   {[]order.Position{1, 2, 5}, []order.ProblemKind{order.ProblemGap}, true},
		"one comes too late": {[]order.Position{1, 2, 1}, []order.ProblemKind{order.ProblemDisorder}, false},
	} {
		for _, perOrder := range []bool{true, false} {
			rules := ordertest.RulesWith(t, func(r *order.FoldRules) { r.PerOrder = perOrder })
			replay := order.NewReplay(rules)
			replay.Start([]byte("7"))
			var events []order.Event
			for i, p := range test.positions {
				raw := order.RawEvent{Position: p, Key: "7", Type: "OrderModified", At: ordertest.Start, Payload: fmt.Appendf(nil, `{"field": "price", "old_value": 1, "new_value": 1}`)}
				if i == 0 {
					raw.Type, raw.Payload = "OrderCreated", []byte(`{"trader_id": "t", "symbol": "A", "side": "BUY", "quantity": 10, "price": 1}`)
				}
				e, err := order.Decode(raw, rules)
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, e)
				replay.Apply(order.StoredRow{Position: p, Type: []byte(raw.Type), At: raw.At, Payload: raw.Payload})
			}
			state, problems := order.Fold(events)
			var got []order.ProblemKind
			for _, p := range problems {
				got = append(got, p.Kind)
			}
			want, flawed := test.want, test.flawed
			if !perOrder && slices.Contains(want, order.ProblemGap) {
				want, flawed = nil, false
			}
			if !slices.Equal(got, want) || state.Flawed() != flawed || replay.Flawed() != flawed {
				t.Errorf("%s, per order %v: %v, flawed %v and by replay %v; want %v, %v", name, perOrder, got, state.Flawed(), replay.Flawed(), want, flawed)
			}
		}
	}
}
