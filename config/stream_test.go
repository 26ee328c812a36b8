package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/config"
)

func TestStreamIsReadAndWhereItIsIsInTheFingerprint(t *testing.T) {
	parsed := func(stream string) *config.Config {
		t.Helper()
		c, err := parse(t, `
legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
events: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
`+stream)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := parsed(`stream: {brokers: ["a:1", "b:2"], topic: orders, tls: {ca_file: ca.pem}, sasl: {mechanism: plain, user: u, password: secret}}`)
	if s := c.Stream; !s.Given() || !cmp.Equal(s.Brokers, []string{"a:1", "b:2"}) || !s.TLS.Enabled || s.TLS.CAFile != "ca.pem" ||
		s.SASL.Mechanism != "plain" || s.SASL.User != "u" || s.SASL.Password.Reveal() != "secret" || fmt.Sprint(s.SASL.Password) == "secret" {
		t.Errorf("the stream is %+v", s)
	}
	none, orders, others := parsed(""), parsed(`stream: {brokers: ["c:3"], topic: orders, tls: {}}`), parsed(`stream: {brokers: ["c:3"], topic: others}`)
	if none.Stream.Given() || !orders.Stream.TLS.Enabled || others.Stream.TLS.Enabled {
		t.Errorf("absent, and with and without tls: %+v, %+v, %+v", none.Stream, orders.Stream, others.Stream)
	}
	if c.Fingerprint() == orders.Fingerprint() || orders.Fingerprint() == others.Fingerprint() || orders.Fingerprint() == none.Fingerprint() {
		t.Error("evidence depends on the brokers and the topic")
	}
	plain := parsed(`stream: {brokers: ["b:2", "a:1", "b:2"], topic: orders}`)
	if c.Fingerprint() != plain.Fingerprint() {
		t.Error("evidence does not depend on the order of the brokers, nor on login and encryption")
	}
}

func TestIgnoredTypesAreReadAndNoneThatChangesOrders(t *testing.T) {
	const file = `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x", preset: orders, fold: {Fill: {add: {filled_quantity: $.qty}}, OrderFilled: ignore, Noted: %s}}
stream: {brokers: ["a:1"], topic: orders, ignore_types: [%s]}
`
	c, err := parse(t, fmt.Sprintf(file, "ignore", "Viewed"))
	if err != nil || !cmp.Equal(c.Stream.IgnoreTypes, []string{"Viewed"}) {
		t.Fatalf("read %v, %v", c, err)
	}
	stored, errStored := c.Rules()
	messages, errMessages := c.MessageRules()
	if errStored != nil || errMessages != nil || !cmp.Equal(stored.IgnoredTypes(), []string{"Noted", "OrderFilled"}) ||
		!cmp.Equal(messages.IgnoredTypes(), []string{"Noted", "OrderFilled", "Viewed"}) {
		t.Errorf("stored events and messages pass over %v and %v; %v, %v", stored.IgnoredTypes(), messages.IgnoredTypes(), errStored, errMessages)
	}
	for _, other := range [][2]string{{"{set: {reason: $.note}}", "Viewed"}, {"ignore", "Seen"}} {
		if o, err := parse(t, fmt.Sprintf(file, other[0], other[1])); err != nil || o.Fingerprint() == c.Fingerprint() {
			t.Errorf("evidence depends on what is ignored: %v, %v", other, err)
		}
	}
	_, err = parse(t, fmt.Sprintf(file, "ignore", "Fill, OrderCreated"))
	for _, want := range []string{`:6:58: stream.ignore_types[0]: "Fill" changes orders and cannot be ignored`, `:6:64: stream.ignore_types[1]: "OrderCreated" changes orders`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("says %v, want %s", err, want)
		}
	}
}

func TestTheTypesOfASharedTopicNameAllThatChangeOrders(t *testing.T) {
	const file = `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x", preset: orders, fold: {Fill: {add: {filled_quantity: $.qty}}, OrderFilled: ignore}}
stream: {brokers: ["a:1"], topic: orders%s}
`
	plain, err := parse(t, fmt.Sprintf(file, ""))
	if err != nil || plain.Stream.Types != nil {
		t.Fatalf("read %v, %v", plain, err)
	}
	c, err := parse(t, fmt.Sprintf(file, ", types: [OrderCreated, OrderImported, OrderModified, OrderPartiallyFilled, Fill, OrderCanceled, Noted]"))
	if err != nil || len(c.Stream.Types) != 7 || c.Fingerprint() == plain.Fingerprint() {
		t.Errorf("read %v, %v; evidence depends on it", c, err)
	}
	_, err = parse(t, fmt.Sprintf(file, ", types: [OrderCreated, OrderModified, OrderPartiallyFilled, OrderFilled]"))
	for _, want := range []string{`:6:50: stream.types: lacks "Fill", which changes orders`, `stream.types: lacks "OrderCanceled"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("says %v, want %s", err, want)
		}
	}
}

func TestArchivedIsSQLAndEvidenceDependsOnIt(t *testing.T) {
	const file = `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x"%s}
`
	plain, err := parse(t, fmt.Sprintf(file, ""))
	if err != nil || plain.Events.Archived != "" {
		t.Fatalf("read %q, %v", plain.Events.Archived, err)
	}
	c, err := parse(t, fmt.Sprintf(file, `, archived: "note = '${X}'"`))
	if err != nil || c.Events.Archived != "note = '${X}'" || c.Fingerprint() == plain.Fingerprint() {
		t.Errorf("read %q, %v", c.Events.Archived, err)
	}
	if _, err := parse(t, fmt.Sprintf(file, `, archived: ""`)); err == nil {
		t.Error("an empty condition is no mistake")
	}
}
