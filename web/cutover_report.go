package web

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/cutover/report"
	"github.com/nordvarg/crosscheck/human"
)

// CutoverReport is what cutover report writes.
type CutoverReport struct {
	report.Report
	Version, Revision string
	// Home is where the other pages are; empty for a file.
	Home string
}

//go:embed cutover_report.html
var cutoverReportSource string

//go:embed cutover_report.css
var cutoverReportStyle string

var cutoverReportTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("cutover").Funcs(template.FuncMap{"instant": human.Instant}).Parse(cutoverReportSource))
})

// drawn is the width of a drawing.
const drawn = 1000

// cutoverView is what the template reads: texts, already worded, not yet escaped.
type cutoverView struct {
	CutoverReport
	Style                                                         template.CSS
	Tone, Title, Systems, Fenced, BeganAt, EndedAt, MadeAt, Every string
	Figures, Read                                                 []named
	Budget                                                        *budgetView
	Lines                                                         []cutoverLine
	Seen                                                          []seenView
	Unasked                                                       bool
}

type named struct{ Name, Value string }

type budgetView struct {
	Said                          string
	Used, ReserveAt, ReserveWidth float64
}

type cutoverLine struct {
	report.Step
	Tone, Clock, Took, Expected, Part, Taken string
	At, Width                                float64
}

type seenView struct {
	report.Kind
	OutageAt, OutageWidth float64
	NotAsked, Marks       []askedMark
}

type askedMark struct {
	Class     string
	At, Width float64
}

// WriteCutover writes the report of a cutover as one HTML page without references to other files. Everything is escaped.
func WriteCutover(w io.Writer, r CutoverReport) error {
	v := cutoverView{
		CutoverReport: r, Style: template.CSS(cutoverReportStyle), Tone: cutoverTone(r.Outcome), Title: cutoverTitle(r.Outcome), //nolint:gosec // ours, not a visitor's
		Systems: System{r.System.Name, r.System.Environment}.String(), Fenced: strings.Join(r.System.Fenced, ", "),
		BeganAt: human.Instant(r.Began), EndedAt: "not yet", MadeAt: human.Instant(r.At),
	}
	if r.Ended != nil {
		v.EndedAt = fmt.Sprintf("%s, %s later", human.Instant(*r.Ended), human.Duration(r.Ended.Sub(r.Began)))
	}
	v.window()
	for _, s := range r.Steps {
		v.Lines = append(v.Lines, v.line(s))
	}
	for _, seen := range r.Clients {
		v.Every, v.Unasked = inSeconds(seen.Every), v.Unasked || len(seen.NotAsked) > 0
		for _, k := range report.Kinds(seen) {
			v.Seen = append(v.Seen, seenOf(seen, k))
		}
	}
	for _, name := range r.Further() {
		v.Read = append(v.Read, named{name, r.Positions[name]})
	}
	if err := cutoverReportTemplate().Execute(w, v); err != nil {
		return fmt.Errorf("rendering the report of a cutover: %w", err)
	}
	return nil
}

func cutoverTone(o report.Outcome) string {
	switch o {
	case report.Completed, report.Rehearsed:
		return "good"
	case report.Findings, report.Stranded:
		return "bad"
	default:
		return "unknown"
	}
}

func cutoverTitle(o report.Outcome) string {
	text := strings.ReplaceAll(string(o), "-", " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

func inSeconds(s float64) string { return human.Duration(time.Duration(s * float64(time.Second))) }

// window has the figures that people ask for first.
func (v *cutoverView) window() {
	w := v.Window
	if w == nil {
		return
	}
	v.Figures = append(v.Figures, named{"writers were kept out", inSeconds(w.Seconds)})
	for _, seen := range v.Clients {
		for _, k := range report.Kinds(seen) {
			v.Figures = append(v.Figures, named{"longest without an answer: " + strings.ToLower(k.What), inSeconds(k.Outage)})
		}
	}
	if v.WayBack != nil {
		v.Figures = append(v.Figures, named{"the way back", inSeconds(v.WayBack.Seconds)})
	}
	b := &budgetView{Said: fmt.Sprintf("Writers were kept out for %s of the budget of %s, of which %s are kept for the way back.", inSeconds(w.Seconds), inSeconds(w.Budget), inSeconds(w.Reserve))}
	if w.Forecast != nil {
		b.Said += fmt.Sprintf(" Earlier runs forecast %s.", inSeconds(*w.Forecast))
		v.Figures = append(v.Figures, named{"forecast by earlier runs", inSeconds(*w.Forecast)})
	} else {
		b.Said += " No earlier run forecast it."
	}
	if w.Budget > 0 {
		b.Used, b.ReserveWidth = min(drawn, max(2, drawn*w.Seconds/w.Budget)), drawn*w.Reserve/w.Budget
		b.ReserveAt = drawn - b.ReserveWidth
	}
	v.Budget = b
}

func (v *cutoverView) line(s report.Step) cutoverLine {
	l := cutoverLine{Step: s, Tone: stepTone(s.Outcome), Clock: s.Began.UTC().Format("15:04:05.000"), Took: fmt.Sprintf("%.2f s", s.Seconds)}
	if s.Forecast != nil {
		l.Expected = fmt.Sprintf("%.2f s", *s.Forecast)
	}
	if n := len(v.Lines); n > 0 && v.Lines[n-1].Epoch != s.Epoch {
		l.Taken = "Another process has taken over. "
	}
	if s.Share > 0 {
		l.Part = fmt.Sprintf("%.0f %%", s.Share*100)
		l.At = drawn * max(0, s.Began.Sub(v.Window.Began).Seconds()) / v.Window.Seconds
		l.Width = max(3, drawn*s.Share)
		l.At = min(l.At, drawn-l.Width)
	}
	return l
}

func stepTone(o cutover.Outcome) string {
	switch o {
	case cutover.Done, cutover.Accepted:
		return "good"
	case cutover.Failed, cutover.FenceLost, cutover.NoTime:
		return "bad"
	default:
		return "unknown"
	}
}

// seenOf draws when each question was asked, and who answered.
func seenOf(seen clients.Seen, k report.Kind) seenView {
	v := seenView{Kind: k}
	most := max(1, seen.Until.Sub(seen.At).Milliseconds())
	for _, p := range k.Points {
		most = max(most, p[0]+p[1])
	}
	at := func(ms float64) float64 { return min(drawn, max(0, drawn*ms/float64(most))) }
	v.OutageAt = at(float64(k.OutageBegan.Sub(seen.At).Milliseconds()))
	v.OutageWidth = at(k.Outage * 1000)
	for _, gap := range seen.NotAsked {
		from, to := at(float64(gap.From.Sub(seen.At).Milliseconds())), at(float64(gap.To.Sub(seen.At).Milliseconds()))
		v.NotAsked = append(v.NotAsked, askedMark{"unasked", from, to - from})
	}
	for _, p := range k.Points {
		v.Marks = append(v.Marks, askedMark{[]string{"failed", "legacy", "new"}[min(2, max(0, p[2]))], min(drawn-3, at(float64(p[0]+p[1]))), 3})
	}
	return v
}
