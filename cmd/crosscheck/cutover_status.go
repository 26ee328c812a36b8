package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lease"
)

type cutoverPlan struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

// cutoverPlanned is what cutover plan says.
type cutoverPlanned struct {
	Steps      []plannedStep     `json:"steps"`
	Budget     float64           `json:"budget_seconds"`
	Reserve    float64           `json:"rollback_reserve_seconds"`
	Guardrails []steps.Guardrail `json:"guardrails"`
	Passes     bool              `json:"passes"`
}

type plannedStep struct {
	Step     cutover.Step `json:"step"`
	Does     string       `json:"does"`
	ReadBack string       `json:"read_back"`
	Forecast *float64     `json:"forecast_seconds,omitempty"` // absent if it is not known
}

func (c *cutoverPlan) run(ctx context.Context, p *program) (int, error) {
	t, err := p.openSlice(ctx, c.sliceFlag)
	if err != nil {
		return 0, err
	}
	defer t.close()
	b, err := t.budget(ctx)
	if err != nil {
		return 0, err
	}
	plan := cutoverPlanned{Budget: b.Total.Seconds(), Reserve: b.Reserve.Seconds(), Passes: true}
	plan.Guardrails = (&guarding{cutting: t, planned: true}).Guardrails(ctx, steps.Scope{Run: t.config.Cutover.Name, Slice: t.slice})
	for i, g := range plan.Guardrails {
		plan.Passes = plan.Passes && g.Passes
		plan.Guardrails[i].Detail = t.config.Mask(g.Detail)
	}
	for _, step := range cutover.Steps() {
		a := cutover.Action{Verb: cutover.Do, Step: step}
		of := plannedStep{Step: step, Does: a.Does(), ReadBack: a.ReadBack()}
		if took, ok := b.Forecast[step]; ok {
			seconds := took.Seconds()
			of.Forecast = &seconds
		}
		plan.Steps = append(plan.Steps, of)
	}
	code := exitAgrees
	switch {
	case onlyOpen(plan.Guardrails):
		code = exitUnverified
	case !plan.Passes:
		code = exitDiverged
	}
	if c.JSON {
		return code, writeObject(p.stdout, plan)
	}
	return code, p.say(plan.text(p.columns()))
}

func (p cutoverPlanned) text(most int) string {
	var b strings.Builder
	for i, s := range p.Steps {
		forecast := ""
		if s.Forecast != nil {
			forecast = fmt.Sprintf("%.2f s", *s.Forecast)
		}
		beside(&b, fmt.Sprintf("%2d %-19s %8s  ", i+1, s.Step, forecast), s.Does, most)
	}
	b.WriteString("\n")
	beside(&b, "", fmt.Sprintf("Legacy is closed for at most %.0f s, of which %.0f s are for the way back.", p.Budget, p.Reserve), most)
	b.WriteString("\n")
	for _, g := range p.Guardrails {
		says := "pass"
		if !g.Passes {
			says = "FAIL"
		}
		beside(&b, fmt.Sprintf("%s %-10s ", says, g.Name), printable(g.Detail), most)
	}
	return b.String()
}

type cutoverStatus struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (c *cutoverStatus) run(ctx context.Context, p *program) (int, error) {
	of, l, err := p.cutoverLedger(ctx)
	if err != nil {
		return exitError, err
	}
	defer l.Close()
	all, err := statuses(ctx, l)
	if err != nil {
		return exitError, err
	}
	if at := unfinished(all); at != nil && at.State.Step == cutover.Hold {
		journals, err := l.Runs(ctx)
		if err != nil {
			return exitError, err
		}
		if at.Held, err = heldOf(ctx, of, l, journals, at.Run); err != nil {
			return exitError, err
		}
	}
	moved := movedOf(of, all)
	for i := range all {
		masked := maskedRecords(of, []cutover.Record{all[i].Newest, all[i].Tail}, false)
		all[i].Newest, all[i].Tail = masked[0], masked[1]
	}
	if c.JSON {
		return exitAgrees, writeObject(p.stdout, struct {
			Runs  []cutoverrun.Status `json:"runs"`
			Moved []string            `json:"slices_at_new_side"`
		}{append([]cutoverrun.Status{}, all...), append([]string{}, moved...)})
	}
	text := "No run has begun.\n"
	for i, s := range all {
		if i == 0 {
			text = ""
		}
		text += statusLine(s)
	}
	for _, slice := range moved {
		text += "At the new side: " + printable(slice) + "\n"
	}
	_, err = fmt.Fprint(p.stdout, text)
	return exitAgrees, err
}

