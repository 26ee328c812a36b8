package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// cutSystem is a small system that can be cut over: a legacy table, a new one, and the switch of the case study.
type cutSystem struct {
	t           *testing.T
	dsn, config string
}

const cutTables = `
	CREATE TABLE orders (order_id bigint PRIMARY KEY, status text NOT NULL, filled numeric NOT NULL);
	CREATE TABLE orders_new (order_id bigint PRIMARY KEY, status text NOT NULL, filled numeric NOT NULL);
	CREATE TABLE app_config (name text PRIMARY KEY, value text NOT NULL);
	INSERT INTO app_config VALUES ('read_source', 'legacy'), ('write_mode', 'legacy');
	INSERT INTO orders SELECT n, 'OPEN', n % 7 FROM generate_series(1, 500) AS n;
	INSERT INTO orders_new SELECT * FROM orders`

func newCutSystem(t *testing.T, sections ...string) *cutSystem {
	t.Helper()
	s := &cutSystem{t: t, dsn: pgtest.Copy(t, "cut", func(dsn string) error {
		if _, err := query(dsn, cutTables); err != nil {
			return err
		}
		return withLedger(t, dsn)
	})}
	s.config = s.configured(sections...)
	return s
}

func (s *cutSystem) configured(sections ...string) string {
	s.t.Helper()
	setting := func(name string) string {
		return fmt.Sprintf(`{timeout: 2s, sql: {dsn: %q, do: "update app_config set value = 'event_sourced' where name = '%[2]s'", undo: "update app_config set value = 'legacy' where name = '%[2]s'", check: "select value = 'event_sourced' from app_config where name = '%[2]s'"}}`, s.dsn, name)
	}
	return writeConfig(s.t, "cutover", fmt.Sprintf(`
legacy:     {dsn: %[1]q, table: public.orders, key: order_id}
projection: {dsn: %[1]q, table: public.orders_new, key: order_id}
ledger:     {dsn: %[1]q}
compare:
  settle: {window: 1s, rechecks: 3, max_lag: 1m}
  fields: [{name: status, type: text}, {name: filled, type: numeric}]
gate: {criteria: {sample_bound: {enabled: false}, counts: {enabled: false}, clean_streak: {enabled: false}, coverage: {enabled: false}}}
cutover:
  name: orders-2026
  fence: {dsn: %[1]q, tables: [public.orders]}
  switch:
    reads: %[2]s
    writes: %[3]s
%[4]s`, s.dsn, setting("read_source"), setting("write_mode"), strings.Join(sections, "\n")))
}

// does runs a command of cutover, and returns what it printed.
func (s *cutSystem) does(want int, args ...string) string {
	s.t.Helper()
	p := start(s.t, append(args, "--config", s.config)...)
	if got := p.end(); got != want {
		s.t.Fatalf("%v: exit code %d, want %d", args, got, want)
	}
	return p.stdout.String()
}

// is checks where the system stands: the two switches, and whether legacy takes writes.
func (s *cutSystem) is(want string) {
	s.t.Helper()
	got := rows(s.t, s.dsn, `SELECT string_agg(value, ' ' ORDER BY name) FROM app_config`)
	if _, err := query(s.dsn, "BEGIN; UPDATE orders SET filled = filled WHERE order_id = 1; ROLLBACK"); err != nil {
		got += ", legacy closed"
	}
	if got != want {
		s.t.Errorf("the system is at %q, want %q", got, want)
	}
}

const (
	atLegacy = "legacy legacy"
	atNew    = "event_sourced event_sourced, legacy closed"
)

