package order_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// replayed plays raw events, in the order of their positions.
func replayed(r *order.Replay, raw []order.RawEvent) {
	r.Start([]byte(ordertest.Key))
	for _, e := range raw {
		r.Apply(order.StoredRow{Position: e.Position, Type: []byte(e.Type), At: e.At, Payload: slices.Clone(e.Payload)})
	}
}

func decoded(raw []order.RawEvent) []order.Event {
	var out []order.Event
	for _, e := range raw {
		event, _ := order.Decode(e, order.Defaults())
		out = append(out, event)
	}
	return out
}

func micros(us int64) time.Time { return time.UnixMicro(us) }

// plainValues are a plain order's fields as values has them. It is false if one does not fit.
func plainValues(r *order.Replay, rules *order.Rules) (out []order.Value, ok bool) {
	if !r.Plain() {
		return nil, false
	}
	for _, name := range fieldNames {
		i, _ := rules.Register(name)
		v, ok := r.Value(i)
		if !ok {
			return nil, false
		}
		out = append(out, plainText(v, rules.Judges(order.Field{Name: name, Type: order.Numeric}) && !rules.Judges(order.Field{Name: name, Type: order.Text}), rules.Judges(order.Field{Name: name, Type: order.Timestamptz})))
	}
	return out, true
}

func plainText(v order.PlainValue, number, at bool) order.Value {
	f := v.Number
	switch {
	case v.Null:
		return order.Null
	case at:
		return order.Value{Text: order.TimestamptzText(micros(v.Micros))}
	case !number:
		return order.Value{Text: string(v.Text)}
	}
	digits := fmt.Sprintf("%0*d", f.Scale+1, f.Coefficient)
	if f.Scale > 0 {
		digits = digits[:len(digits)-f.Scale] + "." + digits[len(digits)-f.Scale:]
	}
	return order.Value{Text: digits}
}

// TestReplayIsDecodeAndFold holds the fast way against the one that is written for people.
func TestReplayIsDecodeAndFold(t *testing.T) {
	r := order.NewReplay(order.Defaults())
	histories, plain, odd := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		raw := ordertest.Raw(t, ordertest.Key, 10, 10)
		slices.SortFunc(raw, func(a, b order.RawEvent) int { return int(a.Position - b.Position) })
		if rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
			raw = append(raw, rapid.SampledFrom(raw).Draw(t, "again"))
		}
		want, problems := order.Fold(decoded(raw))
		replayed(r, raw)
		got := r.State()
		if d := cmp.Diff(values(want), values(got)); d != "" || want.Exists() != r.Exists() {
			t.Errorf("exists %v, by the fold %v:\n%s", r.Exists(), want.Exists(), d)
		}
		// A repeated position is left to those who read the events: the fast way does not keep the event before.
		repeated := slices.ContainsFunc(problems, func(p order.Problem) bool { return p.Kind == order.ProblemDuplicate })
		differs := func(flawed bool) bool { return flawed != want.Flawed() && (!flawed || !repeated) }
		if differs(r.Flawed()) || differs(got.Flawed()) {
			t.Errorf("flawed %v and %v, by the fold %v: %v", r.Flawed(), got.Flawed(), want.Flawed(), problems)
		}
		histories++
		if len(problems) > 0 {
			odd++
		}
		if p, ok := plainValues(r, order.Defaults()); ok {
			plain++
			if d := cmp.Diff(values(want), p); d != "" {
				t.Errorf("plain:\n%s", d)
			}
		}
	})
	t.Logf("%d histories, %d of them with problems, %d plain", histories, odd, plain)
	if odd < histories/10 || plain < histories/10 {
		t.Errorf("of %d histories %d have problems and %d are plain: nothing is proven", histories, odd, plain)
	}
}

