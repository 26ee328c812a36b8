package order_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// usual are messages, and the payloads of their events as PostgreSQL prints jsonb.
var usual = []struct{ eventType, published, stored string }{
	{"OrderCreated", `{"price":12.3400,"quantity":100.5000,"side":"BUY","symbol":"NVDA","trader_id":7}`, `{"side": "BUY", "price": 12.3400, "symbol": "NVDA", "quantity": 100.5000, "trader_id": 7}`},
	{"OrderCreated", `{"trader_id":"T-7","symbol":"N","side":"B","quantity":"100.50","price":null}`, `{"trader_id": "T-7", "symbol": "N", "side": "B", "quantity": 100.5, "price": null}`},
	{"OrderModified", `{"field":"price","old_value":"12.3400","new_value":12.35}`, `{"field": "price", "new_value": "12.3500", "old_value": "12.34"}`},
	{"OrderModified", `{"field":"price","old_value":null,"new_value":1}`, `{"field": "price", "new_value": 1, "old_value": null}`},
	{"OrderModified", `{"field":"side","old_value":"BUY","new_value":"SELL"}`, `{"field": "side", "new_value": "SELL", "old_value": "BUY"}`},
	{"OrderPartiallyFilled", `{"filled_quantity":1,"remaining_quantity":0.0,"price":"2","venue":"XETR"}`, `{"price": "2.00", "filled_quantity": 1.000, "remaining_quantity": 0}`},
	{"OrderFilled", `{"order_id":"42","quantity":-1,"price":2}`, `{"price": 2, "quantity": -1}`},
	{"OrderCanceled", `{"reason":"vom Händler"}`, `{"reason": "vom Händler"}`},
	{"OrderCanceled", `{"reason":null}`, `{"reason": null}`},
}