// TestACutover from the installed fence to the way back, as its users go it.
func TestACutover(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.does(exitDiverged, "cutover", "plan")
	s.does(exitAgrees, "cutover", "install")
	if text := s.does(exitAgrees, "cutover", "fence"); !strings.Contains(text, "The fence: installed") || !strings.Contains(text, "pg_terminate_backend") {
		t.Errorf("the fence is told as %s", text)
	}
	s.does(exitDiverged, "cutover", "approve", "--ticket", "OPS-1")
	s.does(exitAgrees, "verify")
	if text := s.does(exitDiverged, "cutover", "plan"); !strings.Contains(text, "no run has tried their undo") {
		t.Errorf("the plan says %s", text)
	}
	s.does(exitAgrees, "cutover", "rehearse", "--until", "switch-reads")
	s.is(atLegacy)
	s.does(exitAgrees, "gate")
	s.does(exitDiverged, "cutover", "execute", "--confirm", "orders-2026")
	s.does(exitDiverged, "cutover", "approve", "--ticket", "OPS-1", "--as", "bea", "--decision", "7")
	s.does(exitAgrees, "cutover", "approve", "--ticket", "OPS-1", "--as", "bea", "--decision", "1")
	s.does(exitDiverged, "cutover", "execute", "--confirm", "orders-2026", "--as", "bea")
	s.does(exitError, "cutover", "execute", "--confirm", "orders-2027", "--as", "adam")
	s.is(atLegacy)
	if text := s.does(exitAgrees, "cutover", "plan"); !strings.Contains(text, "orders-2026-rehearsal-1 has tried their undo") || !strings.Contains(text, "was logged in for the approval, and is now") {
		t.Errorf("the plan says %s", text)
	}

	rows(t, s.dsn, `BEGIN; UPDATE orders SET filled = 9 WHERE order_id = 7; UPDATE orders_new SET filled = 9 WHERE order_id = 7; COMMIT`)
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--as", "adam")
	s.is(atNew)
	for step, want := range map[string]string{"final-verification": "the sums of all 500 rows are equal", "tail-check": "it still has 500 rows"} {
		if got := rows(t, s.dsn, fmt.Sprintf(`SELECT string_agg(detail, '') FROM crosscheck.cutover_record WHERE run = 'orders-2026-4' AND step = '%s'`, step)); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q", step, got, want)
		}
	}
	s.reported("completed", "Writers were kept out for ")
	s.does(exitAgrees, "cutover", "rollback")
	s.is(atLegacy)
	s.reported("rolled-back", "asked for the way back before")
	s.does(exitError, "cutover", "report", "orders-2026-5")
	s.does(exitAgrees, "gate", "--verify-chain")
	if got := rows(t, s.dsn, `SELECT (positions->>'who') || (positions->>'os_user' ~ '.@.') FROM crosscheck.cutover_record WHERE run = 'orders-2026-4' AND step = 'hold' AND outcome = 'done'`); got != "adamtrue" {
		t.Errorf("the journal says that %q has executed", got)
	}
	if text := s.does(exitDiverged, "cutover", "plan"); !strings.Contains(text, "FAIL approval") || !strings.Contains(text, "orders-2026-4 was executed under") {
		t.Errorf("an approval that was used is told as %s", text)
	}

	var status struct {
		Runs []struct {
			Run   string
			State struct{ Phase string }
		}
	}
	if err := json.Unmarshal([]byte(s.does(exitAgrees, "cutover", "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range status.Runs {
		got += r.Run + " " + r.State.Phase + "; "
	}
	if want := "orders-2026-rehearsal-1 rolled-back; orders-2026-2 rolled-back; orders-2026-3 rolled-back; orders-2026-4 rolled-back; "; got != want {
		t.Errorf("the runs are %s, want %s", got, want)
	}
}

// reported checks the report of the run of [TestACutover] that went through, as text, JSON and page.
func (s *cutSystem) reported(outcome, says string) {
	s.t.Helper()
	var r struct {
		Run, Outcome, Summary string
		System                struct{ Legacy struct{ Table string } }
		Window                struct {
			Budget   float64 `json:"budget_seconds"`
			Forecast float64 `json:"forecast_seconds"`
		}
		People struct {
			ExecutedBy string `json:"executed_by"`
			ApprovedBy string `json:"approved_by"`
			Ticket     string
		}
	}
	if err := json.Unmarshal([]byte(s.does(exitAgrees, "cutover", "report", "orders-2026-4", "--json")), &r); err != nil {
		s.t.Fatal(err)
	}
	if r.Run != "orders-2026-4" || r.Outcome != outcome || !strings.Contains(r.Summary, says) || r.System.Legacy.Table != "public.orders" || r.Window.Budget != 300 || r.Window.Forecast == 0 {
		s.t.Errorf("the report is %+v", r)
	}
	if p := r.People; p.ExecutedBy != "adam" || p.ApprovedBy != "bea" || p.Ticket != "OPS-1" {
		s.t.Errorf("the people are %+v", p)
	}
	file := filepath.Join(s.t.TempDir(), "report.html")
	s.does(exitAgrees, "cutover", "report", "orders-2026-4", "--out", file)
	page, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(page), says) || !strings.Contains(string(page), "the sums of all 500 rows are equal") {
		s.t.Errorf("the page is %s, %v", page, err)
	}
	if text := s.does(exitAgrees, "cutover", "report", "orders-2026-4"); !strings.Contains(text, "do final-verification") || !strings.Contains(text, "Executed by adam; approved by bea (OPS-1)") {
		s.t.Errorf("the text is %s", text)
	}
}