// TestAnotherEventAtAPositionIsAFlaw, whatever it says: nobody knows which of the two counts.
func TestAnotherEventAtAPositionIsAFlaw(t *testing.T) {
	created := order.RawEvent{Position: 7, Key: ordertest.Key, Type: "OrderCreated", At: ordertest.Start, Payload: []byte(`{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`)}
	for name, change := range map[string]func(*order.RawEvent){
		"same": func(*order.RawEvent) {},
		"modified": func(e *order.RawEvent) {
			e.Type, e.Payload = "OrderModified", []byte(`{"field": "price", "old_value": 10, "new_value": 6}`)
		},
		"unknown type": func(e *order.RawEvent) { e.Type = "Foo" },
		"no payload":   func(e *order.RawEvent) { e.Payload = nil },
	} {
		second := created
		change(&second)
		state, problems := order.Fold(decoded([]order.RawEvent{created, second}))
		r := order.NewReplay(order.Defaults())
		replayed(r, []order.RawEvent{created, second})
		if state.Flawed() != (name != "same") || !r.Flawed() || !state.Exists() {
			t.Errorf("%s: flawed %v, by the fast way %v: %v", name, state.Flawed(), r.Flawed(), problems)
		}
	}
}

// TestAveragesAreDividedAsPostgreSQLDoes has amounts of all sizes and scales.
func TestAveragesAreDividedAsPostgreSQLDoes(t *testing.T) {
	r := order.NewReplay(order.Defaults())
	trades, plain := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		amount := func(label string) string {
			digits := fmt.Sprint(rapid.Int64Range(0, 1_000_000_000_000).Draw(t, label))
			digits = digits[rapid.IntRange(0, len(digits)-1).Draw(t, "cut"):]
			if digits[0] == '0' {
				return "0." + digits
			}
			if point := rapid.IntRange(0, len(digits)).Draw(t, "point"); point > 0 && point < len(digits) {
				return digits[:point] + "." + digits[point:]
			}
			return digits
		}
		raw := []order.RawEvent{{Position: 1, Key: ordertest.Key, Type: "OrderCreated", At: ordertest.Start, Payload: []byte(`{"trader_id":7,"symbol":"A","side":"BUY","quantity":1,"price":null}`)}}
		for i := range rapid.IntRange(1, 6).Draw(t, "trades") {
			payload := fmt.Sprintf(`{ "quantity" : "%s","price":%s }`, amount("quantity"), amount("price"))
			raw = append(raw, order.RawEvent{Position: order.Position(i + 2), Key: ordertest.Key, Type: "OrderFilled", At: ordertest.Start, Payload: []byte(payload)})
		}
		want, _ := order.Fold(decoded(raw))
		replayed(r, raw)
		trades++
		p, ok := plainValues(r, order.Defaults())
		if !ok {
			return
		}
		plain++
		if d := cmp.Diff(values(want), p); d != "" {
			t.Error(d)
		}
	})
	if plain < trades/2 {
		t.Errorf("of %d averages only %d are computed in 128 bits", trades, plain)
	}
}

