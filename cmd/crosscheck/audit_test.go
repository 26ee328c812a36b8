package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

// audited runs an audit, and returns what it reports and each finding as "order kind cause".
func audited(t *testing.T, args ...string) (code int, r auditReport, findings []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "findings.jsonl")
	p := start(t, append([]string{"audit", "--json", "--findings", file}, args...)...)
	code = p.end()
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s%s", err, &p.stdout, &p.stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var f auditLine
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		findings = append(findings, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.OrderID, f.Kind, f.Cause)))
	}
	slices.Sort(findings)
	return code, r, findings
}

// number is one of the numbers of a report as "of/all".
func (r auditReport) number(name string) string {
	for _, n := range r.Numbers {
		if n.Name == name {
			return fmt.Sprintf("%d/%d", n.Of, n.All)
		}
	}
	return ""
}

// planting is the lab's history without a desk that trades.
type planting struct {
	t              *testing.T
	legacy, events string
	config         string
	planted        []string // what an audit has to find
	used           []string
}

func newPlanting(t *testing.T, orders int64) *planting {
	t.Helper()
	p := &planting{t: t}
	p.legacy, p.events = withHistory(t, lab.History{Orders: orders, Events: true, Seed: 7})
	p.config = writeConfig(t, "audit", fmt.Sprintf(`
legacy:     {dsn: %q, table: public.orders, key: order_id, changed_at: updated_at}
projection: {dsn: %q, table: public.current_orders, key: order_id, changed_at: updated_at}
ledger:     {dsn: %q}
events:     {dsn: %q}
history:    {}
gate:       {criteria: {history_accuracy: {}}}
compare:
  settle: {window: 100ms, rechecks: 5, max_lag: 1s}
  fields:
%s`, p.legacy, p.events, p.events, p.events, lab.OrdersStore.Fields))
	return p
}

// of is an order that meets a condition and has no fault yet.
func (p *planting) of(condition string) string {
	p.t.Helper()
	key := rows(p.t, p.legacy, fmt.Sprintf("SELECT min(order_id) FROM orders WHERE order_id <> ALL ('{%s}') AND %s", strings.Join(p.used, ","), condition))
	if key == "" {
		p.t.Fatalf("no order %s", condition)
	}
	p.used = append(p.used, key)
	return key
}

// plant spoils an order with statements in which $ is its key.
func (p *planting) plant(dsn, condition, statements string, found ...string) {
	p.t.Helper()
	key := p.of(condition)
	rows(p.t, dsn, strings.ReplaceAll(statements, "$", key))
	for _, f := range found {
		p.planted = append(p.planted, key+" "+f)
	}
}

// judged holds what the gate says of the newest audit.
func (p *planting) judged(want string) {
	p.t.Helper()
	if _, verdicts := criteria(p.t, p.config); verdicts["history_accuracy"] != want {
		p.t.Errorf("history_accuracy: %s, want %s", verdicts["history_accuracy"], want)
	}
}

