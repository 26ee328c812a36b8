package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab"
)

// TestABackfillThatIsKilledLeavesNothingBehind kills the process in the middle of its ranges, and holds that the store is
// then the same, event by event, as after a run that nobody has disturbed. A soak does it five times.
func TestABackfillThatIsKilledLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	orders, kills := int64(8000), 1 // the lease of a killed process lasts 15 seconds
	if soak() {
		orders, kills = 20_000, 5
	}
	s := newSystem(t, lab.Options{History: lab.History{Orders: orders}})
	config := s.config("backfill", 0, fmt.Sprintf(`
events:   {dsn: %q}
history:  {audit_log: public.audit_log, trades: public.trades}
backfill: {enabled: true, orders: 50, workers: 2}
`, s.EventsDSN))
	const stored = `SELECT md5(string_agg(concat_ws('|', order_id, event_type, "timestamp", payload::text), ',' ORDER BY order_id, event_id)) FROM event_store`
	rows(t, s.EventsDSN, "TRUNCATE event_store")
	if p := start(t, "backfill", "--config", config); p.end() != 0 {
		t.Fatalf("%s%s", p.stdout.String(), p.stderr.String())
	}
	want := rows(t, s.EventsDSN, stored)
	rows(t, s.EventsDSN, "TRUNCATE event_store")
	for range kills {
		before := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck_backfill")
		p := start(t, "backfill", "--config", config)
		eventually(t, s.EventsDSN, "SELECT count(*) > "+before+" FROM crosscheck_backfill", "t")
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.end()
	}
	p := start(t, "backfill", "--config", config) // waits for the lease of the one that was killed
	if p.end() != 0 || !strings.Contains(p.stderr.String(), "another process may be at work") || !strings.Contains(p.stdout.String(), " of them before)") {
		t.Errorf("%s%s", p.stdout.String(), p.stderr.String())
	}
	if got := rows(t, s.EventsDSN, stored); got != want {
		t.Errorf("the store differs from that of a run that nobody has disturbed")
	}
}

// TestABackfillBesideLiveWritersIsClean backfills orders of the past while the desk trades. An audit finds the history of
// each order whole then, and nothing in it twice.
func TestABackfillBesideLiveWritersIsClean(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 300}})
	config := s.config("live", time.Second, fmt.Sprintf(`
events:   {dsn: %q}
history:  {audit_log: public.audit_log, trades: public.trades}
backfill: {enabled: true, orders: 20}
`, s.EventsDSN))
	past := rows(t, s.LegacyDSN, "SELECT string_agg(order_id::text, ',') FROM orders WHERE status IN ('FILLED', 'CANCELED')")
	rows(t, s.EventsDSN, "DELETE FROM event_store WHERE order_id IN ("+past+")")
	s.StartDesk()
	eventually(t, s.EventsDSN, `SELECT count(*) > 0 FROM event_store WHERE "timestamp" > now() - interval '1 minute'`, "t")
	if p := start(t, "backfill", "--config", config); p.end() != 0 {
		t.Error("the backfill has left orders")
	}
	if err := s.StopDesk(); err != nil {
		t.Fatal(err)
	}
	if p := start(t, "audit", "--config", config); p.end() != 0 {
		t.Error("the audit has found something")
	}
}

// TestABackfillSpeaksAnotherLanguage: keys in streams, times without a zone, JSON in bytes, amounts in ten-thousandths.
func TestABackfillSpeaksAnotherLanguage(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 300, Store: lab.DeskStore}})
	imported := `  fold:
    Imported:
      create: if_absent
      set: {traderId: $.traderId}
`
	imported = strings.Replace(imported, "{traderId: $.traderId}", `{trader_id: $.traderId, symbol: $.symbol, side: {path: $.side, map: {"1": BUY, "2": SELL}}, quantity: $.orderQty,
        price: {path: $.limitPrice.amount, scale: 4}, status: $.state, filled_quantity: $.cumQty, notional: $.paid, created_at: {path: $.placedAt, unit: s}, updated_at: {event: at}}`, 1)
	sections := strings.Replace(s.eventSections(), "  fold:\n", imported, 1)
	config := s.config("desk", time.Second, sections, "backfill: {enabled: true, publish: true}")
	rows(t, s.EventsDSN, "TRUNCATE desk.messages")
	if p := start(t, "backfill", "--config", config); p.end() != 0 {
		t.Error("the backfill has left orders")
	}
	// The lab cuts created_at to seconds there, but not updated_at: that of an untouched order is later than all that is recorded.
	_, r := pass(t, "verify", "--config", config)
	for _, d := range r.Divergences {
		if len(d.Fields) != 1 || d.Fields[0].Name != "updated_at" || d.Kind != "differs" {
			t.Errorf("order %s: %+v", d.OrderID, d)
		}
	}
	if r.Coverage != 1 || len(r.Divergences) > 100 {
		t.Errorf("verify says %+v", r)
	}
}

// TestAnotherRunHasAnotherName, so that none goes on where one has ended that looked at other orders, or wrote fewer.
func TestAnotherRunHasAnotherName(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, b := range []backfillCommand{{}, {AfterLive: true}, {From: "2024-01-01T00:00:00Z"}, {From: "2024-01-01T00:00:00.5Z"}} {
		for _, database := range []string{"old", "older"} {
			if err := b.Validate(); err != nil {
				t.Fatal(err)
			}
			c := &config.Config{}
			c.Legacy.DSN = config.NewSecret("postgres://reader:secret@host/" + database)
			names[b.name(c)] = true
		}
	}
	if len(names) != 8 {
		t.Errorf("eight runs have the names %v", names)
	}
}
