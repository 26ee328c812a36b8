package dashboards

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/nordvarg/crosscheck/metrics"
)

// everything is a snapshot that makes metrics expose each series that it can.
func everything() metrics.Snapshot {
	return metrics.Snapshot{
		Orders:      []metrics.Orders{{Representation: "legacy", Status: "FILLED", Count: 1}},
		Open:        []metrics.OpenDivergences{{Hop: "legacy->events", Kind: "missing", Cause: "lost_shadow_write", Count: 1}},
		Passes:      []metrics.Pass{{Pass: "full", LastSuccess: time.Unix(1, 0), Coverage: 1, Interval: time.Hour}},
		SampleBound: &metrics.SampleBound{Confidence: "0.95", Ratio: 0.1},
		Gate:        &metrics.Gate{Decision: "GO", Criteria: []metrics.Criterion{{Name: "coverage", Verdict: "pass"}}},
		Optional: metrics.Optional{
			ProjectionLagSeconds: new(1.0), ProjectionLagEvents: new(1.0),
			StreamLag:          []metrics.StreamLag{{Partition: "0", Messages: 1}},
			StreamLastLook:     new(time.Unix(1, 0)),
			Completeness:       []metrics.Completeness{{Hop: "legacy->events", Ratio: 1}},
			ChangeCompleteness: []metrics.Completeness{{Hop: "legacy->events", Ratio: 1}},
			Coverage:           []metrics.Coverage{{Status: "FILLED", Age: "older", Ratio: 1}},
			AlertsPending:      new(int64(1)),
			Throttled:          []metrics.Throttled{{Side: "legacy", Reason: "max_sessions", Now: true}},
			CutoverStep:        []metrics.CutoverStep{{Step: "fence", State: "done", Now: true}},
			VerifiedThrough:    new(time.Unix(1, 0)),
			Slots:              []metrics.Slot{{Name: "debezium", Status: "reserved", Safe: 1}},
		},
	}
}

// targetLabels are those that Prometheus or the platform gives to every series of a target, and the pair, which every series about one of several
// pairs of tables has.
var targetLabels = []string{"job", "instance", "pod", "pair"}

// exposed returns the labels of every series name that crosscheck can expose.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	return exposedBy(t, "")
}

// exposedBy is exposed of a sidecar with this pair of tables; with one that is alone if the name is empty.
func exposedBy(t *testing.T, pair string) map[string][]string {
	t.Helper()
	of := metrics.Options{Pair: pair, Version: "1", Revision: "a", Go: "go", Read: func(context.Context) (metrics.Snapshot, error) {
		return everything(), nil
	}}
	m := metrics.New(of)
	handler := m.Handler()
	if pair != "" {
		handler = metrics.Together(of, []*metrics.Metrics{m})
	}
	m.ObservePass("full", time.Second, 1)
	m.ObserveMismatch("full", "legacy->events", "differs", "status")
	m.ObserveRead("legacy", "keys", time.Second)
	m.ObserveQuery("legacy", "keys", time.Second)
	m.ObserveWait("legacy", "max_sessions", time.Second)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text := expfmt.NewTextParser(model.UTF8Validation)
	families, err := text.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	series := map[string][]string{"up": nil} // Prometheus' own
	for name, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		series[name] = labels
		if f.GetMetric()[0].GetHistogram() != nil {
			series[name+"_sum"], series[name+"_count"] = labels, labels
			series[name+"_bucket"] = append(slices.Clone(labels), "le")
			delete(series, name)
		}
	}
	return series
}

// check holds a query to what crosscheck exposes: the names, the labels that it selects and those that it groups by.
func check(series map[string][]string, query string) []error {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return []error{err}
	}
	var errs []error
	known := map[string]bool{} // labels of the metrics in the query
	for _, l := range targetLabels {
		known[l] = true
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		v, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		labels, found := series[v.Name]
		if !found {
			errs = append(errs, fmt.Errorf("crosscheck exposes no %q", v.Name))
		}
		for _, l := range labels {
			known[l] = true
		}
		for _, m := range v.LabelMatchers {
			if m.Name != "__name__" && !slices.Contains(labels, m.Name) && !slices.Contains(targetLabels, m.Name) {
				errs = append(errs, fmt.Errorf("%s has no label %q", v.Name, m.Name))
			}
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		var grouping []string
		switch n := node.(type) {
		case *parser.AggregateExpr:
			grouping = n.Grouping
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouping = n.VectorMatching.MatchingLabels
			}
		}
		for _, l := range grouping {
			if !known[l] {
				errs = append(errs, fmt.Errorf("no metric in it has the label %q", l))
			}
		}
		return nil
	})
	return errs
}

// resolved puts values in the place of Grafana's variables.
var resolved = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$job", ".*", "$instance", ".*", "$pair", ".*", "$hop", ".*")