// TestAuditFindsEachPlantedInconsistency plants faults of legacy and of its events in a history in which an audit finds nothing. The gate
// takes the one for a fail, until each kind is accepted, and the other for a pass.
func TestAuditFindsEachPlantedInconsistency(t *testing.T) {
	t.Parallel()
	p := newPlanting(t, 3000)
	code, r, findings := audited(t, "--config", p.config)
	orders := rows(t, p.legacy, "SELECT count(*) FROM orders")
	if code != exitAgrees || len(findings) > 0 || r.number("coverage") != orders+"/"+orders || r.Counted.Orders == 0 {
		t.Fatalf("a clean history: exit code %d, %v, %+v", code, findings, r)
	}
	for name, table := range map[string]string{"linkage_trades": "trades", "linkage_lines": "audit_log", "fidelity_moments": "audit_log"} {
		if n := rows(t, p.legacy, "SELECT count(*) FROM "+table); r.number(name) != n+"/"+n {
			t.Errorf("%s is %s of %s", name, r.number(name), n)
		}
	}
	p.judged("pass")

	const filled, partly, open, canceled = "status = 'FILLED'", "status = 'PARTIALLY_FILLED'", "status = 'OPEN'", "status = 'CANCELED'"
	p.plant(p.legacy, partly, "UPDATE orders SET filled_quantity = filled_quantity - 0.0001 WHERE order_id = $", "filled_mismatch")
	p.plant(p.legacy, filled, "UPDATE orders SET avg_fill_price = avg_fill_price + 0.01 WHERE order_id = $", "average_mismatch")
	p.plant(p.legacy, open, "UPDATE orders SET status = 'FILLED' WHERE order_id = $", "status_mismatch")
	p.plant(p.legacy, open, "INSERT INTO audit_log (entity_id, timestamp, field_changed) SELECT order_id, created_at, 'colour' FROM orders WHERE order_id = $", "unknown_field")
	rows(t, p.legacy, "INSERT INTO trades (order_id, executed_at, quantity, price) VALUES (999999, now(), 1, 1)")
	rows(t, p.legacy, "INSERT INTO audit_log (entity_id, timestamp, field_changed) VALUES (0, now(), 'price')")
	p.planted = append(p.planted, "999999 record_without_order", "0 record_without_order")

	const again = "INSERT INTO event_store (order_id, event_type, timestamp, payload) SELECT order_id, event_type, timestamp, payload FROM event_store WHERE order_id = $ AND event_type = "
	p.plant(p.events, filled, "DELETE FROM event_store WHERE order_id = $ AND event_type = 'OrderFilled'", "event_missing lost_shadow_write")
	p.plant(p.events, partly, again+"'OrderCreated'", "event_extra backfill_twice")
	p.plant(p.events, canceled, "UPDATE event_store SET timestamp = date_trunc('second', timestamp) WHERE order_id = $ AND event_type = 'OrderCanceled'", "event_different coarse_timestamps")
	p.plant(p.events, canceled, `UPDATE event_store e SET timestamp = (SELECT timestamp + interval '1 hour' FROM event_store c WHERE c.order_id = $ AND c.event_type = 'OrderCreated')
		WHERE order_id = $ AND event_type = 'OrderCanceled'`, "event_different backfill_cancel_time")
	p.plant(p.events, partly, `UPDATE event_store SET event_type = 'OrderFilled', payload = payload - 'filled_quantity' - 'remaining_quantity' || jsonb_build_object('quantity', payload->'filled_quantity')
		WHERE event_id = (SELECT max(event_id) FROM event_store WHERE order_id = $ AND event_type = 'OrderPartiallyFilled')`, "event_different backfill_partial_as_full")
	p.plant(p.events, filled, again+"'OrderCreated'; DELETE FROM event_store WHERE event_id = (SELECT min(event_id) FROM event_store WHERE order_id = $)", "event_disordered backfill_after_live")
	p.plant(p.events, filled, `UPDATE event_store SET payload = jsonb_set(payload, '{price}', '1.5') WHERE order_id = $ AND event_type = 'OrderFilled'`, "event_different wrong_event_content")

	code, r, findings = audited(t, "--config", p.config)
	slices.Sort(p.planted)
	if code != exitDiverged || fmt.Sprint(findings) != fmt.Sprint(p.planted) {
		t.Errorf("exit code %d\nfound   %v\nplanted %v", code, findings, p.planted)
	}
	if r.Orders != int64(len(p.planted)) || r.Counted.TradesAlone != 1 || r.Counted.LinesAlone != 1 || r.Unaudited != 0 {
		t.Errorf("reported %+v", r)
	}
	// One event is missing, one is there twice, one is disordered, and four are different.
	events := counted(t, rows(t, p.events, "SELECT count(*) FROM event_store"))
	if want := fmt.Sprintf("7/%d", events+1); r.number("error_rate") != want {
		t.Errorf("error rate %s, want %s", r.number("error_rate"), want)
	}
	if lacking := counted(t, orders) - 1; r.number("coverage") != fmt.Sprintf("%d/%s", lacking, orders) {
		t.Errorf("coverage %s of %s orders", r.number("coverage"), orders)
	}

	p.judged("fail")
	rows(t, p.events, `UPDATE crosscheck.audit_finding SET state = 'accepted', accepted_by = 'me', accepted_why = 'planted', accepted_at = now(), accepted_until = now() + interval '1 day'
		WHERE kind <> 'event_different'`)
	p.judged("fail")
	accepted := start(t, "accept", "--kind", "event_different", "--why", "planted", "--until", "2999-01-01", "--config", p.config)
	if code := accepted.end(); code != exitAgrees || !strings.Contains(accepted.stdout.String(), "1 finding event_different (audit, events) by backfill_cancel_time of 1 order") {
		t.Errorf("exit code %d, %s%s", code, &accepted.stdout, &accepted.stderr)
	}
	p.judged("pass")

	// What is repaired is resolved, and a backfill that ended early shows in all orders together.
	rows(t, p.legacy, "DELETE FROM trades WHERE order_id = 999999; DELETE FROM audit_log WHERE entity_id = 0 OR field_changed = 'colour'")
	newest := strings.Split(rows(t, p.legacy, "SELECT order_id FROM orders ORDER BY order_id DESC LIMIT 3"), "\n")
	rows(t, p.events, "DELETE FROM event_store WHERE order_id IN ("+strings.Join(newest, ",")+")")
	from := rows(t, p.legacy, "SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM orders ORDER BY order_id DESC OFFSET 9 LIMIT 1")
	_, r, findings = audited(t, "--config", p.config, "--from", from)
	limited := map[string]bool{}
	for _, f := range findings {
		key, what, _ := strings.Cut(f, " ")
		if limited[key] = true; what != "event_missing backfill_limit" {
			t.Errorf("found %s", f)
		}
	}
	if keys := slices.Sorted(maps.Keys(limited)); len(keys) != 3 || r.Counted.Orders != 10 || r.number("coverage") != "7/10" {
		t.Errorf("of the newest ten orders: %v, %+v", keys, r)
	}
	if _, _, findings = audited(t, "--config", p.config); slices.ContainsFunc(findings, func(f string) bool {
		return strings.Contains(f, "record_without") || strings.Contains(f, "unknown_field")
	}) {
		t.Errorf("repaired: %v", findings)
	}
	if got := rows(t, p.events, "SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM crosscheck.audit_finding WHERE state = 'resolved'"); got != "record_without_order unknown_field" {
		t.Errorf("resolved: %s", got)
	}
}

