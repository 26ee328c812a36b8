package order_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// mapped is an envelope of an event that stands in headers and key.
func mapped(change func(*order.Envelope)) order.Envelope {
	e := order.Envelope{
		ID: order.EnvelopePart{From: "header:id"}, Key: order.EnvelopePart{From: "key", Strip: "order-"},
		Type: order.EnvelopePart{From: "header:type", Strip: "trading.", Map: map[string]string{"cancelled.v1": "OrderCanceled"}},
		At:   order.EnvelopePart{From: "header:at", Unit: "ms"}, Payload: order.EnvelopePart{From: "value"},
	}
	if change != nil {
		change(&e)
	}
	return e
}

const (
	// why is the payload of event 11, of order 7.
	why     = `{"reason":"why"}`
	whyText = `"{\"reason\": \"why\"}"`
	change  = `{"before":null,"after":{"event_id":11,"order_id":"7","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123456Z","payload":` + whyText + `},"op":"c","ts_ms":1}`
)

var (
	changes = order.DebeziumChanges("event_id", "order_id", "event_type", "timestamp", "payload")
	inKey   = ordertest.Headers("id", "11", "type", "trading.cancelled.v1", "at", "1704067200123")
)

// TestEachFormOfMessagesIsRead reads the same event in each form.
func TestEachFormOfMessagesIsRead(t *testing.T) {
	for name, form := range ordertest.Forms() {
		t.Run(name, func(t *testing.T) {
			raw, stored, rules := storedEvent(t, form.Envelope)
			opened := open(t, form.Envelope, form.Record(raw))
			e, err := order.DecodeMessage(opened.Value, rules)
			if opened.Problem != nil || opened.Skip || err != nil {
				t.Fatalf("opened as %s, %v; %v", opened.Value, opened.Problem, err)
			}
			if e.Position != stored.Position || e.Key != stored.Key || e.Type != stored.Type || !e.Said.Same(stored.Said) ||
				stored.At.Sub(e.At).Abs() >= max(e.Within, time.Microsecond) {
				t.Errorf("read %+v, stored is %+v", e, stored)
			}
		})
	}
}

// TestAValueInAvroIsReadWhateverJSONSays: its times are text, also where the file has their unit, and its payload may be text.
func TestAValueInAvroIsReadWhateverJSONSays(t *testing.T) {
	usual := order.UsualEnvelope()
	usual.At.Unit = "ms"
	for name, e := range map[string]order.Envelope{"usual form": order.UsualEnvelope(), "usual form and a unit": usual} {
		_, stored, rules := storedEvent(t, e)
		at := stored.At.UTC().Format(time.RFC3339Nano)
		opened := open(t, e, order.Record{Converted: true, Value: []byte(`{"event_id":11,"order_id":7,"event_type":"OrderCanceled","timestamp":"` + at + `","payload":` + whyText + `,"more":1}`)})
		read, err := order.DecodeMessage(opened.Value, rules)
		if opened.Problem != nil || err != nil || !read.At.Equal(stored.At) || !read.Said.Same(stored.Said) {
			t.Errorf("%s: read %+v, %v; %v", name, read, opened.Problem, err)
		}
	}
}

