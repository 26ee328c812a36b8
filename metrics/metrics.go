// Package metrics holds every metric that crosscheck exposes, on a registry of its own. It is the only package that
// uses the Prometheus client.
//
// Invariant: gauges are never remembered. They are read from the ledger at each scrape, so they are right after a
// restart and on any replica. If the ledger cannot be read they are absent, and crosscheck_ledger_up is 0. Only
// counters and histograms live in the process. No label ever holds an order's key.
package metrics

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what the metrics are made from.
type Options struct {
	Version, Revision, Go string // for crosscheck_build_info
	System, Environment   string // which system is compared, for crosscheck_system_info; may be empty
	// Pair is the label of everything that is about one of several pairs of tables; empty for one that is alone, which has no such label.
	// Then what is about the process is left to [Together].
	Pair string
	// Passes are the kinds of pass whose counters start at 0 instead of with the first pass.
	Passes []string
	// Read reads the gauges. It must return when its context ends. Several goroutines may call it, but never two at
	// once. Nil means that there is no ledger: its gauges stay absent.
	Read func(context.Context) (Snapshot, error)
}

// Metrics holds everything that is measured. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	ledger   *ledgerCollector

	compared      *prometheus.CounterVec
	mismatches    *prometheus.CounterVec
	passSeconds   *prometheus.HistogramVec
	readSeconds   *prometheus.HistogramVec
	queries       *prometheus.CounterVec
	sourceSeconds *prometheus.HistogramVec
	waitSeconds   *prometheus.CounterVec
}

// New builds and registers all metrics on a registry of their own.
func New(o Options) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		ledger:   newLedgerCollector(o.Read),
		compared: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosscheck_compared_orders_total", Help: "Orders compared, by kind of pass.",
		}, []string{"pass"}),
		mismatches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosscheck_mismatches_total",
			Help: "Mismatches seen by passes, including lag; field is empty if the order is missing on one side or has several rows.",
		}, []string{"pass", "hop", "kind", "field"}),
		passSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crosscheck_pass_duration_seconds", Help: "Time from the start of a pass to its verdict, including the wait for suspects to settle.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}, []string{"pass"}),
		readSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crosscheck_read_seconds", Help: "Time in which one side answered a query of reads.",
			Buckets: readBuckets,
		}, []string{"side", "query"}),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosscheck_source_queries_total", Help: "Queries that crosscheck has sent to one side, as a measure of its load.",
		}, []string{"side", "query"}),
		sourceSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crosscheck_source_seconds", Help: "Time that one side was busy with a query of crosscheck, as a measure of its load.",
			Buckets: readBuckets,
		}, []string{"side", "query"}),
		waitSeconds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosscheck_throttle_wait_seconds_total", Help: "Time that passes have waited because of a limit of throttle.",
		}, []string{"side", "reason"}),
	}
	system := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "crosscheck_system_info", Help: "Always 1; the labels are the name and environment of the compared system, from the configuration.",
		ConstLabels: prometheus.Labels{"name": o.System, "environment": o.Environment},
	}, func() float64 { return 1 })
	var labelled prometheus.Registerer = m.registry
	if o.Pair == "" {
		m.registry.MustRegister(process(o)...)
	} else {
		labelled = prometheus.WrapRegistererWith(prometheus.Labels{"pair": o.Pair}, m.registry)
	}
	labelled.MustRegister(system, m.ledger, m.compared, m.mismatches, m.passSeconds, m.readSeconds, m.queries, m.sourceSeconds, m.waitSeconds)
	for _, pass := range o.Passes {
		m.compared.WithLabelValues(pass)
		m.passSeconds.WithLabelValues(pass)
	}
	return m
}

var readBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// ObservePass counts a finished pass.
func (m *Metrics) ObservePass(pass string, took time.Duration, compared int64) {
	m.passSeconds.WithLabelValues(pass).Observe(took.Seconds())
	m.compared.WithLabelValues(pass).Add(float64(max(compared, 0)))
}

// ObserveMismatch counts one mismatch in one field. The field is empty if none can be named.
func (m *Metrics) ObserveMismatch(pass, hop, kind, field string) {
	m.mismatches.WithLabelValues(pass, hop, kind, field).Inc()
}

// ObserveRead measures one answer to a query of both read paths.
func (m *Metrics) ObserveRead(side, query string, took time.Duration) {
	m.readSeconds.WithLabelValues(side, query).Observe(took.Seconds())
}

// ObserveQuery counts and measures one query that a side has answered or refused.
func (m *Metrics) ObserveQuery(side, query string, took time.Duration) {
	m.queries.WithLabelValues(side, query).Inc()
	m.sourceSeconds.WithLabelValues(side, query).Observe(took.Seconds())
}

// ObserveWait counts the time of a pause that a limit asked for.
func (m *Metrics) ObserveWait(side, reason string, took time.Duration) {
	m.waitSeconds.WithLabelValues(side, reason).Add(max(took, 0).Seconds())
}

// process is what is measured of the process.
func process(o Options) []prometheus.Collector {
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "crosscheck_build_info", Help: "Always 1; the labels name the running version.",
		ConstLabels: prometheus.Labels{"version": o.Version, "revision": o.Revision, "go": o.Go},
	}, func() float64 { return 1 })
	return []prometheus.Collector{build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
}

// Handler serves a scrape. It reads the ledger first, within the scrape's own context. However many scrapers there are,
// it reads at most once in [cacheFor].
func (m *Metrics) Handler() http.Handler { return serving(m.registry, m.registry, []*Metrics{m}) }

// Together serves the metrics of several pairs of tables at one address, with those of the process, which the options name.
func Together(o Options, pairs []*Metrics) http.Handler {
	own := prometheus.NewRegistry()
	own.MustRegister(process(o)...)
	all := prometheus.Gatherers{own}
	for _, m := range pairs {
		all = append(all, m.registry)
	}
	return serving(own, all, pairs)
}

// serving reads the ledgers, all at the same time, and gathers what there is. Errors are counted on a registry.
func serving(own prometheus.Registerer, all prometheus.Gatherer, of []*Metrics) http.Handler {
	serve := promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // one bad series must not hide the others
		Registry:      own,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for _, m := range of {
			wg.Go(func() { m.ledger.refresh(r.Context()) })
		}
		wg.Wait()
		serve.ServeHTTP(w, r)
	})
}
