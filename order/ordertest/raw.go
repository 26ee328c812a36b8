package ordertest

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
)

// Raw draws a history as a store may hold it, in no particular order. It is a clean life, or one in which events are
// misplaced, repeated with new positions, and written in ways that readers disagree about. No two events have the same
// position; all positions are above the given one. The preset of rules reads it.
func Raw(t *rapid.T, key order.Key, above order.Position, most int) []order.RawEvent {
	events := Clean(t, most)
	odd := rapid.Bool().Draw(t, "odd")
	if odd {
		events = append(events, stray(t, events)...)
	}
	raw := make([]order.RawEvent, 0, len(events))
	for _, e := range events {
		members := payload(t, e.Said)
		kind := string(e.Type)
		if odd && rapid.IntRange(0, 7).Draw(t, "flaw") == 7 {
			kind = flaw(t, kind, members)
		}
		raw = append(raw, order.RawEvent{Position: above + e.Position, Key: key, Type: kind, At: e.At, Payload: encode(members)})
	}
	if odd && rapid.Bool().Draw(t, "times differ from positions") {
		i, j := rapid.IntRange(0, len(raw)-1).Draw(t, "one"), rapid.IntRange(0, len(raw)-1).Draw(t, "other")
		raw[i].At, raw[j].At = raw[j].At, raw[i].At
	}
	if odd && rapid.IntRange(0, 7).Draw(t, "no time") == 7 {
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "of")].At = time.Time{}
	}
	return rapid.Permutation(raw).Draw(t, "stored")
}

// stray returns events that a normal life does not have, before, within and after it.
func stray(t *rapid.T, events []order.Event) []order.Event {
	taken := map[order.Position]bool{}
	last := order.Position(0)
	for _, e := range events {
		taken[e.Position] = true
		last = max(last, e.Position)
	}
	var out []order.Event
	for range rapid.IntRange(0, 4).Draw(t, "strays") {
		position := order.Position(rapid.Int64Range(0, int64(last)+8).Draw(t, "position"))
		if taken[position] {
			continue
		}
		taken[position] = true
		e := strayEvent(t, events)
		e.Position, e.At = position, events[0].At
		out = append(out, e)
	}
	return out
}

func strayEvent(t *rapid.T, events []order.Event) order.Event {
	small := func() apd.Decimal { return Cents(rapid.Int64Range(-20_000, 900_000).Draw(t, "amount")) }
	of := func(b Body) order.Event { return Event(1, Key, Start, b) }
	text := order.Value{Text: rapid.SampledFrom([]string{"8", "SELL", "AMD", "naïve", ""}).Draw(t, "text")}
	switch rapid.IntRange(0, 7).Draw(t, "stray") {
	case 0:
		return rapid.SampledFrom(events).Draw(t, "again")
	case 1:
		return of(Canceled{})
	case 2:
		return of(Filled{Quantity: small(), Price: small()})
	case 3:
		return of(PartiallyFilled{Quantity: small(), Remaining: small(), Price: small()})
	case 4:
		return of(Modified{Field: rapid.SampledFrom([]string{"trader_id", "symbol", "side"}).Draw(t, "field"), Old: text, New: text})
	case 5:
		return of(Modified{Field: "price", Old: order.Null, New: order.Null})
	default:
		amount := small()
		value := order.Value{Text: amount.Text('f')}
		return of(Modified{Field: rapid.SampledFrom([]string{"price", "quantity"}).Draw(t, "field"), Old: value, New: value})
	}
}

// payload returns what an event says in the form of the default schema. Numbers are JSON numbers, or strings that hold one.
func payload(t *rapid.T, said *order.Said) map[string]any {
	out := map[string]any{}
	for _, v := range said.Values() {
		switch {
		case v.Value.Null, said.Creates() && v.Path == "price" && rapid.IntRange(0, 9).Draw(t, "market") == 0:
			out[v.Path] = nil
		case v.Path == "trader_id", v.Number && rapid.IntRange(0, 4).Draw(t, "as a string") != 0:
			out[v.Path] = json.Number(v.Value.Text)
		default:
			out[v.Path] = v.Value.Text
		}
	}
	return out
}

// Odd values for a number or another value: a value of another type, a text that some parsers read as a number, and
// numbers just within and beyond the limits.
var oddValues = [][]any{
	{nil, true, "", "x", map[string]any{"a": 1}, []any{1}},
	{"NaN", "1e3", "-1.50", "Infinity", " 1", "1E-2", "-0", "007", "1_000", "0x10", ".5", "5.", "+1"},
	{json.Number("1e1200"), json.Number("1e-1200"), json.Number("-1e1200"), json.Number("1e400"), json.Number("1e-950"), strings.Repeat("9", 120)},
	{json.Number("-7"), json.Number("0"), json.Number("12345678901234567890.000000001"), "0." + strings.Repeat("3", 60)},
}

// flaw changes a payload. It returns the event type, which it may change too.
func flaw(t *rapid.T, kind string, members map[string]any) string {
	names := make([]string, 0, len(members))
	for _, name := range []string{"trader_id", "symbol", "side", "quantity", "price", "field", "old_value", "new_value", "filled_quantity", "remaining_quantity", "reason"} {
		if _, ok := members[name]; ok {
			names = append(names, name)
		}
	}
	name := rapid.SampledFrom(names).Draw(t, "key")
	switch rapid.IntRange(0, 9).Draw(t, "how") {
	case 0:
		delete(members, name)
	case 1:
		members["renamed_"+name] = members[name]
		delete(members, name)
	case 2:
		members["unexpected"] = 1
	case 3:
		return rapid.SampledFrom([]string{"OrderRenamed", "", "orderfilled"}).Draw(t, "type")
	case 4:
		members["order_id"] = rapid.SampledFrom([]any{json.Number("43"), nil, "x", json.Number(Key), string(Key)}).Draw(t, "order")
	default:
		members[name] = rapid.SampledFrom(rapid.SampledFrom(oddValues).Draw(t, "values")).Draw(t, "value")
	}
	return kind
}

func encode(members map[string]any) []byte {
	out, err := json.Marshal(members)
	if err != nil {
		panic(err) // made only of JSON values
	}
	return out
}
