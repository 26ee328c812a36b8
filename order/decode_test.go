package order_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
)

var at = time.Date(2024, 1, 1, 0, 0, 0, 123456789, time.UTC)

const forty = "1234567890123456789012345678901234567890.0123456789012345678901234567890123456789"

func decode(eventType, payload string, v *order.Rules) (order.Event, error) {
	return order.Decode(order.RawEvent{Position: 17, Key: "42", Type: eventType, At: at, Payload: []byte(payload)}, v)
}

// shown is what an event says, as text.
func shown(e order.Event) string {
	if e.Said == nil {
		return "nothing"
	}
	said := map[string]string{}
	for _, v := range e.Said.Values() {
		said[v.Path] = v.Value.Text
		if v.Value.Null {
			said[v.Path] = "NULL"
		}
	}
	var s []string
	for _, path := range []string{"trader_id", "symbol", "side", "field", "old_value", "new_value", "filled_quantity", "quantity", "remaining_quantity", "price", "reason"} {
		if text, ok := said[path]; ok {
			s = append(s, text)
		}
	}
	return strings.Join(s, " ")
}

func TestEventsAreDecodedExactly(t *testing.T) {
	for _, test := range []struct{ eventType, payload, want string }{
		{"OrderCreated", `{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100.5000, "price": 12.3400}`, "7 NVDA BUY 100.5000 12.3400"},
		{"OrderCreated", `{"trader_id": "T-7", "symbol": "N", "side": "B", "quantity": "100.50", "price": "12.34"}`, "T-7 N B 100.50 12.34"},
		{"OrderCreated", `{"trader_id": 7, "symbol": "N", "side": "B", "quantity": 1, "price": null}`, "7 N B 1 NULL"},
		{"OrderCreated", `{"price":1,"quantity":2,"side":"S","symbol":"\u00c4\"\\\ud83d\ude00","trader_id":1e2,"order_id":"42","event_id":17,"timestamp":"x","event_type":{}}`, "100 Ä\"\\😀 S 2 1"},
		{"OrderModified", `{"field": "price", "old_value": "12.3400", "new_value": 12.35}`, "price 12.3400 12.35"},
		{"OrderModified", `{"field": "price", "old_value": null, "new_value": "1"}`, "price NULL 1"},
		{"OrderModified", `{"field": "side", "old_value": "BUY", "new_value": "SELL"}`, "side BUY SELL"},
		{"OrderPartiallyFilled", `{"filled_quantity": ` + forty + `, "remaining_quantity": 0, "price": "` + forty + `"}`, forty + " 0 " + forty},
		{"OrderFilled", `{"quantity": 1e2, "price": 1.50E-1}`, "100 0.150"},
		{"OrderFilled", "\n{ \"quantity\"\t: -0 , \"price\" : -0.00 }\r", "0 0.00"},
		{"OrderFilled", `{"quantity": 0.30000000000000004, "price": 9007199254740993}`, "0.30000000000000004 9007199254740993"},
		{"OrderCanceled", `{"reason": "TRADER_CANCEL"}`, "TRADER_CANCEL"},
		{"OrderCanceled", `{"reason": null}`, "NULL"},
	} {
		e, err := decode(test.eventType, test.payload, order.Defaults())
		if err != nil {
			t.Errorf("%s %s: %v", test.eventType, test.payload, err)
			continue
		}
		if got := shown(e); got != test.want {
			t.Errorf("%s %s\ngot  %s\nwant %s", test.eventType, test.payload, got, test.want)
		}
		if e.Type != order.EventType(test.eventType) || order.EventType(e.Said.Type()) != e.Type || e.Position != 17 || e.Key != "42" || !e.At.Equal(at) {
			t.Errorf("%s: the frame is %+v", test.eventType, e)
		}
	}
}

