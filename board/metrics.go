package board

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/metrics"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Metrics returns the board for /metrics.
func (b Board) Metrics() metrics.Snapshot {
	m := metrics.Snapshot{Suspects: b.Suspects, Open: openSeries(b.Open), Accepted: b.Accepted}
	m.AlertsPending, m.CutoverStep = b.AlertsPending, b.Cutover.metrics()
	for _, o := range b.Open {
		m.OldestDivergenceAge = max(m.OldestDivergenceAge, b.At.Sub(o.Oldest))
	}
	for _, k := range b.Kinds {
		m.Passes = append(m.Passes, k.metrics())
	}
	m.Throttled = b.throttled()
	if b.Fingerprint != "" {
		b.streamMetrics(&m)
	}
	if b.NoDecision == nil {
		b.judgedMetrics(&m)
		judgedParts(&m, b.Evidence)
	}
	return m
}

// throttled has a series for each limit of each side.
func (b Board) throttled() (out []metrics.Throttled) {
	now := map[[2]string]bool{}
	for _, k := range b.Kinds {
		if k.Newest != nil {
			for _, s := range k.Newest.Slowed {
				now[[2]string{s.Side, string(s.Reason)}] = true
			}
		}
	}
	for _, side := range b.Settings.Sides {
		for _, reason := range b.Settings.Throttle {
			is := [2]string{string(side), string(reason)}
			out = append(out, metrics.Throttled{Side: is[0], Reason: is[1], Now: now[is]})
		}
	}
	return out
}

func (k Kind) metrics() metrics.Pass {
	p := metrics.Pass{Pass: string(k.Kind), LastSuccess: k.LastSuccess, Coverage: -1, Overdue: k.Overdue, Failures: -1}
	if k.Kind != verify.StreamPass { // each stop of a sidecar breaks one off
		p.Failures = k.Failures
	}
	// A pass of the stream breaks off whenever a sidecar stops, and the next one goes on with its orders. No coverage
	// is lost.
	if k.Newest != nil && k.Newest.State == verify.Done && k.Kind != verify.StreamPass {
		p.Coverage = k.Newest.Scan.Coverage
	}
	p.Unscheduled = k.Kind != verify.StreamPass && k.Schedule == nil
	if k.Schedule != nil {
		p.Interval = k.Every
	}
	return p
}

// openSeries has a series for every kind, so that a series does not vanish when its last divergence is resolved.
func openSeries(open []gate.OpenDivergences) []metrics.OpenDivergences {
	var out []metrics.OpenDivergences
	seen := map[string]bool{}
	for _, o := range open {
		out = append(out, metrics.OpenDivergences{Hop: string(o.Hop), Kind: o.Kind, Cause: o.Cause, Count: o.Count})
		seen[o.Kind] = true
	}
	for _, kind := range compare.Kinds() {
		if !seen[string(kind)] {
			out = append(out, metrics.OpenDivergences{Hop: string(order.LegacyToProjection), Kind: string(kind)})
		}
	}
	return out
}

// streamMetrics adds what the follower of the stream knows. A follower that has written nothing for a while does not
// follow any more. Then its lag is not known, and the check is overdue.
func (b Board) streamMetrics(m *metrics.Snapshot) {
	if b.Settings.Stream {
		m.StreamLastLook = new(time.Time{}) // a follower that never began must be reported too
	}
	e := b.Stream.Evidence
	if e == nil {
		return
	}
	if b.Settings.Stream { // if it was removed, no look is missing
		m.StreamLastLook = &e.At
	}
	if !b.Stream.Stopped.IsZero() {
		markOverdue(m, verify.StreamPass)
		return
	}
	for _, partition := range slices.Sorted(maps.Keys(b.Stream.Lag)) {
		m.StreamLag = append(m.StreamLag, metrics.StreamLag{Partition: strconv.Itoa(partition), Messages: b.Stream.Lag[partition]})
	}
	m.StreamWaiting, m.StreamBeforeStore = new(float64), &e.BeforeStore
	if e.WaitingFor != "" {
		*m.StreamWaiting = max(0, b.At.Sub(e.WaitingSince).Seconds())
	}
	if e.Stored > 0 {
		m.Completeness = append(m.Completeness, metrics.Completeness{
			Hop: string(order.EventsToStream), Ratio: float64(e.Seen) / float64(e.Stored),
		})
	}
}

func markOverdue(m *metrics.Snapshot, kind verify.PassKind) {
	i := slices.IndexFunc(m.Passes, func(p metrics.Pass) bool { return p.Pass == string(kind) })
	if i < 0 {
		m.Passes = append(m.Passes, metrics.Pass{Pass: string(kind), Coverage: -1, Failures: -1})
		i = len(m.Passes) - 1
	}
	m.Passes[i].Overdue = true
}

// judgedMetrics adds what needs identified databases: the decision, the bound and the counts. If the databases cannot
// be identified, these are absent.
func (b Board) judgedMetrics(m *metrics.Snapshot) {
	evidence := b.Evidence
	if lag := evidence.Lag; lag != nil {
		seconds, events := lag.Behind.Seconds(), float64(lag.Events)
		m.ProjectionLagSeconds, m.ProjectionLagEvents = &seconds, &events
	}
	if e := evidence.Events; e != nil && e.Legacy > 0 {
		m.Completeness = append(m.Completeness, metrics.Completeness{
			Hop: string(order.LegacyToEvents), Ratio: float64(e.WithEvents) / float64(e.Legacy),
		})
	}
	m.Gate = &metrics.Gate{Decision: string(b.Decision.Decision)}
	for _, c := range b.Decision.Criteria {
		m.Gate.Criteria = append(m.Gate.Criteria, metrics.Criterion{Name: c.Name, Verdict: string(c.Verdict)})
	}
	if evidence.Sampling.Orders > 0 {
		confidence := b.Settings.Policy.Criteria.SampleBound.Confidence
		m.SampleBound = &metrics.SampleBound{
			Confidence: strconv.FormatFloat(confidence, 'g', -1, 64),
			Ratio:      gate.BoundOf(evidence.Sampling, confidence).Upper,
		}
	}
	if w := evidence.Verified; w != nil {
		m.VerifiedThrough = &w.Through
	}
	if counted := evidence.Counting(); counted != nil {
		for _, g := range counted.Counts {
			m.Orders = append(m.Orders,
				metrics.Orders{Representation: string(order.Legacy), Status: g.Group, Count: g.Legacy},
				metrics.Orders{Representation: string(order.Projection), Status: g.Group, Count: g.Projection})
		}
	}
}

// judgedParts adds what is known about parts of the orders: each status and age, and legacy's recorded changes.
func judgedParts(m *metrics.Snapshot, e gate.Evidence) {
	if c := e.Changes; c != nil && c.Changes > 0 {
		m.ChangeCompleteness = append(m.ChangeCompleteness, metrics.Completeness{
			Hop: string(order.LegacyToEvents), Ratio: float64(c.WithEvents) / float64(c.Changes),
		})
	}
	if counted := e.Counting(); counted != nil {
		for _, s := range counted.Strata {
			m.Coverage = append(m.Coverage, metrics.Coverage{Status: s.Group, Age: s.Age, Ratio: s.Share()})
		}
	}
}
