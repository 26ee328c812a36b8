package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

// sidecarProcess is a crosscheck run, in a process of its own.
type sidecarProcess struct {
	*process
	url string
}

func (s *system) sidecar(sections ...string) *sidecarProcess {
	s.t.Helper()
	return s.scheduled(`{schedule: "*/2 * * * * *", size: 100000, full: "*/5 * * * * *"}`, sections...)
}

// scheduled is a sidecar with its section sampler.
func (s *system) scheduled(sampler string, sections ...string) *sidecarProcess {
	s.t.Helper()
	return s.scheduledOn("public.current_orders", sampler, sections...)
}

// scheduledOn is a sidecar whose projection is the table. Rows of the materialized view current_orders do not tell when they
// were written; those of the projector's own table public.orders_projection do.
func (s *system) scheduledOn(table, sampler string, sections ...string) *sidecarProcess {
	s.t.Helper()
	address := freeAddress(s.t)
	config := s.config("crosscheck", labWindow, append(sections, `
sampler: `+sampler+`
web: {listen: "`+address+`"}`)...)
	text, err := os.ReadFile(config)
	if err != nil {
		s.t.Fatal(err)
	}
	config = writeConfig(s.t, "crosscheck", strings.Replace(string(text), "public.current_orders", table, 1))
	return &sidecarProcess{start(s.t, "run", "--config", config), "http://" + address}
}

// freeAddress is a local address on which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// get returns status 0 while nobody answers.
func (p *sidecarProcess) get(path string) (status int, body string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	b, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(b)
}

// shows polls until the page has the status and holds the text.
func (p *sidecarProcess) shows(path string, status int, text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), eventualTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		got, body := p.get(path)
		if got == status && strings.Contains(body, text) {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("%s: still %d, want %d with %q in\n%s", path, got, status, text, body)
		case <-tick.C:
		}
	}
}

// TestSidecars runs two sidecars on one ledger through a fault, a kill, a lost server and a repair.
func TestSidecars(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	s := newSystem(t, lab.Options{Server: server, History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	s.live()
	first, second := s.sidecar(), s.sidecar()
	for _, p := range []*sidecarProcess{first, second} {
		p.shows("/healthz", http.StatusOK, "")
		p.shows("/readyz", http.StatusOK, "")
	}
	s.newPasses("match")
	// What the gate said first is on record, once although both looked.
	eventually(t, s.EventsDSN, `
		SELECT count(*) > 0, bool_and(who LIKE 'crosscheck run, %'), count(*) FILTER (WHERE answer = before)
		FROM (SELECT who, answer, lag(answer) OVER (ORDER BY seq) AS before FROM crosscheck.decision) AS d`, "t|t|0")

	planted, err := s.Plant(deadline(t), "swapped_status", 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*sidecarProcess{first, second} { // both see it, whoever found it
		p.shows("/metrics", http.StatusOK, `kind="differs"} 2`)
		p.shows("/divergences", http.StatusOK, fmt.Sprint(planted[0].OrderID))
		p.shows("/", http.StatusOK, "NO-GO")
		p.shows("/api/status", http.StatusOK, fmt.Sprintf(`"order_id":"%d"`, planted[1].OrderID))
	}

	// One dies without a word. When its leases have run out the other does the work of both.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.end()
	rows(t, s.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
	s.newPasses("diverged")

	// The server is lost, and comes back.
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	second.shows("/healthz", http.StatusOK, "")
	second.shows("/readyz", http.StatusServiceUnavailable, `{"name":"legacy","ok":false,"since":"`)
	if err := server.Restart(deadline(t)); err != nil {
		t.Fatal(err)
	}
	second.shows("/readyz", http.StatusOK, "")
	rows(t, s.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
	s.newPasses("diverged")

	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.EventsDSN, "SELECT count(*), count(*) FILTER (WHERE state = 'resolved') FROM crosscheck.divergence", "2|2")
	s.newPasses("match")
	second.drains()
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.pass WHERE state = 'scanning'"); got != "0" {
		t.Errorf("%s passes are left in mid-scan", got)
	}
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM (SELECT FROM crosscheck.pass GROUP BY kind, scheduled_at HAVING count(*) > 1) AS twice"); got != "0" {
		t.Errorf("%s scheduled passes were run twice", got)
	}
	if got := rows(t, s.EventsDSN, "SELECT count(DISTINCT fingerprint) FROM crosscheck.pass WHERE fingerprint <> ''"); got != "1" {
		t.Errorf("two sidecars that differ in their address alone have %s fingerprints", got)
	}
}

// TestASidecarSamplesAtItsFirstStart and does not at its second, nor does it verify in full.
func TestASidecarSamplesAtItsFirstStart(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 20}})
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	const never = `{schedule: "0 0 31 12 *", size: 1000, full: "0 0 31 12 *"}`
	p := s.scheduled(never)
	p.shows("/api/status", http.StatusOK, `"pass":"sample","state":"done","verdict":"match","trigger":"start"`)
	p.drains()
	p = s.scheduled(never)
	// It asks for its first pass under the lease.
	eventually(t, s.EventsDSN, "SELECT token >= 2 FROM crosscheck.lease WHERE job = 'sample'", "t")
	p.drains()
	if got := rows(t, s.EventsDSN, "SELECT string_agg(kind || ' ' || trigger, ', ') FROM crosscheck.pass"); got != "sample start" {
		t.Errorf("passes: %s, want the sample of the first start alone", got)
	}
}

// newPasses waits until a sample and a full verification that begin from now on have ended with the verdict.
func (s *system) newPasses(verdict string) {
	s.t.Helper()
	last := rows(s.t, s.EventsDSN, "SELECT coalesce(max(id), 0) FROM crosscheck.pass")
	eventually(s.t, s.EventsDSN, "SELECT count(DISTINCT kind) FROM crosscheck.pass WHERE kind IN ('sample', 'full') AND id > "+last+
		" AND verdict = '"+verdict+"'", "2")
}

// drains tells the sidecar to stop, and wants it to do so by itself and at once.
func (p *sidecarProcess) drains() {
	p.t.Helper()
	begun := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if code := p.end(); code != exitAgrees {
		p.t.Errorf("exit code %d after SIGTERM", code)
	}
	if took := time.Since(begun); took > 15*time.Second {
		p.t.Errorf("it took %s to stop", took)
	}
}
