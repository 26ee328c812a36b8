package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
)

// TestSecretsDoNotLeak prints a whole configuration in every way there is.
func TestSecretsDoNotLeak(t *testing.T) {
	c := load(t, "testdata/documented.yaml")
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("configuration", "config", c, "side", c.Legacy, "dsn", c.Legacy.DSN, "pointer", &c.Legacy.DSN)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := map[string]string{"slog": logged.String(), "json": string(asJSON), "yaml": string(asYAML)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		printed[verb+" config"] = fmt.Sprintf(verb, c)
		printed[verb+" value"] = fmt.Sprintf(verb, *c)
		printed[verb+" side"] = fmt.Sprintf(verb, c.Legacy)
		printed[verb+" secret"] = fmt.Sprintf(verb, c.Legacy.DSN)
		printed[verb+" pointer"] = fmt.Sprintf(verb, &c.Legacy.DSN)
	}
	printed["error"] = fmt.Errorf("connecting to %v", c.Legacy.DSN).Error()
	for way, text := range printed {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s gives a secret away: %s", way, text)
		}
	}
	if got := c.Legacy.DSN.Reveal(); !strings.Contains(got, "hunter2") {
		t.Errorf("Reveal = %q", got)
	}
}

func TestScheduleNext(t *testing.T) {
	oslo := time.FixedZone("", 2*3600)
	at := time.Date(2026, 7, 1, 3, 30, 0, 0, oslo) // 01:30 in UTC
	for expr, want := range map[string]string{
		"0 2 * * *":                     "2026-07-01T02:00:00Z", // UTC, whatever zone the question comes in
		"*/20 * * * * *":                "2026-07-01T01:30:20Z",
		"CRON_TZ=Europe/Oslo 0 4 * * *": "2026-07-01T02:00:00Z",
		"@hourly":                       "2026-07-01T02:00:00Z",
		"0 0 29 2 *":                    "2028-02-29T00:00:00Z",
	} {
		if got := schedule(t, expr).Next(at).Format(time.RFC3339); got != want {
			t.Errorf("%s: next is %s, want %s", expr, got, want)
		}
	}
	every := config.Interval(10 * time.Second)
	for _, minute := range []time.Duration{0, 1, 9_999_999_999} { // all replicas mean the same instants
		if next := every.Next(at.Add(minute)); !next.Equal(at.Add(10 * time.Second)) {
			t.Errorf("the next interval after %s begins at %s", at.Add(minute), next)
		}
	}
	if config.Interval(0).String() != "off" || every.String() != "every 10s" || every.Equal(config.Interval(time.Minute)) {
		t.Errorf("an interval is written as %s, none as %s", every, config.Interval(0))
	}
	off := schedule(t, "off")
	if !off.Off() || !off.Next(at).IsZero() || off.String() != "off" {
		t.Errorf("off is %v, next %v", off, off.Next(at))
	}
}

// canceled is what the preset says.
const canceled = `{set: {status: {text: CANCELED}, reason: {path: $.reason, null: true}, updated_at: {event: at}}, keys: [event_id, order_id, event_type, timestamp, _backfill]}`

