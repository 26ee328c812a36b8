package config_test

import (
	"fmt"
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
