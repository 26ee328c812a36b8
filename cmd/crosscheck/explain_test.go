package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/lab"
)

// eventSections switch on what an event store and legacy's own memory make possible.
func (s *system) eventSections() string {
	return fmt.Sprintf("events:\n  dsn: %q\n%shistory: {audit_log: public.audit_log, trades: public.trades}", s.EventsDSN, s.Store.Events)
}

// TestHopAndCauseAreNamed plants faults at both hops on one trading system. With an event store configured, the
// divergences of a full verification carry hop and cause, and explain says the same of each order, from its history.
func TestHopAndCauseAreNamed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	config := s.config("hops", labWindow, s.eventSections())
	s.live()
	want := map[string]string{}
	for _, fault := range []string{"lost_event", "stale_projection", "filled_drift", "ghost_event", "double_apply", "null_filled"} {
		planted, err := s.Plant(deadline(t), fault, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range planted {
			want[strconv.FormatInt(p.OrderID, 10)] = p.Hop + " " + p.Cause
		}
	}
	code, r := pass(t, "verify", "--config", config)
	if code != exitDiverged {
		t.Errorf("verify ended with exit code %d", code)
	}
	found := map[string]string{}
	for _, d := range r.Divergences {
		found[d.OrderID] = string(d.Hop) + " " + d.Cause
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("planted (-) and found (+) by verify:\n%s", diff)
	}
	explained := map[string]string{}
	for id := range want {
		explained[id] = explainedAs(t, config, id)
	}
	if diff := cmp.Diff(want, explained); diff != "" {
		t.Errorf("planted (-) and explained (+):\n%s", diff)
	}
}

func explainedAs(t *testing.T, config, id string) string {
	t.Helper()
	p := start(t, "explain", id, "--config", config, "--json")
	if code := p.end(); code != exitDiverged {
		t.Errorf("explain %s ended with exit code %d", id, code)
	}
	var r explain.Report
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil {
		t.Fatalf("explain %s printed no report: %v", id, err)
	}
	if r.OrderID != id || len(r.Timeline) == 0 || r.Representations["legacy"] == nil || r.Representations["events"] == nil {
		t.Errorf("explain %s is not told in full: %+v", id, r)
	}
	return string(r.Hop) + " " + string(r.Cause)
}