// TestNobodyGoesBackFromAWriteOfTheNewSide: legacy lacks it.
func TestNobodyGoesBackFromAWriteOfTheNewSide(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test")
	rows(t, s.dsn, `INSERT INTO orders_new VALUES (501, 'OPEN', 0)`)
	s.does(exitAgrees, "cutover", "unfence", "--yes") // a person who does not know
	s.does(exitError, "cutover", "rollback")
	s.is("event_sourced legacy") // legacy alone takes writes, and the run is handed over
	if text := s.does(exitAgrees, "cutover", "status"); !strings.Contains(text, "FOR PEOPLE: legacy was opened by hand") {
		t.Errorf("the status is %s", text)
	}
	s.does(exitError, "cutover", "resume")
	s.does(exitAgrees, "cutover", "close", "--yes")
	s.does(exitAgrees, "cutover", "resume")
	s.is(atNew)
	s.does(exitDiverged, "cutover", "rollback")
	s.is(atNew)
}

// probes asks by the clients' way of a small system; probing for writes stores what was answered.
func (s *cutSystem) probes() string {
	rows(s.t, s.dsn, `CREATE TABLE probes (id int GENERATED ALWAYS AS IDENTITY, at_new bool)`)
	return fmt.Sprintf(`  probe:
    every: 50ms
    reads: {timeout: 3s, sql: {dsn: %[1]q, check: "select value = 'event_sourced' from app_config where name = 'read_source'"}}
    writes: {timeout: 3s, sql: {dsn: %[1]q, check: "insert into probes (at_new) select value = 'event_sourced' from app_config where name = 'write_mode' returning at_new"}}`, s.dsn)
}

// clientsSaw is what the newest run's report says of the clients.
func (s *cutSystem) clientsSaw() (seen []clients.Seen, text string) {
	s.t.Helper()
	var r struct{ Clients []clients.Seen }
	if err := json.Unmarshal([]byte(s.does(exitAgrees, "cutover", "report", "--json")), &r); err != nil {
		s.t.Fatal(err)
	}
	return r.Clients, s.does(exitAgrees, "cutover", "report")
}

// TestAProbeOfWritesIsThePointOfNoReturn: the new side has acknowledged what it wrote. What asks only to measure does not write before the step's
// own probe has.
func TestAProbeOfWritesIsThePointOfNoReturn(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.config = s.configured(s.probes())
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test")
	if got := rows(t, s.dsn, `SELECT string_agg(outcome, '') || (SELECT string_agg(at_new::text, '' ORDER BY id) FROM probes) FROM crosscheck.cutover_record WHERE step = 'switch-writes'`); !regexp.MustCompile(`^accepted(false){4,}(true){2,}$`).MatchString(got) {
		t.Errorf("the switch of writes and the probe say %q", got)
	}
	seen, text := s.clientsSaw()
	if len(seen) != 1 || !seen[0].Complete || seen[0].NotAsked != nil {
		t.Fatalf("clients saw %+v", seen)
	}
	for _, k := range []*clients.Service{seen[0].Writes, seen[0].Reads} {
		if k.Failed > 0 || k.Again == nil || k.Outage == 0 || len(k.Turns) != 2 || k.Turns[0].Side != clients.Legacy || k.Turns[1].Side != clients.New {
			t.Errorf("clients saw %+v", k)
		}
	}
	if !strings.Contains(text, "Writes by the clients' way: no answer for at most") || strings.Contains(text, "\n! What") {
		t.Errorf("the report is %s", text)
	}
	s.does(exitDiverged, "cutover", "rollback")
	s.is(atNew)
}

