package main

import (
	"os"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
)

// TestWhatConfigInitProposesVerifiesTheLab: of the default schema nothing is left for a person to decide before a first
// verification. The file is used as it was printed.
func TestWhatConfigInitProposesVerifiesTheLab(t *testing.T) {
	t.Parallel()
	s := initialized(t, nil)
	s.has("table: public.orders", "table: public.current_orders", "table: public.event_store", "changed_at: updated_at", "preset: orders",
		"audit_log: public.audit_log", "trades: public.trades")
	s.verifies(s.text)
}

// TestWhatConfigInitProposesVerifiesAnotherStore: scales, meanings of codes and roles of events are found by comparing with
// legacy's rows. One line is left for a person: this store has the creation to the second only.
func TestWhatConfigInitProposesVerifiesAnotherStore(t *testing.T) {
	t.Parallel()
	s := initialized(t, lab.DeskStore)
	s.has("table: desk.messages", "side: {path: $.side, map: {\"1\": BUY, \"2\": SELL}}", "price: {path: $.limitPrice.amount, scale: 4}",
		"notional: [$.lastQty, {path: $.lastPx.amount, scale: 4}]", "created_at: {path: $.placedAt, unit: s}", "Cancelled:", "text: CANCELED")
	const seconds = `"date_trunc('second', created_at)"`
	s.verifies(strings.Replace(s.text, "{name: created_at, type: timestamptz}", "{name: created_at, type: timestamptz, legacy: "+seconds+", projection: "+seconds+"}", 1))
}

// proposal is what config init printed for a lab.
type proposal struct {
	*system
	text string
}

func initialized(t *testing.T, store *lab.Store) *proposal {
	t.Helper()
	s := &proposal{system: newSystem(t, lab.Options{History: lab.History{Orders: 500, Store: store}})}
	s.rest()
	p := s.crosscheck("config", "init")
	if code := p.end(); code != exitAgrees {
		t.Fatalf("config init: exit code %d", code)
	}
	s.text = p.stdout.String()
	t.Log(s.text)
	return s
}

// crosscheck starts it with the variables that the file names.
func (p *proposal) crosscheck(args ...string) *process {
	p.t.Helper()
	c := prepare(p.t, args...)
	c.Env = append(os.Environ(), "LEGACY_DSN="+p.LegacyDSN, "EVENTS_DSN="+p.EventsDSN)
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *proposal) has(parts ...string) {
	p.t.Helper()
	for _, want := range parts {
		if !strings.Contains(p.text, want) {
			p.t.Errorf("the proposal lacks %q", want)
		}
	}
}

func (p *proposal) verifies(text string) {
	p.t.Helper()
	file := writeConfig(p.t, "proposed", text)
	if code := p.crosscheck("doctor", "--config", file).end(); code != exitAgrees {
		p.t.Errorf("doctor: exit code %d", code)
	}
	v := p.crosscheck("verify", "--json", "--config", file)
	if code, r := v.end(), v.report(); code != exitAgrees || r.Verdict != "match" || r.Compared < 400 {
		p.t.Errorf("verify: exit code %d, %+v", code, r)
	}
}