func TestWhatIsNotInTheSchemaIsAFinding(t *testing.T) {
	for _, test := range []struct {
		eventType, payload string
		kind               order.SchemaKind
		name, reason       string
	}{
		{"OrderTouched", `{}`, order.UnknownType, "", "no such type"},
		{"ordercreated", `{}`, order.UnknownType, "", "types are case-sensitive"},
		{"OrderCanceled", `{"reason": "x"`, order.BadJSON, "", "cut off"},
		{"OrderCanceled", ``, order.BadJSON, "", "empty"},
		{"OrderCanceled", `{"reason": "x"} {}`, order.BadJSON, "", "something behind it"},
		{"OrderCanceled", "{\"reason\": \"\xff\"}", order.BadJSON, "reason", "not UTF-8"},
		{"OrderCanceled", `{"reason": "\u0000"}`, order.BadJSON, "reason", "no column holds a zero character"},
		{"OrderCanceled", `{"reason": "\ud800"}`, order.BadJSON, "reason", "half a character"},
		{"OrderCanceled", `["reason"]`, order.WrongType, "", "an array"},
		{"OrderCanceled", `null`, order.WrongType, "", "null"},
		{"OrderCanceled", `{"reason": ["x"]}`, order.WrongType, "reason", "an array as text"},
		{"OrderCanceled", `{}`, order.MissingKey, "reason", "missing"},
		{"OrderFilled", `{"quantity": 1}`, order.MissingKey, "price", "missing"},
		{"OrderFilled", `{"qty": 1, "price": 1}`, order.MissingKey, "quantity", "renamed"},
		{"OrderFilled", `{"Quantity": 1, "price": 1}`, order.MissingKey, "quantity", "keys are case-sensitive"},
		{"OrderFilled", `{"quantity": 1, "price": 1, "quantity": 1}`, order.DuplicateKey, "quantity", "twice, though equal"},
		{"OrderFilled", `{"quantity": 1, "price": 1, "x": 1, "\u0078": 2}`, order.DuplicateKey, "x", "twice, once in disguise"},
		{"OrderFilled", `{"quantity": null, "price": 1}`, order.NullValue, "quantity", "null"},
		{"OrderFilled", `{"quantity": true, "price": 1}`, order.WrongType, "quantity", "a boolean"},
		{"OrderFilled", `{"quantity": {"value": 1}, "price": 1}`, order.WrongType, "quantity", "an object"},
		{"OrderFilled", `{"quantity": "", "price": 1}`, order.BadNumber, "quantity", "empty text"},
		{"OrderFilled", `{"quantity": " 1", "price": 1}`, order.BadNumber, "quantity", "a blank"},
		{"OrderFilled", `{"quantity": "1_000", "price": 1}`, order.BadNumber, "quantity", "not JSON's grammar"},
		{"OrderFilled", `{"quantity": "0x10", "price": 1}`, order.BadNumber, "quantity", "not JSON's grammar"},
		{"OrderFilled", `{"quantity": "1,5", "price": 1}`, order.BadNumber, "quantity", "a comma"},
		{"OrderFilled", `{"quantity": "01", "price": 1}`, order.BadNumber, "quantity", "a leading zero"},
		{"OrderFilled", `{"quantity": "NaN", "price": 1}`, order.BadNumber, "quantity", "no quantity"},
		{"OrderFilled", `{"quantity": "-Infinity", "price": 1}`, order.BadNumber, "quantity", "no quantity"},
		{"OrderFilled", `{"quantity": 1e999999999, "price": 1}`, order.BadNumber, "quantity", "a bomb"},
		{"OrderFilled", `{"quantity": 1e-999999999, "price": 1}`, order.BadNumber, "quantity", "a bomb"},
		{"OrderFilled", `{"quantity": 1e1000, "price": 1}`, order.BadNumber, "quantity", "just beyond the bound"},
		{"OrderCreated", `{"trader_id": null, "symbol": "N", "side": "B", "quantity": 1, "price": 1}`, order.NullValue, "trader_id", "null"},
		{"OrderModified", `{"field": "status", "old_value": "OPEN", "new_value": "FILLED"}`, order.UnknownField, "field", "follows from trades"},
		{"OrderModified", `{"field": "price", "old_value": "1", "new_value": "much"}`, order.BadNumber, "new_value", "no number"},
		{"OrderModified", `{"field": "quantity", "old_value": "1", "new_value": null}`, order.NullValue, "new_value", "an order of NULL"},
		{"OrderModified", `{"field": "price", "new_value": "1"}`, order.MissingKey, "old_value", "missing is not null"},
		{"OrderCanceled", `{"reason": "x", "order_id": 43}`, order.OtherOrder, "order_id", "another order's"},
	} {
		e, err := decode(test.eventType, test.payload, order.Defaults())
		var finding *order.SchemaError
		if !errors.As(err, &finding) {
			t.Errorf("%s %s: %v, want a finding (%s)", test.eventType, test.payload, err, test.reason)
			continue
		}
		if finding.Kind != test.kind || finding.Name != test.name {
			t.Errorf("%s %s: %s of %q, want %s of %q (%s): %v", test.eventType, test.payload, finding.Kind, finding.Name, test.kind, test.name, test.reason, err)
		}
		if e.Said != nil || e.Schema != finding || e.Position != 17 || e.Key != "42" || !e.At.Equal(at) {
			t.Errorf("%s %s: the event lost its place in the history: %+v", test.eventType, test.payload, e)
		}
	}
}

func TestAKeyTooManyIsAFindingAndTheEventIsUsable(t *testing.T) {
	const payload = `{"quantity": 1, "price": 2, "venue": {"id": [1, "}"]}}`
	e, err := decode("OrderFilled", payload, order.Defaults())
	var finding *order.SchemaError
	if !errors.As(err, &finding) || finding.Kind != order.UnknownKey || finding.Name != "venue" || !finding.Harmless() {
		t.Fatalf("got %v, want an unknown key venue", err)
	}
	if got := shown(e); got != "1 2" || e.Schema != finding {
		t.Errorf("the event is %s", got)
	}
	venues := order.Orders()
	filled := venues.Events["OrderFilled"]
	filled.Keys = append(slices.Clone(filled.Keys), "venue")
	venues.Events["OrderFilled"] = filled
	if _, err := decode("OrderFilled", payload, rules(t, venues)); err != nil {
		t.Errorf("allowed, and yet: %v", err)
	}
}