// TestADifferenceInTheWindowRollsBack, and is named. A rehearsal has no hold point that would have found it before.
func TestADifferenceInTheWindowRollsBack(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	rows(t, s.dsn, `UPDATE orders_new SET filled = 99 WHERE order_id = 3`)
	if text := s.does(exitDiverged, "cutover", "rehearse"); !strings.Contains(text, "order 3") {
		t.Errorf("the difference is told as %s", text)
	}
	s.is(atLegacy)
}

// TestSequencesThatAreBehindKeepTheGateShut, and end a rehearsal in the window. Once they are ahead, both pass.
func TestSequencesThatAreBehindKeepTheGateShut(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t, `  sequences: [{table: public.orders_new, column: order_id}]`)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.config = writeConfig(t, "sequences", strings.Replace(string(text), "coverage: {enabled: false}", "coverage: {enabled: false}, sequences: {}", 1))
	rows(t, s.dsn, `ALTER TABLE orders_new ALTER order_id ADD GENERATED BY DEFAULT AS IDENTITY`)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	for _, args := range [][]string{{"gate"}, {"cutover", "rehearse"}} {
		if text := unwrapped(s.does(exitDiverged, args...)); !strings.Contains(text, "gives 1 next, and legacy has given 500") {
			t.Errorf("%v says %s", args, text)
		}
	}
	s.is(atLegacy)
	rows(t, s.dsn, `SELECT setval(pg_get_serial_sequence('orders_new', 'order_id'), 1500)`)
	if text := unwrapped(s.does(exitAgrees, "gate")); !strings.Contains(text, "ahead of legacy by 1,001") {
		t.Errorf("the gate says %s", text)
	}
	s.does(exitAgrees, "cutover", "rehearse")
}

// TestABarrierIsWaitedFor: the nonce goes by the user's own way, which takes its time. If that way is closed, the run goes back.
func TestABarrierIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	rows(t, s.dsn, `CREATE TABLE outbox (nonce text NOT NULL CHECK (nonce <> ''), at timestamptz NOT NULL DEFAULT clock_timestamp()); CREATE TABLE relay (up bool); INSERT INTO relay VALUES (true)`)
	s.config = s.configured(fmt.Sprintf(`  budget: 12s
  rollback_reserve: 3s
  barrier:
    sql:
      dsn: %q
      do: "insert into outbox select current_setting('crosscheck.nonce')"
      check: "select up and exists (select from outbox where nonce = current_setting('crosscheck.nonce') and at < clock_timestamp() - interval '300 ms') from relay"`, s.dsn))
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.does(exitAgrees, "cutover", "rehearse")
	rows(t, s.dsn, `UPDATE relay SET up = false`)
	if text := s.does(exitDiverged, "cutover", "rehearse"); !strings.Contains(text, "the nonce of cutover.barrier has not arrived in time") {
		t.Errorf("a way that is closed is told as %s", text)
	}
	s.is(atLegacy)
	if got := rows(t, s.dsn, `SELECT count(DISTINCT nonce) > 1 FROM outbox`); got != "t" {
		t.Errorf("two runs sent the same nonce")
	}
}

