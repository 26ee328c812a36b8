package ordertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
)

// Desk are the rules of another store of orders: names of its own, money in cents within objects, fields of every kind, a field
// that an event names, and trades that can be taken back.
func Desk() order.FoldRules {
	text := func(s string) order.Source { return order.Source{Text: &s} }
	path := func(p string) order.Source { return order.Source{Path: "$." + p} }
	nullable := func(p string) order.Source { return order.Source{Path: "$." + p, Null: true, Optional: true} }
	cents := func(p string) order.Source {
		return order.Source{Path: "$." + p, Scale: 2, Null: p == "limitPrice.amount"}
	}
	was := order.Source{Path: "$.oldValue", Optional: true, Null: true}
	paid := map[string][2]order.Source{"paid": {path("lastQty"), cents("lastPx.amount")}}
	return order.FoldRules{
		Events: map[string]order.EventRule{
			"Placed": {Create: order.Creates, Set: map[string]order.Source{
				"side": {Path: "$.side", Map: map[string]string{"1": "BUY", "B": "BUY", "2": "SELL"}}, "client": nullable("client"),
				"account": path("account"), "day": path("day"), "desk": path("desk"), "ordered": path("orderQty"), "limit": cents("limitPrice.amount"),
				"placed": {Path: "$.placedAt", Unit: "ms"}, "expires": nullable("expires"), "kept": nullable("goodTillCancel"),
				"urgent": {Path: "$.priority", Map: map[string]string{"1": "true", "else": "false"}}, "state": text("OPEN"),
			}},
			"Imported": {Create: order.CreatesIfAbsent, Set: map[string]order.Source{
				"side": text("BUY"), "ordered": path("orderQty"), "limit": text("0.50"), "kept": text("true"), "placed": text("2024-01-01T00:00:00Z"), "state": text("OPEN"),
			}},
			"Amended": {SetNamed: &order.Named{
				Field: path("fieldName"), To: path("newValue"), Was: &was, Only: []string{"ordered", "limit", "client", "kept", "expires"},
				Null: []string{"limit", "expires"}, Names: map[string]string{"orderQty": "ordered", "limitPrice": "limit"},
			}},
			"Executed":  {Add: map[string]order.Source{"done": path("lastQty")}, AddProduct: paid, Set: map[string]order.Source{"traded": {Of: order.PartAt}}},
			"Busted":    {Subtract: map[string]order.Source{"done": path("lastQty")}, SubtractProduct: paid},
			"Cancelled": {Set: map[string]order.Source{"state": text("CANCELED")}},
			"Noted":     {Ignore: true},
		},
		Derive: map[string]order.Derivation{
			"average": {Ratio: [2]string{"paid", "done"}, Scale: 4},
			"state": {Unless: []string{"CANCELED"}, When: []order.When{
				{Field: "done", AtLeast: "ordered", Then: "FILLED"}, {Field: "done", Above: "0", Then: "PARTIALLY_FILLED"},
			}},
		},
		Types:      map[string]order.FieldType{"desk": order.Text},
		Invariants: order.Invariants{Ordered: "ordered", Filled: "done", Average: "average", Status: "state", Terminal: []string{"FILLED", "CANCELED"}},
		Key:        "$.orderId",
	}
}

// DeskFields are the compared fields of that store. The desk is an integer that the events may write as a text.
func DeskFields() []order.Field {
	return []order.Field{
		{Name: "side", Type: order.Text},
		{Name: "client", Type: order.Text},
		{Name: "account", Type: order.UUID},
		{Name: "day", Type: order.Date},
		{Name: "desk", Type: order.Integer},
		{Name: "ordered", Type: order.Integer},
		{Name: "limit", Type: order.Numeric},
		{Name: "done", Type: order.Numeric},
		{Name: "average", Type: order.Numeric},
		{Name: "placed", Type: order.Timestamptz},
		{Name: "traded", Type: order.Timestamptz},
		{Name: "expires", Type: order.Timestamptz},
		{Name: "kept", Type: order.Boolean},
		{Name: "urgent", Type: order.Boolean},
		{Name: "state", Type: order.Text},
	}
}

// DeskRules are prepared for those fields.
func DeskRules() *order.Rules {
	r, err := order.NewRules(Desk(), DeskFields())
	if err != nil {
		panic(err) // a mistake in them is a bug
	}
	return r
}

