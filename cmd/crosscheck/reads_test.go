package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/verify"
)

// TestReadsFindWhatTheNewReadPathDoesWrong: rows are right in each case, and only clients would see the fault. In a system that
// trades, with lag, nothing is found.
func TestReadsFindWhatTheNewReadPathDoesWrong(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 600}, Rate: 4, RefreshEvery: 200 * time.Millisecond})
	api := httptest.NewServer(s.ReadAPI)
	t.Cleanup(api.Close)
	config := s.config("reads", labWindow, fmt.Sprintf(`
reads:
  rate: 1000
  size: 100
  queries:
    - {name: order, legacy: {sql: "select * from public.orders where order_id = $1"}, projection: {http: "%[1]s/new/orders/{key}"}, ignore: [$.etag]}
    - {name: page, legacy: {http: "%[1]s/legacy/orders?from={key}"}, projection: {http: "%[1]s/new/orders?from={key}"}, ordered: true}
gate: {criteria: {read_parity: {}, read_latency: {max_ratio: 0.0001}}}`, api.URL))
	r := askedReads{t, config}

	s.live()
	if code, found := r.reads(40); code != exitAgrees {
		t.Errorf("while the desk trades: exit code %d, %+v", code, found)
	}
	s.rest()
	if code, found := r.reads(500); code != exitAgrees || found.Queries[0].Agreed != found.Keys || found.Queries[0].P99.High == 0 {
		t.Errorf("clean: exit code %d, %+v", code, found)
	}
	r.judged("pass", "fail") // no read path is ten thousand times as fast

	for fault, query := range map[string]string{"wrong_sort": "page", "missing_page": "page", "stale_cache": "order"} {
		s.plant(fault)
		if fault == "stale_cache" { // what is cached is stale only once something has changed
			before := rows(t, s.LegacyDSN, "SELECT max(updated_at) FROM public.orders")
			s.live()
			eventually(t, s.LegacyDSN, "SELECT count(*) > 3 FROM public.orders WHERE updated_at > '"+before+"'", "t")
			s.rest()
		}
		code, found := r.reads(60)
		in := slices.ContainsFunc(found.Differences, func(d verify.ReadAnswer) bool { return d.Query == query && len(d.Found) > 0 })
		if code != exitDiverged || !in {
			t.Errorf("%s: exit code %d, %+v", fault, code, found)
		}
		s.mend()
	}
	if code, found := r.reads(10); code != exitAgrees { // fewer than reads.size, and no evidence that all agree
		t.Errorf("mended: exit code %d, %+v", code, found)
	}
	r.judged("fail", "inconclusive")

	s.plant("slow_new_read")
	if code, found := r.reads(100); code != exitAgrees || found.Queries[0].P50.Low < 1 || found.Queries[0].Projection.P50 < 20_000 {
		t.Errorf("slow_new_read: exit code %d, %+v", code, found)
	}
	r.judged("pass", "inconclusive")
	s.mend()
	r.replays()

	r.diagnosed(doctor.OK, "both sides answer 2 queries of reads")
	api.Close()
	r.diagnosed(doctor.Error, "query order is not answered: dial tcp")
	if code, found := r.reads(3); code != exitUnverified || found.Queries[0].Failed != found.Keys || !strings.Contains(found.Reason, "questions were not answered: order: asking projection:") {
		t.Errorf("nobody answers: exit code %d, %+v", code, found)
	}
}

// askedReads runs crosscheck reads.
type askedReads struct {
	t      *testing.T
	config string
}

func (r askedReads) reads(size int) (int, readsReport) {
	r.t.Helper()
	return r.run("reads", "--size", fmt.Sprint(size))
}

func (r askedReads) run(args ...string) (code int, found readsReport) {
	r.t.Helper()
	p := start(r.t, append(args, "--json", "--config", r.config)...)
	code = p.end()
	if err := json.Unmarshal(p.stdout.Bytes(), &found); err != nil || len(found.Queries) == 0 {
		r.t.Fatalf("reads printed no report: %v", err)
	}
	return code, found
}

// diagnosed asks doctor.
func (r askedReads) diagnosed(level doctor.Level, message string) {
	r.t.Helper()
	p := start(r.t, "doctor", "--json", "--config", r.config)
	p.end()
	var d diagnosis
	if err := json.Unmarshal(p.stdout.Bytes(), &d); err != nil {
		r.t.Fatal(err)
	}
	if !slices.ContainsFunc(d.Findings, func(f doctor.Finding) bool {
		return f.Check == "reads" && f.Level == level && strings.HasPrefix(f.Message, message)
	}) {
		r.t.Errorf("doctor does not say %q", message)
	}
}

// judged asks the gate.
func (r askedReads) judged(parity, latency string) {
	r.t.Helper()
	if _, verdicts := criteria(r.t, r.config); verdicts["read_parity"] != parity || verdicts["read_latency"] != latency {
		r.t.Errorf("the gate says %v", verdicts)
	}
}

// replays asks recorded requests, and then some that cannot be asked.
func (r askedReads) replays() {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "requests.jsonl")
	record := func(lines ...string) {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	record(`{"at": "2026-11-27T09:00:00Z", "query": "order", "key": 17}`, `{"at": "2026-11-27T09:00:05Z", "query": "page", "key": "1"}`)
	if code, found := r.run("reads", "replay", file, "--speed", "100"); code != exitAgrees || found.ID != 0 || found.Queries[0].Agreed != 1 || found.Queries[1].Agreed != 1 {
		r.t.Errorf("replay: exit code %d, %+v", code, found)
	}
	record(`{"query": "other", "key": 17}`)
	p := start(r.t, "reads", "replay", file, "--config", r.config)
	if code := p.end(); code != exitError || !strings.Contains(p.stderr.String(), `line 1: recorded request cannot be asked: reads.queries has no query "other"`) {
		r.t.Errorf("exit code %d, %s", code, &p.stderr)
	}
}

func (s *system) plant(fault string) {
	s.t.Helper()
	if _, err := s.Plant(deadline(s.t), fault, 1); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) mend() {
	s.t.Helper()
	if err := s.Repair(deadline(s.t)); err != nil {
		s.t.Fatal(err)
	}
}