// TestAfterACutoverLegacyStaysFrozen: a row that is written or deleted behind the fence is a finding, of the command and of the sidecar. Passes that
// compare legacy are refused, and none is made by schedule.
func TestAfterACutoverLegacyStaysFrozen(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t, "mode: post_cutover", `web: {listen: "127.0.0.1:0"}`, `sampler: {schedule: "0 5 29 2 *", full: "0 5 29 2 *", delta: 1s}`)
	after := s.config
	s.config = s.configured()
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.does(exitUnverified, "cutover", "frozen")
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test")
	s.config = after
	s.does(exitError, "verify")
	rows(t, s.dsn, `INSERT INTO orders_new VALUES (501, 'OPEN', 0)`) // the new side goes on
	if text := s.does(exitAgrees, "cutover", "frozen"); !strings.Contains(text, "it has 500 rows") {
		t.Errorf("a frozen legacy is told as %s", text)
	}
	past := `BEGIN; ALTER TABLE orders DISABLE TRIGGER ALL; %s; ALTER TABLE orders ENABLE TRIGGER ALL; COMMIT` // an owner who passes the fence
	rows(t, s.dsn, fmt.Sprintf(past, `DELETE FROM orders WHERE order_id = 8`))
	if text := s.does(exitDiverged, "cutover", "frozen"); !strings.Contains(text, "legacy has 499 rows, and had 500") {
		t.Errorf("a deleted row is told as %s", text)
	}
	rows(t, s.dsn, fmt.Sprintf(past, `UPDATE orders SET filled = filled + 1 WHERE order_id = 7`))
	sidecar := start(t, "run", "--config", s.config)
	defer func() { _ = sidecar.Process.Kill(); sidecar.end() }()
	eventually(t, s.dsn, `SELECT count(*) = 1 AND bool_and(order_key = '7' AND hop = 'legacy' AND state = 'open') FROM crosscheck.divergence`, "t")
	if got := rows(t, s.dsn, `SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM crosscheck.pass WHERE id > (SELECT max(id) FROM crosscheck.pass WHERE trigger = 'cutover')`); got != "frozen" {
		t.Errorf("after the cutover there were passes of the kinds %s", got)
	}
}

// unwrapped is a text without its breaks of lines.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestAWriterThatDoesNotEndIsNamed before anybody has to wait for it.
func TestAWriterThatDoesNotEndIsNamed(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	rows(t, s.dsn, `BEGIN; UPDATE orders SET filled = filled WHERE order_id = 1; PREPARE TRANSACTION 'forgotten'`)
	text := s.does(exitDiverged, "cutover", "plan")
	if !strings.Contains(text, "FAIL drain") || !strings.Contains(text, "forgotten") {
		t.Errorf("the plan says %s", text)
	}
	rows(t, s.dsn, `ROLLBACK PREPARED 'forgotten'`)
}

// TestASidecarFinishesARunWhoseProcessWasKilled, and hands the system back.
func TestASidecarFinishesARunWhoseProcessWasKilled(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.config = s.configured(s.probes(), `web: {listen: "127.0.0.1:0"}`, "sampler: {schedule: \"0 5 29 2 *\"}")
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	rows(t, s.dsn, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END $$;
		CREATE TRIGGER slow BEFORE UPDATE ON app_config FOR EACH ROW WHEN (NEW.value = 'event_sourced' AND NEW.name = 'write_mode') EXECUTE FUNCTION slow()`)
	p := start(t, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test", "--config", s.config)
	eventually(t, s.dsn, `SELECT count(*) > 0 FROM crosscheck.cutover_record WHERE step = 'switch-writes' AND outcome = ''`, "t")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.end()
	rows(t, s.dsn, `DROP TRIGGER slow ON app_config; UPDATE crosscheck.lease SET expires_at = clock_timestamp() WHERE job = 'cutover'`)
	sidecar := start(t, "run", "--config", s.config)
	defer func() { _ = sidecar.Process.Kill(); sidecar.end() }()
	ended := `SELECT count(*) > 0 FROM crosscheck.cutover_record WHERE step = 'tail-check' AND verb = 'do' AND outcome = 'done'`
	eventually(t, s.dsn, ended, "t")
	s.is(atNew)
	eventually(t, s.dsn, `SELECT count(*) = 2 AND bool_or((seen->>'complete')::bool) FROM crosscheck.cutover_client`, "t")
	seen, told := s.clientsSaw()
	if len(seen) != 1 || len(seen[0].NotAsked) != 1 || len(seen[0].Writes.Turns) != 2 || seen[0].Writes.Outage < seen[0].NotAsked[0].To.Sub(seen[0].NotAsked[0].From).Seconds() {
		t.Errorf("clients saw %+v", seen)
	}
	if !strings.Contains(told, "! Nobody asked by the clients' way from ") {
		t.Errorf("the report is %s", told)
	}
}
