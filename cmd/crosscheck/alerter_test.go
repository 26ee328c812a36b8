package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

// told is everything that Slack would be told of a system with a pass whose reason and groups quote values of orders.
func told(t *testing.T, values bool) string {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: pgtest.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(t.Context(), "test", "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	finish := func(kind verify.PassKind, scan verify.Scan, r verify.Result) {
		id, err := l.BeginPass(t.Context(), lease, verify.Start{Kind: kind, Trigger: "manual", Fingerprint: "f", At: time.Now()})
		if err == nil {
			err = l.ScanDone(t.Context(), lease, id, scan)
		}
		if err == nil {
			err = l.FinishPass(t.Context(), lease, id, r, time.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	groups := []verify.GroupCount{{Group: "SECRET-GROUP", Legacy: 9, Projection: 1}}
	finish(verify.Full, verify.Scan{Compared: 9, Coverage: 1, Facts: verify.FullFacts{Rows: verify.Rows{Legacy: 9, Projection: 1}, Counts: groups}}, verify.Result{Verdict: compare.Match})
	finish(verify.Sample, verify.Scan{}, verify.Result{Verdict: compare.Unverified, Reason: `invalid input syntax for type numeric: "SECRET-PRICE-12.75"`})
	c := &config.Config{}
	c.Alerts.IncludeValues, c.Stream.Topic = values, "orders"
	c.Gate.Criteria.Counts = gate.CountsCriterion{Rule: gate.Rule{Enabled: true, Severity: gate.Blocking}, MaxAge: time.Hour}
	known := board.Sources{
		Settings: boardSettings(c), Ledger: l,
		Identify:  func(context.Context) (string, error) { return "f", nil },
		Lag:       func(context.Context) (*board.Lag, error) { return nil, nil },
		Following: time.Now().Add(-time.Hour), // and the broker has never answered
	}
	b, err := known.Gather(t.Context(), time.Now(), board.Groups)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(incident.Plan(nil, b.Facts(), incident.Policy{}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestValuesStayOutOfAlerts(t *testing.T) {
	t.Parallel()
	for values, want := range map[bool]int{false: 0, true: 1} {
		text := told(t, values)
		for _, secret := range []string{"SECRET-PRICE", "SECRET-GROUP"} {
			if got := min(strings.Count(text, secret), 1); got != want {
				t.Errorf("include_values %v: %s is told %d times: %s", values, secret, got, text)
			}
		}
		for _, must := range []string{"The sample pass could not judge everything", "counts (fail)", "The stream is not being read"} {
			if !strings.Contains(text, must) {
				t.Errorf("include_values %v: %q is not told: %s", values, must, text)
			}
		}
	}
}
