package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// quietFor is the time between two progress lines without a terminal.
const quietFor = 10 * time.Second

// progress shows how far a pass is: on a terminal a bar with rate and estimated end, otherwise plain lines.
type progress struct {
	out io.Writer

	mu       sync.Mutex
	bars     *mpb.Progress // nil without a terminal
	bar      *mpb.Bar
	last     verify.Progress
	note     atomic.Value // a string, which the bar reads
	started  time.Time    // of the stage
	lastLine time.Time
	// lastShown is when something was reported, whether or not that was due for a line.
	lastShown time.Time
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, lastLine: time.Now(), lastShown: time.Now()}
	if f, ok := out.(*os.File); ok && isTerminal(f) {
		p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithAutoRefresh())
	}
	return p
}

func isTerminal(f *os.File) bool {
	return cwriter.IsTerminal(int(f.Fd()))
}

func (p *progress) show(v verify.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.Stage != p.last.Stage {
		if p.bar != nil { // on to the next stage; this one is done, whatever its estimate was
			p.bar.SetCurrent(max(p.last.Total, p.last.Done))
		}
		p.end()
		p.started = time.Now()
	}
	p.last, p.lastShown = v, time.Now()
	p.note.Store(noted(v))
	switch {
	case v.Total == 0 && v.Done == 0: // a stage with nothing to do
	case p.bars != nil:
		if p.bar == nil {
			p.bar = p.newBar(v)
		}
		p.bar.SetTotal(max(v.Total, v.Done), false)
		p.bar.SetCurrent(v.Done)
	case time.Since(p.lastLine) >= quietFor:
		p.lastLine = time.Now()
		_, _ = fmt.Fprintf(p.out, "crosscheck: %s\n", line(v, time.Since(p.started)))
	}
}

// throttled says what a pass waits for, above the bar.
func (p *progress) throttled(s throttle.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.above(), "crosscheck: %s\n", s)
}

// above is where lines go that a bar does not wipe out.
func (p *progress) above() io.Writer {
	if p.bars != nil {
		return p.bars
	}
	return p.out
}

// end ends the bar, if there is one.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.bar = nil
	}
}

// newBar begins without a total, because a bar with a total ends only by reaching it, and our totals are estimates.
func (p *progress) newBar(v verify.Progress) *mpb.Bar {
	return p.bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(v.Stage, decor.WC{W: 11, C: decor.DindentRight}), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.AverageSpeed(0, " %.0f/s"), decor.Name("  ETA "), decor.AverageETA(decor.ET_STYLE_GO),
			decor.Any(func(decor.Statistics) string { return p.note.Load().(string) })))
}

// noted is a note after something else.
func noted(v verify.Progress) string {
	if v.Note == "" {
		return ""
	}
	return ", " + v.Note
}

// line says the same as the bar.
func line(v verify.Progress, took time.Duration) string { return rated(v, took) + noted(v) }

func rated(v verify.Progress, took time.Duration) string {
	if v.Stage == "settle" { // its pace is the settle window's
		return fmt.Sprintf("settle: %d of %d suspects judged", v.Done, v.Total)
	}
	switch {
	case v.Total <= 0 || v.Done <= 0:
		return fmt.Sprintf("%s: %d done", v.Stage, v.Done)
	case took < time.Second: // a stage may begin with its first report, when there is no rate yet
		return fmt.Sprintf("%s: %d of about %d", v.Stage, v.Done, v.Total)
	}
	rate := float64(v.Done) / took.Seconds()
	left := time.Duration(float64(max(v.Total-v.Done, 0)) / rate * float64(time.Second))
	return fmt.Sprintf("%s: %d of about %d, %.0f/s, about %s left", v.Stage, v.Done, v.Total, rate, left.Round(time.Second))
}

// close ends the last bar, so that the report begins on a new line. It may be called twice.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	if p.bars != nil {
		p.bars.Wait()
		p.bars = nil
	}
}
