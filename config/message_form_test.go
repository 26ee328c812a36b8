package config_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

const withStream = `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x"%s}
stream: {brokers: ["a:1"], topic: orders%s}
`

func TestEachFormOfMessagesIsConfigured(t *testing.T) {
	plain, err := parse(t, fmt.Sprintf(withStream, "", ""))
	if err != nil || !plain.Stream.Envelope.Usual() {
		t.Fatalf("without an envelope: %v, %v", plain, err)
	}
	for name, form := range ordertest.Forms() {
		text := ""
		if form.Config != "" {
			text = ", envelope: " + form.Config
		}
		c, err := parse(t, fmt.Sprintf(withStream, "", text))
		if err != nil {
			t.Fatalf("%s: %s", name, render(t, err))
		}
		if d := cmp.Diff(form.Envelope, c.Stream.Envelope); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if same := c.Fingerprint() == plain.Fingerprint(); same != c.Stream.Envelope.Usual() {
			t.Errorf("%s: evidence depends on the envelope: %v", name, !same)
		}
		if _, err := order.NewOpener(c.Stream.Envelope); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPresetOfMessagesIsChanged(t *testing.T) {
	c, err := parse(t, fmt.Sprintf(withStream, `, payload: "data::jsonb"`,
		`, tombstones: finding, envelope: {preset: debezium, key: {strip: "order-"}, at: {from: $.source.ts_ms, unit: ms, precision: s}, payload: $.after.data}`))
	if err != nil {
		t.Fatal(render(t, err))
	}
	want := order.DebeziumChanges("event_id", "order_id", "event_type", "", "data")
	want.Tombstones, want.Key.Strip = false, "order-"
	want.At = order.EnvelopePart{From: "$.source.ts_ms", Unit: "ms", Precision: "s"}
	if d := cmp.Diff(want, c.Stream.Envelope); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestIDsOfEventsAreConfigured for matching messages. Evidence depends on them.
func TestIDsOfEventsAreConfigured(t *testing.T) {
	plain, err := parse(t, fmt.Sprintf(withStream, "", ", envelope: cloudevents"))
	if err != nil {
		t.Fatal(render(t, err))
	}
	for text, want := range map[string]order.Envelope{
		"cloudevents": order.CloudEvents(),
		"{preset: cloudevents, position: \"ce:sequence\"}": func() order.Envelope {
			e := order.CloudEvents()
			e.Position.From = "ce:sequence"
			return e
		}(),
		"debezium": func() order.Envelope {
			e := order.DebeziumChanges("message_id", "order_id", "event_type", "timestamp", "payload")
			e.Position.From = "$.after.event_id"
			return e
		}(),
	} {
		c, err := parse(t, fmt.Sprintf(withStream, ", id: message_id", ", envelope: "+text))
		if err != nil {
			t.Fatal(render(t, err))
		}
		if d := cmp.Diff(want, c.Stream.Envelope); d != "" || c.Events.ID != "message_id" || c.Fingerprint() == plain.Fingerprint() {
			t.Errorf("%s: id %q, (-want +got):\n%s", text, c.Events.ID, d)
		}
		if _, err := order.NewOpener(c.Stream.Envelope); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := parse(t, fmt.Sprintf(withStream, ", id: \"lower(mark)\"", ", envelope: debezium")); err == nil || !strings.Contains(render(t, err), "events.id is no plain column") {
		t.Errorf("an expression: %v", err)
	}
}

func TestMistakesOfAnEnvelopeHaveTheirPlace(t *testing.T) {
	for stream, want := range map[string]string{
		`, envelope: avro`:                                                   `:6:53: stream.envelope: must be a form of messages that has a name, or a mapping, found "avro"`,
		`, envelope: [a]`:                                                    `:6:53: stream.envelope: must be a single value, found a list`,
		`, envelope: {ident: $.id}`:                                          `:6:54: stream.envelope.ident: unknown key`,
		`, envelope: {preset: debezum}`:                                      `:6:62: stream.envelope.preset: unknown preset "debezum"`,
		`, envelope: {key: key, id: id}`:                                     `:6:68: stream.envelope.id: "id" is no place of the id in a message`,
		`, envelope: {at: {from: key}}`:                                      `:6:58: stream.envelope.at: "key" is no place of the time in a message`,
		`, envelope: {at: {from: $.at, unit: min}}`:                          `:6:77: stream.envelope.at.unit: "min" is no unit`,
		`, envelope: {key: {from: key, unit: ms}}`:                           `:6:77: stream.envelope.key.unit: is for at`,
		`, envelope: {type: {form: $.t}}`:                                    `:6:61: stream.envelope.type.form: unknown key`,
		`, envelope: {type: {map: x}}`:                                       `:6:66: stream.envelope.type.map: must be a mapping`,
		`, envelope: {position: $.position}`:                                 `:6:64: stream.envelope.position: is for messages with an id that is not the position`,
		`, value: avro`:                                                      `stream.value: unknown value "avro"; use one of json, registry-json, registry-avro`,
		`, value: registry-json`:                                             `stream.registry: is missing`,
		`, registry: {url: "http://x"}`:                                      `stream.registry: is for values that a schema registry's serializer has written`,
		`, value: registry-json, registry: {url: "localhost:8081", user: u}`: `stream.registry.url: must be a URL of http or https`,
		`, value: registry-json, registry: {url: "http://x", user: u}`:       `stream.registry.password: is missing`,
		`, tombstones: drop`:                                                 `:6:55: stream.tombstones: unknown tombstones "drop"; use one of ignore, finding`,
		`, value: registry-avro`:                                             `stream.registry: is missing`,
		`, value: registry-avro, registry: {url: "https://x", ca_fil: x}`:    `stream.registry.ca_fil: unknown key`,
		`, value: registry-avro, registry: {url: "https://u:p@x"}`:           `:6:81: stream.registry.url: must be a URL of http or https, without user and password`,
	} {
		_, err := parse(t, fmt.Sprintf(withStream, "", stream))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: says %v, want %s", stream, err, want)
		}
	}
	_, err := parse(t, fmt.Sprintf(withStream, `, payload: "data::jsonb"`, `, envelope: debezium`))
	if err == nil || !strings.Contains(err.Error(), `:6:53: stream.envelope: events.payload is no plain column, so debezium does not know where a change event has the payload`) {
		t.Errorf("says %v", err)
	}
}

// TestTheSchemaRegistryIsRead, and evidence depends on how values are written.
func TestTheSchemaRegistryIsRead(t *testing.T) {
	prints := map[string]string{}
	for text, want := range map[string]config.Registry{
		"": {},
		`, value: registry-json, registry: {url: "http://x"}`:                       {URL: "http://x"},
		`, value: registry-avro, registry: {url: "https://x/api", ca_file: ca.pem}`: {Avro: true, URL: "https://x/api", CAFile: "ca.pem"},
	} {
		c, err := parse(t, fmt.Sprintf(withStream, "", text))
		if err != nil {
			t.Fatal(render(t, err))
		}
		if d := cmp.Diff(want, c.Stream.Registry, cmp.AllowUnexported(config.Secret{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
		if other, twice := prints[c.Fingerprint()]; twice {
			t.Errorf("%q and %q have the same fingerprint", text, other)
		}
		prints[c.Fingerprint()] = text
	}
	c, err := parse(t, fmt.Sprintf(withStream, "", `, value: registry-avro, registry: {url: "http://x", user: u, password: "correct-horse"}`))
	if err != nil || c.Stream.Registry.Password.Reveal() != "correct-horse" || strings.Contains(c.Mask("it says correct-horse"), "horse") {
		t.Errorf("the password is not masked: %v", err)
	}
}

// TestAChangeOfATableHasItsStoresKeyAndTime: what the store says of its columns holds for Debezium's rows too.
func TestAChangeOfATableHasItsStoresKeyAndTime(t *testing.T) {
	c, err := parse(t, fmt.Sprintf(withStream, `, key: {column: stream_name, strip: "order-"}, at: {column: time, zone: UTC}`, `, envelope: debezium`))
	if err != nil {
		t.Fatal(render(t, err))
	}
	if e := c.Stream.Envelope; e.Key.From != "$.after.stream_name" || e.Key.Strip != "order-" || e.At.From != "$.after.time" || e.At.Unit != "us" {
		t.Errorf("the envelope is %s", e)
	}
}

// TestTheStreamPageIsRead reads each example of docs/stream.md.
func TestTheStreamPageIsRead(t *testing.T) {
	page, err := os.ReadFile("../docs/stream.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) < 8 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	head, _, _ := strings.Cut(fmt.Sprintf(withStream, "", ""), "stream:")
	for _, example := range examples {
		text := head + example[1]
		if !strings.HasPrefix(example[1], "stream:") {
			text = head + "stream:\n  brokers: [\"a:1\"]\n  topic: orders\n  " + strings.ReplaceAll(strings.TrimSpace(example[1]), "\n", "\n  ") + "\n"
		}
		if _, err := parse(t, text); err != nil {
			t.Errorf("%s\n%s", text, render(t, err))
		}
	}
}
