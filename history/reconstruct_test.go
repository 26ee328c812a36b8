package history_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

var fields = []string{"trader_id", "symbol", "side", "quantity", "price", "status", "filled_quantity", "avg_fill_price", "created_at"}

func field(name string) int { return slices.Index(fields, name) }

var start = time.Date(2025, 3, 1, 9, 30, 0, 0, time.UTC)

// vocabulary is how a store speaks.
type vocabulary struct {
	name  string
	spec  order.FoldRules
	rules *order.Rules
}

func vocabularies(t testing.TB) (out []vocabulary) {
	for _, v := range []vocabulary{{name: "orders", spec: order.Orders()}, {name: "desk", spec: desk()}} {
		var err error
		if v.rules, err = order.NewRules(v.spec, compared()); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// desk is a store with nested paths, cents, numbered sides, a status that is derived, and a type for each field.
func desk() order.FoldRules {
	path := func(p string) order.Source { return order.Source{Path: "$." + p} }
	text := func(s string) order.Source { return order.Source{Text: &s} }
	side := order.Source{Path: "$.side", Map: map[string]string{"1": "BUY", "2": "SELL"}}
	limit, last := order.Source{Path: "$.limitPrice.amount", Scale: 4}, order.Source{Path: "$.lastPx.amount", Scale: 4}
	left := path("leavesQty")
	placed := map[string]order.Source{
		"trader_id": path("traderId"), "symbol": path("symbol"), "side": side, "quantity": path("orderQty"), "price": limit,
		"created_at": {Path: "$.placedAt", Unit: "ms"},
	}
	imported := maps.Clone(placed)
	placed["status"], imported["status"] = text("OPEN"), path("state")
	placed["filled_quantity"] = text("0") // as config init proposes it
	imported["filled_quantity"], imported["notional"] = path("cumQty"), path("paid")
	return order.FoldRules{
		Events: map[string]order.EventRule{
			"Placed":          {Create: order.Creates, Set: placed},
			"Imported":        {Create: order.CreatesIfAbsent, Set: imported},
			"PriceChanged":    {Set: map[string]order.Source{"price": limit}},
			"QuantityChanged": {Set: map[string]order.Source{"quantity": path("orderQty")}},
			"Executed": {
				Add:        map[string]order.Source{"filled_quantity": path("lastQty")},
				AddProduct: map[string][2]order.Source{"notional": {path("lastQty"), last}}, Remaining: &left,
			},
			"Cancelled": {Set: map[string]order.Source{"status": text("CANCELED")}},
		},
		Derive: map[string]order.Derivation{
			"avg_fill_price": {Ratio: [2]string{"notional", "filled_quantity"}, Scale: 6},
			"status": {Unless: []string{"CANCELED"}, When: []order.When{
				{Field: "filled_quantity", AtLeast: "quantity", Then: "FILLED"}, {Field: "filled_quantity", Above: "0", Then: "PARTIALLY_FILLED"},
			}},
		},
		Invariants: order.Invariants{
			Ordered: "quantity", Filled: "filled_quantity", Average: "avg_fill_price", Status: "status", Terminal: []string{"FILLED", "CANCELED"},
		},
	}
}

func compared() (out []order.Field) {
	types := map[string]order.FieldType{
		"quantity": order.Numeric, "price": order.Numeric, "filled_quantity": order.Numeric, "avg_fill_price": order.Numeric, "created_at": order.Timestamptz,
	}
	for _, name := range fields {
		kind := types[name]
		if kind == "" {
			kind = order.Text
		}
		out = append(out, order.Field{Name: name, Type: kind})
	}
	return out
}

// life is an order of legacy while it lives, with what legacy records of it.
type life struct {
	row    history.Row
	record history.Record
	kinds  []history.Kind
	paid   apd.Decimal
}

func (l *life) set(name, value string) { l.row.Values[field(name)] = order.Value{Text: value} }

func (l *life) get(name string) string { return l.row.Values[field(name)].Text }

func (l *life) num(name string) *apd.Decimal {
	d, _, err := apd.NewFromString(l.get(name))
	if err != nil {
		panic(err)
	}
	return d
}

// lives draws an order that legacy records wholly.
func lives(t *rapid.T, rules *order.Rules) *life {
	cents := func(label string, most int64) string {
		return apd.New(rapid.Int64Range(1, most).Draw(t, label), -4).Text('f')
	}
	l := &life{
		row:    history.Row{Key: "4711", Values: make([]order.Value, len(fields)), CreatedAt: start, ChangedAt: start},
		record: history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}, kinds: []history.Kind{history.Created},
	}
	l.set("trader_id", "7")
	l.set("symbol", rapid.SampledFrom([]string{"AAPL", `"<q>"`, "é"}).Draw(t, "symbol"))
	l.set("side", rapid.SampledFrom([]string{"BUY", "SELL"}).Draw(t, "side"))
	l.set("quantity", cents("quantity", 1_000_000))
	l.set("price", cents("price", 1_000_000))
	l.set("status", "OPEN")
	l.set("filled_quantity", "0.0000")
	l.set("created_at", "2025-03-01 09:30:00+00")
	l.row.Values[field("avg_fill_price")] = order.Null
	for n := range rapid.IntRange(0, 6).Draw(t, "steps") {
		at := start.Add(time.Duration(n+1) * time.Minute)
		left := new(apd.Decimal)
		if _, err := apd.BaseContext.Sub(left, l.num("quantity"), l.num("filled_quantity")); err != nil {
			panic(err)
		}
		switch rapid.IntRange(0, 3).Draw(t, "deed") {
		case 0, 1:
			l.trade(t, rules, left, at)
		case 2:
			name := rapid.SampledFrom([]string{"price", "quantity"}).Draw(t, "field")
			to := cents("to", 1_000_000)
			if d, _, _ := apd.NewFromString(to); name == "quantity" && d.Cmp(l.num("filled_quantity")) <= 0 {
				continue
			}
			l.record.Audit = append(l.record.Audit, history.Line{At: at, Field: name, Old: order.Value{Text: l.get(name)}, New: order.Value{Text: to}})
			l.set(name, to)
			l.kinds = append(l.kinds, history.Modified)
		case 3:
			l.set("status", "CANCELED")
			l.kinds = append(l.kinds, history.Canceled)
		}
		l.row.ChangedAt = at
		if s := l.get("status"); s == "CANCELED" || s == "FILLED" {
			break
		}
	}
	return l
}

func (l *life) trade(t *rapid.T, rules *order.Rules, left *apd.Decimal, at time.Time) {
	units, err := apd.New(0, 0).SetInt64(0), error(nil)
	*units = *left
	units.Exponent += 4
	most, err := units.Int64()
	if err != nil {
		panic(err)
	}
	part := rapid.Int64Range(1, most).Draw(t, "part")
	trade := history.Trade{At: at, Quantity: *apd.New(part, -4), Price: *apd.New(rapid.Int64Range(1, 1_000_000).Draw(t, "at"), -4)}
	l.record.Trades = append(l.record.Trades, trade)
	filled, worth := l.num("filled_quantity"), new(apd.Decimal)
	must(apd.BaseContext.Add(filled, filled, &trade.Quantity))
	must(apd.BaseContext.Mul(worth, &trade.Quantity, &trade.Price))
	must(apd.BaseContext.Add(&l.paid, &l.paid, worth))
	l.set("filled_quantity", filled.Text('f'))
	l.row.Values[field("avg_fill_price")] = rules.AverageOf(l.paid, *filled)
	l.set("status", "PARTIALLY_FILLED")
	if part == most {
		l.set("status", "FILLED")
	}
	l.kinds = append(l.kinds, history.Traded)
}

func must(_ apd.Condition, err error) {
	if err != nil {
		panic(err)
	}
}

// TestTheEventsOfALifeFoldToItsRow also holds the speaker: each deed is said in the words of the store, read back and folded.
func TestTheEventsOfALifeFoldToItsRow(t *testing.T) {
	for _, v := range vocabularies(t) {
		t.Run(v.name, func(t *testing.T) {
			schema := history.Schema{Fields: fields, Rules: v.rules}
			speaker, err := history.NewSpeaker(v.spec, schema)
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				l := lives(t, v.rules)
				a := schema.Reconstruct(l.row, l.record)
				if len(a.Findings) > 0 {
					t.Fatalf("a clean life has findings: %v", a.Findings)
				}
				for i, d := range a.Deeds {
					if i >= len(l.kinds) || d.Kind != l.kinds[i] {
						t.Fatalf("deeds %v, want the kinds %v", a.Deeds, l.kinds)
					}
				}
				folds(t, v.rules, schema, speaker, a, l.row)
				bare := schema.Reconstruct(l.row, history.Record{Audit: []history.Line{}, Trades: []history.Trade{}})
				folds(t, v.rules, schema, speaker, bare, l.row)
				if found := speaker.Match(bare.Deeds, told(t, v.rules, speaker, bare)); len(found) > 0 {
					t.Fatalf("what was said of the row alone deviates: %+v", found)
				}
			})
		})
	}
}

