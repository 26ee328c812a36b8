package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// Size of the chart and place of its plot, in the units of its viewBox.
const (
	chartWidth, chartHeight = 720, 230
	plotLeft, plotRight     = 74, 706
	plotTop, plotBottom     = 14, 150
	stripFull, stripSample  = 178, 200 // middle of the two strips of passes
)

// chart is the trend as an SVG: the bound over time on a logarithmic axis, and below it the passes.
type chart struct {
	Width, Height int
	Left, Right   int
	Line          string // points of the bound; empty if there is none
	Dots          []dot  // the same, one by one, if they are few
	LimitY        int    // 0 if the limit is not in the picture
	Limit         string
	Ticks         []tick
	From, To      string
	Passes        []dot
	FullY         int
	SampleY       int
	Baseline      int
}

type dot struct {
	X, Y        int
	Tone, Label string
}

type tick struct {
	Y     int
	Label string
}

// newChart returns nil if there are no passes.
func newChart(trend []TrendPoint, limit float64) *chart {
	if len(trend) == 0 {
		return nil
	}
	from, to := trend[0].At, trend[len(trend)-1].At
	c := &chart{
		Width: chartWidth, Height: chartHeight, Left: plotLeft, Right: plotRight, Baseline: plotBottom,
		From: human.Instant(from), To: human.Instant(to), FullY: stripFull, SampleY: stripSample, Limit: human.Percent(limit),
	}
	x := func(at time.Time) int {
		if !to.After(from) {
			return (plotLeft + plotRight) / 2
		}
		return plotLeft + int(math.Round(float64(plotRight-plotLeft)*float64(at.Sub(from))/float64(to.Sub(from))))
	}
	low, high := decades(trend, limit)
	y := func(share float64) int {
		return plotBottom - int(math.Round(float64(plotBottom-plotTop)*(math.Log10(share)-low)/(high-low)))
	}
	for d := low; d <= high; d++ {
		c.Ticks = append(c.Ticks, tick{y(math.Pow(10, d)), human.Percent(math.Pow(10, d))})
	}
	if limit > 0 {
		c.LimitY = y(limit)
	}
	var points []string
	for _, p := range trend {
		if p.Bound > 0 {
			points = append(points, fmt.Sprintf("%d,%d", x(p.At), y(p.Bound)))
			c.Dots = append(c.Dots, dot{x(p.At), y(p.Bound), "", fmt.Sprintf("%s: at most %s", human.Instant(p.At), human.Percent(p.Bound))})
		}
		strip := stripSample
		if p.Pass == "full" {
			strip = stripFull
		}
		c.Passes = append(c.Passes, dot{x(p.At), strip, tone(p.Verdict), fmt.Sprintf("%s at %s: %s", p.Pass, human.Instant(p.At), p.Verdict)})
	}
	c.Line = strings.Join(points, " ")
	const few = 60
	if len(c.Dots) > few {
		c.Dots = nil
	}
	return c
}

// decades returns the range of powers of ten that holds all bounds and the limit.
func decades(trend []TrendPoint, limit float64) (low, high float64) {
	least, most := 1.0, 0.0
	for _, p := range trend {
		if p.Bound > 0 {
			least, most = min(least, p.Bound), max(most, p.Bound)
		}
	}
	if limit > 0 {
		least, most = min(least, limit), max(most, limit)
	}
	if most == 0 {
		return -3, 0
	}
	low, high = math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if high <= low {
		high = low + 1
	}
	return low, high
}
