package ordertest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Form is a form of messages.
type Form struct {
	// Config is stream.envelope of the configuration.
	Config   string
	Envelope order.Envelope
	// Record is an event of the default schema in this form.
	Record func(order.RawEvent) order.Record
}

// Forms are the forms of messages that are read, and what Kafka Connect makes of some of them.
func Forms() map[string]Form {
	changes := order.DebeziumChanges("event_id", "order_id", "event_type", "timestamp", "payload")
	debezium := func(value string) func(order.RawEvent) order.Record {
		return func(e order.RawEvent) order.Record {
			change := fmt.Sprintf(`{"before":null,"after":{"event_id":%d,"order_id":%s,"event_type":%q,"timestamp":%q,"payload":%q},"source":{"table":"event_store"},"op":"c","ts_ms":1}`,
				e.Position, e.Key, e.Type, e.At.UTC().Format(time.RFC3339Nano), e.Payload)
			return order.Record{Key: fmt.Appendf(nil, `{"order_id":%s}`, e.Key), Value: []byte(strings.Replace(value, "CHANGE", change, 1))}
		}
	}
	const outbox, desk = "debezium-outbox",
		`{id: "header:id", key: {from: key, strip: "order-"}, type: {from: "header:type", strip: "trading."}, at: {from: "header:at", unit: ms}, payload: value}`
	return map[string]Form{
		"native JSON": {"", order.UsualEnvelope(), func(e order.RawEvent) order.Record {
			return order.Record{Key: []byte(e.Key), Value: fmt.Appendf(nil, `{"event_id":%d,"order_id":%s,"event_type":%q,"timestamp":%q,"payload":%s}`,
				e.Position, e.Key, e.Type, e.At.UTC().Format(time.RFC3339Nano), e.Payload)}
		}},
		"paths": {
			`{id: $.meta.seq, key: {from: $.meta.stream, strip: "order-"}, type: $.kind, at: {from: $.meta.at, unit: us}, payload: $.data}`,
			order.Envelope{
				ID: order.EnvelopePart{From: "$.meta.seq"}, Key: order.EnvelopePart{From: "$.meta.stream", Strip: "order-"}, Type: order.EnvelopePart{From: "$.kind"},
				At: order.EnvelopePart{From: "$.meta.at", Unit: "us"}, Payload: order.EnvelopePart{From: "$.data"},
			},
			func(e order.RawEvent) order.Record {
				return order.Record{Key: []byte(e.Key), Value: fmt.Appendf(nil, `{"meta":{"seq":"%d","stream":"order-%s","at":%d},"kind":%q,"data":%s}`,
					e.Position, e.Key, e.At.UnixMicro(), e.Type, e.Payload)}
			},
		},
		"headers and key": {desk, inHeaders(), func(e order.RawEvent) order.Record {
			return order.Record{Key: []byte("order-" + e.Key), Value: e.Payload, Headers: Headers(
				"id", position(e), "type", "trading."+e.Type, "at", strconv.FormatInt(e.At.UnixMilli(), 10))}
		}},
		"headers and key in quotes": {desk, inHeaders(), func(e order.RawEvent) order.Record {
			return order.Record{Key: fmt.Appendf(nil, `"order-%s"`, e.Key), Value: fmt.Appendf(nil, "%q", e.Payload), Headers: Headers(
				"id", `{"schema":{"type":"string"},"payload":"`+position(e)+`"}`, "type", `"trading.`+e.Type+`"`, "at", strconv.FormatInt(e.At.UnixMilli(), 10))}
		}},
		"Debezium change":             {"debezium", changes, debezium("CHANGE")},
		"Debezium change with schema": {"debezium", changes, debezium(`{"schema":{"type":"struct","fields":[]},"payload":CHANGE}`)},
		"Debezium outbox": {outbox, order.DebeziumOutbox(), func(e order.RawEvent) order.Record {
			return order.Record{Key: []byte(e.Key), Value: e.Payload, Headers: Headers("id", position(e), "eventType", e.Type), Time: time.Unix(1, 0)}
		}},
		"Debezium outbox with schema": {outbox, order.DebeziumOutbox(), func(e order.RawEvent) order.Record {
			return order.Record{
				Key: fmt.Appendf(nil, `{"schema":{"type":"string"},"payload":"%s"}`, e.Key), Headers: Headers("id", position(e), "eventType", e.Type),
				Value: fmt.Appendf(nil, `{"schema":{"type":"string"},"payload":%q}`, e.Payload),
			}
		}},
		"CloudEvents structured": {"cloudevents", order.CloudEvents(), cloudEvent(`"data":DATA`, "content-type", "application/cloudevents+json; charset=UTF-8")},
		"CloudEvents in base64":  {"cloudevents", order.CloudEvents(), cloudEvent(`"data_base64":"BASE64"`)},
		"CloudEvents binary": {"cloudevents", order.CloudEvents(), func(e order.RawEvent) order.Record {
			return order.Record{Key: []byte(e.Key), Value: e.Payload, Headers: Headers("ce_specversion", "1.0", "ce_source", "/desk",
				"ce_id", position(e), "ce_type", e.Type, "ce_time", e.At.UTC().Format(time.RFC3339Nano), "content-type", "application/json")}
		}},
	}
}

func inHeaders() order.Envelope {
	return order.Envelope{
		ID: order.EnvelopePart{From: "header:id"}, Key: order.EnvelopePart{From: "key", Strip: "order-"}, Type: order.EnvelopePart{From: "header:type", Strip: "trading."},
		At: order.EnvelopePart{From: "header:at", Unit: "ms"}, Payload: order.EnvelopePart{From: "value"},
	}
}

// cloudEvent is the structured form.
func cloudEvent(data string, headers ...string) func(order.RawEvent) order.Record {
	return func(e order.RawEvent) order.Record {
		value := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/desk","type":%q,"time":%q,%s}`, e.Position, e.Type, e.At.UTC().Format(time.RFC3339Nano), data)
		value = strings.NewReplacer("DATA", string(e.Payload), "BASE64", base64.StdEncoding.EncodeToString(e.Payload)).Replace(value)
		return order.Record{Key: []byte(e.Key), Value: []byte(value), Headers: Headers(headers...)}
	}
}

func position(e order.RawEvent) string { return strconv.FormatInt(int64(e.Position), 10) }

// Headers are given by name and value in turn.
func Headers(pairs ...string) (out []order.Header) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, order.Header{Name: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}
