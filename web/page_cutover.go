package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/report"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// CutoverPlan is what a cutover would do, and whether it might begin now.
type CutoverPlan struct {
	Budget, Reserve time.Duration
	At              time.Time // when the guardrails were asked
	Guardrails      []Guardrail
}

// Guardrail is one condition of a cutover, and its answer.
type Guardrail struct {
	Name, Detail string
	Passes       bool
}

// planFor is how long the guardrails are not asked again: they ask the databases. A page waits planWait for their answer, and they have
// planMost for it.
const planFor, planWait, planMost = 15 * time.Second, 2 * time.Second, 30 * time.Second

// shownRuns is how many runs the page lists.
const shownRuns = 50

// cutoverPage is what the page of the cutover shows.
type cutoverPage struct {
	Configured bool
	Name       string
	Alarms     []string     // what people have to do or know at once
	Newest     *decidedView // nil if none is on record
	Plan       []planLine
	Window     string // how long writers may be kept out
	Forecast   string // of all steps, in words
	Asked      string // when the guardrails were, and how long ago
	Guardrails []Guardrail
	Failing    int
	Unplanned  string // why there are no guardrails, or no newer ones
	Run        *runDetail
	Runs       []runLine
	Rest       string
}

// cutoverActs is the page with what its viewer may do.
type cutoverActs struct {
	cutoverPage

	Form formView
}

// decidedView is the decision that an approval is of.
type decidedView struct {
	Seq          int64
	Answer, When string
}

type planLine struct{ Step, Does, Forecast string }

// runDetail is the run that people have to know of.
type runDetail struct {
	Name, Kind, Title, Tone, Summary, Began, Report, Took string
	Live                                                  bool
	Warnings                                              []string
	Steps                                                 []stepLine
}

type stepLine struct{ Action, Outcome, Tone, Clock, Took, Forecast, Detail string }

type runLine struct{ Name, Kind, State, Tone, Began, Report string }

func (s *site) cutover(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "cutover", frame{Page: "Cutover", Title: "Cutover", Live: true}, func(ctx context.Context, f *frame) error {
		page, err := s.cutting.get(ctx)
		v := cutoverActs{page, s.formOf(w, r, Approver, approvedFor)}
		f.View, f.code = &v, max(f.code, v.Form.typed(r))
		return err
	})
}

// readCutover is the page, which its viewers share.
func (s *site) readCutover(ctx context.Context) (v cutoverPage, err error) {
	if s.api.Runs == nil {
		return v, nil
	}
	v.Configured, v.Name = true, s.api.Cutover
	journals, err := s.readRuns(ctx, &v)
	if err == nil {
		s.planned(ctx, &v, journals)
	}
	return v, err
}

