package metrics

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// cacheFor is how long one reading of the ledger serves all scrapes.
	cacheFor = 5 * time.Second
	// readTimeout ends a reading of the ledger, well within Prometheus' default scrape timeout of 10 s.
	readTimeout = 4 * time.Second
	// staleAfter is the age from which a reading is not shown, even if there is no newer one.
	staleAfter = 2 * cacheFor
	// maxStatuses limits the label status of each representation, because it comes from a database and could be
	// anything.
	maxStatuses = 50
)

// Snapshot is what the ledger says at one instant, in plain values.
type Snapshot struct {
	Orders []Orders
	// Open must also hold groups with no open divergence, so that their series do not vanish.
	Open []OpenDivergences
	// Accepted is how many divergences are accepted; they are not open.
	Accepted int64
	// OldestDivergenceAge is 0 if none is open.
	OldestDivergenceAge time.Duration
	Suspects            int64 // waiting for their recheck
	Passes              []Pass
	SampleBound         *SampleBound // nil without samples
	Gate                *Gate        // nil if it could not be asked

	// Optional series are absent while this is nil.
	Optional
}

// Orders is the number of orders with one status in one representation, as last counted.
type Orders struct {
	Representation, Status string
	Count                  int64
}

// OpenDivergences is the number of open divergences of one group.
type OpenDivergences struct {
	Hop, Kind, Cause string
	Count            int64
}

// Pass is what the ledger knows of one kind of pass.
type Pass struct {
	Pass string
	// LastSuccess is when the newest pass that judged everything finished; zero if there is none.
	LastSuccess time.Time
	// Coverage is the coverage of the newest finished pass; negative if none has finished.
	Coverage float64
	// Failures is how many passes in a row were unverified after the last success; negative if that says nothing.
	Failures int64
	// Overdue is true if a scheduled pass was missed, or runs longer than its schedule allows.
	Overdue bool
	// Unscheduled is true if the pass is only made by hand. Then it cannot be overdue, and there is no series for that.
	Unscheduled bool
	Interval    time.Duration // between two scheduled passes; 0 if that is not known, and then there is no series
}

// SampleBound is the anytime-valid upper bound of the share of bad orders.
type SampleBound struct {
	Confidence string // "0.95", as in the configuration
	Ratio      float64
}

// Gate is the current decision.
type Gate struct {
	Decision string
	Criteria []Criterion
}

// Criterion is the verdict of one criterion.
type Criterion struct{ Name, Verdict string }

// The values that the gate can have. Each is a series of 0 or 1, so that a change is a step and not a gap.
var (
	decisions = []string{"GO", "NO-GO", "INCONCLUSIVE"}
	verdicts  = []string{"pass", "fail", "inconclusive", "error"}
)

// ledgerCollector exposes the newest reading of the ledger, and nothing older than one scrape.
type ledgerCollector struct {
	read func(context.Context) (Snapshot, error)

	mu       sync.Mutex // held while reading: scrapes at the same time share one reading
	snapshot Snapshot
	readOK   bool
	readAt   time.Time // when the reading ended, well or not; zero before the first
}

func newLedgerCollector(read func(context.Context) (Snapshot, error)) *ledgerCollector {
	return &ledgerCollector{read: read}
}

// refresh reads the ledger unless it was just read.
func (c *ledgerCollector) refresh(ctx context.Context) {
	if c.read == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readAt.IsZero() && time.Since(c.readAt) < cacheFor {
		return
	}
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	snapshot, err := c.read(reading)
	if err != nil && ctx.Err() != nil {
		return // the scraper went away, which says nothing about the ledger
	}
	c.snapshot, c.readOK, c.readAt = snapshot, err == nil, time.Now()
}

// current returns the reading of this scrape; false if it failed or is not fresh enough.
func (c *ledgerCollector) current() (Snapshot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readOK || time.Since(c.readAt) > staleAfter {
		return Snapshot{}, false
	}
	return c.snapshot, true
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("crosscheck_"+name, help, labels, nil)
}