func statusLine(s cutoverrun.Status) string {
	line := fmt.Sprintf("%s  began %s  %s", s.Run, s.Began.UTC().Format(time.RFC3339), s.State.Phase)
	if s.State.Slice != "" {
		line += "  of " + printable(s.State.Slice)
	}
	if !s.State.Ended() {
		line += fmt.Sprintf("  next: %s", s.Action)
	}
	if s.State.Stranded() && !s.State.Ended() {
		of := ""
		if s.State.Slice != "" {
			of = " OF " + printable(s.State.Slice)
		}
		line += "  NO SIDE TAKES WRITES" + of + " UNTIL IT IS FINISHED"
	}
	if s.ByHand != "" {
		line += "  FOR PEOPLE: " + printable(s.ByHand)
	}
	if s.TailFailed() {
		line += "  the tail check found: " + printable(s.Tail.Detail)
	}
	if s.Held != nil {
		line += "\n  " + s.Held.String()
	}
	return line + "\n"
}

type cutoverAbort struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (a *cutoverAbort) run(ctx context.Context, p *program) (int, error) {
	return p.turn(ctx, a.JSON, func(all []cutoverrun.Status) (*cutoverrun.Status, wish, error) {
		s := unfinished(all)
		if s == nil {
			return nil, nil, withHint(errNoRun, "crosscheck cutover rollback goes back from a run that is completed")
		}
		return s, asks(cutover.Abort), nil
	})
}

type cutoverResume struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (r *cutoverResume) run(ctx context.Context, p *program) (int, error) {
	return p.turn(ctx, r.JSON, func(all []cutoverrun.Status) (*cutoverrun.Status, wish, error) {
		s := unfinished(all)
		if s == nil {
			return nil, nil, errNoRun
		}
		return s, asks(""), nil
	})
}

type cutoverRollback struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

var (
	errNoRun       = errors.New("all runs have ended")
	errBackAlready = errors.New("nothing to roll back: a later run has found these orders at legacy again")
)

func (r *cutoverRollback) run(ctx context.Context, p *program) (int, error) {
	c, err := p.loadCutover()
	if err != nil {
		return exitError, err
	}
	slice, err := r.name(ctx, c)
	if err != nil {
		return exitError, err
	}
	return p.turn(ctx, r.JSON, func(all []cutoverrun.Status) (*cutoverrun.Status, wish, error) {
		s, err := goingBack(all, slice, r.Slice != nil)
		if err != nil {
			return nil, nil, err
		}
		return s, func(t *cutting) (cutover.Outcome, error) { return t.wayBack(ctx, *s) }, nil
	})
}

// goingBack is the run to go back from: the one that has not ended, or the newest one that is completed, if its orders are still at the new side.
func goingBack(all []cutoverrun.Status, slice string, named bool) (*cutoverrun.Status, error) {
	s, everything, moved := unfinished(all), cutoverrun.Everything(all), cutoverrun.Moved(all)
	for i := len(all) - 1; s == nil && i >= 0; i-- {
		if all[i].State.Phase == cutover.Completed && all[i].State.Slice == slice {
			s = &all[i]
		}
	}
	switch {
	case s != nil && named && s.State.Slice != slice:
		return nil, withHint(fmt.Errorf("run %s is of another slice, and has not ended", s.Run), "crosscheck cutover abort asks for its way back")
	case s != nil && slice != "" && s.State.Ended() && everything != nil && everything.Began.After(s.Began):
		return nil, withHint(fmt.Errorf("run %s has closed all orders since", everything.Run), "go back from that one first: crosscheck cutover rollback")
	case s == nil && slice == "" && len(moved) > 0:
		return nil, withHint(errNoRun, "no run of all orders is completed; name the slice, such as"+cutover.SliceFlag(moved[0]))
	case s == nil:
		return nil, withHint(errNoRun, "there is no run that is completed; crosscheck cutover status lists them")
	case s.State.Ended() && (slice == "" && everything == nil || slice != "" && !slices.Contains(moved, slice)):
		return nil, withHint(errBackAlready, "crosscheck cutover status lists the runs")
	}
	return s, nil
}

