package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/metrics"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// overdueAfter is how long a scheduled pass may be late before it counts as overdue.
const overdueAfter = 2 * time.Minute

// shownPasses is how many passes the status page lists.
const shownPasses = 20

// ledgerStatus reads everything that is shown from the ledger, so that it is true right after a restart and the same
// on every replica.
type ledgerStatus struct {
	ledger *ledger.Ledger
	config *config.Config
	// fingerprint is of the databases as they are now; an error means that they cannot be asked.
	fingerprint func(context.Context) (string, error)
	lag         lagMeter
	started     time.Time // of following, by this process; zero where that is not known
}

var _ web.Source = (*ledgerStatus)(nil)

func (s *ledgerStatus) decision(ctx context.Context, now time.Time) (gate.Decision, error) {
	fingerprint, err := s.fingerprint(ctx)
	if err != nil {
		return gate.Decision{}, fmt.Errorf("identifying the databases: %w", err)
	}
	d, _, err := decide(ctx, s.ledger, s.config, fingerprint, s.lag, now)
	return d, err
}

// Status is the page's and the API's content.
func (s *ledgerStatus) Status(ctx context.Context) (web.Status, error) {
	now := time.Now()
	status := web.Status{At: now.UTC(), Version: version, Revision: revision()}
	var err error
	if status.Decision, err = s.decision(ctx, now); err != nil {
		// A side that is down must not hide what the ledger knows.
		status.Decision = gate.Decision{Decision: gate.Undecided, At: now.UTC(), Criteria: []gate.Result{{
			Name: "databases", Verdict: gate.Errored, Reason: err.Error(),
		}}}
	}
	passes, err := s.ledger.Passes(ctx, shownPasses)
	if err != nil {
		return status, err
	}
	for _, p := range passes {
		status.Passes = append(status.Passes, webPass(p, now))
	}
	if err := s.divergences(ctx, &status, status.Decision.Fingerprint, now); err != nil {
		return status, err
	}
	if status.Suspects, err = s.ledger.SuspectCount(ctx); err != nil {
		return status, err
	}
	kinds, err := s.ledger.Kinds(ctx)
	if err != nil {
		return status, err
	}
	for _, k := range kinds {
		if schedule, ok := s.schedule(k, now); ok {
			status.Schedule = append(status.Schedule, schedule)
		}
	}
	return status, nil
}

// divergences are those under the present fingerprint; all of them while it cannot be told.
func (s *ledgerStatus) divergences(ctx context.Context, status *web.Status, fingerprint string, now time.Time) error {
	open, err := s.ledger.OpenCounts(ctx, fingerprint)
	if err != nil {
		return err
	}
	for _, o := range open {
		status.Open += o.Count
	}
	if _, status.Accepted, err = s.ledger.AcceptedDivergences(ctx, fingerprint, 0); err != nil {
		return err
	}
	found, err := s.ledger.OpenDivergences(ctx, fingerprint, web.MaxDivergences)
	if err != nil {
		return err
	}
	for _, d := range found {
		status.Divergences = append(status.Divergences, webDivergence(d, now))
	}
	return nil
}

func webPass(p verify.Pass, now time.Time) web.Pass {
	w := web.Pass{
		ID: int64(p.ID), Pass: string(p.Kind), State: string(p.State), Trigger: p.Trigger, StartedAt: p.StartedAt,
		DurationSeconds: now.Sub(p.StartedAt).Seconds(), Compared: p.Scan.Compared, Coverage: p.Scan.Coverage,
	}
	if p.State == verify.Done {
		w.Verdict = string(p.Result.Verdict)
		if p.Result.Verdict != compare.Diverged { // the page says itself how many have
			w.Reason = p.Result.Reason
		}
		w.Diverged, w.Unverified = p.Result.Diverged, p.Result.Unverified
		w.FinishedAt, w.DurationSeconds = &p.FinishedAt, p.FinishedAt.Sub(p.StartedAt).Seconds()
	}
	return w
}

// cron is the configured schedule of a kind of pass.
func (s *ledgerStatus) cron(kind verify.PassKind) config.Schedule {
	switch kind {
	case verify.Sample:
		return s.config.Sampler.Schedule
	case verify.Full:
		return s.config.Sampler.Full
	case verify.StreamPass: // never ends, and so is never due
		return config.Schedule{}
	}
	return config.Schedule{}
}