// odd are as usual as those, but harder to read: what stands in them is written in another way than the store's, or is
// nothing that anybody asked for.
var odd = []struct{ eventType, published, stored string }{
	{"OrderCanceled", `{"reason":"said \"no\"\n\ttwice \\ \/ \b\f\r"}`, `{"reason": "said \"no\"\n\ttwice \\ / \b\f\r"}`},
	{"OrderCanceled", `{"reason":"H\u00e4ndler \ud83d\uDE00 \u003c5%\u003E"}`, `{"reason": "Händler 😀 <5%>"}`},
	{"OrderCanceled", `{"reason":"\ufffd"}`, `{"reason": "\uFFFD"}`},
	{"OrderCanceled", `{"\u0072eason":"{\"a\": [1, \"}\"]}"}`, `{"reason": "{\"a\": [1, \"}\"]}"}`},
	{"OrderCanceled", `{"reason":1e2}`, `{"reason": 100}`},
	{"OrderCanceled", `{"reason":-0.0}`, `{"reason": "0.0"}`},
	{"OrderCreated", `{"trader_id":7,"symbol":"N","side":"B","quantity":1.5E+2,"price":0.000}`, `{"trader_id": "7", "symbol": "N", "side": "B", "quantity": 150, "price": -0}`},
	{"OrderCreated", ` { "meta" : { "tags" : [ ] , "trace" : [ true , false , null , -1e-7 , { } ] } , "price" : "1" , "quantity" : 1 , "side" : "B" , "symbol" : "N" , "trader_id" : 7 , "test" : false } `, `{"trader_id": 7, "symbol": "N", "side": "B", "quantity": 1, "price": 1, "meta": {"tags": []}}`},
	{"OrderFilled", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"quantity":1,"price":2}`, `{"price": 2, "quantity": 1}`},
	{"OrderFilled", `{"event_type":{},"quantity":"` + forty + `","price":2}`, `{"price": 2, "quantity": ` + forty + `00}`},
	{"OrderModified", `{"field":"symbol","old_value":"\u0041","new_value":12}`, `{"field": "symbol", "new_value": "12", "old_value": "A"}`},
	{"OrderModified", `{"field":"quantity","old_value":1e3,"new_value":"1E-2"}`, `{"field": "quantity", "new_value": 0.0100, "old_value": "1000.0"}`},
}

func message(eventType, payload string) []byte {
	return fmt.Appendf(nil, `{"event_id":17,"order_id":42,"event_type":%q,"timestamp":"2024-01-01T00:00:00.123456789Z","payload":%s}`, eventType, payload)
}

func row(eventType, payload string) order.StoredRow {
	return order.StoredRow{Position: 17, Key: []byte("42"), Type: []byte(eventType), At: order.Microseconds(at), Payload: []byte(payload)}
}

func TestUsualMessagesAreFlatAndAgreeWithTheirEvents(t *testing.T) {
	for _, u := range slices.Concat(usual, odd) {
		for _, text := range []string{
			string(message(u.eventType, u.published)),
			fmt.Sprintf(" { \"payload\" : %s,\n\"timestamp\":\"2024-01-01T02:00:00.123456789\\u002b02:00\",\"event_type\":%q,\"order_id\":\"42\",\"event_id\":\"17\",\"trace\":{\"id\":[\"\\\"}\"]}}\r\n", u.published, u.eventType),
		} {
			f, ok := order.ReadFlat([]byte(text), order.Defaults())
			if !ok || f.Position != 17 || f.Key != "42" || !f.At.Equal(at) {
				t.Errorf("%s: flat is %v, %d %s %s", text, ok, f.Position, f.Key, f.At)
			}
			if ok && !f.Agrees(row(u.eventType, u.stored), "42") {
				t.Errorf("%s does not agree with %s", text, u.stored)
			}
			holdFlat(t, []byte(text), row(u.eventType, u.stored), order.Defaults())
		}
	}
}

func TestNoOtherEventAgrees(t *testing.T) {
	f, ok := order.ReadFlat(message("OrderFilled", `{"quantity":10,"price":"2.5"}`), order.Defaults())
	const same = `{"quantity": 10, "price": 2.5}`
	if !ok || !f.Agrees(row("OrderFilled", same), "42") {
		t.Fatal("the event itself does not agree")
	}
	other := map[string]order.StoredRow{
		"another position":   {Position: 18, Key: []byte("42"), Type: []byte("OrderFilled"), At: at, Payload: []byte(same)},
		"another order":      {Position: 17, Key: []byte("43"), Type: []byte("OrderFilled"), At: at, Payload: []byte(same)},
		"another type":       row("OrderPartiallyFilled", same),
		"another time":       {Position: 17, Key: []byte("42"), Type: []byte("OrderFilled"), At: at.Add(1000), Payload: []byte(same)},
		"another number":     row("OrderFilled", `{"quantity": 100, "price": 2.5}`),
		"another sign":       row("OrderFilled", `{"quantity": -10, "price": 2.5}`),
		"another fraction":   row("OrderFilled", `{"quantity": 10.1, "price": 2.5}`),
		"a null":             row("OrderFilled", `{"quantity": null, "price": 2.5}`),
		"a key less":         row("OrderFilled", `{"quantity": 10}`),
		"a key twice":        row("OrderFilled", `{"quantity": 10, "price": 2.5, "price": 2.5}`),
		"an unknown twice":   row("OrderFilled", `{"quantity": 10, "price": 2.5, "x": 1, "x": 1}`),
		"another's order_id": row("OrderFilled", `{"quantity": 10, "price": 2.5, "order_id": 43}`),
		"no object":          row("OrderFilled", `7`),
		"nothing":            row("OrderFilled", ``),
		"text behind":        row("OrderFilled", same+`}`),
	}
	for name, r := range other {
		if f.Agrees(r, "42") {
			t.Errorf("%s agrees", name)
		}
	}
}

// holdFlat holds flat reading to what it promises: never anything that the whole decoding does not say too.
func holdFlat(t *testing.T, text []byte, r order.StoredRow, v *order.Rules) {
	t.Helper()
	f, ok := order.ReadFlat(text, v)
	if !ok {
		return
	}
	e, err := order.DecodeMessage(text, v)
	if !harmless(err) {
		t.Fatalf("%s is flat, and %v", text, err)
	}
	if e.Position != f.Position || e.Key != f.Key || !e.At.Equal(f.At) || e.Said == nil {
		t.Fatalf("%s: flat %d %s %s, decoded %d %s %s %v", text, f.Position, f.Key, f.At, e.Position, e.Key, e.At, e.Said)
	}
	if !f.Agrees(r, f.Key) {
		return
	}
	stored, err := order.Decode(r.Raw(), v)
	if !harmless(err) {
		t.Fatalf("%s agrees with %s, and %v", text, r.Payload, err)
	}
	if d := compare.Published(stored, e); len(d) > 0 {
		t.Fatalf("%s agrees with %s, and they differ: %v", text, r.Payload, d)
	}
}

// holdDecoded holds it to what it is for: what is decoded to the same agrees at a glance. Only halves of surrogate pairs,
// texts within values that nobody expects, and such that are nested deep may be too much for it.
func holdDecoded(t *testing.T, text []byte, r order.StoredRow, v *order.Rules) (agreed bool) {
	t.Helper()
	f, ok := order.ReadFlat(text, v)
	if ok && f.Agrees(r, f.Key) {
		return true
	}
	for _, side := range [][]byte{text, r.Payload} {
		if bytes.Contains(side, []byte(`\udc00`)) || !utf8.Valid(side) || bytes.Contains(side, []byte("[[[[")) {
			return false
		}
	}
	e, err := order.DecodeMessage(text, v)
	stored, storedErr := order.Decode(r.Raw(), v)
	if harmless(err) && harmless(storedErr) && len(compare.Published(stored, e)) == 0 {
		t.Fatalf("%s is decoded as %s is, and does not agree", text, r.Payload)
	}
	return false
}

func harmless(err error) bool {
	var finding *order.SchemaError
	return err == nil || errors.As(err, &finding) && finding.Harmless()
}

func FuzzFlat(f *testing.F) {
	for _, u := range slices.Concat(usual, odd) {
		f.Add(message(u.eventType, u.published), u.eventType, []byte(u.stored))
	}
	f.Add(message("Executed", `{"last":{"qty":007,"px":-0.0},"x":"}"}`), "Executed", []byte(`{"last": {"qty": 1e2, "px": {"a": 1}}}`))
	f.Add(message("OrderCanceled", `{"reason":"\ud83d","x":[[["\u0000"]]]}`), "OrderCanceled", []byte("{\"reason\": \"\xed\xa0\x80\", \"x\": 1e999999}"))
	f.Add(message("Moved", `{"what":"px","to":"1"}`), "Moved", []byte(`{"what": "price", "to": 1}`))
	mapped := rules(f, secondLanguage())
	f.Fuzz(func(t *testing.T, text []byte, eventType string, payload []byte) {
		for _, v := range []*order.Rules{order.Defaults(), mapped} {
			holdFlat(t, text, row(eventType, string(payload)), v)
			for _, p := range [][]byte{payload, text} { // as both sides of one event
				holdFlat(t, message(eventType, string(p)), row(eventType, string(payload)), v)
			}
		}
	})
}

// TestFlatIsWhatDecodingSays tries what may stand in payloads, odd things included, on both sides of an event.
func TestFlatIsWhatDecodingSays(t *testing.T) {
	texts := []string{
		`1`, `1.0`, `1.00`, `1.1`, `1.10`, `-1`, `0`, `-0`, `-0.0`, `00`, `01`, `1.`, `.5`, `1e1`, `10`, `1E+1`, `null`, `true`, `""`, `"1"`, `"1.0"`, `"01"`, `"-"`, `"x"`,
		`"\u0031"`, `"1\u002e0"`, `"\/"`, `"/"`, `"\u00E4"`, `"\ud83d"`, `"\ud83d\ude00"`, `"😀"`, `"\ufffd\udc00"`, `"\u0000"`, `"\u12"`, `"\x"`, `"\"`, `"pric\u0065"`,
		`{"a":{"a":[{},[],"}",true,-0e0]},"a":1}`, `{"a":"\udc00"}`, `[1,]`, `[01]`, `{"a"}`, "[\"\xff\"]", strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[", 9999) + strings.Repeat("]", 9999),
		`0e5`, `-0e-7`, `1e-1000`, `1e-1001`, `1e999`, `1e1000`, `1e130000`, `10e-1`, `100000e-5`, `"1e0"`, `"1e"`, `"1 "`, `"NaN"`, `"price"`, `"quantity"`, `"side"`, `"status"`, `"42"`, `42`, `43`, `{}`, `[1]`, `"}"`, `"ä"`, "\"\xff\"", "\"\x00\"",
		`123456789012345678901234567890123456789012345`, `"9999999999999999999999999999999999999999"`,
	}
	names := []string{
		"trader_id", "symbol", "side", "quantity", "price", "field", "old_value", "new_value", "filled_quantity", "remaining_quantity", "reason",
		"order_id", "event_id", "venue", "desk", "", "qty",
	}
	types := []string{"OrderCreated", "OrderModified", "OrderPartiallyFilled", "OrderFilled", "OrderCanceled", "Other", "Placed", "Moved", "Executed", "Busted", "Ended"}
	shapes := map[string][]string{
		"OrderCreated": names[:5], "OrderModified": names[5:8], "OrderPartiallyFilled": {"filled_quantity", "remaining_quantity", "price"},
		"OrderFilled": {"quantity", "price"}, "OrderCanceled": {"reason"}, "Other": {"reason"},
		"Placed": {"side", "qty", "px", "when"}, "Moved": {"what", "to", "was"}, "Executed": {"last", "ms"}, "Busted": {"last"}, "Ended": {"why"},
	}
	mapped := rules(t, secondLanguage())
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	flat, agreed := 0, 0
	for range 50_000 {
		eventType := pick(types)
		values := [][]string{texts, texts[:4], texts[:15], {"null", "1", "1.0", `"1"`, `"x"`}}[r.IntN(4)]
		payload := func() string {
			keys := slices.Clone(shapes[eventType])
			for range r.IntN(12) - 8 {
				keys = append(keys, pick(names))
			}
			r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			var members []string
			for _, key := range keys {
				value := pick(values)
				switch key {
				case "field", "what":
					value = pick([]string{`"price"`, `"side"`, `"quantity"`, `"px"`, value})
				case "last", "px":
					value = pick([]string{fmt.Sprintf(`{"qty":%s,"px":%s}`, value, pick(values)), fmt.Sprintf(`{"amount":%s,"cur":"EUR"}`, value), value})
				case "when":
					value = pick([]string{`"2024-01-01T00:00:00Z"`, `"2024-01-01T01:00:00.000+01:00"`, `"2024-01-01T00:00:00,5Z"`, value})
				}
				members = append(members, fmt.Sprintf("%q:%s", key, value))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
		published := payload()
		stored := published
		if r.IntN(2) == 0 {
			stored = payload()
		}
		for _, v := range []*order.Rules{order.Defaults(), mapped} {
			text, event := message(eventType, published), row(eventType, stored)
			holdFlat(t, text, event, v)
			if _, ok := order.ReadFlat(text, v); ok {
				flat++
			}
			if v == order.Defaults() && holdDecoded(t, text, event, v) {
				agreed++
			}
		}
	}
	if flat == 0 || agreed == 0 || agreed == flat {
		t.Errorf("%d were flat, %d of them agreed: nothing was tried", flat, agreed)
	}
	t.Logf("%d were flat, %d of them agreed", flat, agreed)
}

// TestFlatEnvelopesAreWhatDecodingSays has the members of a message in any order, some odd, some twice, some missing.
func TestFlatEnvelopesAreWhatDecodingSays(t *testing.T) {
	values := map[string][]string{
		"event_id":   {`17`, `"17"`, `17.0`, `1e1`, `"1e1"`, `017`, `-17`, `0`, `null`, `""`, `1234567890123456789`, `99999999999999999999`, `"\u00317"`, `true`},
		"order_id":   {`42`, `"42"`, `"4\u0032"`, `42.0`, `42e0`, `4E1`, `"4e1"`, `null`, `""`, `{}`, `"a\/b"`, `"a/b"`, `true`, `"true"`},
		"event_type": {`"OrderFilled"`, `"Order\u0046illed"`, `"OrderCanceled"`, `"Other"`, `null`, `7`},
		"timestamp":  {`"2024-01-01T00:00:00.123456789Z"`, `"2024-01-01T00:00:00.12345678\u0039Z"`, `"2024-01-01T00:00:00.1234567891Z"`, `"2024-01-01T00:00:00,1Z"`, `"2024-01-01 00:00:00Z"`, `0`, `null`},
		"payload": {
			`{"quantity":1,"price":2}`, `{"quantity":1,"price":2,"order_id":42}`, `{"quantity":1,"price":2,"order_id":"a\/b"}`, `{"order_id":true,"quantity":1,"price":2}`, `{"order_id":null,"quantity":1,"price":2}`, `{"quantity":1}`,
			`{"quantity":1,"price":2,"quantity":1}`, `{"quantity":1,"price":2,"x":"}"}`, `{"quantity":1,"price":2,"order_id":4e1}`, `[]`, `"{}"`, `{"quantity":1,"price":2`, `{"reason":"x"}`,
		},
		"x": {`1`, `{"event_id":18,"y":["]"]}`, `"\ud83d"`, "\"\xff\"", `[true,false,null]`, `-`, `"\u0000"`},
	}
	r := rand.New(rand.NewPCG(5, 6))
	flat := 0
	for range 50_000 {
		names := []string{"event_id", "order_id", "event_type", "timestamp", "payload", "x", "event\\u005fid"}[:5+r.IntN(10)/8+r.IntN(10)/9]
		names = slices.Clone(names)
		if r.IntN(10) == 0 {
			names[r.IntN(len(names))] = names[r.IntN(len(names))]
		}
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var members []string
		for _, name := range names {
			from := values[strings.ReplaceAll(name, "\\u005f", "_")]
			if r.IntN(3) > 0 {
				from = from[:2]
			}
			members = append(members, `"`+name+`" :`+from[r.IntN(len(from))])
		}
		text := []byte("{" + strings.Join(members, ", ") + "}")
		if _, ok := order.ReadFlat(text, order.Defaults()); ok {
			flat++
		}
		holdFlat(t, text, row("OrderFilled", `{"quantity": 1, "price": 2}`), order.Defaults())
	}
	if flat < 5_000 {
		t.Errorf("%d were flat: nothing was tried", flat)
	}
	t.Logf("%d were flat", flat)
}

// BenchmarkFlat reads a message and holds it against its event: at a glance, and, as it is where that does not do, decoded.
func BenchmarkFlat(b *testing.B) {
	for _, bench := range []struct {
		name              string
		eventType         string
		published, stored string
	}{
		{"usual", usual[0].eventType, usual[0].published, usual[0].stored},
		{"escapes", odd[0].eventType, odd[0].published, odd[0].stored},
		{"unexpected", odd[7].eventType, odd[7].published, odd[7].stored},
		{"exponents", odd[6].eventType, odd[6].published, odd[6].stored},
	} {
		text, r := message(bench.eventType, bench.published), row(bench.eventType, bench.stored)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, ok := order.ReadFlat(text, order.Defaults())
				if !ok || !f.Agrees(r, "42") {
					b.Fatal("does not agree")
				}
			}
		})
		b.Run(bench.name+"/decoded", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, _ := order.DecodeMessage(text, order.Defaults())
				stored, _ := order.Decode(r.Raw(), order.Defaults())
				if e.Said == nil || len(compare.Published(stored, e)) > 0 {
					b.Fatal("does not agree")
				}
			}
		})
	}
}