// TestFingerprint changes one thing at a time.
func TestFingerprint(t *testing.T) {
	const base = `
legacy: {dsn: "${LEGACY_DSN}", table: orders, key: id, changed_at: at}
projection: {dsn: "${EVENTS_DSN}", table: current_orders}
ledger: {dsn: "${EVENTS_DSN}"}
compare:
  fields: [{name: status, type: text}, {name: price, type: numeric, tolerance: 0.50, legacy: p}]
  settle: {window: 30s}
sampler: {schedule: "0 * * * *"}
web: {listen: ":8080"}
events: {dsn: "${EVENTS_DSN}", preset: orders, fold: {Fill: {add: {filled_quantity: $.qty}, set: {reason: $.why}}, Noted: ignore}}
history: {audit_log: audit}
stream: {brokers: ["a:1", "b:2"], topic: orders}
`
	original := fingerprint(t, base)
	same := map[string][2]string{
		"another dsn":                {`legacy: {dsn: "${LEGACY_DSN}"`, `legacy: {dsn: "${EVENTS_DSN}"`},
		"order of the fields":        {`{name: status, type: text}, {name: price, type: numeric, tolerance: 0.50, legacy: p}`, `{name: price, type: numeric, tolerance: 0.5, legacy: p}, {name: status, type: text}`},
		"a default spelt out":        {"settle: {window: 30s}", "settle: {window: 0.5m, rechecks: 3}"},
		"another schedule":           {"0 * * * *", "1 * * * *"},
		"another port":               {"8080", "8081"},
		"order of the rules":         {"{Fill: {add: {filled_quantity: $.qty}, set: {reason: $.why}}, Noted: ignore}", "{Noted: ignore, Fill: {set: {reason: {path: $.why}}, add: {filled_quantity: $.qty}}}"},
		"a rule of the preset":       {"Noted: ignore", "Noted: ignore, OrderCanceled: " + canceled},
		"order of the brokers":       {`["a:1", "b:2"]`, `["b:2", "a:1"]`},
		"another dsn of the events":  {`events: {dsn: "${EVENTS_DSN}"`, `events: {dsn: "${LEGACY_DSN}"`},
		"the event store's defaults": {"preset:", "table: public.event_store, key: order_id, preset:"},
		"the default column":         {"{name: status, type: text}", `{name: status, type: text, legacy: '"status"'}`},
	}
	parts := partsOf(t, base)
	for why, change := range same {
		if got := fingerprint(t, replace(t, base, change)); got != original {
			t.Errorf("%s changed the fingerprint", why)
		}
		if said := gate.Changes(parts, partsOf(t, replace(t, base, change))); said != "" {
			t.Errorf("%s is told as a change: %s", why, said)
		}
	}
	seen := map[string]string{original: "nothing"}
	different := map[string][2]string{
		"table":              {"table: orders", "table: orders2"},
		"key":                {"key: id", "key: id2"},
		"changed_at":         {", changed_at: at", ""},
		"name":               {"name: price", "name: prices"},
		"field type":         {"name: status, type: text", "name: status, type: uuid"},
		"expression":         {"legacy: p", "legacy: p2"},
		"side":               {"legacy: p", "projection: p"},
		"tolerance":          {"tolerance: 0.50", "tolerance: 0.05"},
		"exact":              {", tolerance: 0.50", ""},
		"window":             {"window: 30s", "window: 31s"},
		"rechecks":           {"window: 30s", "rechecks: 4"},
		"max_lag":            {"window: 30s", "max_lag: 6m"},
		"group_by":           {"settle:", "group_by: price\n  settle:"},
		"event table":        {"preset:", "table: public.other_store, preset:"},
		"event key":          {"preset:", "key: key, preset:"},
		"position":           {"preset:", "position: key, preset:"},
		"event type":         {"preset:", "type: key, preset:"},
		"at":                 {"preset:", "at: key, preset:"},
		"payload":            {"preset:", "payload: key, preset:"},
		"type's name":        {"{Fill:", "{Filled:"},
		"path":               {"$.why", "$.cause"},
		"field":              {"reason:", "symbol:"},
		"operation":          {"{add:", "{subtract:"},
		"ignored":            {"Noted: ignore", "Viewed: ignore"},
		"derivation":         {"Noted: ignore}", "Noted: ignore}, derive: {avg_fill_price: {ratio: [notional, filled_quantity], scale: 5}}"},
		"invariants":         {"Noted: ignore}", "Noted: ignore}, invariants: {ordered: quantity, filled: filled_quantity}"},
		"register":           {"Noted: ignore}", "Noted: ignore}, registers: {notional: integer}"},
		"key of the payload": {"Noted: ignore}", "Noted: ignore}, payload_key: $.id"},
		"audit log":          {"audit_log: audit", "audit_log: audit2"},
		"trades":             {"audit_log: audit", "audit_log: audit, trades: t"},
		"brokers":            {`["a:1", "b:2"]`, `["a:1"]`},
		"topic":              {"topic: orders", "topic: order"},
	}
	for what, change := range different {
		got := fingerprint(t, replace(t, base, change))
		if other, twice := seen[got]; twice {
			t.Errorf("changing %s gives the fingerprint of changing %s", what, other)
		}
		seen[got] = what
		if said := gate.Changes(parts, partsOf(t, replace(t, base, change))); said == "" {
			t.Errorf("changing %s is not told", what)
		}
	}
	got := gate.Changes(parts, partsOf(t, replace(t, base, different["window"])))
	if want := "compare.settle 30s, 3, 5m0s -> 31s, 3, 5m0s"; got != want {
		t.Errorf("told as %q, want %q", got, want)
	}
}

// TestFingerprintIsStable pins some: when one changes, the evidence in every such ledger is void, which must be meant.
func TestFingerprintIsStable(t *testing.T) {
	for path, want := range map[string]string{
		"testdata/minimal.yaml":    "b61f7bef46b3321b1f91218515e1aace1883f82ceb07ba644b17aa5a660890ba",
		"testdata/everything.yaml": "67386959f76f828ba09ff406a3ad90ef3a73326b2a218ac1900f5437b94ffa5d",
		"testdata/documented.yaml": "792ec32ff527e97c27c3a8f395f392a15d90f2badd4d4e97ce33d1e639b51ea1",
		"../config.yaml":           "091da74f881d027034081d73fa7b9e69e9a0968a52beeb306c67f4909c3395ef",
	} {
		if got := load(t, path).Fingerprint(); got != want {
			t.Errorf("the fingerprint of %s is %s, want %s", path, got, want)
		}
	}
}

func replace(t *testing.T, text string, change [2]string) string {
	t.Helper()
	if !strings.Contains(text, change[0]) {
		t.Fatalf("%q is not in the text", change[0])
	}
	return strings.Replace(text, change[0], change[1], 1)
}

func fingerprint(t *testing.T, text string) string {
	t.Helper()
	return basis(t, text).Fingerprint()
}

func partsOf(t *testing.T, text string) []gate.Part {
	t.Helper()
	_, parts := basis(t, text).Basis()
	return parts
}

func basis(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("config.yaml", []byte(text), environment)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return c
}