func (s *ledgerStatus) schedule(k ledger.KindStatus, now time.Time) (web.Schedule, bool) {
	cron := s.cron(k.Kind)
	if cron.Off() {
		return web.Schedule{}, false
	}
	w := web.Schedule{Pass: string(k.Kind), Cron: cron.String(), Overdue: k.Overdue(now, overdueAfter)}
	if !k.NextDue.IsZero() {
		w.Next = &k.NextDue
	}
	if w.Overdue {
		w.Reason = fmt.Sprintf("the run due at %s has not begun", k.NextDue.UTC().Format(time.DateTime))
	}
	return w, true
}

// snapshot is the same for /metrics.
func (s *ledgerStatus) snapshot(ctx context.Context) (metrics.Snapshot, error) {
	now := time.Now()
	m := metrics.Snapshot{}
	var err error
	if m.Suspects, err = s.ledger.SuspectCount(ctx); err != nil {
		return m, err
	}
	if err := s.alerts(ctx, &m); err != nil {
		return m, err
	}
	fingerprint, identifying := s.fingerprint(ctx)
	open, err := s.ledger.OpenCounts(ctx, fingerprint) // under any, while the databases cannot be identified
	if err != nil {
		return m, err
	}
	m.Open = openSeries(open)
	if _, m.Accepted, err = s.ledger.AcceptedDivergences(ctx, fingerprint, 0); err != nil {
		return m, err
	}
	for _, o := range open {
		m.OldestDivergenceAge = max(m.OldestDivergenceAge, now.Sub(o.Oldest))
	}
	if err := s.passes(ctx, &m, now); err != nil {
		return m, err
	}
	if identifying == nil {
		if err := s.stream(ctx, &m, fingerprint, now); err != nil {
			return m, err
		}
		s.judged(ctx, &m, fingerprint, now)
	}
	return m, nil
}

// stream adds what the follower of the stream knows. One that has written nothing for a while does not follow any more: its
// lag is not known then, and the check is overdue.
func (s *ledgerStatus) stream(ctx context.Context, m *metrics.Snapshot, fingerprint string, now time.Time) error {
	e, lag, err := s.ledger.StreamEvidence(ctx, fingerprint)
	if err != nil {
		return err
	}
	if s.config.Stream.Given() {
		m.StreamLastLook = new(time.Time{}) // a follower that never began must be told of, too
	}
	if e == nil {
		return nil
	}
	if s.config.Stream.Given() { // where it is not any more, nobody is to look
		m.StreamLastLook = &e.At
	}
	if _, stopped := streamStopped(e, s.started, now, s.config.Compare.Settle.Window); stopped {
		markOverdue(m, verify.StreamPass)
		return nil
	}
	for _, partition := range slices.Sorted(maps.Keys(lag)) {
		m.StreamLag = append(m.StreamLag, metrics.StreamLag{Partition: strconv.Itoa(partition), Messages: lag[partition]})
	}
	if e.Stored > 0 {
		m.Completeness = append(m.Completeness, metrics.Completeness{
			Hop: string(compare.EventsToStream), Ratio: float64(e.Seen) / float64(e.Stored),
		})
	}
	return nil
}

func markOverdue(m *metrics.Snapshot, kind verify.PassKind) {
	i := slices.IndexFunc(m.Passes, func(p metrics.Pass) bool { return p.Pass == string(kind) })
	if i < 0 {
		m.Passes = append(m.Passes, metrics.Pass{Pass: string(kind), Coverage: -1})
		i = len(m.Passes) - 1
	}
	m.Passes[i].Overdue = true
}

// openSeries has a series for every kind, so that none vanishes when its last divergence is resolved.
func openSeries(open []gate.OpenDivergences) []metrics.OpenDivergences {
	var out []metrics.OpenDivergences
	seen := map[string]bool{}
	for _, o := range open {
		out = append(out, metrics.OpenDivergences{Hop: o.Hop, Kind: o.Kind, Cause: o.Cause, Count: o.Count})
		seen[o.Kind] = true
	}
	for _, kind := range compare.Kinds() {
		if !seen[string(kind)] {
			out = append(out, metrics.OpenDivergences{Hop: string(compare.LegacyToProjection), Kind: string(kind)})
		}
	}
	return out
}

