package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

const (
	// trendFor is how long one reading of the trend is shown, and trendBounds how many bounds it has.
	trendFor, trendBounds = 10 * time.Second, 60
	// lagEvery is the time between two points of the lag, and lagPoints how many are kept: two hours.
	lagEvery, lagPoints = 10 * time.Second, 720
)

// page gathers what the page and the API show.
type page struct {
	known   board.Sources
	values  bool // may be shown
	ledger  board.Reported
	running *running
	lags    *lags

	mu    sync.Mutex
	trend []web.TrendPoint
	under string    // the fingerprint of the trend
	at    time.Time // when it was read
}

func newPage(s *sidecar, known board.Sources, seen *lags) *page {
	return &page{known: known, values: s.config.Web.ShowValues, ledger: s.ledger, running: &s.running, lags: seen}
}

// Status implements [web.Source].
func (p *page) Status(ctx context.Context) (web.Status, error) {
	now := time.Now()
	b, err := p.known.Gather(ctx, now, board.Lists)
	if err != nil {
		return web.Status{}, err
	}
	if !p.values {
		b = b.WithoutValues()
	}
	status := web.NewStatus(b)
	status.Version, status.Revision, status.Running = version, revision(), p.running.of(b.Passes)
	limit := b.Settings.Policy.Criteria.SampleBound
	status.Trend = web.Trend{Limit: limit.MaxRatio, Lag: p.lags.all(), Lags: b.Evidence.Lag != nil}
	status.Trend.Points, err = p.points(ctx, limit, b.Fingerprint, now)
	return status, err
}

// points are read seldom: they change with a pass, and computing the bounds takes its time.
func (p *page) points(ctx context.Context, bound gate.SampleBoundCriterion, fingerprint string, now time.Time) ([]web.TrendPoint, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fingerprint == "" || fingerprint == p.under && now.Sub(p.at) < trendFor {
		return p.trend, nil
	}
	points, err := board.GatherTrend(ctx, p.ledger, bound, fingerprint, trendBounds)
	if err != nil {
		return nil, err
	}
	p.trend, p.under, p.at = nil, fingerprint, now
	for _, point := range points {
		p.trend = append(p.trend, web.NewTrendPoint(point))
	}
	return p.trend, nil
}

// lags keeps what was measured of the projection's lag since this process began.
type lags struct {
	mu     sync.Mutex
	points []web.LagPoint
}

// kept measures, and keeps a point now and then.
func (l *lags) kept(measure func(context.Context) (*board.Lag, error)) func(context.Context) (*board.Lag, error) {
	return func(ctx context.Context) (*board.Lag, error) {
		lag, err := measure(ctx)
		if err == nil && lag != nil {
			l.add(web.LagPoint{At: time.Now(), Behind: lag.Behind})
		}
		return lag, err
	}
}

func (l *lags) add(p web.LagPoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.points); n > 0 && p.At.Sub(l.points[n-1].At) < lagEvery {
		return
	}
	if l.points = append(l.points, p); len(l.points) > lagPoints {
		l.points = l.points[1:]
	}
}

func (l *lags) all() []web.LagPoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]web.LagPoint(nil), l.points...)
}

// running is how far the passes of this process are.
type running struct {
	mu     sync.Mutex
	passes map[verify.PassKind]web.Progress // the newest of a kind
	noted  map[verify.PassKind]time.Time
}

func (r *running) note(kind verify.PassKind, v verify.Progress, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.passes == nil {
		r.passes, r.noted = map[verify.PassKind]web.Progress{}, map[verify.PassKind]time.Time{}
	}
	p := r.passes[kind]
	if p.Stage != v.Stage || v.Done < p.Done {
		p.Since = now
	}
	p.Pass, p.Stage, p.Done, p.Total, p.Note = string(kind), v.Stage, v.Done, v.Total, v.Note
	r.passes[kind], r.noted[kind] = p, now
}

// of are those of the passes that have not ended.
func (r *running) of(passes []verify.Pass) (out []web.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range passes {
		if p.State == verify.Done || p.Kind == verify.StreamPass {
			continue
		}
		shown := web.Progress{Pass: string(p.Kind), Stage: string(p.State)}
		if p.Trigger != "manual" && r.noted[p.Kind].After(p.StartedAt) { // a command is another process
			shown = r.passes[p.Kind]
		}
		if p.Sharing != nil {
			shown.Done, shown.Total, shown.Note, shown.Since = int64(p.Sharing.Compared), int64(p.Sharing.Ranges), p.Sharing.String(), p.StartedAt
		}
		out = append(out, shown)
	}
	return out
}

// comparedBy says what the configuration compares.
func comparedBy(c *config.Config) web.Compared {
	out := web.Compared{Fields: comparedFields(c)}
	add := func(of string, table string, dsn config.Secret) {
		out.Places = append(out.Places, web.Place{Representation: of, Table: table, Server: source.PlaceOf(dsn.Reveal())})
	}
	add("legacy", c.Legacy.Table, c.Legacy.DSN)
	if c.Events.Given() {
		add("events", c.Events.Table, c.Events.DSN)
	}
	if c.Stream.Given() {
		out.Places = append(out.Places, web.Place{Representation: "stream", Table: c.Stream.Topic, Server: strings.Join(c.Stream.Brokers, ", ")})
	}
	add("projection", c.Projection.Table, c.Projection.DSN)
	return out
}
