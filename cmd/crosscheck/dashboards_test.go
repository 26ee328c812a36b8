package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/dashboards"
	"github.com/nordvarg/crosscheck/dashboards/promtest"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// notInThisTest are the metrics that the sidecar of TestPrometheusAnswersEveryPanel does not expose, and why. Panels
// about others must show data; where a metric is exposed after all, its panels must too.
var notInThisTest = map[string]string{
	"crosscheck_stream_lag_messages":                "the stream needs a broker",
	"crosscheck_stream_last_look_timestamp_seconds": "the stream needs a broker",
	"crosscheck_completeness_ratio":                 "the stream needs a broker",
	"crosscheck_change_completeness_ratio":          "it takes a sample that met a recorded change",
	"crosscheck_alerts_pending":                     "alerts need Slack",
	"crosscheck_cutover_step":                       "there is no cutover yet",
	"crosscheck_read_seconds_bucket":                "no read path is asked",
}

// TestPrometheusAnswersEveryPanel lets a real Prometheus with our rules scrape a sidecar that has found a divergence,
// and asks it what Grafana would ask.
func TestPrometheusAnswersEveryPanel(t *testing.T) {
	t.Parallel()
	server, err := pgserver.Start(deadline(t), pgserver.Options{}) // whose replication slot no other test waits for
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := newSystem(t, lab.Options{Server: server, History: lab.History{Orders: 2000}, Rate: 30, RefreshEvery: labRefresh})
	s.live()
	rows(t, s.EventsDSN, "SELECT pg_create_physical_replication_slot('debezium', true)")
	p := s.sidecar(s.eventSections(), "throttle: {rows_per_second: 20000}", "backfill: {enabled: true}")
	p.shows("/metrics", http.StatusOK, `crosscheck_replication_slot_safe_wal_bytes{slot="debezium",wal_status="reserved"} `)
	p.shows("/metrics", http.StatusOK, "\ncrosscheck_verified_through_timestamp_seconds ") // a full pass was clean
	if _, err := s.Plant(deadline(t), "swapped_status", 2); err != nil {
		t.Fatal(err)
	}
	p.shows("/metrics", http.StatusOK, `kind="differs"} 2`)
	s.newPasses("diverged")
	p.shows("/metrics", http.StatusOK, "\ncrosscheck_projection_lag_events ")

	rules, err := dashboards.Files.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	prometheus := promtest.Start(t, fmt.Sprintf(`
global: {scrape_interval: 2s, evaluation_interval: 2s}
rule_files: [%q]
scrape_configs:
  - job_name: crosscheck
    static_configs: [{targets: [%q]}]
  - job_name: pairs
    static_configs: [{targets: [%q]}]
`, writeConfig(t, "rules", string(withoutWaiting(rules))), strings.TrimPrefix(p.url, "http://"), strings.TrimPrefix(scrapedPairs(t), "http://")))

	_, page := p.get("/metrics")
	list, err := dashboards.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				answers(t, prometheus, d.File, panel.Title, chosen("pairs", ".*").Replace(q.Expr))
				answers(t, prometheus, d.File, panel.Title, chosen("pairs", "positions").Replace(q.Expr))
				if absent := notExposed(t, q.Expr, page); absent != "" {
					if notInThisTest[absent] == "" {
						t.Errorf("%s, %q: the sidecar does not expose %s", d.File, panel.Title, absent)
					}
					continue
				}
				answers(t, prometheus, d.File, panel.Title, chosen("crosscheck", ".*").Replace(q.Expr))
			}
		}
	}
	choosesPairs(t, prometheus, list)
	fires(t, prometheus, "CrosscheckOpenDivergences")
	p.drains()
}

// withoutWaiting are the rules without the time that each holds before it fires.
func withoutWaiting(rules []byte) []byte {
	return regexp.MustCompile(`(?m)^        for: .*\n`).ReplaceAll(rules, nil)
}

// notExposed returns a metric of the query that is not on the page of metrics; "" when all are.
func notExposed(t *testing.T, expr, page string) string {
	t.Helper()
	names := regexp.MustCompile(`\b(crosscheck|process)_[a-z_]+`).FindAllString(expr, -1)
	if len(names) == 0 {
		t.Errorf("no metric in %s", expr)
	}
	for _, name := range names {
		if !strings.Contains(page, "\n"+name+"{") && !strings.Contains(page, "\n"+name+" ") {
			return name
		}
	}
	return ""
}

// answers asks as Grafana does, until there is data.
func answers(t *testing.T, p *promtest.Server, file, title, expr string) {
	t.Helper()
	var n int
	var err error
	if !holds(t, func(ctx context.Context) bool { n, err = p.Series(ctx, expr); return n > 0 }) {
		t.Errorf("%s, %q: no data (%v): %s", file, title, err, expr)
	}
}

func fires(t *testing.T, p *promtest.Server, alert string) {
	t.Helper()
	var firing map[string]int
	var err error
	if !holds(t, func(ctx context.Context) bool { firing, err = p.Firing(ctx); return firing[alert] > 0 }) {
		t.Errorf("%s does not fire (%v), but %v", alert, err, firing)
	}
}

// holds polls for a while until it holds.
func holds(t testing.TB, it func(context.Context) bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventualTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !it(ctx) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