// wish says what a run is asked for, by what it has opened.
type wish func(*cutting) (cutover.Outcome, error)

func asks(o cutover.Outcome) wish { return func(*cutting) (cutover.Outcome, error) { return o, nil } }

// turn asks whoever drives a run for something. If nobody does, this process drives it.
func (p *program) turn(ctx context.Context, asJSON bool, which func([]cutoverrun.Status) (*cutoverrun.Status, wish, error)) (int, error) {
	no := func(err error) (int, error) { // it is the answer to what was asked, and nothing is broken
		printError(p.logs(), err.Error(), hintFor(err))
		return exitDiverged, nil
	}
	all, err := p.allRuns(ctx)
	if err != nil {
		return exitError, err
	}
	of, wishes, err := which(all)
	if err != nil {
		return no(err)
	}
	t, err := openCutting(ctx, p, of.State.Slice)
	if err != nil {
		return 0, err
	}
	defer t.close()
	ask, err := wishes(t)
	if err != nil {
		return no(err)
	}
	request := cutoverrun.Request{Asks: ask}
	if ask != "" {
		if request.Number, err = t.ledger.Ask(ctx, of.Run, ask, asker()); err != nil {
			return exitError, err
		}
	}
	s, err := t.resume(ctx, of.Run, request, t.telling(asJSON))
	for ended := false; errors.Is(err, lease.ErrHeld) && ask != "" && !ended; {
		fmt.Fprintf(p.stderr, "Another process drives %s; it was asked.\n", of.Run) //nolint:errcheck // a terminal
		if s, ended, err = t.watch(ctx, of.Run); err == nil && !ended {
			s, err = t.resume(ctx, of.Run, request, t.telling(asJSON))
		}
	}
	if err != nil {
		return exitError, withRunHint(err)
	}
	code, err := t.ended(ctx, s, asJSON)
	if ask != "" { // for the way back
		code = exitDiverged
		if s.State.Phase == cutover.RolledBack {
			code = exitAgrees
		}
	}
	return code, err
}

// resume takes over a run and drives it to its end.
func (t *cutting) resume(ctx context.Context, run string, ask cutoverrun.Request, report func(cutoverrun.Status)) (cutoverrun.Status, error) {
	if err := t.same(ctx, run); err != nil {
		return cutoverrun.Status{}, err
	}
	asks := make(chan cutoverrun.Request, 1)
	if cutoverrun.IsRehearsal(run) { // whoever finishes it must not cut over, whatever was asked and heard before
		ask = cutoverrun.Request{Asks: cutover.Abort}
	}
	checks := &guarding{cutting: t, who: asker(), rehearsal: cutoverrun.IsRehearsal(run)}
	c := t.coordinator(checks, never{}, asks, report)
	seen := t.seeing(ctx, run)
	defer seen.finish()
	seen.attach(ctx, c)
	b, err := t.budget(ctx)
	if err != nil {
		return cutoverrun.Status{}, err
	}
	c.Budget = b
	return t.drive(ctx, run, ask, asks, func() (cutoverrun.Status, error) { return c.Resume(ctx, run) })
}

// errOtherCutover keeps a process from moving other switches than those with which a run was begun.
var errOtherCutover = errors.New("the section cutover is not the one with which the run was begun")

func (t *cutting) same(ctx context.Context, run string) error {
	journals, err := t.ledger.Runs(ctx)
	if err != nil {
		return err
	}
	for _, records := range journals {
		for _, r := range records {
			if begun := r.Positions[cutoverrun.CutoverKey]; r.Run == run && begun != "" && begun != t.config.Cutover.Digest() {
				return withHint(fmt.Errorf("run %s: %w", run, errOtherCutover), "use the file with which it was begun")
			}
		}
	}
	return nil
}

// watch waits until a run has ended that another process drives, or until nobody drives it any more.
func (t *cutting) watch(ctx context.Context, run string) (s cutoverrun.Status, ended bool, err error) {
	for {
		driven, err := t.ledger.Held(ctx, cutoverJob)
		if err != nil {
			return s, false, err
		}
		all, err := t.runs(ctx)
		if err != nil {
			return s, false, err
		}
		for _, s := range all {
			if s.Run == run && s.State.Ended() {
				return s, true, nil
			}
		}
		if !driven {
			return s, false, nil
		}
		if err := lease.Sleep(ctx, askEvery); err != nil {
			return s, false, err
		}
	}
}
