package ordertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
)

// Raw draws a history as a store may hold it, in no particular order. It is a clean life, or one in which events are
// misplaced, repeated with new positions, and written in ways that readers disagree about. No two events have the same
// position; all positions are above the given one. The default vocabulary reads it.
func Raw(t *rapid.T, key order.Key, above order.Position, most int) []order.RawEvent {
	events := Clean(t, most)
	odd := rapid.Bool().Draw(t, "odd")
	if odd {
		events = append(events, stray(t, events)...)
	}
	raw := make([]order.RawEvent, 0, len(events))
	for _, e := range events {
		members := payload(t, e.Body)
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
		body := strayBody(t, events)
		out = append(out, order.Event{Position: position, Key: Key, Type: body.Type(), At: events[0].At, Body: body})
	}
	return out
}

func strayBody(t *rapid.T, events []order.Event) order.Body {
	small := func() apd.Decimal { return Cents(rapid.Int64Range(-20_000, 900_000).Draw(t, "amount")) }
	text := order.Value{Text: rapid.SampledFrom([]string{"8", "SELL", "AMD", "naïve", ""}).Draw(t, "text")}
	switch rapid.IntRange(0, 7).Draw(t, "stray") {
	case 0:
		return rapid.SampledFrom(events).Draw(t, "again").Body
	case 1:
		return order.Canceled{}
	case 2:
		return order.Filled{Quantity: small(), Price: small()}
	case 3:
		return order.PartiallyFilled{Quantity: small(), Remaining: apd.NullDecimal{Decimal: small(), Valid: true}, Price: small()}
	case 4:
		return order.Modified{Field: rapid.SampledFrom([]string{"trader_id", "symbol", "side"}).Draw(t, "field"), Old: &text, New: text}
	case 5:
		return order.Modified{Field: "price", Old: &order.Null, New: order.Null}
	default:
		amount := small()
		value := order.Value{Text: amount.Text('f')}
		return order.Modified{Field: rapid.SampledFrom([]string{"price", "quantity"}).Draw(t, "field"), Old: &value, New: value}
	}
}

// payload returns a body in the form of the default schema. Numbers are JSON numbers, or strings that hold one.
func payload(t *rapid.T, body order.Body) map[string]any {
	number := func(d apd.Decimal) any {
		if rapid.IntRange(0, 4).Draw(t, "as a string") == 0 {
			return d.Text('f')
		}
		return json.Number(d.Text('f'))
	}
	orNull := func(d apd.NullDecimal) any {
		if !d.Valid || rapid.IntRange(0, 9).Draw(t, "market") == 0 {
			return nil
		}
		return number(d.Decimal)
	}
	value := func(v order.Value) any {
		if v.Null {
			return nil
		}
		return v.Text
	}
	switch b := body.(type) {
	case order.Created:
		return map[string]any{"trader_id": json.Number(b.Trader), "symbol": b.Symbol, "side": b.Side, "quantity": number(b.Quantity), "price": orNull(b.Price)}
	case order.Modified:
		return map[string]any{"field": b.Field, "old_value": value(*b.Old), "new_value": value(b.New)}
	case order.PartiallyFilled:
		return map[string]any{"filled_quantity": number(b.Quantity), "remaining_quantity": number(b.Remaining.Decimal), "price": number(b.Price)}
	case order.Filled:
		return map[string]any{"quantity": number(b.Quantity), "price": number(b.Price)}
	case order.Canceled:
		return map[string]any{"reason": value(b.Reason)}
	}
	panic(fmt.Sprintf("no event has the body %T", body))
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
