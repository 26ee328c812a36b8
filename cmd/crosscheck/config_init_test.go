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
	s := newSystem(t, lab.Options{History: lab.History{Orders: 500}})
	s.rest()
	environment := append(os.Environ(), "LEGACY_DSN="+s.LegacyDSN, "EVENTS_DSN="+s.EventsDSN)
	crosscheck := func(args ...string) *process {
		p := prepare(t, args...)
		p.Env = environment
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := crosscheck("config", "init")
	if code := p.end(); code != exitAgrees {
		t.Fatalf("config init: exit code %d", code)
	}
	text := p.stdout.String()
	for _, want := range []string{"table: public.orders", "table: public.current_orders", "table: public.event_store", "changed_at: updated_at", "preset: orders", "audit_log: public.audit_log", "trades: public.trades"} {
		if !strings.Contains(text, want) {
			t.Errorf("the proposal lacks %q:\n%s", want, text)
		}
	}
	file := writeConfig(t, "proposed", text)
	if code := crosscheck("doctor", "--config", file).end(); code != exitAgrees {
		t.Errorf("doctor: exit code %d", code)
	}
	v := crosscheck("verify", "--json", "--config", file)
	if code, r := v.end(), v.report(); code != exitAgrees || r.Verdict != "match" || r.Compared < 400 {
		t.Errorf("verify: exit code %d, %+v", code, r)
	}
}