// said are the values that events have at each path: usual ones, and after the bar odd ones. A number that PostgreSQL prints
// otherwise than the event, as an integer or a date, is not among them.
var said = map[string][2][]string{
	"side":              {{`"1"`, `1`, `"B"`, `2`}, {`"3"`, `null`, `true`}},
	"client":            {{`"Ann"`, `"naïve \u00e9"`, `null`, `7`, `""`}, {`1.50`, `-0`, `1e3`, `false`, `[1]`}},
	"account":           {{`"A0EEBC999C0B4EF8BB6D6BB9BD380A11"`, `"b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`}, {`"x"`, `""`, `7`}},
	"day":               {{`"2024-02-29"`, `"2024-12-31"`}, {`"soon"`, `""`, `null`}},
	"desk":              {{`17`, `"17"`, `0`, `"-3"`}, {`""`, `"x"`, `2.5`, `"9223372036854775808"`}},
	"orderQty":          {{`100`, `"100"`, `"40.00"`, `1`}, {`9223372036854775807`, `1e2`, `-5`, `0`, `2.5`, `"1e30"`, `"NaN"`, `null`}},
	"limitPrice.amount": {{`12345`, `"12345"`, `0`, `null`, `5`, `999999999999999999`}, {`1.5`, `-250`, `1e3`, `"12e1"`, `true`, `{}`}},
	"placedAt":          {{`1704103200123`, `"1704103200000"`, `0`}, {`-1`, `1704103200123.25`, `1e12`, `253402300800000`, `"2024"`}},
	"expires":           {{`"2024-01-01T10:00:00.25+01:00"`, `"2025-06-30T00:00:00Z"`, `null`}, {`"2024-01-01T10:00:00.123456789Z"`, `"tomorrow"`, `7`}},
	"goodTillCancel":    {{`true`, `false`, `"true"`, `null`}, {`"yes"`, `1`}},
	"priority":          {{`1`, `"1"`, `2`, `true`, `"x"`}, {`null`, `{}`}},
	"fieldName":         {{`"orderQty"`, `"limitPrice"`, `"limit"`, `"client"`, `"kept"`, `"expires"`}, {`"side"`, `7`, `null`}},
	"newValue":          {{`100`, `"99.50"`, `null`, `true`, `"2024-01-01T00:00:00Z"`, `250`}, {`-1`, `"x"`, `1e2`, `{}`}},
	"oldValue":          {{`100`, `"Ann"`, `null`}, {`{}`}},
	"lastQty":           {{`40`, `"60.0"`, `0.0001`, `30`}, {`-40`, `123456789012345678`, `1e20`, `null`}},
	"lastPx.amount":     {{`1001`, `"12300"`, `99`}, {`-1001`, `1e6`, `10.5`, `null`}},
}

// deskPaths are what each type says.
var deskPaths = map[string][]string{
	"Placed":    {"side", "client", "account", "day", "desk", "orderQty", "limitPrice.amount", "placedAt", "expires", "goodTillCancel", "priority"},
	"Imported":  {"orderQty"},
	"Amended":   {"fieldName", "newValue", "oldValue"},
	"Executed":  {"lastQty", "lastPx.amount"},
	"Busted":    {"lastQty", "lastPx.amount"},
	"Cancelled": nil, "Noted": nil, "Renamed": nil,
}

// DeskRaw draws a history that [Desk] reads, in the order of its positions, which are above the given one. A third of
// the histories has odd values, missing ones and misplaced events.
func DeskRaw(t *rapid.T, key order.Key, above order.Position, most int) []order.RawEvent {
	odd := rapid.IntRange(0, 2).Draw(t, "odd") == 0
	at := Start
	var out []order.RawEvent
	for i := range rapid.IntRange(1, most).Draw(t, "events") {
		types := []string{"Amended", "Executed", "Executed", "Executed", "Busted", "Noted", "Imported", "Cancelled"}
		switch {
		case i == 0 && (!odd || rapid.IntRange(0, 7).Draw(t, "begins") > 0):
			types = []string{"Placed", "Placed", "Placed", "Imported"}
		case odd:
			types = append(types, "Placed", "Renamed")
		}
		is := rapid.SampledFrom(types).Draw(t, "type")
		at = at.Add(time.Duration(rapid.Int64Range(0, 5_000_000).Draw(t, "pause")) * time.Microsecond)
		out = append(out, order.RawEvent{Position: above + order.Position(i+1), Key: key, Type: is, At: at, Payload: deskPayload(t, deskPaths[is], odd, key)})
	}
	return out
}

func deskPayload(t *rapid.T, paths []string, odd bool, key order.Key) []byte {
	members := map[string]any{"note": fmt.Sprint(len(paths))}
	for _, path := range paths {
		flawed := odd && rapid.IntRange(0, 15).Draw(t, "flawed") == 0
		if flawed && rapid.Bool().Draw(t, "missing") {
			continue
		}
		values := said[path][0]
		if flawed {
			values = said[path][1]
		}
		value := json.RawMessage(rapid.SampledFrom(values).Draw(t, path))
		if in, name, nested := strings.Cut(path, "."); nested {
			members[in] = map[string]any{name: value, "currency": "EUR"}
		} else {
			members[path] = value
		}
	}
	if odd && rapid.IntRange(0, 15).Draw(t, "names an order") == 0 {
		members["orderId"] = rapid.SampledFrom([]string{string(key), "other"}).Draw(t, "order")
	}
	return encode(members)
}
