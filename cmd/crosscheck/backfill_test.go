package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab"
)

// allEvents is one number for all events, in the order in which those of an order are stored.
const allEvents = `SELECT md5(string_agg(concat_ws('|', order_id, event_type, "timestamp", payload::text), ',' ORDER BY order_id, event_id)) FROM event_store`

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
	rows(t, s.EventsDSN, "TRUNCATE event_store")
	if p := start(t, "backfill", "--config", config); p.end() != 0 {
		t.Fatalf("%s%s", p.stdout.String(), p.stderr.String())
	}
	want := rows(t, s.EventsDSN, allEvents)
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
	if got := rows(t, s.EventsDSN, allEvents); got != want {
		t.Errorf("the store differs from that of a run that nobody has disturbed")
	}
}

// TestABackfillBesideLiveWritersIsClean backfills orders of the past while the desk trades, and kills it in the middle. An audit finds
// the history of each order whole then, and nothing in it twice, and a full verification finds that it folds to the row.
func TestABackfillBesideLiveWritersIsClean(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 300}, RefreshEvery: labRefresh})
	config := s.config("live", time.Second, fmt.Sprintf(`
events:   {dsn: %q}
history:  {audit_log: public.audit_log, trades: public.trades}
backfill: {enabled: true, orders: 2, workers: 1, lock: %d}
`, s.EventsDSN, lab.AppendLock))
	past := rows(t, s.LegacyDSN, "SELECT string_agg(order_id::text, ',') FROM orders WHERE status IN ('FILLED', 'CANCELED')")
	rows(t, s.EventsDSN, "DELETE FROM event_store WHERE order_id IN ("+past+"); DELETE FROM orders_projection WHERE order_id IN ("+past+")")
	s.live()
	eventually(t, s.EventsDSN, `SELECT count(*) > 0 FROM event_store WHERE "timestamp" > now() - interval '1 minute'`, "t")
	p := start(t, "backfill", "--config", config)
	eventually(t, s.EventsDSN, "SELECT count(*) > 20 FROM event_store WHERE order_id IN ("+past+")", "t")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if p.end() != -1 {
		t.Error("the backfill has ended before it was killed")
	}
	if p := start(t, "backfill", "--config", config); p.end() != 0 {
		t.Error("the backfill has left orders")
	}
	if code, r := pass(t, "verify", "--config", config); code != exitAgrees { // the desk trades on
		t.Errorf("verify has found %v", described(r.Divergences))
	}
	s.rest()
	if p := start(t, "audit", "--config", config); p.end() != 0 {
		t.Error("the audit has found something")
	}
	if code, r := pass(t, "verify", "--config", config); code != exitAgrees {
		t.Errorf("verify has found %v", described(r.Divergences))
	}
}

// sharedFills is a lab without events, whose processes share a backfill, and can be held while they write.
type sharedFills struct {
	*system
	config, whole string
	orders        int64
}

// holding begins a backfill in two processes, and returns when both hang in a range. The first one has handed it out.
func (s *sharedFills) holding() (holder, helper *process, goOn func()) {
	s.t.Helper()
	rows(s.t, s.EventsDSN, "TRUNCATE event_store")
	conn, err := pgx.Connect(s.t.Context(), s.EventsDSN)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { hangUp(conn) })
	if _, err := conn.Exec(s.t.Context(), "SELECT pg_advisory_lock(1)"); err != nil {
		s.t.Fatal(err)
	}
	hang := func(n string) *process {
		p := start(s.t, "backfill", "--json", "--workers", "1", "--config", s.config)
		eventually(s.t, s.EventsDSN, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, n)
		return p
	}
	return hang("1"), hang("2"), func() { hangUp(conn) }
}

// ended wants processes to have done everything together, each some of it.
func (s *sharedFills) ended(together ...*process) {
	s.t.Helper()
	var orders int64
	for _, p := range together {
		code := p.end()
		var r backfillReport
		if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil || code != exitAgrees || r.Orders == 0 {
			s.t.Errorf("exit code %d, %v: %s%s", code, err, &p.stdout, &p.stderr)
		}
		orders += r.Orders + r.Resumed
		if p == together[0] && r.Orders+r.Resumed+r.Others.Orders != s.orders {
			s.t.Errorf("the process that handed the ranges out says %+v", r)
		}
	}
	if len(together) > 1 && orders != s.orders {
		s.t.Errorf("%d orders were looked at", orders)
	}
	if rows(s.t, s.EventsDSN, allEvents) != s.whole {
		s.t.Error("the store differs from that of a run by one process")
	}
	if n := rows(s.t, s.EventsDSN, "SELECT count(*) FROM shared.river_job WHERE finalized_at IS NULL AND state <> 'running'"); n != "0" {
		s.t.Errorf("%s jobs are left", n)
	}
}

// TestBackfillsShareTheirRanges: two processes that nothing stops, one whose helper is killed in the middle of a range, and one
// whose holder is.
func TestBackfillsShareTheirRanges(t *testing.T) {
	t.Parallel()
	s := &sharedFills{system: newSystem(t, lab.Options{History: lab.History{Orders: 6000}})}
	s.config = s.system.config("shared", 0, fmt.Sprintf(`
events:   {dsn: %q}
history:  {audit_log: public.audit_log, trades: public.trades}
backfill: {enabled: true, orders: 50, publish: true}
verify:   {max_snapshot: 30s, shared: true}
`, s.EventsDSN))
	rows(t, s.EventsDSN, `TRUNCATE event_store;
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END$$;
		CREATE TRIGGER hold BEFORE INSERT ON event_store EXECUTE FUNCTION hold()`)
	if p := start(t, "backfill", "--config", s.config); p.end() != exitAgrees {
		t.Fatalf("%s%s", &p.stdout, &p.stderr)
	}
	s.whole = rows(t, s.EventsDSN, allEvents)
	var err error
	if s.orders, err = strconv.ParseInt(rows(t, s.LegacyDSN, "SELECT count(*) FROM orders"), 10, 64); err != nil {
		t.Fatal(err)
	}

	holder, helper, goOn := s.holding()
	goOn()
	s.ended(holder, helper)

	for _, killed := range []int{1, 0} {
		holder, helper, goOn := s.holding()
		both := []*process{holder, helper}
		if err := both[killed].Process.Kill(); err != nil {
			t.Fatal(err)
		}
		both[killed].end()
		goOn()
		s.ended(both[1-killed])
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
