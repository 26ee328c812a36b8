package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// killedWindow leaves the time to catch a pass while its suspects wait.
const killedWindow = 2 * time.Second

// held is two databases with the same orders, whose projection can be made to hang in the middle of a scan.
type held struct {
	t                  *testing.T
	legacy, projection string
	config             string
}

// newHeld has copies of the orders, and the ledger beside legacy.
func newHeld(t *testing.T) *held {
	t.Helper()
	of := ordersPair(t, read(t, ordersFile))
	return heldIn(t, of[1], of[0])
}

// newHeldBetween writes the orders into databases of different servers, so that the projection's server can be lost alone.
func newHeldBetween(t *testing.T, legacy, projection string) *held {
	t.Helper()
	for _, dsn := range []string{legacy, projection} {
		rows(t, dsn, read(t, ordersFile))
	}
	return heldIn(t, legacy, projection)
}

func heldIn(t *testing.T, legacy, projection string) *held {
	t.Helper()
	rows(t, projection, `CREATE TABLE hold (query text);
		CREATE FUNCTION passes() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$BEGIN
			PERFORM pg_catalog.pg_sleep(60) FROM public.hold WHERE current_query() LIKE query; RETURN true;
		END$$`)
	h := &held{t: t, legacy: legacy, projection: projection}
	h.config = h.configure("0")
	return h
}

func (h *held) configure(tolerance string) string {
	return writeConfig(h.t, "held", fmt.Sprintf(`
legacy:     {dsn: %q, table: public.orders, key: order_id}
projection: {dsn: %q, table: "(SELECT o.* FROM public.orders o WHERE (SELECT public.passes()))", key: order_id}
ledger:     {dsn: %q}
compare:
  fields: [{name: status, type: text}, {name: quantity, type: numeric, tolerance: %s}]
  settle: {window: %s, rechecks: 3, max_lag: 1m}
`, h.legacy, h.projection, h.legacy, tolerance, killedWindow))
}

// caughtScanning starts a full verification and returns while it is in the middle of its scan.
func (h *held) caughtScanning() *process {
	h.t.Helper()
	return h.caughtIn("%")
}

