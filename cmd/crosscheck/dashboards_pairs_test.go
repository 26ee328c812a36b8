package main

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/dashboards"
	"github.com/nordvarg/crosscheck/dashboards/promtest"
	"github.com/nordvarg/crosscheck/metrics"
)

// chosen puts what somebody has chosen at the top of a dashboard, ".*" for all, into a query.
func chosen(job, pair string) *strings.Replacer {
	return strings.NewReplacer("$__rate_interval", "30s", "$job", job, "$instance", ".*", "$pair", pair, "$hop", ".*")
}

// scrapedPairs serves the metrics of two pairs of tables that have everything: orders is GO with 1 open divergence and 10 suspects, positions
// is NO-GO with 2 and 20, and a third, accounts, whose databases cannot be identified, has no decision.
func scrapedPairs(t *testing.T) (url string) {
	t.Helper()
	var pairs []*metrics.Metrics
	for i, name := range []string{"orders", "positions", "accounts"} {
		n, at := int64(i+1), time.Unix(int64(1000*(i+1)), 0)
		is := metrics.Snapshot{
			Orders:      []metrics.Orders{{Representation: "legacy", Status: "FILLED", Count: n}, {Representation: "projection", Status: "FILLED", Count: 2 * n}},
			Open:        []metrics.OpenDivergences{{Hop: "legacy->events", Kind: "missing", Cause: "lost_shadow_write", Count: n}},
			Suspects:    10 * n,
			Passes:      []metrics.Pass{{Pass: "full", LastSuccess: at, Coverage: 1, Interval: time.Hour}},
			SampleBound: &metrics.SampleBound{Confidence: "0.95", Ratio: 0.1},
			Gate:        &metrics.Gate{Decision: map[string]string{"orders": "GO", "positions": "NO-GO"}[name], Criteria: []metrics.Criterion{{Name: "coverage", Verdict: "error"}}},
			Optional: metrics.Optional{
				ProjectionLagSeconds: new(1.0), ProjectionLagEvents: new(1.0), StreamLag: []metrics.StreamLag{{Partition: "0", Messages: n}}, StreamLastLook: &at,
				Completeness: []metrics.Completeness{{Hop: "legacy->events", Ratio: 1}}, ChangeCompleteness: []metrics.Completeness{{Hop: "legacy->events", Ratio: 1}},
				Coverage: []metrics.Coverage{{Status: "FILLED", Age: "older", Ratio: 1}}, AlertsPending: &n, VerifiedThrough: &at,
				Throttled: []metrics.Throttled{{Side: "legacy", Reason: "max_sessions", Now: true}}, CutoverStep: []metrics.CutoverStep{{Step: "fence", State: "done", Now: true}},
				Slots: []metrics.Slot{{Name: "debezium", Status: "reserved", Safe: n}},
			},
		}
		if name == "accounts" {
			is = metrics.Snapshot{}
		}
		m := metrics.New(metrics.Options{Pair: name, Passes: []string{"full"}, Read: func(context.Context) (metrics.Snapshot, error) { return is, nil }})
		m.ObserveMismatch("full", "legacy->events", "differs", "status")
		m.ObserveRead("legacy", "order", time.Second)
		m.ObserveQuery("legacy", "keys", time.Second)
		m.ObserveWait("legacy", "max_sessions", time.Second)
		pairs = append(pairs, m)
	}
	server := httptest.NewServer(metrics.Together(metrics.Options{Version: "1", Revision: "a", Go: "go"}, pairs))
	t.Cleanup(server.Close)
	return server.URL
}

// choosesPairs asks for what the variable offers, and for panels with all pairs and with one: counts are added up, and of the rest the worst
// is shown. Where there is one pair alone, nothing is offered.
func choosesPairs(t *testing.T, p *promtest.Server, list []dashboards.Dashboard) {
	t.Helper()
	for job, want := range map[string][]string{"crosscheck": {}, "pairs": {"accounts", "orders", "positions"}} {
		got, err := p.LabelValues(t.Context(), "pair", `crosscheck_ledger_up{job="`+job+`"}`)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the variable of job %s offers %q, want %q (%v)", job, got, want, err)
		}
	}
	panels := map[string]string{} // title → query
	for _, d := range list {
		for _, panel := range d.Panels {
			if len(panel.Targets) > 0 {
				panels[panel.Title] = panel.Targets[0].Expr
			}
		}
	}
	for _, c := range []struct {
		panel, pair string
		want        []float64
	}{
		{"Decision", ".*", []float64{3}},
		{"Decision", "orders", []float64{1}},
		{"Decision", "(orders|accounts)", []float64{2}}, // one of them has no decision
		{"Decision over time", ".*", []float64{1, 3}},
		{"Open divergences", ".*", []float64{3}},
		{"Open divergences", "orders", []float64{1}},
		{"Suspects", "(orders|positions)", []float64{30}},
		{"Messages waiting for Slack", ".*", []float64{3}},
		{"Orders by status, projection minus legacy", ".*", []float64{1, 2}},
		{"Verified through", ".*", []float64{1_000_000}},
		{"Verified through", "positions", []float64{2_000_000}},
		{"Overdue", ".*", []float64{0, 0}},
	} {
		got, err := p.Values(t.Context(), chosen("pairs", c.pair).Replace(panels[c.panel]))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q of %s shows %v, want %v (%v)", c.panel, c.pair, got, c.want, err)
		}
	}
}