// readRuns reads the journals in the turn of one of the few who may.
func (s *site) readRuns(ctx context.Context, v *cutoverPage) ([][]cutover.Record, error) {
	release, err := s.reading.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	journals, err := s.journals(ctx)
	if errors.Is(err, board.ErrNotMigrated) {
		journals, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := v.runs(journals); err != nil {
		return nil, err
	}
	if v.Newest, err = s.newestDecision(ctx); err != nil {
		return nil, err
	}
	if len(journals) > 0 && s.api.Report != nil {
		made, err := s.api.Report(ctx, "", s.hide)
		if err != nil {
			return nil, err
		}
		v.foremost(made)
		for _, records := range journals {
			if records[0].Run != made.Run {
				continue
			}
			if is, err := s.runStatus(ctx, records); err == nil && is.Held != nil {
				v.Run.Summary += " " + is.Held.String()
			}
		}
	}
	return journals, nil
}

// newestDecision is the one that can be approved if it is GO. Newer links are approvals, of many slices perhaps.
func (s *site) newestDecision(ctx context.Context) (*decidedView, error) {
	if s.api.Logged == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	const atOnce = 10
	for before := int64(0); ; {
		links, err := s.api.Logged.ListDecisions(ctx, before, atOnce)
		if err != nil && !errors.Is(err, board.ErrNotMigrated) {
			return nil, err
		}
		for _, l := range links {
			if before = l.Seq; l.Answer != approvalAnswer {
				return &decidedView{l.Seq, l.Answer, human.Instant(l.At)}, nil
			}
		}
		if len(links) < atOnce {
			return nil, nil //nolint:nilnil // there is none
		}
	}
}

// readPlan asks the guardrails.
func (s *site) readPlan(ctx context.Context) (CutoverPlan, error) {
	if s.api.Plan == nil {
		return CutoverPlan{}, errNoPlan
	}
	plan, err := s.api.Plan(ctx)
	if err == nil {
		err = ctx.Err() // what has not answered in time does not fail
	}
	if err != nil {
		s.log.WarnContext(ctx, "asking the guardrails of the cutover", slog.Any("error", err))
	}
	return plan, err
}

var errNoPlan = errors.New("nobody asks the guardrails")

// handedAfter is how long a run may stand before people are told on every page: a sidecar takes it over within that time.
const handedAfter = 30 * time.Second

// handedView is what a person has to do about a cutover, and the page that tells more.
type handedView struct{ Text, Path string }

// handed is what people have to do about the cutovers of all pairs, or of the one that is alone.
func (s *site) handed(ctx context.Context, is Status) (all []handedView) {
	if text := handedOf(is); text != "" {
		all = append(all, handedView{text, "/cutover"})
	}
	for _, p := range s.pairs {
		of, err := p.status.get(ctx)
		if text := handedOf(of); err == nil && text != "" {
			all = append(all, handedView{"Pair " + p.name + ": " + text, p.base + "/cutover"})
		}
	}
	return all
}

// handedOf is what a person has to do about the cutover; empty for nothing.
func handedOf(s Status) string {
	switch c := s.Cutover; {
	case c == nil || c.Abandoned == "" || s.At.Sub(c.Since) < handedAfter && !c.Stranded:
		return ""
	case c.Stranded:
		return fmt.Sprintf("No side may take writes until cutover %s is finished. It stands at %s.", c.Run, c.Abandoned)
	case c.Driven:
		return fmt.Sprintf("Cutover %s has not got on for longer than its budget. It stands at %s.", c.Run, c.Abandoned)
	default:
		return fmt.Sprintf("Nobody drives cutover %s. It stands at %s.", c.Run, c.Abandoned)
	}
}

// runs lists the runs, the newest first, and collects what people have to do.
func (v *cutoverPage) runs(journals [][]cutover.Record) error {
	for _, records := range slices.Backward(journals) {
		is, err := cutoverrun.Look(records)
		if err != nil {
			return err
		}
		if is.ByHand != "" && !is.State.Ended() {
			v.Alarms = append(v.Alarms, fmt.Sprintf("Run %s waits for a person: %s.", is.Run, is.ByHand))
		}
		if len(v.Runs) == shownRuns {
			continue
		}
		line := runLine{Name: is.Run, Kind: "cutover", State: "next: " + is.Action.String(), Tone: "unknown", Began: human.Instant(is.Began), Report: reportPath(is.Run)}
		if cutoverrun.IsRehearsal(is.Run) {
			line.Kind = "rehearsal"
		}
		if is.State.Ended() {
			line.State, line.Tone = string(is.State.Phase), ""
			if is.State.Phase == cutover.Completed {
				line.Tone = "good"
			}
		}
		v.Runs = append(v.Runs, line)
	}
	if rest := len(journals) - len(v.Runs); rest > 0 {
		v.Rest = human.Quantity(int64(rest), "older run is", "older runs are") + " in the ledger; crosscheck cutover status lists them."
	}
	return nil
}

func reportPath(run string) string { return "/cutover/report?run=" + url.QueryEscape(run) }

// foremost shows the run that matters most now, with its journal.
func (v *cutoverPage) foremost(r report.Report) {
	d := &runDetail{
		Name: r.Run, Kind: r.Kind, Title: cutoverTitle(r.Outcome), Tone: cutoverTone(r.Outcome), Summary: r.Summary, Began: human.Instant(r.Began),
		Report: reportPath(r.Run), Warnings: r.Warnings, Live: r.Ended == nil,
	}
	switch r.Outcome {
	case report.Stranded:
		v.Alarms = append([]string{fmt.Sprintf("No side takes writes until run %s is finished: type crosscheck cutover resume.", r.Run)}, v.Alarms...)
	case report.Abandoned:
		v.Alarms = append(v.Alarms, fmt.Sprintf("No process drives run %s. A sidecar takes it over, unless it waits for a person. By hand: crosscheck cutover resume.", r.Run))
	case report.Findings:
		v.Alarms = append(v.Alarms, fmt.Sprintf("Run %s is completed, and its tail check found writes behind the fence. The report has them.", r.Run))
	default:
	}
	if r.Window != nil && d.Live {
		d.Took = fmt.Sprintf("Writers were kept out for %s of %s.", inSeconds(r.Window.Seconds), inSeconds(r.Window.Budget))
	}
	for _, s := range r.Steps {
		line := stepLine{
			Action: s.Action, Outcome: string(s.Outcome), Tone: stepTone(s.Outcome), Clock: s.Began.UTC().Format(time.TimeOnly), Took: fmt.Sprintf("%.2f s", s.Seconds), Detail: short(s.Detail),
		}
		if s.Outcome == "" {
			line.Outcome = "not known yet"
		}
		if s.Forecast != nil {
			line.Forecast = fmt.Sprintf("%.2f s", *s.Forecast)
		}
		d.Steps = append(d.Steps, line)
	}
	v.Run = d
}

// planned shows the plan. While a run is under way nobody else is asked: its window is short.
func (s *site) planned(ctx context.Context, v *cutoverPage, journals [][]cutover.Record) {
	longest := cutoverrun.Forecast(journals)
	var sum time.Duration
	for _, step := range cutover.Steps() {
		line := planLine{Step: string(step), Does: cutover.Action{Verb: cutover.Do, Step: step}.Does()}
		if took, ok := longest[step]; ok {
			line.Forecast, sum = fmt.Sprintf("%.2f s", took.Seconds()), sum+took
		}
		v.Plan = append(v.Plan, line)
	}
	v.Forecast = "Nothing was rehearsed, so nothing is forecast. Run crosscheck cutover rehearse."
	if len(longest) > 0 {
		v.Forecast = "The steps took " + human.Duration(sum.Round(10*time.Millisecond)) + " at most in the runs before."
	}
	if v.Run != nil && v.Run.Live {
		v.Unplanned = "A run is under way, so the guardrails are not asked."
		return
	}
	is := s.plan.get(ctx)
	switch {
	case is.err != nil:
		v.Unplanned = "The guardrails cannot be asked now. The log of crosscheck says why; crosscheck cutover plan asks them too."
	case is.coming && !is.known:
		v.Unplanned = "The guardrails are being asked. They have not answered yet."
	case is.coming:
		v.Unplanned = "The guardrails are being asked again. These are their answers of before."
	}
	if is.known {
		s.guarded(v, is.value)
	}
}

// guarded shows what the guardrails have answered.
func (s *site) guarded(v *cutoverPage, plan CutoverPlan) {
	v.Window = fmt.Sprintf("Writers are kept out for at most %s, of which %s are kept for the way back.", human.Duration(plan.Budget), human.Duration(plan.Reserve))
	v.Asked = human.Instant(plan.At) + ", " + ago(s.now(), plan.At)
	for _, g := range plan.Guardrails {
		if !g.Passes {
			v.Failing++
		}
		if s.hide {
			g.Detail = gate.Hidden
		}
		v.Guardrails = append(v.Guardrails, g)
	}
}