func rules(t testing.TB, r order.FoldRules, fields ...order.Field) *order.Rules {
	t.Helper()
	out, err := order.NewRules(r, fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMessagesAreDecoded(t *testing.T) {
	const message = `{"event_id":123,"order_id":42,"event_type":"OrderFilled","timestamp":"2024-01-01T02:00:00.000000123+02:00","payload":{"quantity":1,"price":2}}`
	for _, m := range []string{message, strings.NewReplacer("123,", `"123",`, "42", `"42"`).Replace(message)} {
		e, err := order.DecodeMessage([]byte(m), order.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		got := []any{e.Position, e.Key, e.Type, e.At.UTC().Format(time.RFC3339Nano), shown(e)}
		want := []any{order.Position(123), order.Key("42"), order.EventType("OrderFilled"), "2024-01-01T00:00:00.000000123Z", "1 2"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s\n%s", m, d)
		}
	}
	for _, test := range []struct {
		old, replaced string
		kind          order.SchemaKind
		name          string
	}{
		{`"event_id":123,`, ``, order.MissingKey, "event_id"},
		{`123,`, `1.5,`, order.BadNumber, "event_id"},
		{`123,`, `9223372036854775808,`, order.BadNumber, "event_id"},
		{`123,`, `null,`, order.BadNumber, "event_id"},
		{`42`, `42.0`, order.BadNumber, "order_id"},
		{`42`, `""`, order.WrongType, "order_id"},
		{`42`, `[42]`, order.WrongType, "order_id"},
		{`"OrderFilled"`, `5`, order.WrongType, "event_type"},
		{`OrderFilled`, `X`, order.UnknownType, ""},
		{`02:00:00.000000123+02:00`, `02:00:00`, order.BadTimestamp, "timestamp"},
		{`000000123`, `0000001234`, order.BadTimestamp, "timestamp"},
		{`.000000123`, `,5`, order.BadTimestamp, "timestamp"},
		{`01-01T`, `02-30T`, order.BadTimestamp, "timestamp"},
		{`01-01T`, `01-01 `, order.BadTimestamp, "timestamp"},
		{`"2024-01-01T02:00:00.000000123+02:00"`, `1704067200`, order.BadTimestamp, "timestamp"},
		{`,"payload":{"quantity":1,"price":2}`, ``, order.MissingKey, "payload"},
		{`{"quantity":1,"price":2}`, `"{}"`, order.WrongType, ""},
		{`"order_id":42`, `"order_id":42,"order_id":42`, order.DuplicateKey, "order_id"},
		{`"order_id":42`, `"order_id":42,"version":2`, order.UnknownKey, "version"},
		{`{"event_id"`, `{"version":2,"event"`, order.MissingKey, "event_id"},
		{`}}`, `}`, order.BadJSON, ""},
	} {
		m := strings.Replace(message, test.old, test.replaced, 1)
		e, err := order.DecodeMessage([]byte(m), order.Defaults())
		var finding *order.SchemaError
		if !errors.As(err, &finding) || finding.Kind != test.kind || finding.Name != test.name || e.Schema != finding {
			t.Errorf("%s\ngot %v, want %s of %q", m, err, test.kind, test.name)
			continue
		}
		if finding.Harmless() != (e.Said != nil) {
			t.Errorf("%s: harmless is %v, body %v", m, finding.Harmless(), e.Said)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, t := range order.Defaults().Types() {
		f.Add(t, []byte(`{"trader_id": 7, "symbol": "\u00e4", "side": "B", "quantity": 1e2, "price": "-1.50"}`))
		f.Add(t, []byte(`{"field": "price", "old_value": null, "new_value": [1, {"a": "}"}], "filled_quantity": 1, "reason": "x"}`))
	}
	f.Add("OrderFilled", []byte(`{"event_id":123,"order_id":42,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":1,"price":2}}`))
	f.Fuzz(func(t *testing.T, eventType string, payload []byte) {
		e, err := decode(eventType, string(payload), order.Defaults())
		var finding *order.SchemaError
		if err != nil && !errors.As(err, &finding) {
			t.Fatalf("%v is no finding", err)
		}
		if (err == nil || finding.Harmless()) != (e.Said != nil) {
			t.Fatalf("body %v, error %v", e.Said, err)
		}
		state, _ := order.Fold([]order.Event{e, e})
		for _, field := range fieldNames {
			state.Value(field)
		}
		if e, err := order.DecodeMessage(payload, order.Defaults()); err == nil {
			order.Fold([]order.Event{e})
		}
	})
}

// TestAKeyTooManyIsNamedAsItCanBeSeen: the empty key, and one that would break the line.
func TestAKeyTooManyIsNamedAsItCanBeSeen(t *testing.T) {
	for key, want := range map[string]string{``: `rule: ""`, `a\nb`: `rule: "a\nb"`, `Quantity`: `rule: Quantity`} {
		_, err := decode("OrderFilled", `{"quantity": 1, "price": 2, "`+key+`": 3}`, order.Defaults())
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", key, err, want)
		}
	}
}