// caughtIn returns while the projection hangs in a query like this.
func (h *held) caughtIn(query string) *process {
	h.t.Helper()
	rows(h.t, h.projection, "INSERT INTO hold VALUES ('"+query+"')")
	p := start(h.t, "verify", "--json", "--config", h.config)
	eventually(h.t, h.projection, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", "1")
	eventually(h.t, h.legacy, "SELECT state FROM crosscheck.pass ORDER BY id DESC LIMIT 1", "scanning")
	rows(h.t, h.projection, "DELETE FROM hold")
	return p
}

// caughtSettling plants a difference, starts a full verification and returns while the suspect waits.
func (h *held) caughtSettling() *process {
	h.t.Helper()
	rows(h.t, h.projection, "UPDATE orders SET status = 'WRONG' WHERE order_id = 50")
	p := start(h.t, "verify", "--json", "--config", h.config)
	eventually(h.t, h.legacy, "SELECT state FROM crosscheck.pass ORDER BY id DESC LIMIT 1", "settling")
	return p
}

func (h *held) kill(p *process) {
	h.t.Helper()
	if err := p.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	if code := p.end(); code != -1 {
		h.t.Fatalf("exit code %d: it was not killed in time", code)
	}
	if p.stdout.Len() > 0 {
		h.t.Errorf("a killed process reported: %s", &p.stdout)
	}
}

// leasesRunOut lets the time pass after which a process that does not renew its lease is known to be dead.
func (h *held) leasesRunOut() {
	h.t.Helper()
	rows(h.t, h.legacy, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
}

// passes are the passes in the ledger, one a line.
func (h *held) passes() string {
	h.t.Helper()
	return rows(h.t, h.legacy, "SELECT id, state, verdict, reason FROM crosscheck.pass ORDER BY id")
}

func (h *held) verify(config string, wantCode int, want ...string) {
	h.t.Helper()
	code, r := pass(h.t, "verify", "--config", config)
	if got := described(r.Divergences); code != wantCode || strings.Join(got, ";") != strings.Join(want, ";") {
		h.t.Errorf("exit code %d, found %v; want %d, %v", code, got, wantCode, want)
	}
}

func (h *held) wantPasses(want ...string) {
	h.t.Helper()
	if got := h.passes(); got != strings.Join(want, "\n") {
		h.t.Errorf("the ledger's passes are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if got := rows(h.t, h.legacy, "SELECT count(*) FROM crosscheck.suspect"); got != "0" {
		h.t.Errorf("%s suspects wait for ever", got)
	}
}

// wantNoEvidence wants the gate to take nothing of a pass that nobody finished for evidence.
func (h *held) wantNoEvidence() {
	h.t.Helper()
	decision, verdicts := criteria(h.t, h.config)
	for _, name := range []string{"full_verification", "counts", "coverage"} {
		if verdicts[name] != "inconclusive" {
			h.t.Errorf("the gate calls %s %q", name, verdicts[name])
		}
	}
	if decision != "INCONCLUSIVE" {
		h.t.Errorf("the gate says %s", decision)
	}
}

const endedInScan = "process ended during the scan"

func TestKilledDuringTheScan(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	h.kill(h.caughtScanning())
	if got := h.passes(); got != "1|scanning||" {
		t.Errorf("the ledger's passes are %s", got)
	}
	h.wantNoEvidence()
	h.verify(h.config, exitAgrees) // does not wait for the dead one's lease, nor touch what may be alive
	h.wantPasses("1|scanning||", "2|done|match|")
	h.leasesRunOut()
	h.verify(h.config, exitAgrees)
	h.wantPasses("1|done|unverified|"+endedInScan, "2|done|match|", "3|done|match|")
	if _, verdicts := criteria(t, h.config); verdicts["full_verification"] != "pass" {
		t.Errorf("the gate does not see the pass that was finished: %v", verdicts)
	}
}

func TestKilledWhileSuspectsWait(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	h.kill(h.caughtSettling())
	if got := h.passes(); got != "1|settling||" {
		t.Errorf("the ledger's passes are %s", got)
	}
	h.wantNoEvidence()
	h.leasesRunOut()
	h.wantNoEvidence()

	// The next pass finishes the one before: the suspect was in the ledger, and its time had come.
	h.verify(h.config, exitDiverged, "50 differs status")
	h.wantPasses("1|done|diverged|1 order has diverged", "2|done|diverged|1 order has diverged")
	if got := rows(t, h.legacy, "SELECT count(*), count(*) FILTER (WHERE state = 'open') FROM crosscheck.divergence"); got != "1|1" {
		t.Errorf("divergences and open ones: %s", got)
	}

	// With another configuration nobody can judge them any more.
	h.kill(h.caughtSettling())
	h.leasesRunOut()
	h.verify(h.configure("0.01"), exitDiverged, "50 differs status")
	if got := h.passes(); !strings.Contains(got, "3|done|unverified|process ended before its suspects were judged") {
		t.Errorf("the ledger's passes are\n%s", got)
	}
}

func TestStoppedPassIsUnverified(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := h.caughtScanning()
		h.signal(p, s)
	}
	h.signal(h.caughtSettling(), syscall.SIGTERM)
	// Its lease was given back, so that nobody waits for it to run out.
	h.verify(h.config, exitDiverged, "50 differs status")
	got := strings.Split(h.passes(), "\n")
	for i, want := range []string{"1|done|unverified|", "2|done|unverified|", "3|done|diverged|", "4|done|diverged|"} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("pass %d of %v: want %s", i+1, got, want)
		}
	}
}

func (h *held) signal(p *process, s os.Signal) {
	h.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
	if code := p.end(); code != exitUnverified {
		h.t.Errorf("exit code %d after %s", code, s)
	}
	if r := p.report(); r.Verdict != "unverified" || r.Reason == "" {
		h.t.Errorf("verdict %q after %s, because of %q", r.Verdict, s, r.Reason)
	}
	if said := p.stderr.String(); strings.Count(said, "crosscheck: stopped before the end\n") != 1 || strings.Contains(said, "crosscheck: error:") {
		h.t.Errorf("after %s it said %q", s, said)
	}
}