// chosen holds each part of a query to what is chosen at the top: job, instance, and the pair where the series is about one.
func chosen(t *testing.T, ofPair map[string][]string, query string) (errs []error) {
	t.Helper()
	for _, selector := range regexp.MustCompile(`(\w+)\{([^}]*)\}`).FindAllStringSubmatch(query, -1) {
		want := `job=~"$job",instance=~"$instance"`
		if about := slices.Contains(ofPair[selector[1]], "pair"); about {
			want += `,pair=~"$pair"`
		} else if strings.Contains(selector[2], "$pair") {
			errs = append(errs, fmt.Errorf("%s is about no pair of tables", selector[1]))
		}
		if !strings.HasPrefix(selector[2], want) {
			errs = append(errs, fmt.Errorf("%s is not asked for %s", selector[1], want))
		}
	}
	if len(regexp.MustCompile(`\b(?:crosscheck|process)_\w+`).FindAllString(query, -1)) != strings.Count(query, `job=~"$job"`) {
		errs = append(errs, fmt.Errorf("a part asks for all jobs"))
	}
	return errs
}

func TestEveryQueryOfADashboardIsAboutWhatIsExposed(t *testing.T) {
	series, ofPair := exposed(t), exposedBy(t, "orders")
	for _, d := range all(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, err := range chosen(t, ofPair, q.Expr) {
					t.Errorf("%s, %q: %v: %s", d.File, p.Title, err, q.Expr)
				}
				for _, err := range check(series, resolved.Replace(q.Expr)) {
					t.Errorf("%s, %q: %v: %s", d.File, p.Title, err, q.Expr)
				}
			}
		}
		values := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			found := values.FindStringSubmatch(string(v.Query))
			if found == nil {
				t.Errorf("%s: variable %s: %q", d.File, v.Name, v.Query)
				continue
			}
			for _, err := range check(series, resolved.Replace("max by ("+found[2]+") ("+found[1]+")")) {
				t.Errorf("%s: variable %s: %v", d.File, v.Name, err)
			}
		}
	}
}

func TestLegendsNameLabelsThatTheQueryKeeps(t *testing.T) {
	label := regexp.MustCompile(`\{\{(\w+)\}\}`)
	series := exposed(t)
	for _, d := range all(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, l := range label.FindAllStringSubmatch(q.Legend, -1) {
					for _, err := range check(series, resolved.Replace("max by ("+l[1]+") ("+q.Expr+")")) {
						t.Errorf("%s, %q: legend: %v", d.File, p.Title, err)
					}
				}
			}
		}
	}
}

// TestNoSeriesIsCalledValue: Grafana calls a series by that name if all labels of its legend are empty, and these two may be.
func TestNoSeriesIsCalledValue(t *testing.T) {
	for _, d := range all(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, l := range []string{"field", "cause"} {
					shown := strings.Contains(q.Legend, "{{"+l+"}}") || p.Type == "table" && strings.Contains(q.Expr, l+")")
					if named := regexp.MustCompile(`label_replace\(.+, "` + l + `", "[^"]+", "` + l + `", ""\)`); shown && !named.MatchString(q.Expr) {
						t.Errorf("%s, %q: the label %s may be empty: %s", d.File, p.Title, l, q.Expr)
					}
				}
			}
		}
	}
}

func TestFetchesThatWaitAreNoLoad(t *testing.T) {
	asked := 0
	for _, d := range all(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if strings.Contains(q.Expr, "crosscheck_source_seconds") {
					if asked++; !strings.Contains(q.Expr, `query!="fetch"`) {
						t.Errorf("%s, %q: %s", d.File, p.Title, q.Expr)
					}
				}
			}
		}
	}
	if asked == 0 {
		t.Error("no panel shows the load")
	}
}

func TestEveryRuleIsAboutWhatIsExposed(t *testing.T) {
	series := exposed(t)
	for _, r := range rules(t) {
		for _, err := range check(series, r.Expr) {
			t.Errorf("%s%s: %v", r.Record, r.Alert, err)
		}
		if r.Record != "" { // later rules may use it, with the labels of what it is made of
			var labels []string
			for _, l := range series {
				labels = append(labels, l...)
			}
			series[r.Record] = labels
		}
	}
}

func TestACheckFindsWhatIsWrong(t *testing.T) {
	series := exposed(t)
	for query, problem := range map[string]string{
		`max(crosscheck_open_divergence)`:                           "exposes no",
		`crosscheck_open_divergences{cuase="x"}`:                    `no label "cuase"`,
		`sum by (partition) (crosscheck_open_divergences)`:          `has the label "partition"`,
		`sum by (hop (crosscheck_open_divergences)`:                 "parse error",
		`crosscheck_suspects * on (hop) crosscheck_suspects`:        `has the label "hop"`,
		`rate(crosscheck_pass_duration_seconds[5m])`:                "exposes no",
		`sum without (le) (crosscheck_pass_duration_seconds_count)`: `has the label "le"`,
	} {
		errs := check(series, query)
		if len(errs) == 0 || !strings.Contains(fmt.Sprint(errs), problem) {
			t.Errorf("%s: %v, want %q", query, errs, problem)
		}
	}
	if errs := check(series, `max by (hop) (crosscheck_open_divergences{job="x"})`); len(errs) > 0 {
		t.Errorf("a good query was refused: %v", errs)
	}
}