func storedEvent(t *testing.T, e order.Envelope) (order.RawEvent, order.Event, *order.Rules) {
	t.Helper()
	fold := order.Orders()
	fold.Within = e.Within()
	rules, err := order.NewRules(fold, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := order.RawEvent{Position: 11, Key: "7", Type: "OrderCanceled", At: time.Unix(1_704_067_200, 123_456_000), Payload: []byte(why)}
	stored, err := order.Decode(raw, rules)
	if err != nil {
		t.Fatal(err)
	}
	return raw, stored, rules
}

func open(t *testing.T, e order.Envelope, r order.Record) order.Opened {
	t.Helper()
	o, err := order.NewOpener(e)
	if err != nil {
		t.Fatal(err)
	}
	return o.Open(r)
}

// TestARecordThatIsNotAsAgreedIsAProblem says what is not as agreed, and keeps what could be read.
func TestARecordThatIsNotAsAgreedIsAProblem(t *testing.T) {
	at := []byte("order-7")
	for name, test := range map[string]struct {
		envelope order.Envelope
		record   order.Record
		want     string
		value    string // what is kept; the record's own value if empty
	}{
		"no header": {
			mapped(nil),
			order.Record{Key: at, Value: []byte(why), Headers: inKey[:2]},
			"the time, header:at: is not there",
			`{"event_id":"11","order_id":"7","event_type":"OrderCanceled","payload":{"reason":"why"}}`,
		},
		"no key": {
			mapped(nil),
			order.Record{Value: []byte(why), Headers: inKey},
			"the key, key: is not there",
			`{"event_id":"11","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123Z","payload":{"reason":"why"}}`,
		},
		"a header twice": {
			mapped(nil),
			order.Record{Key: at, Value: []byte(why), Headers: append(ordertest.Headers("id", "12"), inKey...)},
			"the header id is there twice",
			`{"event_id":"12","order_id":"7","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123Z","payload":{"reason":"why"}}`,
		},
		"a key that is no text": {
			mapped(nil),
			order.Record{Key: []byte{0, 0, 7}, Value: []byte(why), Headers: inKey},
			"the key, key: is not text",
			`{"event_id":"11","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123Z","payload":{"reason":"why"}}`,
		},
		"a time in no unit": {
			mapped(nil),
			order.Record{Key: at, Value: []byte(why), Headers: append(ordertest.Headers("at", "yesterday"), inKey[:2]...)},
			`the time, header:at: "yesterday" is no time in ms since 1970`,
			`{"event_id":"11","order_id":"7","event_type":"OrderCanceled","payload":{"reason":"why"}}`,
		},
		"a payload that is no object": {
			mapped(nil),
			order.Record{Key: at, Value: []byte(`[1]`), Headers: inKey},
			"the payload, value: an array instead of an object",
			`{"event_id":"11","order_id":"7","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123Z"}`,
		},
		"a value that nobody can read": {
			mapped(nil),
			order.Record{Key: at, Value: []byte("\x00\x00"), Headers: inKey, Unread: errors.New("the registry has no schema 7")},
			"the payload, value: the registry has no schema 7", `{"event_id":"11","order_id":"7","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123Z"}`,
		},
		"no JSON":         {changes, order.Record{Value: []byte("\x00\x00\x00\x00\x07avro")}, "the id, $.after.event_id: the value: not valid JSON", ""},
		"no change event": {changes, order.Record{Value: []byte(why)}, `the value is no change event of Debezium: its op is ""`, `{}`},
		"a number without a unit": {
			changes,
			order.Record{Value: []byte(strings.Replace(change, `"2024-01-01T00:00:00.123456Z"`, "1704067200123456", 1))},
			"the time, $.after.timestamp: 1704067200123456 is a number, and the configuration does not say its unit", `{"event_id":11,"order_id":"7","event_type":"OrderCanceled","payload":{"reason": "why"}}`,
		},
		"a path twice": {
			changes,
			order.Record{Value: []byte(strings.Replace(change, `"event_id":11`, `"event_id":11,"event_id":12`, 1))},
			"the value has the key event_id twice",
			`{"order_id":"7","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00.123456Z","payload":{"reason": "why"}}`,
		},
		"no CloudEvent": {order.CloudEvents(), order.Record{Key: []byte("7"), Value: []byte(why)}, "the message is no CloudEvent", `{"order_id":"7","payload":{"reason":"why"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			opened := open(t, test.envelope, test.record)
			if test.value == "" {
				test.value = string(test.record.Value)
			}
			if opened.Problem == nil || !strings.Contains(opened.Problem.Error(), test.want) {
				t.Errorf("the problem is %v, want %s", opened.Problem, test.want)
			}
			if d := cmp.Diff(test.value, string(opened.Value)); d != "" {
				t.Errorf("kept (-want +got):\n%s", d)
			}
		})
	}
}

// TestWhatPublishesNoEventIsSkipped: tombstones by setting, and changes of the table that are no new event.
func TestWhatPublishesNoEventIsSkipped(t *testing.T) {
	ignoring := order.UsualEnvelope()
	ignoring.Tombstones = true
	if opened := open(t, mapped(nil), order.Record{Key: []byte("cart-7"), Value: []byte(why), Headers: inKey}); !opened.Skip {
		t.Errorf("of another aggregate: %+v", opened)
	}
	for _, test := range []struct {
		envelope order.Envelope
		value    string
		want     bool
	}{
		{order.UsualEnvelope(), "", false},
		{ignoring, "", true},
		{ignoring, "{}", false},
		{changes, "", true},
		{changes, change, false},
		{changes, `{"before":{"event_id":11},"after":null,"op":"d"}`, true},
		{changes, `{"op":"t"}`, true},
		{changes, strings.Replace(change, `"c"`, `"u"`, 1), false},
	} {
		if opened := open(t, test.envelope, order.Record{Value: []byte(test.value)}); opened.Skip != test.want || opened.Problem != nil {
			t.Errorf("%s: skipped %v, %v", test.value, opened.Skip, opened.Problem)
		}
	}
}

func TestAnEnvelopeThatCannotBeUsed(t *testing.T) {
	for want, change := range map[string]func(*order.Envelope){
		`id: "$" is no place`:             func(e *order.Envelope) { e.ID.From = "$" },
		`key: "header:" is no place`:      func(e *order.Envelope) { e.Key.From = "header:" },
		`payload: "header:x" is no place`: func(e *order.Envelope) { e.Payload.From = "header:x" },
		`at.unit: "m" is no unit`:         func(e *order.Envelope) { e.At.Unit = "m" },
		`key.map: is for type`:            func(e *order.Envelope) { e.Key.Map = map[string]string{"a": "b"} },
		`type: does not say`:              func(e *order.Envelope) { e.Type.From = "" },
		`payload: "ce:id" holds no`:       func(e *order.Envelope) { e.Payload.From = "ce:id" },
	} {
		if _, err := order.NewOpener(mapped(change)); !errors.Is(err, order.ErrEnvelope) || !strings.Contains(err.Error(), want) {
			t.Errorf("says %v, want %s", err, want)
		}
	}
}

// TestWhatKafkaConnectAddsToTheUsualFormIsTakenOff: its schema around the value, and quotes or base64 around a column of the store.
func TestWhatKafkaConnectAddsToTheUsualFormIsTakenOff(t *testing.T) {
	_, stored, rules := storedEvent(t, order.UsualEnvelope())
	at := stored.At.UTC().Format(time.RFC3339Nano)
	event := func(payload string) string {
		return `{"event_id":11,"order_id":7,"event_type":"OrderCanceled","timestamp":"` + at + `","payload": ` + payload + `}`
	}
	inBase64 := `"` + base64.StdEncoding.EncodeToString([]byte(why)) + `"`
	for name, value := range map[string]string{
		"schema": `{"schema":{"type":"struct"},"payload":` + event(why) + `}`, "no schema": `{"schema":null,"payload":` + event(why) + `}`,
		"text": event(whyText), "bytes": event(inBase64), "both": `{"schema":{},"payload":` + event(whyText) + `}`,
	} {
		opened, is := order.FromConnect([]byte(value))
		read, err := order.DecodeMessage(opened.Value, rules)
		if !is || opened.Problem != nil || err != nil || read.Position != 11 || !read.At.Equal(stored.At) || !read.Said.Same(stored.Said) {
			t.Errorf("%s: read %+v, %v, %v; %v", name, read, is, opened.Problem, err)
		}
	}
	for name, value := range map[string]string{"as it is": event(why), "no event": `{"schema":1}`, "tombstone": ""} {
		if opened, is := order.FromConnect([]byte(value)); is && opened.Problem == nil {
			t.Errorf("%s: opened as %s", name, opened.Value)
		}
	}
	bytesOf := strings.Replace(change, whyText, inBase64, 1)
	opened := open(t, changes, order.Record{Value: []byte(bytesOf)})
	if read, err := order.DecodeMessage(opened.Value, rules); opened.Problem != nil || err != nil || !read.Said.Same(stored.Said) {
		t.Errorf("bytes of Debezium: read %+v, %v; %v", read, opened.Problem, err)
	}
}
