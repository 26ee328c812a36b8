package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/human"
)

func pointsEvery(step time.Duration, values ...float64) (points []point) {
	for i, v := range values {
		points = append(points, point{at: now.Add(time.Duration(i) * step), value: v, label: fmt.Sprint(v)})
	}
	return points
}

func TestAPlotWithoutPointsSaysSo(t *testing.T) {
	for _, p := range plotsOf(Status{At: now}) {
		if p.Line != "" || p.Bars != nil || p.Empty == "" || p.Now != "" {
			t.Errorf("%+v", p)
		}
	}
	if lag := plotsOf(Status{At: now, Trend: Trend{Lags: true}})[2]; lag.Empty != "Not measured yet." {
		t.Errorf("a lag that can be measured: %q", lag.Empty)
	}
}

func TestOnePointIsInTheMiddle(t *testing.T) {
	p := newPlot("", pointsEvery(0, 1), scale{high: 2, text: human.Significant}, 0, false)
	if want := fmt.Sprintf("%d,%d", (insideLeft+insideRight)/2, (insideTop+insideBottom)/2); p.Line != want || len(p.Dots) != 1 {
		t.Errorf("line %s, want %s; %d dots", p.Line, want, len(p.Dots))
	}
}

func TestBarsOfNothingCanBeSeen(t *testing.T) {
	bars := newPlot("", pointsEvery(time.Hour, 0, 5), linear(pointsEvery(0, 5), 2, human.Significant), 0, true).Bars
	if len(bars) != 2 || bars[0].Height != 2 || bars[0].Y+bars[0].Height != insideBottom || bars[1].Height <= bars[0].Height {
		t.Errorf("%+v", bars)
	}
}

func TestManyPointsAreTheNewestWithoutMarks(t *testing.T) {
	p := newPlot("", pointsEvery(time.Minute, make([]float64, mostPoints+10)...), scale{high: 1, text: human.Significant}, 0, false)
	if n := len(strings.Fields(p.Line)); n != mostPoints || p.Dots != nil {
		t.Errorf("%d points, %d marks", n, len(p.Dots))
	}
	if p.From != "08:10" || p.To != "12:09" {
		t.Errorf("from %s to %s", p.From, p.To)
	}
	if p = newPlot("", pointsEvery(24*time.Hour, 1, 1), scale{high: 1, text: human.Significant}, 0, false); p.From != "23 Nov 08:00" || p.To != "24 Nov 08:00" {
		t.Errorf("over midnight from %s to %s", p.From, p.To)
	}
}

func TestTheTrendIsDrawn(t *testing.T) {
	s := Status{At: now, Trend: Trend{Limit: 0.001, Lags: true, Lag: []LagPoint{{now, 1500 * time.Millisecond}}, Points: []TrendPoint{
		{At: now.Add(-time.Hour), Pass: "sample", Verdict: "match", Bound: 0.02}, {At: now, Pass: "full", Verdict: "diverged", Diverged: 1234},
	}}}
	plots := plotsOf(s)
	diverged, bound, lag := plots[0], plots[1], plots[2]
	if diverged.Now != "1,234 in the last" || diverged.Bars[0].Tone != "good" || diverged.Bars[1].Tone != "bad" || !strings.Contains(diverged.Bars[1].Label, "1,234 orders diverged") {
		t.Errorf("%+v", diverged)
	}
	if bound.Now != "now at most 2 %" || bound.Limit != "0.1 %" || bound.LimitY != insideBottom || len(bound.Dots) != 1 || len(bound.Ticks) != 3 {
		t.Errorf("%+v", bound)
	}
	if lag.Now != "now 1.5s" || lag.Ticks[2].Label != "2 s" {
		t.Errorf("%+v", lag)
	}
}

// TestEverythingIsWithinThePlot whatever was measured.
func TestEverythingIsWithinThePlot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []point
		at := now
		for _, v := range rapid.SliceOfN(rapid.Float64Range(0, 1e12), 1, 300).Draw(t, "values") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "pause")))
			points = append(points, point{at: at, value: v})
		}
		c := linear(points, 2, human.Significant)
		for _, v := range points {
			if v.value > c.high {
				t.Fatalf("%g is above the top, %g", v.value, c.high)
			}
		}
		p := newPlot("", points, c, 0, false)
		for xy := range strings.FieldsSeq(p.Line) {
			var x, y int
			if n, err := fmt.Sscanf(xy, "%d,%d", &x, &y); n != 2 || err != nil || x < insideLeft || x > insideRight || y < insideTop || y > insideBottom {
				t.Fatalf("%q is outside of the plot", xy)
			}
		}
		for _, bar := range newPlot("", points, c, 0, true).Bars {
			if bar.Y < insideTop || bar.Y+bar.Height != insideBottom {
				t.Fatalf("%+v is outside of the plot", bar)
			}
		}
	})
}
