package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// inRanges is the configuration with ranges of keys.
func (h *held) inRanges() string {
	h.t.Helper()
	plain, err := os.ReadFile(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	return writeConfig(h.t, "ranged", string(plain)+"verify: {max_snapshot: 1m}\n")
}

// storedRanges are the pass's ranges with when they were stored.
func (h *held) storedRanges() []string {
	h.t.Helper()
	return strings.Split(rows(h.t, h.legacy, "SELECT number, from_key, below_key, token, at FROM crosscheck.pass_range ORDER BY number"), "\n")
}

// TestAKilledPassIsResumed kills a pass in the middle of a range. Nothing that was done is read again, and the result is that of
// a pass which nothing killed.
func TestAKilledPassIsResumed(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	for _, dsn := range []string{h.legacy, h.projection} {
		rows(t, dsn, `INSERT INTO orders SELECT g, 'BUY', g, 'OPEN', 0, NULL, now() FROM generate_series(10000, 99999) AS g; ANALYZE orders`)
	}
	rows(t, h.projection, "UPDATE orders SET status = 'X' WHERE order_id IN (12345, 77777)")
	plain := h.config
	h.config = h.inRanges()

	h.kill(h.caughtIn("%<%E''5____''::bigint%"))
	before := h.storedRanges()
	if got := h.passes(); got != "1|scanning||" || len(before) < 4 {
		t.Fatalf("killed: %s with the ranges %v", got, before)
	}
	h.wantNoEvidence()
	h.leasesRunOut()
	if p := start(t, "verify", "--resume", "--config", plain); p.end() == exitAgrees || !strings.Contains(p.stderr.String(), "set verify.max_snapshot") {
		t.Errorf("without ranges: %s", &p.stderr)
	}
	code, r := pass(t, "verify", "--resume", "--config", h.config)
	if got := described(r.Divergences); code != exitDiverged || fmt.Sprint(got) != "[12345 differs status 77777 differs status]" {
		t.Errorf("exit code %d, found %v", code, got)
	}
	if r.ID != 1 || r.Compared != 92_000 || r.Coverage != 1 || *r.LegacyRows != 92_000 || *r.ProjectionRows != 92_000 {
		t.Errorf("resumed: %+v", r)
	}
	h.wantPasses("1|done|diverged|2 orders have diverged")
	after := h.storedRanges()
	for i, was := range before {
		if after[i] != was {
			t.Errorf("range %d was compared again: %s, %s", i+1, was, after[i])
		}
	}
	// What was read: all ranges once, and the one again in which it was killed.
	lost := rows(t, h.legacy, fmt.Sprintf("SELECT (found ->> 'legacy_rows')::int < 9200 FROM crosscheck.pass_range WHERE number = %d", len(before)+1))
	if lost != "t" {
		t.Errorf("the range that was lost has more than a tenth of the table")
	}
	if got := rows(t, h.legacy, `SELECT sum((found ->> 'legacy_rows')::int), count(*) FILTER (WHERE from_key = ''), count(*) FILTER (WHERE below_key = ''),
		count(*) - count(DISTINCT below_key) FROM crosscheck.pass_range`); got != "92000|1|1|0" {
		t.Errorf("rows, first and last ranges: %s", got)
	}
	p := start(t, "verify", "--resume", "--config", h.config)
	if p.end() == exitAgrees || !strings.Contains(p.stderr.String(), "there is nothing to resume") {
		t.Errorf("nothing to resume: %s", &p.stderr)
	}
}

// TestOneStatementCannotBeResumed says why.
func TestOneStatementCannotBeResumed(t *testing.T) {
	t.Parallel()
	h := newHeld(t)
	h.kill(h.caughtScanning())
	h.leasesRunOut()
	p := start(t, "verify", "--resume", "--config", h.config)
	if p.end() == exitAgrees || !strings.Contains(p.stderr.String(), "in one statement, and cannot be resumed") || !strings.Contains(p.stderr.String(), "verify.max_snapshot") {
		t.Errorf("%s", &p.stderr)
	}
}

// TestPassesKilledAtRandomMoments kills a pass, and in a soak ten, each at another moment, and lets them be resumed. Legacy reads at
// most a tenth more than its rows each time.
func TestPassesKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	kills := 1
	if soak() {
		kills = 10
	}
	h := newHeld(t)
	const orders = 300_000
	for _, dsn := range []string{h.legacy, h.projection} {
		rows(t, dsn, fmt.Sprintf(`INSERT INTO orders SELECT g, 'BUY', g, 'OPEN', 0, NULL, now() FROM generate_series(10000, %d) AS g; ANALYZE orders`, orders+8_000-1))
	}
	h.config = h.inRanges()
	const read = "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'orders'"
	for round := range kills {
		from := counted(t, rows(t, h.legacy, read))
		p := start(t, "verify", "--json", "--config", h.config)
		random := 1 + rand.IntN(14)
		eventually(t, h.legacy, fmt.Sprintf("SELECT count(*) >= %d FROM crosscheck.pass_range WHERE pass_id = %d", random, round+1), "t")
		h.kill(p)
		eventually(t, h.legacy, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crosscheck' AND datname = current_database() AND pid <> pg_backend_pid()", "0")
		before := counted(t, rows(t, h.legacy, fmt.Sprintf("SELECT count(*) FROM crosscheck.pass_range WHERE pass_id = %d", round+1)))
		h.leasesRunOut()
		code, r := pass(t, "verify", "--resume", "--config", h.config)
		if code != exitAgrees || r.ID != int64(round+1) || r.Compared != orders || *r.LegacyRows != orders {
			t.Fatalf("round %d: exit code %d, %+v", round, code, r)
		}
		eventually(t, h.legacy, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crosscheck' AND datname = current_database() AND pid <> pg_backend_pid()", "0")
		total := float64(counted(t, rows(t, h.legacy, read))-from) / orders
		t.Logf("round %d: killed after %d ranges of %s; legacy read %.3f times its rows", round+1, before,
			rows(t, h.legacy, fmt.Sprintf("SELECT count(*) FROM crosscheck.pass_range WHERE pass_id = %d", round+1)), total)
		if total > 1.1 {
			t.Errorf("round %d: legacy read %.3f times its rows", round+1, total)
		}
	}
}

func counted(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
