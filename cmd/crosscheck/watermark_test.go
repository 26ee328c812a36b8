package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/web"
)

// through is the watermark that the sidecar's API shows; zero if there is none.
func (p *sidecarProcess) through() web.Watermark {
	p.t.Helper()
	var status web.Status
	_, body := p.get("/api/status")
	if err := json.Unmarshal([]byte(body), &status); err != nil || status.VerifiedThrough == nil {
		return web.Watermark{}
	}
	return *status.VerifiedThrough
}

// passes waits until the watermark is after a time, and returns it.
func (p *sidecarProcess) passes(at time.Time) web.Watermark {
	p.t.Helper()
	var w web.Watermark
	if !holds(p.t, func(context.Context) bool { w = p.through(); return w.At.After(at) }) {
		p.t.Fatalf("the watermark is %+v, and does not pass %s", w, at)
	}
	return w
}

// TestTheWatermark runs a sidecar with a delta pass every second, while the desk trades: everything is verified up to a
// moment ago, until an order is wrong, and again when it is repaired.
func TestTheWatermark(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	s.live()
	p := s.scheduledOn("public.orders_projection", `{schedule: off, full: off, delta: 1s}`, s.eventSections(), "gate: {criteria: {verified_through: {max_age: 1m}}}")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(rows(t, s.EventsDSN, `SELECT id, kind, state, verdict, started_at::time, finished_at::time, compared, coverage, reason, scan_reason, facts->>'instead' FROM crosscheck.pass ORDER BY id`))
		}
	})
	first := p.passes(time.Time{})
	for range 3 {
		next := p.passes(time.Now())
		if next.PassID <= first.PassID || next.Pass != "delta" {
			t.Errorf("the watermark moved from %+v to %+v, want a delta pass after it", first, next)
		}
		first = next
	}
	p.shows("/metrics", http.StatusOK, "\ncrosscheck_verified_through_timestamp_seconds ")
	p.shows("/", http.StatusOK, "Verified through")

	if _, err := s.Plant(deadline(t), "swapped_status", 2); err != nil {
		t.Fatal(err)
	}
	planted := time.Now()
	p.shows("/metrics", http.StatusOK, `kind="differs"} 2`)
	stands := p.through()
	eventually(t, s.EventsDSN, `SELECT count(*) >= 2 FROM crosscheck.pass WHERE kind = 'delta' AND verdict = 'diverged'`, "t")
	if w := p.through(); w.At != stands.At || !w.At.Before(planted) {
		t.Errorf("the watermark moved from %s to %s, although two orders have been wrong since %s", stands.At, w.At, planted)
	}
	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	p.passes(time.Now())
	if n := rows(t, s.EventsDSN, `SELECT count(*) FROM crosscheck.pass WHERE token = 0`); n != "0" {
		t.Errorf("%s runs are recorded as missed; those that fall due while another works are not", n)
	}
	if _, body := p.get("/api/status"); strings.Count(body, `"pass":"delta","state"`) > 1 {
		t.Errorf("the list of passes has more than one delta pass: %s", body)
	}
	p.drains()
}

// TestWhereADeltaIsNotPossible: rows of a materialized view do not tell when they were written. Full passes are made
// instead, in at most a tenth of the time, and no run in between leaves a record.
func TestWhereADeltaIsNotPossible(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	s.live()
	p := s.scheduled(`{schedule: off, full: off, delta: 1s}`, s.eventSections())
	first := p.passes(time.Time{})
	next := p.passes(first.At)
	if first.Pass != "full" || next.Pass != "full" {
		t.Errorf("the watermark moved from %+v to %+v", first, next)
	}
	p.drains()
	want := "0|t"
	got := rows(t, s.EventsDSN, `
		SELECT count(*) FILTER (WHERE kind <> 'full' OR facts->>'instead' !~ 'materialized view|no full pass'), bool_and(started_at >= before + 8 * (before - began))
		FROM (SELECT kind, facts, started_at, lag(finished_at) OVER (ORDER BY id) AS before, lag(started_at) OVER (ORDER BY id) AS began
			FROM crosscheck.pass WHERE state = 'done') p`)
	if got != want {
		t.Errorf("passes: %s, want %s\n%s", got, want, rows(t, s.EventsDSN, `SELECT id, kind, verdict, trigger, started_at, finished_at, reason, facts->>'instead' FROM crosscheck.pass ORDER BY id`))
	}
}
