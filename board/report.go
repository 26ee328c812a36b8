package board

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	reportDivergences = 500 // listed in a report, of each state
	reportPasses      = 2000
	reportPoints      = 200 // of the bound's trend
)

// Report is the decision and its evidence, for people who sign.
type Report struct {
	Decision gate.Decision
	Evidence gate.Evidence
	// Open and Accepted are the numbers of divergences. OpenListed and AcceptedListed are the first of them.
	Open, Accepted             int64
	OpenListed, AcceptedListed []verify.Divergence
	// Trend has the finished passes, the oldest first.
	Trend []TrendPoint
	// ValuesHidden is set by WithoutValues. The lists still have the values.
	ValuesHidden bool
	// Bound is the criterion that limits the trend's bounds.
	Bound gate.SampleBoundCriterion
}

// TrendPoint is one pass with the bound on the share of bad orders at that time; 0 if there was none.
type TrendPoint struct {
	TrendPass
	Bound float64
}

// TrendPass is one finished pass, as a point of a trend.
type TrendPass struct {
	Kind      verify.PassKind
	Verdict   string
	StartedAt time.Time
	Diverged  int64
	// Sampling is what this pass alone adds to the sum of samples, in the sense of [gate.Sampling]; zero for other
	// passes.
	Sampling gate.Sampling
}

// Reported is what a report reads: divergences, and the newest finished full and sample passes, oldest first.
type Reported interface {
	Found
	Trend(ctx context.Context, fingerprint string, limit int) ([]TrendPass, error)
}

// GatherReport adds to a decision what only the ledger knows. A ledger without tables knows nothing.
func GatherReport(ctx context.Context, l Reported, bound gate.SampleBoundCriterion, d gate.Decision, e gate.Evidence) (Report, error) {
	r := Report{Decision: d, Evidence: e, Open: count(e.Open), Bound: bound}
	var err error
	if r.OpenListed, err = l.OpenDivergences(ctx, d.Fingerprint, reportDivergences); err != nil {
		if errors.Is(err, ErrNotMigrated) {
			err = nil
		}
		return r, err
	}
	if r.AcceptedListed, r.Accepted, err = l.AcceptedDivergences(ctx, d.Fingerprint, reportDivergences); err != nil {
		return r, err
	}
	r.Trend, err = GatherTrend(ctx, l, bound, d.Fingerprint, reportPoints)
	return r, err
}

// GatherTrend returns the finished passes under a fingerprint, the oldest first, with at most points bounds.
func GatherTrend(ctx context.Context, l Reported, bound gate.SampleBoundCriterion, fingerprint string, points int) ([]TrendPoint, error) {
	passes, err := l.Trend(ctx, fingerprint, reportPasses)
	return trend(passes, bound.MaxAge, bound.Confidence, points), err
}

// trend adds to each pass the bound of the samples up to it, as the gate would have computed it then.
func trend(passes []TrendPass, horizon time.Duration, confidence float64, most int) []TrendPoint {
	every := len(passes)/most + 1 // computing the bound of each would take long
	points := make([]TrendPoint, 0, len(passes))
	var window gate.Sampling
	oldest := 0
	for i, p := range passes {
		window = plus(window, p.Sampling, 1)
		for ; p.StartedAt.Sub(passes[oldest].StartedAt) >= horizon; oldest++ {
			window = plus(window, passes[oldest].Sampling, -1)
		}
		point := TrendPoint{TrendPass: p}
		if window.Orders > 0 && p.Kind == verify.Sample && ((len(passes)-1-i)%every == 0) {
			point.Bound = gate.BoundOf(window, confidence).Upper
		}
		points = append(points, point)
	}
	return points
}

func plus(a, b gate.Sampling, sign int64) gate.Sampling {
	a.Passes += sign * b.Passes
	a.Orders += sign * b.Orders
	a.Diverged += sign * b.Diverged
	a.Unverified += sign * b.Unverified
	return a
}