// ownServer is a server that a test may kill. It keeps what was committed.
func ownServer(t testing.TB) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(deadline(t), pgserver.Options{Settings: map[string]string{"synchronous_commit": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDatabaseLostInMidPass(t *testing.T) {
	t.Parallel()
	s := ownServer(t)
	h := newHeldBetween(t, pgtest.Database(t), s.DSN("postgres"))
	for _, name := range []string{"scan", "settle window"} {
		caught := map[string]func() *process{"scan": h.caughtScanning, "settle window": h.caughtSettling}[name]
		p := caught()
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if code := p.end(); code != exitUnverified {
			t.Errorf("lost in the %s: exit code %d", name, code)
		}
		r := p.report()
		if r.Verdict != "unverified" || r.Reason == "" || len(r.Divergences) > 0 || name == "scan" && r.Coverage >= 1 {
			t.Errorf("lost in the %s: %+v", name, r)
		}
		if code, r := pass(t, "verify", "--config", h.config); code != exitUnverified || r.Verdict != "unverified" {
			t.Errorf("while it is down: exit code %d, %s", code, r.Verdict)
		}
		h.wantUnverified(name)
		if err := s.Restart(deadline(t)); err != nil {
			t.Fatal(err)
		}
		rows(t, h.projection, "UPDATE orders SET status = 'PARTIALLY_FILLED' WHERE order_id = 50")
		h.verify(h.config, exitAgrees)
	}

	// One that comes back within the window costs nothing.
	p := h.caughtSettling()
	if err := s.Restart(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if code := p.end(); code != exitDiverged || len(p.report().Divergences) != 1 {
		t.Errorf("restarted in the settle window: exit code %d", code)
	}
}

// TestConnectionCutDuringTheDrillDown cuts a pass off that has compared most orders: it says how many.
func TestConnectionCutDuringTheDrillDown(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	for _, dsn := range []string{h.legacy, h.projection} {
		rows(t, dsn, `INSERT INTO orders SELECT g, 'BUY', g, 'OPEN', 0, NULL, now() FROM generate_series(10000, 99999) AS g; ANALYZE orders`)
	}
	rows(t, h.projection, "UPDATE orders SET status = 'X' WHERE order_id = 77777")
	p := h.caughtIn("%crosscheck_key%")
	rows(t, h.projection, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
	code, r := p.end(), p.report()
	if code != exitUnverified || r.Verdict != "unverified" || r.Reason == "" {
		t.Errorf("exit code %d, %s: %s", code, r.Verdict, r.Reason)
	}
	if r.Coverage < 0.5 || r.Coverage >= 1 || r.Compared < 46_000 || r.Compared >= 92_000 || r.LegacyRows == nil || *r.LegacyRows != 92_000 {
		t.Errorf("coverage %g, %d orders compared, %v rows in legacy", r.Coverage, r.Compared, r.LegacyRows)
	}
	if got := rows(t, h.legacy, "SELECT verdict, coverage > 0.5 AND coverage < 1, compared < 92000 FROM crosscheck.pass"); got != "unverified|t|t" {
		t.Errorf("the ledger has %s", got)
	}
	h.wantNoEvidence()
	h.verify(h.config, exitDiverged, "77777 differs status")
}

// wantUnverified wants the newest pass to be in the ledger as what it was, and no decision.
func (h *held) wantUnverified(name string) {
	h.t.Helper()
	got := rows(h.t, h.legacy, "SELECT state, verdict FROM crosscheck.pass ORDER BY id DESC LIMIT 1")
	if got != "done|unverified" {
		h.t.Errorf("lost in the %s: the newest pass is %s", name, got)
	}
	decision, _ := criteria(h.t, h.config)
	if decision != "INCONCLUSIVE" {
		h.t.Errorf("lost in the %s: the gate says %s", name, decision)
	}
}

// TestLedgerLostInMidPass: what cannot be remembered was not verified.
func TestLedgerLostInMidPass(t *testing.T) {
	t.Parallel()
	s := ownServer(t)
	h := newHeldBetween(t, s.DSN("postgres"), pgtest.Database(t))
	p := h.caughtSettling()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := p.end(); code != exitUnverified && code != exitError {
		t.Errorf("exit code %d", code)
	}
	if r := p.report(); r.Verdict != "unverified" {
		t.Errorf("verdict %s", r.Verdict)
	}
	if err := s.Restart(deadline(t)); err != nil {
		t.Fatal(err)
	}
	h.leasesRunOut()
	h.verify(h.config, exitDiverged, "50 differs status")
}