var (
	ledgerUp    = gauge("ledger_up", "1 when the ledger could be read for this scrape, else 0; then all gauges that come from it are absent.")
	orders      = gauge("orders", "Orders of a representation by status, as last counted by a full pass.", "representation", "status")
	open        = gauge("open_divergences", "Divergences that are open.", "hop", "kind", "cause")
	accepted    = gauge("accepted_divergences", "Divergences that somebody has accepted until a set time; they do not count as open.")
	oldest      = gauge("oldest_divergence_age_seconds", "Time since the oldest open divergence was first seen; 0 when none is open.")
	suspects    = gauge("suspects", "Orders with a mismatch that may still be lag, waiting for their recheck.")
	lastSuccess = gauge("pass_last_success_timestamp_seconds", "When the newest pass ended that judged every order it had to judge, whatever it found.", "pass")
	coverage    = gauge("pass_coverage_ratio", "Share of its orders that the newest finished pass compared.", "pass")
	failures    = gauge("pass_consecutive_failures", "Passes in a row that could not judge everything, after the last one that could.", "pass")
	overdue     = gauge("pass_overdue", "1 when a scheduled pass was missed or overruns, else 0; absent where a pass has no schedule.", "pass")
	bound       = gauge("sample_bound_ratio", "Upper bound on the share of bad orders, proven by the samples; valid however often you look.", "confidence")
	decision    = gauge("gate_decision", "1 for what the gate says now, 0 for the other decisions.", "decision")
	criterion   = gauge("gate_criterion", "1 for what a criterion of the gate says now, 0 for the other verdicts.", "criterion", "verdict")
)

// Describe lists the gauges that come from the ledger.
func (c *ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ledgerUp, orders, open, accepted, oldest, suspects, lastSuccess, coverage, failures, overdue, bound, decision, criterion} {
		ch <- d
	}
	describeOptional(ch)
}

// Collect emits the gauges of the newest reading.
func (c *ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	s, ok := c.current()
	e := emitter{ch: ch, sums: map[string]*series{}}
	e.add(ledgerUp, truth(ok))
	if ok {
		e.snapshot(s)
	}
	e.flush()
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// emitter adds up values of the same series before it sends them, because a duplicate series makes the whole scrape
// fail.
type emitter struct {
	ch    chan<- prometheus.Metric
	sums  map[string]*series // description and labels → value
	order []*series
}

type series struct {
	desc   *prometheus.Desc
	labels []string
	value  float64
}

func (e *emitter) add(desc *prometheus.Desc, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	id := desc.String() + "\x00" + strings.Join(labels, "\x00")
	if s := e.sums[id]; s != nil {
		s.value += value
		return
	}
	s := &series{desc, labels, value}
	e.sums[id] = s
	e.order = append(e.order, s)
}

func (e *emitter) flush() {
	for _, s := range e.order {
		m, err := prometheus.NewConstMetric(s.desc, prometheus.GaugeValue, s.value, s.labels...)
		if err != nil {
			m = prometheus.NewInvalidMetric(s.desc, err)
		}
		e.ch <- m
	}
}

func (e *emitter) snapshot(s Snapshot) {
	e.orders(s.Orders)
	for _, o := range s.Open {
		e.add(open, float64(o.Count), o.Hop, o.Kind, o.Cause)
	}
	e.add(accepted, float64(s.Accepted))
	e.optional(s.Optional)
	e.add(oldest, s.OldestDivergenceAge.Seconds())
	e.add(suspects, float64(s.Suspects))
	for _, p := range s.Passes {
		if !p.LastSuccess.IsZero() {
			e.add(lastSuccess, float64(p.LastSuccess.UnixMilli())/1000, p.Pass)
		}
		if p.Coverage >= 0 {
			e.add(coverage, p.Coverage, p.Pass)
		}
		if p.Failures >= 0 {
			e.add(failures, float64(p.Failures), p.Pass)
		}
		if p.Interval > 0 {
			e.add(passInterval, p.Interval.Seconds(), p.Pass)
		}
		if !p.Unscheduled {
			e.add(overdue, truth(p.Overdue), p.Pass)
		}
	}
	if b := s.SampleBound; b != nil {
		e.add(bound, b.Ratio, b.Confidence)
	}
	if g := s.Gate; g != nil {
		e.oneOf(decision, decisions, g.Decision)
		for _, c := range g.Criteria {
			e.oneOf(criterion, verdicts, c.Verdict, c.Name)
		}
	}
}

// orders emits the counts. Statuses beyond the limit of a representation are summed as "other".
func (e *emitter) orders(list []Orders) {
	statuses := map[string]int{} // representation → statuses emitted
	for _, o := range list {
		status := o.Status
		if status == "" {
			status = "(none)" // an empty label is the same as no label
		}
		if statuses[o.Representation]++; statuses[o.Representation] > maxStatuses {
			status = "other"
		}
		e.add(orders, float64(o.Count), o.Representation, status)
	}
}

// oneOf emits 1 for the value that holds and 0 for the others. The fixed labels come first.
func (e *emitter) oneOf(desc *prometheus.Desc, known []string, value string, fixed ...string) {
	for _, k := range known {
		if k != value {
			e.add(desc, 0, append(append([]string{}, fixed...), k)...)
		}
	}
	e.add(desc, 1, append(append([]string{}, fixed...), value)...)
}
