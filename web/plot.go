package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// Size of a plot, in the units of its viewBox.
const (
	plotWidth, plotHeight       = 380, 150
	insideLeft, insideRight     = 52, 372
	insideTop, insideBottom     = 10, 124
	mostPoints, pointsWithMarks = 240, 60
)

// point is one value of a plot.
type point struct {
	at    time.Time
	value float64
	tone  string
	label string
}

// plot is a small chart over time as an SVG.
type plot struct {
	Title, Now, Empty        string
	Width, Height            int
	Left, Right, Top, Bottom int
	Line                     string // points of a line; empty for bars
	Dots                     []dot
	Bars                     []barView
	Ticks                    []tick
	LimitY                   int // 0 if there is none in the picture
	Limit                    string
	From, To                 string
}

type barView struct {
	X, Y, Height int
	Tone, Label  string
}

// scale maps values to the height of a plot.
type scale struct {
	low, high float64
	log       bool
	text      func(float64) string
}

func (c scale) y(v float64) int {
	if c.log {
		v = math.Log10(v)
	}
	return insideBottom - int(math.Round(float64(insideBottom-insideTop)*(v-c.low)/(c.high-c.low)))
}

// newPlot draws points in the order of time. Without a limit it is 0.
func newPlot(title string, points []point, c scale, limit float64, bars bool) *plot {
	p := &plot{Title: title, Width: plotWidth, Height: plotHeight, Left: insideLeft, Right: insideRight, Top: insideTop, Bottom: insideBottom}
	if len(points) > mostPoints {
		points = points[len(points)-mostPoints:]
	}
	if len(points) == 0 {
		return p
	}
	from, to := points[0].at, points[len(points)-1].at
	p.From, p.To = moment(from, to), moment(to, from)
	x := func(at time.Time) int {
		if !to.After(from) {
			return (insideLeft + insideRight) / 2
		}
		return insideLeft + 4 + int(math.Round(float64(insideRight-insideLeft-8)*float64(at.Sub(from))/float64(to.Sub(from))))
	}
	for _, v := range c.ticks() {
		p.Ticks = append(p.Ticks, tick{c.y(v), c.text(v)})
	}
	if limit > 0 {
		p.LimitY, p.Limit = c.y(limit), c.text(limit)
	}
	var line []string
	for _, v := range points {
		if bars {
			height := max(2, insideBottom-c.y(v.value))
			p.Bars = append(p.Bars, barView{x(v.at) - 1, insideBottom - height, height, v.tone, v.label})
			continue
		}
		line = append(line, fmt.Sprintf("%d,%d", x(v.at), c.y(v.value)))
		if len(points) <= pointsWithMarks {
			p.Dots = append(p.Dots, dot{x(v.at), c.y(v.value), v.tone, v.label})
		}
	}
	p.Line = strings.Join(line, " ")
	return p
}

// moment leaves out the day if both are on the same.
func moment(at, other time.Time) string {
	if at.UTC().Format(time.DateOnly) == other.UTC().Format(time.DateOnly) {
		return at.UTC().Format("15:04")
	}
	return at.UTC().Format("2 Jan 15:04")
}

func (c scale) ticks() (at []float64) {
	if !c.log {
		return []float64{c.low, (c.low + c.high) / 2, c.high}
	}
	for d := c.low; d <= c.high; d++ {
		at = append(at, math.Pow(10, d))
	}
	return at
}

// linear begins at 0 and ends at a round number above all values.
func linear(points []point, least float64, text func(float64) string) scale {
	most := least
	for _, p := range points {
		most = max(most, p.value)
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 2, 4, 6, 8, 10} {
		if high := step * power; high >= most {
			return scale{high: high, text: text}
		}
	}
	return scale{high: most, text: text}
}

// Trend is what the plots of the first page show.
type Trend struct {
	Points []TrendPoint // finished full passes and samples, the oldest first
	Limit  float64      // of the bound; 0 for none
	Lag    []LagPoint   // the oldest first
	Lags   bool         // the lag of the projection can be measured
}

// LagPoint is the lag of the projection at one time.
type LagPoint struct {
	At     time.Time
	Behind time.Duration
}

func plotsOf(s Status) []*plot {
	var found, bounds, lags []point
	for _, p := range s.Trend.Points {
		label := fmt.Sprintf("%s at %s: %s, %s", p.Pass, human.Instant(p.At), p.Verdict, human.Quantity(p.Diverged, "order diverged", "orders diverged"))
		found = append(found, point{p.At, float64(p.Diverged), tone(p.Verdict), label})
		if p.Bound > 0 {
			bounds = append(bounds, point{p.At, p.Bound, "", fmt.Sprintf("%s: at most %s", human.Instant(p.At), human.Percent(p.Bound))})
		}
	}
	for _, l := range s.Trend.Lag {
		lags = append(lags, point{l.At, l.Behind.Seconds(), "", fmt.Sprintf("%s: %s", human.Instant(l.At), human.Duration(l.Behind))})
	}
	count := func(v float64) string { return human.Significant(v) }
	seconds := func(v float64) string { return human.Significant(v) + " s" }
	low, high := decades(s.Trend.Points, s.Trend.Limit)
	diverged := newPlot("Diverged orders by pass", found, linear(found, 2, count), 0, true)
	bound := newPlot("Bound on bad orders, by samples", bounds, scale{low, high, true, human.Percent}, s.Trend.Limit, false)
	lag := newPlot("Lag of the projection", lags, linear(lags, 2, seconds), 0, false)
	diverged.Empty, bound.Empty, lag.Empty = "No full pass or sample has ended yet.", "No sample has ended yet.", "Not measured yet."
	if !s.Trend.Lags {
		lag.Empty = "It cannot be measured: that needs an event store, and projection.changed_at with an index."
	}
	if n := len(found); n > 0 {
		diverged.Now = human.Number(int64(found[n-1].value)) + " in the last"
	}
	if n := len(bounds); n > 0 {
		bound.Now = "now at most " + human.Percent(bounds[n-1].value)
	}
	if n := len(lags); n > 0 {
		lag.Now = "now " + human.Duration(s.Trend.Lag[n-1].Behind)
	}
	return []*plot{diverged, bound, lag}
}
