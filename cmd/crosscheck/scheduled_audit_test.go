package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/alerts/slacktest"
	"github.com/nordvarg/crosscheck/lab"
)

// TestASidecarAuditsBySchedule audits a desk that trades: nobody hears of it. Then a backfill has run twice: its findings are in the ledger,
// on the page, in the metrics, and by the gate's decision in Slack. After a repair they are resolved.
func TestASidecarAuditsBySchedule(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 500, Backfilled: 50}, Rate: 30, RefreshEvery: labRefresh})
	s.live()
	slack := slacktest.New("xoxb-1", "C1", "#cutover")
	api := httptest.NewServer(slack)
	t.Cleanup(api.Close)
	p := s.scheduled(`{schedule: "0 0 1 1 *", full: off, audit: "*/10 * * * * *"}`, s.eventSections(), fmt.Sprintf(`
alerts: {slack: {token: xoxb-1, channel: C1, api_url: %q}, update_every: 1s}
gate: {criteria: {history_accuracy: {}}}`, api.URL))

	const audits = "SELECT count(*) >= 2, string_agg(reason, ', ') FILTER (WHERE verdict <> 'match') FROM crosscheck.pass WHERE kind = 'audit' AND trigger = 'schedule' AND state = 'done'"
	eventually(t, s.EventsDSN, audits, "t|")
	p.shows("/api/status", http.StatusOK, `"open_findings":0`)
	p.shows("/audit", http.StatusOK, "Findings by kind and cause")
	p.shows("/metrics", http.StatusOK, `crosscheck_gate_criterion{criterion="history_accuracy",verdict="pass"} 1`)
	p.shows("/metrics", http.StatusOK, `crosscheck_pass_overdue{pass="audit"} 0`)
	if told := rows(t, s.EventsDSN, "SELECT string_agg(kind, ' ') FROM crosscheck.incident"); told != "" {
		t.Errorf("of a clean desk people hear of %s", told)
	}

	if _, err := s.Plant(deadline(t), "backfill_twice", 2); err != nil {
		t.Fatal(err)
	}
	const found = "SELECT count(DISTINCT order_key) FROM crosscheck.audit_finding WHERE kind = 'event_extra' AND cause = 'backfill_twice' AND state = '%s'"
	eventually(t, s.EventsDSN, fmt.Sprintf(found, "open"), "2")
	p.shows("/api/status", http.StatusOK, `"part":"events","kind":"event_extra","cause":"backfill_twice"`)
	p.shows("/audit", http.StatusOK, "backfill_twice")
	p.shows("/metrics", http.StatusOK, `crosscheck_gate_criterion{criterion="history_accuracy",verdict="fail"} 1`)
	people := &alerted{system: s, slack: slack}
	people.until("NO-GO is told", func(threads string) bool { return strings.Contains(threads, "The gate says NO-GO") })

	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.EventsDSN, fmt.Sprintf(found, "resolved"), "2")
	p.shows("/metrics", http.StatusOK, `crosscheck_gate_criterion{criterion="history_accuracy",verdict="pass"} 1`)
	p.drains()
}
