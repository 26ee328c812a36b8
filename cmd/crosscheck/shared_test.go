package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// sharing is the configuration with ranges of keys that sidecars share.
func (h *held) sharing(sections ...string) string {
	h.t.Helper()
	plain, err := os.ReadFile(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	return writeConfig(h.t, "shared", string(plain)+"verify: {max_snapshot: 3s, shared: true}\n"+strings.Join(sections, "\n"))
}

// bothIn waits until two processes hang in ranges of the same pass.
func (h *held) bothIn() {
	h.t.Helper()
	eventually(h.t, h.projection, "SELECT count(DISTINCT pid) >= 2 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", "t")
	eventually(h.t, h.legacy, "SELECT state FROM crosscheck.pass ORDER BY id DESC LIMIT 1", "scanning")
}

// goOn lets what was held in ranges fail, and succeed at the next attempt.
func (h *held) goOn() {
	h.t.Helper()
	rows(h.t, h.projection, `DELETE FROM hold;
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`)
}

// wantShared wants the pass to have found the faults, and every key to have been counted once.
func (h *held) wantShared(code int, r passReport) {
	h.t.Helper()
	if got := described(r.Divergences); code != exitDiverged || fmt.Sprint(got) != "[12345 differs status 77777 differs status]" {
		h.t.Errorf("exit code %d, found %v", code, got)
	}
	if r.Compared != 92_000 || r.Coverage != 1 || *r.LegacyRows != 92_000 || *r.ProjectionRows != 92_000 {
		h.t.Errorf("pass %d: %+v", r.ID, r)
	}
	got := rows(h.t, h.legacy, fmt.Sprintf(`SELECT sum((found ->> 'legacy_rows')::int), count(*) FILTER (WHERE from_key = ''), count(*) FILTER (WHERE below_key = ''),
		count(*) - count(DISTINCT below_key), count(DISTINCT worker) >= 2 FROM crosscheck.pass_range WHERE pass_id = %d`, r.ID))
	if got != "92000|1|1|0|t" {
		h.t.Errorf("pass %d: rows, first and last ranges, doubles and workers: %s", r.ID, got)
	}
	if got := rows(h.t, h.legacy, "SELECT count(*) FROM crosscheck.suspect"); got != "0" {
		h.t.Errorf("%s suspects wait for ever", got)
	}
	if got := rows(h.t, h.legacy, "SELECT count(*) FROM crosscheck.river_job WHERE finalized_at IS NULL AND state <> 'running'"); got != "0" {
		h.t.Errorf("%s jobs are left", got)
	}
}

// TestSidecarsShareAPass has a sidecar help with passes that a person begins: one that nothing stops, one whose helper is killed in
// the middle of a range, and one whose holder is.
func TestSidecarsShareAPass(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	for _, dsn := range []string{h.legacy, h.projection} {
		rows(t, dsn, `INSERT INTO orders SELECT g, 'BUY', g, 'OPEN', 0, NULL, now() FROM generate_series(10000, 99999) AS g; ANALYZE orders`)
	}
	rows(t, h.projection, "UPDATE orders SET status = 'X' WHERE order_id IN (12345, 77777)")
	address := freeAddress(t)
	h.config = h.sharing(`sampler: {schedule: "off", full: "off"}`, `web: {listen: "`+address+`"}`)
	sidecar := func() *sidecarProcess {
		p := &sidecarProcess{start(t, "run", "--config", h.config), "http://" + address}
		p.shows("/readyz", http.StatusOK, "")
		eventually(t, h.legacy, "SELECT count(*) > 0 FROM crosscheck.river_queue WHERE updated_at > now() - interval '1 hour'", "t")
		return p
	}
	begin := func(args ...string) *process {
		rows(t, h.projection, "INSERT INTO hold VALUES ('%<%E''5____''::bigint%')")
		p := start(t, append([]string{"verify", "--json", "--config", h.config}, args...)...)
		h.bothIn()
		return p
	}
	examined := func(want string) {
		p := start(t, "doctor", "--all", "--config", h.config)
		if p.end(); !strings.Contains(p.stdout.String(), want) {
			t.Errorf("doctor does not say %q: %s", want, &p.stdout)
		}
	}
	examined("the first sidecar creates the tables of shared ranges")
	helper := sidecar()
	examined("sidecars share ranges by jobs of version")

	p := begin()
	helper.shows("/api/status", http.StatusOK, `"sidecars":`)
	h.goOn()
	code := p.end()
	h.wantShared(code, p.report())

	p = begin()
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	helper.end()
	h.goOn()
	code = p.end()
	h.wantShared(code, p.report())

	helper = sidecar()
	h.kill(begin())
	before := strings.Split(rows(t, h.legacy, "SELECT number, worker, at FROM crosscheck.pass_range WHERE pass_id = 3"), "\n")
	h.goOn()
	h.leasesRunOut()
	code, r := pass(t, "verify", "--resume", "--config", h.config)
	if r.ID != 3 {
		t.Errorf("resumed pass %d", r.ID)
	}
	h.wantShared(code, r)
	after := rows(t, h.legacy, "SELECT number, worker, at FROM crosscheck.pass_range WHERE pass_id = 3")
	for _, was := range before {
		if !strings.Contains(after, was) {
			t.Errorf("a range was compared again: %s", was)
		}
	}
	if err := helper.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := helper.end(); code != exitAgrees {
		t.Errorf("the sidecar ended with %d: %s", code, &helper.stderr)
	}
}
