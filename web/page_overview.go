package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// overview is the first page: may the cutover go ahead, and why not.
func (s *site) overview(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "overview", frame{Page: "Overview", Live: true}, func(_ context.Context, f *frame) error {
		v := overview{Failure: f.Failure}
		if f.Failure == "" {
			v.show(f.Status, f.Compared)
		}
		for _, p := range s.parts(r) {
			v.Known = append(v.Known, partOf(p))
		}
		f.View = v
		return nil
	})
}

// overview is what the template of the first page reads: texts, already worded, not yet escaped.
type overview struct {
	Failure  string // why there is nothing to show; then only the parts are
	Summary  string
	Facts    []fact
	Overdue  []string
	Missing  []criterionView // those that do not pass
	Passing  []criterionView
	NotAsked []string
	Flow     *flowView
	Plots    []*plot
	Running  []runningView
	Passes   []passView
	Runs     []runView
	Known    []partView // the configured parts
}

type fact struct{ Name, Value, Path string }

type partView struct{ Name, State, Tone, Since, Reason string }

func partOf(p Part) partView {
	v := partView{Name: p.Name, State: "reachable", Tone: "good", Since: human.Instant(p.Since), Reason: short(p.Reason)}
	if !p.OK {
		v.State, v.Tone = "failing", "bad"
	}
	return v
}

type criterionView struct {
	gate.Result
	Mark, Tone, Observed, Limit string
}

type passView struct {
	ID                                                               int64
	Name, When, Age, Verdict, Tone, Coverage, Took, Compared, Reason string
}

type runView struct {
	Pass, Cron, Next, In string
	Overdue              bool
}

// shownPasses is how many passes the first page lists.
const shownPasses = 6

// show words a status for people.
func (v *overview) show(s Status, c Compared) {
	v.Summary = summary(s.Decision)
	for _, r := range s.Decision.Criteria {
		shown := criterionOf(r)
		if r.Verdict == gate.Passes {
			v.Passing = append(v.Passing, shown)
		} else {
			v.Missing = append(v.Missing, shown)
		}
	}
	v.NotAsked, v.Flow, v.Plots = s.Decision.NotAsked, flowOf(s, c), plotsOf(s)
	for _, p := range s.Running {
		v.Running = append(v.Running, runningOf(p, s.At))
	}
	for _, p := range s.Passes[:min(len(s.Passes), shownPasses)] {
		v.Passes = append(v.Passes, passOf(p, s.At))
	}
	verified := "nothing yet"
	if w := s.VerifiedThrough; w != nil {
		verified = throughOf(*w, s.At, "ago")
	}
	v.Facts = []fact{
		{"Open divergences", human.Number(s.Open), "/divergences"},
		{"Accepted", human.Number(s.Accepted), "/divergences?state=accepted"},
		{"Suspects", human.Number(s.Suspects), ""},
		{"Verified through", verified, ""},
	}
	v.Overdue = overdueOf(s)
	for _, run := range s.Schedule {
		v.Runs = append(v.Runs, runOf(run, s.At))
	}
}

func criterionOf(r gate.Result) criterionView {
	return criterionView{Result: r, Mark: mark(r.Verdict), Tone: tone(string(r.Verdict)), Observed: scalar(r.Observed), Limit: scalar(r.Limit)}
}

// overdueOf says which passes are late, or fail again and again.
func overdueOf(s Status) (said []string) {
	for _, run := range s.Schedule {
		if run.Overdue {
			reason := run.Reason
			if reason == "" {
				reason = "A scheduled run was missed or takes too long."
			}
			said = append(said, fmt.Sprintf("Pass %s is overdue. %s", run.Pass, reason))
		}
		if run.Failures > 1 && run.FailingSince != nil {
			said = append(said, fmt.Sprintf("Pass %s could not judge everything %d times in a row, since %s: %s",
				run.Pass, run.Failures, human.Instant(*run.FailingSince), short(run.LastError)))
		}
	}
	return said
}

// Progress is a pass that this process runs now, or that several run together.
type Progress struct {
	Pass, Stage string
	Done, Total int64     // orders or rows; Total is an estimate, and 0 if it is not known
	Since       time.Time // when the stage began
	Note        string
}

type runningView struct {
	Name, Stage, Said, Left string
	Done, Total             int64 // 0 of 0 if it is not known how much there is
}

func runningOf(p Progress, now time.Time) runningView {
	v := runningView{Name: p.Pass, Stage: p.Stage, Said: human.Number(p.Done) + unitOf(p.Stage) + " so far"}
	if p.Total > 0 {
		v.Done, v.Total = min(p.Done, p.Total), p.Total
		v.Said = fmt.Sprintf("%s of %s%s, %s", human.Number(v.Done), human.Number(p.Total), unitOf(p.Stage), human.Percent(float64(v.Done)/float64(p.Total)))
		if took := now.Sub(p.Since); v.Done > 0 && took > 0 && v.Done < v.Total {
			v.Left = "about " + human.Duration(time.Duration(float64(took)*float64(v.Total-v.Done)/float64(v.Done))) + " left"
		}
	}
	if p.Note != "" {
		v.Said += ", " + p.Note
	}
	return v
}
