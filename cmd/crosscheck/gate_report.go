package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

const (
	reportDivergences = 500 // listed in a report, of each state
	reportPasses      = 2000
	reportPoints      = 200 // of the bound's trend
)

// writeReport writes the page beside the file and renames it, so that nobody ever opens half of one.
func writeReport(ctx context.Context, file string, l *ledger.Ledger, c *config.Config, d gate.Decision, e gate.Evidence) error {
	r, err := gatherReport(ctx, l, c, d, e)
	if err != nil {
		return err
	}
	if err := replaceFile(file, func(w io.Writer) error { return web.WriteReport(w, r) }); err != nil {
		return withHint(fmt.Errorf("writing the report %s: %w", file, withoutPath(err)), "the folder must exist and be writable")
	}
	return nil
}

// withoutPath is what went wrong with a file whose name nobody has given.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// replaceFile puts what write writes in the place of the file, whole or not at all.
func replaceFile(file string, write func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = write(temporary)
	if err == nil {
		err = temporary.Chmod(0o644) // it is made to be handed round
	}
	if err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// gatherReport adds to the decision what only the ledger knows. A ledger without tables knows nothing.
func gatherReport(ctx context.Context, l *ledger.Ledger, c *config.Config, d gate.Decision, e gate.Evidence) (web.Report, error) {
	bound := c.Gate.Criteria.SampleBound
	r := web.Report{
		Decision: d, Version: version, Revision: revision(), Full: e.Full,
		Sample:     e.Sample,
		Confidence: bound.Confidence, MaxRatio: bound.MaxRatio, Limits: reportLimits(c),
	}
	for _, o := range e.Open {
		r.Open += o.Count
	}
	open, err := l.OpenDivergences(ctx, d.Fingerprint, reportDivergences)
	if errors.Is(err, ledger.ErrNotMigrated) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	accepted, all, err := l.AcceptedDivergences(ctx, d.Fingerprint, reportDivergences)
	if err != nil {
		return r, err
	}
	r.OpenListed, r.AcceptedListed = webDivergences(open, d.At), webDivergences(accepted, d.At)
	r.Accepted = all
	trend, err := l.Trend(ctx, d.Fingerprint, reportPasses)
	if err != nil {
		return r, err
	}
	r.Trend = reportTrend(trend, bound.MaxAge, bound.Confidence)
	return r, nil
}

// reportLimits is what this configuration leaves out of sight, beside what no configuration shows.
func reportLimits(c *config.Config) []string {
	var limits []string
	if !c.Events.Given() {
		limits = append(limits, "No event store is configured: nothing is known about the events, only about what the projection made of them.")
	}
	if unjudged := comparedFields(c).Unjudged(); unjudged != "" {
		limits = append(limits, unjudged+" A value that is wrong in the same way on both sides is not seen there.")
	}
	limits = append(limits, fmt.Sprintf("Only the %d mapped fields are compared; a difference in any other column is not seen.", len(c.Compare.Fields)))
	for _, f := range c.Compare.Fields {
		if f.Tolerance != nil && !f.Tolerance.IsZero() {
			limits = append(limits, fmt.Sprintf("Field %s has a tolerance of %s: a drift below that is not seen.", f.Name, f.Tolerance))
		}
	}
	return limits
}

func webDivergences(found []verify.Divergence, now time.Time) []web.Divergence {
	var out []web.Divergence
	for _, d := range found {
		out = append(out, webDivergence(d, now))
	}
	return out
}

// reportTrend adds to the passes the bound that the samples up to each of them gave, as the gate would have seen it.
func reportTrend(passes []ledger.TrendPass, horizon time.Duration, confidence float64) []web.TrendPoint {
	every := len(passes)/reportPoints + 1 // the bound of each would take long
	points := make([]web.TrendPoint, 0, len(passes))
	var window gate.Sampling
	oldest := 0
	for i, p := range passes {
		window = plus(window, p.Sampling, 1)
		for ; p.StartedAt.Sub(passes[oldest].StartedAt) >= horizon; oldest++ {
			window = plus(window, passes[oldest].Sampling, -1)
		}
		point := web.TrendPoint{At: p.StartedAt, Pass: string(p.Kind), Verdict: p.Verdict, Diverged: p.Diverged}
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
