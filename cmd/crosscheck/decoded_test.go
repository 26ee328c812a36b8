package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

const oneGoodEvent = `CREATE TABLE event_store (event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint NOT NULL, event_type text NOT NULL,
		timestamp timestamptz NOT NULL, payload jsonb NOT NULL);
	CREATE INDEX ON event_store (order_id, event_id);
	INSERT INTO event_store (order_id, event_type, timestamp, payload)
		VALUES (1, 'OrderCreated', now(), '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}');
	GRANT SELECT ON event_store TO `

// TestATopicOfAnotherFormatIsAMistakeOfTheConfiguration: doctor says so, and the commands that read the topic end with 2.
func TestATopicOfAnotherFormatIsAMistakeOfTheConfiguration(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.exec(c.projection, oneGoodEvent+c.role)
	brokers := newBroker(t, broker.Options{}).Brokers()
	topic := newTopic(t, brokers)
	c.sections = fmt.Sprintf("events: {dsn: \"${PROJECTION}\", at: '\"timestamp\"'}\nstream: {brokers: [%q], topic: orders}\n", brokers[0])
	publish := func(value string, times int) {
		t.Helper()
		for i := range times {
			if err := topic.Publish(deadline(t), lab.Message{Key: fmt.Append(nil, i), Value: []byte(value)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := func(name ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := run(deadline(t), append(name, "--config", c.config()), &stdout, &stderr, c.getenv)
		return code, strings.Join(strings.Fields(stdout.String()+stderr.String()), " ") // without its lines
	}

	publish(`{"event_id":1,"order_id":1,"event_type":"OrderCreated","timestamp":"2024-01-01T00:00:00Z","payload":{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}}`, 1)
	publish(`{"event_id":1,"order_id":1,"event_type":"Shipped","timestamp":"2024-01-01T00:00:00Z","payload":{}}`, 1)
	c.wants(c.diagnosis(exitAgrees), doctor.Warning, "stream", checkDecoded, "Shipped: 1 message of a type that the configuration does not name")

	if code, text := command("gate", "--no-record"); code != exitUnverified || !strings.Contains(text, "stream (advisory)") || !strings.Contains(text, "Shipped: 1 of 1 cannot be read") {
		t.Errorf("gate: exit code %d: %s", code, text)
	}

	publish("\x00\x00\x00\x00\x07avro", 30)
	_, text := c.doctor()
	if want := "31 of the newest 32 messages cannot be read, the first because it is not JSON: its first byte is 0"; !strings.Contains(text, want) {
		t.Errorf("doctor does not say %q:\n%s", want, text)
	}
	for _, args := range [][]string{{"explain", "1"}, {"run"}} {
		if code, text := command(args...); code != exitError || !strings.Contains(text, "stream orders: the configuration does not fit") {
			t.Errorf("%v: exit code %d: %s", args, code, text)
		}
	}
	if code, text := command("gate", "--no-record"); code != exitUnverified || !strings.Contains(text, "INCONCLUSIVE stream Stream") || !strings.Contains(text, "31 of the newest 32 messages cannot be read") {
		t.Errorf("gate: exit code %d: %s", code, text)
	}
	if code, text := command("verify"); code != exitAgrees {
		t.Errorf("verify, which does not read the topic: exit code %d: %s", code, text)
	}
}