// folds says the deeds, and compares what they fold to with the row.
func folds(t *rapid.T, rules *order.Rules, schema history.Schema, speaker *history.Speaker, a history.Account, row history.Row) {
	var events []order.Event
	for i, d := range a.Deeds {
		kind, payload, err := speaker.Say(d, history.Metadata{Batch: "b1"})
		if err != nil {
			t.Fatalf("saying %+v: %v", d, err)
		}
		e, err := order.Decode(order.RawEvent{Position: order.Position(i + 1), Key: row.Key, Type: kind, At: d.At, Payload: payload}, rules)
		if err != nil {
			t.Fatalf("reading %s back: %v", payload, err)
		}
		events = append(events, e)
	}
	state, problems := order.Fold(events)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	for i, name := range schema.Fields {
		got, _ := state.Value(name)
		if want := row.Values[i]; !equal(got, want) {
			t.Fatalf("%s is %v, want %v; deeds %+v", name, got, want, a.Deeds)
		}
	}
}

func equal(a, b order.Value) bool {
	if a == b {
		return true
	}
	x, _, errA := apd.NewFromString(a.Text)
	y, _, errB := apd.NewFromString(b.Text)
	if errA == nil && errB == nil {
		return x.Cmp(y) == 0
	}
	s, okA := order.ParseTime(a.Text)
	u, okB := order.ParseTime(b.Text)
	return okA && okB && s.Equal(u)
}