func (s *ledgerStatus) passes(ctx context.Context, m *metrics.Snapshot, now time.Time) error {
	kinds, err := s.ledger.Kinds(ctx)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		p := metrics.Pass{Pass: string(k.Kind), LastSuccess: k.LastSuccess, Coverage: -1}
		// A pass of the stream breaks off whenever a sidecar stops, and the next goes on with its orders: no loss of coverage.
		if k.Newest != nil && k.Newest.State == verify.Done && k.Kind != verify.StreamPass {
			p.Coverage = k.Newest.Scan.Coverage
		}
		p.Overdue = !s.cron(k.Kind).Off() && k.Overdue(now, overdueAfter)
		p.Unscheduled = (k.Kind == verify.Sample || k.Kind == verify.Full) && s.cron(k.Kind).Off()
		m.Passes = append(m.Passes, p)
	}
	return nil
}

// judged adds what depends on the databases being known: the decision, the bound and the counts. Where they cannot
// be asked, these are absent.
func (s *ledgerStatus) judged(ctx context.Context, m *metrics.Snapshot, fingerprint string, now time.Time) {
	d, evidence, err := decide(ctx, s.ledger, s.config, fingerprint, s.lag, now)
	if err != nil {
		return
	}
	if lag := evidence.Lag; lag != nil {
		seconds, events := lag.Behind.Seconds(), float64(lag.Events)
		m.ProjectionLagSeconds, m.ProjectionLagEvents = &seconds, &events
	}
	if e := evidence.Events; e != nil && e.Legacy > 0 {
		m.Completeness = append(m.Completeness, metrics.Completeness{
			Hop: string(compare.LegacyToEvents), Ratio: float64(e.WithEvents) / float64(e.Legacy),
		})
	}
	judgedParts(m, evidence)
	m.Gate = &metrics.Gate{Decision: string(d.Decision)}
	for _, c := range d.Criteria {
		m.Gate.Criteria = append(m.Gate.Criteria, metrics.Criterion{Name: c.Name, Verdict: string(c.Verdict)})
	}
	if evidence.Sampling.Orders > 0 {
		confidence := s.config.Gate.Criteria.SampleBound.Confidence
		m.SampleBound = &metrics.SampleBound{
			Confidence: strconv.FormatFloat(confidence, 'g', -1, 64),
			Ratio:      gate.BoundOf(evidence.Sampling, confidence).Upper,
		}
	}
	if evidence.Full != nil {
		for _, g := range evidence.Full.Counts {
			m.Orders = append(m.Orders,
				metrics.Orders{Representation: "legacy", Status: g.Group, Count: g.Legacy},
				metrics.Orders{Representation: "projection", Status: g.Group, Count: g.Projection})
		}
	}
}

// judgedParts adds what is known of parts of the orders: those of one status and age, and legacy's recorded changes.
func judgedParts(m *metrics.Snapshot, e gate.Evidence) {
	if c := e.Changes; c != nil && c.Changes > 0 {
		m.ChangeCompleteness = append(m.ChangeCompleteness, metrics.Completeness{
			Hop: string(compare.LegacyToEvents), Ratio: float64(c.WithEvents) / float64(c.Changes),
		})
	}
	if e.Full != nil {
		for _, s := range e.Full.Strata {
			m.Coverage = append(m.Coverage, metrics.Coverage{Status: s.Group, Age: s.Age, Ratio: s.Share()})
		}
	}
}

// streamStoppedAfter is how long the follower of the stream may write nothing down. It looks at the broker each time that a
// settle window has passed, and writes that down though it found nothing.
func streamStoppedAfter(window time.Duration) time.Duration { return max(5*window, time.Minute) }

// streamStopped tells whether the stream is followed no more, and since when: the follower's last successful look is e.At,
// by any sidecar. Where nothing was ever followed, e is nil, it has stopped when this process had the time to begin.
func streamStopped(e *gate.StreamEvidence, started, now time.Time, window time.Duration) (since time.Time, stopped bool) {
	if e != nil {
		started = e.At
	}
	return started, !started.IsZero() && now.Sub(started) > streamStoppedAfter(window)
}