// TestWhatIsNotPlainIsDecoded has payloads that a scanner in haste would get wrong.
func TestWhatIsNotPlainIsDecoded(t *testing.T) {
	r := order.NewReplay(order.Defaults())
	for _, payload := range []string{
		`{"quantity": 60, "price": 10.01}`, `{"quantity": 60, "price": 10.01} `, `{"quantity": 60, "price": 10.01}x`, `{"quantity": 60, "price": 10.01,}`,
		`{"quantity": 60 "price": 10.01}`, `{"quantity": 060, "price": 1}`, `{"quantity": 60., "price": 1}`, `{"quantity": .6, "price": 1}`, `{"quantity": 6.0.1, "price": 1}`,
		`{"quantity": 6e1, "price": 1}`, `{"quantity": "6e1", "price": 1}`, `{"quantity": -6, "price": 1}`, `{"quantity": "+6", "price": 1}`, `{"quantity": "", "price": 1}`,
		`{"quantity": 123456789012345678, "price": 1}`, `{"quantity": 1234567890123456789, "price": 1}`, `{"quantity": 0.123456789012345678, "price": 1}`,
		`{"quantity": 60, "quantity": 50, "price": 1}`, `{"quantity": 60, "price": 1, "x": 1, "x": 2}`, `{"quantity": 60, "price": 1, "x": {"quantity": 3}}`,
		`{"quantity": 60, "price": 1, "x": [1]}`, `{"quantity": 60, "price": 1, "x": true}`, `{"quantity": true, "price": 1}`, `{"quantity": null, "price": 1}`,
		`{"quantity": 60, "price": null}`, `{"quantity": 60}`, `{"quantity": 60, "price": 1, "order_id": 42}`, `{"quantity": 60, "price": 1, "order_id": "42"}`,
		`{"quantity": 60, "price": 1, "order_id": 43}`, `{"quantity": 60, "price": 1, "order_id": null}`, `{"quant\u0069ty": 60, "price": 1}`,
		`{"quantity": 60, "price": 1, "x": "\u0000"}`, "{\"quantity\": 60, \"price\": 1, \"x\": \"\xff\"}", "{\"quantity\": 60, \"price\": 1, \"x\": \"a\nb\"}", `{"quantity": 60, "price": 1, "naïve": "ü"}`,
		`{}`, `[]`, `"x"`, `null`, ``, `{`, `{"`, `{"quantity"`, `{"quantity":`, `{"quantity": 60`, `{"quantity": nul, "price": 1}`, `{"quantity": 60, "price": 1, "": 1}`,
	} {
		raw := []order.RawEvent{
			{Position: 1, Key: ordertest.Key, Type: "OrderCreated", At: ordertest.Start, Payload: []byte(`{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`)},
			{Position: 2, Key: ordertest.Key, Type: "OrderFilled", At: ordertest.Start, Payload: []byte(payload)},
			{Position: 3, Key: ordertest.Key, Type: "OrderModified", At: ordertest.Start, Payload: []byte(`{"field": "side", "old_value": "BUY", "new_value": "SELL"}`)},
		}
		want, _ := order.Fold(decoded(raw))
		replayed(r, raw)
		got := r.State()
		if d := cmp.Diff(values(want), values(got)); d != "" {
			t.Errorf("%s:\n%s", payload, d)
		}
		if p, ok := plainValues(r, order.Defaults()); ok {
			if d := cmp.Diff(values(want), p); d != "" {
				t.Errorf("%s, plain:\n%s", payload, d)
			}
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"quantity": 60, "price": 10.01}`), "OrderFilled")
	f.Add([]byte(`{"field": "price", "old_value": "1.0", "new_value": null}`), "OrderModified")
	f.Add([]byte(`{"filled_quantity": "1", "remaining_quantity": 2.5, "price": 3, "x": "é"}`), "OrderPartiallyFilled")
	r := order.NewReplay(order.Defaults())
	f.Fuzz(func(t *testing.T, payload []byte, eventType string) {
		raw := []order.RawEvent{
			{Position: 1, Key: ordertest.Key, Type: "OrderCreated", At: ordertest.Start, Payload: []byte(`{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`)},
			{Position: 2, Key: ordertest.Key, Type: eventType, At: ordertest.Start, Payload: payload},
		}
		want, _ := order.Fold(decoded(raw))
		replayed(r, raw)
		got := r.State()
		if d := cmp.Diff(values(want), values(got)); d != "" {
			t.Errorf("%s %q:\n%s", eventType, payload, d)
		}
	})
}

// userRules are those of a store with the same fields as the preset's, in other words and units.
var userRules = func() *order.Rules {
	text := func(s string) order.Source { return order.Source{Text: &s} }
	path := func(p string) order.Source { return order.Source{Path: "$." + p} }
	price := order.Source{Path: "$.limitPrice.amount", Scale: 4}
	rules, err := order.NewRules(order.FoldRules{
		Events: map[string]order.EventRule{
			"Placed": {Create: order.Creates, Set: map[string]order.Source{
				"status": text("OPEN"), "trader": path("client"), "symbol": path("symbol"), "quantity": path("orderQty"), "price": price,
				"side": {Path: "$.side", Map: map[string]string{"1": "BUY", "2": "SELL"}},
			}},
			"PriceChanged": {Set: map[string]order.Source{"price": price}},
			"Executed": {Add: map[string]order.Source{"filled": path("lastQty")}, AddProduct: map[string][2]order.Source{
				"notional": {path("lastQty"), {Path: "$.lastPx.amount", Scale: 4}},
			}},
		},
		Derive: map[string]order.Derivation{
			"average": {Ratio: [2]string{"notional", "filled"}, Scale: 6},
			"status": {Unless: []string{"CANCELED"}, When: []order.When{
				{Field: "filled", AtLeast: "quantity", Then: "FILLED"}, {Field: "filled", Above: "0", Then: "PARTIALLY_FILLED"},
			}},
		},
		Types:      map[string]order.FieldType{"trader": order.Text, "symbol": order.Text, "side": order.Text, "price": order.Numeric},
		Invariants: order.Invariants{Ordered: "quantity", Filled: "filled", Average: "average", Status: "status", Terminal: []string{"FILLED", "CANCELED"}},
	}, nil)
	if err != nil {
		panic(err) // a mistake in them is a bug
	}
	return rules
}()

// lives are the same life of an order in the languages of three stores, and the rules of each.
var lives = []struct {
	name    string
	rules   *order.Rules
	average string // the field that holds it
	events  []string
}{
	{"preset", order.Defaults(), "avg_fill_price", []string{created, repriced, part, rest}},
	{"user", userRules, "average", []string{
		`Placed {"side": "1", "client": "7", "symbol": "NVDA", "orderQty": 100, "limitPrice": {"amount": 100000}}`,
		`PriceChanged {"limitPrice": {"amount": 115000}}`,
		`Executed {"lastQty": 40, "lastPx": {"amount": 100000}}`, `Executed {"lastQty": 60, "lastPx": {"amount": 100100}}`,
	}},
	{"desk", ordertest.DeskRules(), "average", []string{
		`Placed {"side": "1", "client": "Ann", "account": "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "day": "2024-02-29", "desk": 17, "orderQty": 100, "limitPrice": {"amount": 1050}, "placedAt": 1704103200123, "expires": null, "goodTillCancel": true, "priority": 2}`,
		`Amended {"fieldName": "limitPrice", "newValue": "11.25", "oldValue": "10.50"}`,
		`Executed {"lastQty": 40, "lastPx": {"amount": 1120}}`, `Executed {"lastQty": 60, "lastPx": {"amount": 1110}}`,
	}},
}

// living returns a function that replays such a life.
func living(t testing.TB, rules *order.Rules, field string, events []string) func() {
	var raw []order.StoredRow
	for _, line := range events {
		kind, payload, _ := strings.Cut(line, " ")
		raw = append(raw, order.StoredRow{Position: order.Position(len(raw) + 1), Type: []byte(kind), At: start, Payload: []byte(payload)})
	}
	r, key := order.NewReplay(rules), []byte("42")
	average, ok := rules.Register(field)
	if !ok {
		t.Fatalf("the rules have no %s", field)
	}
	return func() {
		r.Start(key)
		for _, e := range raw {
			r.Apply(e)
		}
		if _, ok := r.Value(average); !ok || !r.Plain() {
			t.Fatal("not plain")
		}
	}
}

func TestReplayOfPlainEventsAllocatesNothing(t *testing.T) {
	for _, life := range lives {
		if n := testing.AllocsPerRun(100, living(t, life.rules, life.average, life.events)); n != 0 {
			t.Errorf("%s: %v allocations", life.name, n)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, life := range lives {
		b.Run(life.name, func(b *testing.B) {
			replay := living(b, life.rules, life.average, life.events)
			for b.Loop() {
				replay()
			}
			b.ReportMetric(float64(len(life.events)*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