// TestAKilledAuditIsResumed kills an audit in the middle. Pages that are stored are not read again.
func TestAKilledAuditIsResumed(t *testing.T) {
	t.Parallel()
	p := newPlanting(t, 9000)
	p.plant(p.events, "status = 'FILLED'", "DELETE FROM event_store WHERE order_id = $ AND event_type = 'OrderFilled'", "event_missing lost_shadow_write")
	p.plant(p.events, "status = 'FILLED' AND order_id > 8000", "DELETE FROM event_store WHERE order_id = $ AND event_type = 'OrderFilled'", "event_missing lost_shadow_write")
	rows(t, p.events, `CREATE TABLE hold (); CREATE FUNCTION passes(k bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$BEGIN
		IF k > 6000 AND current_query() LIKE '%$1::%' AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'hold') THEN PERFORM pg_catalog.pg_sleep(60); END IF; RETURN true; END$$`)
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	held := strings.Replace(string(text), "events:     {", `events:     {where: "public.passes(order_id)", `, 1)
	p.config = writeConfig(t, "held", held)
	killed := start(t, "audit", "--config", p.config)
	eventually(t, p.events, "SELECT count(*) > 2 FROM crosscheck.pass_range", "t")
	eventually(t, p.events, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", "1")
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.end()
	rows(t, p.events, "DROP TABLE hold; UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
	const stored = "SELECT string_agg(number || ' ' || at, ',' ORDER BY number) FROM crosscheck.pass_range"
	before := rows(t, p.events, stored)
	code, r, findings := audited(t, "--resume", "--config", p.config)
	if code != exitDiverged || r.ID != 1 || fmt.Sprint(findings) != fmt.Sprint(p.planted) {
		t.Errorf("exit code %d, pass %d, found %v, want %v", code, r.ID, findings, p.planted)
	}
	if after := rows(t, p.events, stored); !strings.HasPrefix(after, before+",") {
		t.Errorf("pages were read again: %s, then %s", before, after)
	}
	orders := counted(t, rows(t, p.legacy, "SELECT count(*) FROM orders"))
	if r.Counted.Orders != orders || r.number("coverage") != fmt.Sprintf("%d/%d", orders-2, orders) {
		t.Errorf("resumed: %+v", r)
	}
	if again := start(t, "audit", "--resume", "--config", p.config); again.end() == exitAgrees || !strings.Contains(again.stderr.String(), "there is nothing to resume") {
		t.Errorf("nothing to resume: %s", &again.stderr)
	}
}

// TestAnAuditOfALiveSystemIsSilent holds that orders in flight are no findings.
func TestAnAuditOfALiveSystemIsSilent(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 500}, Rate: 60, RefreshEvery: labRefresh})
	config := s.config("audits", 2*time.Second, "events: {dsn: '"+s.EventsDSN+"'}", "history: {}")
	s.live()
	eventually(t, s.LegacyDSN, "SELECT count(*) > 600 FROM orders", "t")
	code, r, findings := audited(t, "--config", config)
	if code != exitAgrees || len(findings) > 0 || r.Verdict != "match" || r.Counted.Orders < 500 {
		t.Errorf("exit code %d, %v, %+v", code, findings, r)
	}
	for _, n := range r.Numbers {
		if n.Of > n.All {
			t.Errorf("%s counts %d of %d", n.Name, n.Of, n.All)
		}
	}
	s.rest()
	if code, r, _ = audited(t, "--config", config); code != exitAgrees || r.number("error_rate")[:2] != "0/" || r.Numbers[0].Share != 1 {
		t.Errorf("at rest: exit code %d, %+v", code, r)
	}
}

// TestAnAuditNeedsBothHistories says what is missing.
func TestAnAuditNeedsBothHistories(t *testing.T) {
	t.Parallel()
	p := newPlanting(t, 10)
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]struct{ was, is, want string }{
		"no history":          {"history:    {}", "", "needs the sections history and events"},
		"no such column":      {"history:    {}", "history: {created_at: born}", "history.created_at born"},
		"a column of no time": {"history:    {}", "history: {created_at: symbol}", "history.created_at symbol is text"},
	} {
		config := writeConfig(t, "wrong", strings.Replace(string(text), wrong.was, wrong.is, 1))
		if got := start(t, "audit", "--config", config); got.end() != exitError || !strings.Contains(got.stderr.String(), wrong.want) {
			t.Errorf("%s: %s", name, &got.stderr)
		}
	}
	for _, args := range [][]string{{"--from", "yesterday"}, {"--from", "2026-02-01", "--to", "2026-02-01"}, {"--resume", "--from", "2026-02-01"}} {
		if got := start(t, append([]string{"audit", "--config", p.config}, args...)...); got.end() != exitError {
			t.Errorf("%v: %s", args, &got.stderr)
		}
	}
}
