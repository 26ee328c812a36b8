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
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// guarding is what has to be so before a run may touch anything.
type guarding struct {
	*cutting
	who        string       // who executes
	rehearsal  bool         // decision and approval are told, and not asked for
	until      cutover.Step // where a rehearsal turns; empty if it is none, or not begun here
	override   string       // why decision and approval are not asked for; empty if they are
	planned    bool         // nothing is touched, so probes that write are not asked
	basisOf    map[string]string
	unapproved bool // somebody has to approve a GO
	open       bool // nothing but missing evidence spoke against the run
}

var _ steps.Checks = (*guarding)(nil)

// Basis implements [steps.Checks].
func (g *guarding) Basis() map[string]string { return g.basisOf }

// Guardrails implements [steps.Checks].
func (g *guarding) Guardrails(ctx context.Context, s steps.Scope) []steps.Guardrail {
	g.unapproved = false
	g.basisOf = map[string]string{"who": g.who, "os_user": asker(), "fingerprint": g.basis.Fingerprint, "decided": g.decides.Fingerprint, cutoverrun.CutoverKey: g.config.Cutover.Digest()}
	g.basisOf["budget"], g.basisOf["rollback_reserve"] = g.config.Cutover.Budget.String(), g.config.Cutover.RollbackReserve.String()
	if g.until != "" {
		g.basisOf[cutoverrun.UntilKey] = string(g.until)
	}
	all := []steps.Guardrail{g.decision(ctx), g.approval(ctx, s)}
	all[1].Open = all[0].Open && g.unapproved // only a GO can be approved, so this is no reason of its own
	for i := range all {
		switch {
		case all[i].Passes:
		case g.rehearsal:
			all[i].Passes, all[i].Open, all[i].Detail = true, false, all[i].Detail+"; a rehearsal does not need it"
		case g.override != "":
			all[i].Passes, all[i].Open, all[i].Detail = true, false, fmt.Sprintf("%s; OVERRIDDEN by %s: %s", all[i].Detail, g.who, g.override)
			g.basisOf["override"] = g.override
		}
	}
	if g.config.Cutover.Reverse.Given() {
		all = append(all, g.feed(ctx))
	}
	if g.slice != "" {
		all = append(all, g.sliced(ctx))
	}
	if len(g.config.Cutover.Standbys) > 0 {
		all = append(all, g.following(ctx))
	}
	all = append(all, g.server(ctx), g.fenced(ctx), g.inside(ctx, s), g.switched(ctx, s), g.probes(ctx, s), g.forecast(ctx))
	g.open = onlyOpen(all)
	return all
}

// onlyOpen reports whether some guardrails do not pass, and all of those only because evidence is missing.
func onlyOpen(all []steps.Guardrail) bool {
	failing := slices.DeleteFunc(slices.Clone(all), func(g steps.Guardrail) bool { return g.Passes })
	return len(failing) > 0 && !slices.ContainsFunc(failing, func(g steps.Guardrail) bool { return !g.Open })
}

func guardrail(name string, err error, passes string) steps.Guardrail {
	if err != nil {
		return steps.Guardrail{Name: name, Detail: err.Error()}
	}
	return steps.Guardrail{Name: name, Passes: true, Detail: passes}
}

func (g *guarding) decision(ctx context.Context) steps.Guardrail {
	d, _, err := g.judge(ctx)
	if err == nil && d.Decision != gate.Go {
		var why []string
		for _, c := range d.Criteria {
			if c.Verdict != gate.Passes && !c.Advisory {
				why = append(why, c.Name)
			}
		}
		err = fmt.Errorf("the decision now is %s (%s)", d.Decision, strings.Join(why, ", "))
	}
	g.basisOf["decision"] = string(d.Decision)
	of := guardrail("decision", err, "the decision now is GO")
	of.Open = d.Decision == gate.Undecided
	return of
}

// approval is good for one execution: the run that closes legacy under it uses it up.
func (g *guarding) approval(ctx context.Context, s steps.Scope) steps.Guardrail {
	a, err := g.ledger.Approval(ctx)
	if err != nil {
		return guardrail("approval", err, "")
	}
	now, err := g.ledger.Clock(ctx)
	if err != nil {
		return guardrail("approval", err, "")
	}
	if lacks := a.Lacks(g.decides.Fingerprint, g.config.ApprovalOf(g.slice), g.who, now); lacks != "" {
		g.unapproved = !a.Same(g.who)
		return guardrail("approval", errors.New(lacks), "")
	}
	journals, err := g.ledger.Runs(ctx)
	if err != nil {
		return guardrail("approval", err, "")
	}
	if used := cutoverrun.Used(journals, a.Hash); used != "" && used != s.Run {
		g.unapproved = true
		return guardrail("approval", fmt.Errorf("run %s was executed under the approval of %s, and each execution needs one of its own", used, a.Who), "")
	}
	g.basisOf["approved_by"], g.basisOf["ticket"], g.basisOf[cutoverrun.ApprovalKey] = a.Who, a.Ticket, a.Hash
	g.basisOf["approved_until"] = a.Until.UTC().Format(time.RFC3339)
	detail := fmt.Sprintf("approved by %s (%s) until %s", a.Who, a.Ticket, a.Until.UTC().Format(time.RFC3339))
	if a.OSUser == asker() {
		detail += fmt.Sprintf("; %s was logged in for the approval, and is now", a.OSUser)
	}
	return guardrail("approval", nil, detail)
}

// server makes sure that the fence is where legacy is read: another server's fence keeps nobody out.
func (g *guarding) server(ctx context.Context) steps.Guardrail {
	_, why, err := fencedHere(ctx, g.fence, g.sides.legacy, g.config.Legacy.Table)
	if err == nil && why != "" {
		err = errors.New(why)
	}
	return guardrail("server", err, "the fence is at the table that is read as legacy")
}

func (g *guarding) fenced(ctx context.Context) steps.Guardrail {
	state, err := g.fence.State(ctx)
	switch kind := state.Kind(); {
	case err != nil:
	case kind == fence.None:
		err = errors.New("the fence is not installed: crosscheck cutover install")
	case kind == fence.Partly:
		err = fmt.Errorf("some writers pass the fence: %s", strings.Join(state.Missing, "; "))
	case state.Sealed || len(state.Holders)+len(state.Waiting) > 0:
		err = fmt.Errorf("the fence is %s already: crosscheck cutover fence", kind)
	default:
		err = g.apart(ctx, state)
	}
	passes := "the fence is installed and open"
	if len(state.Slices) > 0 {
		passes = fmt.Sprintf("the fence is installed, and open but for %d slices that are at the new side", len(state.Slices))
	}
	return guardrail("fence", err, passes)
}

// oldWriter is how old a transaction of a writer may be: the drain waits for it while others are refused.
const oldWriter = 5 * time.Second

func (g *guarding) inside(ctx context.Context, s steps.Scope) steps.Guardrail {
	sessions, err := g.fence.Blockers(ctx, fenceScope(s))
	if err != nil {
		return guardrail("drain", err, "")
	}
	var old []string
	for _, w := range sessions {
		if w.PID == 0 || w.Age > oldWriter || w.Hidden {
			old = append(old, w.String())
		}
	}
	if len(old) > 0 {
		err = fmt.Errorf("the drain would wait for %s", strings.Join(old, "; "))
	}
	return guardrail("drain", err, fmt.Sprintf("no writer at legacy is older than %v", oldWriter))
}

func (g *guarding) switched(ctx context.Context, s steps.Scope) steps.Guardrail {
	c := g.config.Cutover
	for name, sw := range map[string]steps.Switch{"reads": newSwitch(g.config, "reads", c.Reads), "writes": newSwitch(g.config, "writes", c.Writes), "pool": newSwitch(g.config, "pool", c.Pool)} {
		if sw == nil {
			continue
		}
		on, err := sw.On(ctx, s)
		if err == nil && on {
			err = fmt.Errorf("the switch of %s is at the new system already", name)
		}
		if err != nil {
			return guardrail("switches", err, "")
		}
	}
	journals, err := g.ledger.Runs(ctx)
	tried := "no run has tried their undo: crosscheck cutover rehearse --until switch-reads does"
	if run := cutoverrun.TriedUndo(journals, c.Digest()); run != "" {
		tried = fmt.Sprintf("run %s has tried their undo", run)
	}
	return guardrail("switches", err, "all switches answer, and are at legacy; "+tried)
}

// probes asks by the clients' way, where legacy must answer now.
func (g *guarding) probes(ctx context.Context, s steps.Scope) steps.Guardrail {
	of := g.config.Cutover.Probe
	reads, writes := newProbe(g.config, "the probe of reads", of.Reads), newProbe(g.config, "the probe of writes", of.Writes)
	detail := "none is configured"
	if reads != nil || writes != nil {
		detail = "legacy answers by the clients' way"
	}
	if g.planned && writes != nil {
		writes, detail = nil, "legacy answers reads by the clients' way; a rehearsal or execution also asks the probe of writes, which writes"
	}
	for _, by := range []steps.Probe{reads, writes} {
		if by == nil {
			continue
		}
		isNew, err := by.New(ctx, s)
		if err == nil && isNew {
			err = errors.New("the new side answers by the clients' way already")
		}
		if err != nil {
			return guardrail("probes", err, "")
		}
	}
	return guardrail("probes", nil, detail)
}

func (g *guarding) forecast(ctx context.Context) steps.Guardrail {
	b, err := g.budget(ctx)
	if err != nil {
		return guardrail("forecast", err, "")
	}
	var sum time.Duration
	for _, took := range b.Forecast {
		sum += took
	}
	if !b.Fits(cutover.Action{Verb: cutover.Do, Step: cutover.Fence}, 0) || sum > b.Total-b.Reserve {
		err = fmt.Errorf("the steps took %v before, and the budget of %v leaves %v", sum.Round(time.Millisecond), b.Total, b.Total-b.Reserve)
	}
	if len(b.Forecast) == 0 {
		return guardrail("forecast", nil, "unknown, because nothing was rehearsed")
	}
	return guardrail("forecast", err, fmt.Sprintf("%v of %v, by what the steps took before", sum.Round(time.Millisecond), b.Total-b.Reserve))
}

// budget has the forecast of all runs before.
func (t *cutting) budget(ctx context.Context) (cutover.Budget, error) {
	b := cutover.Budget{Total: t.config.Cutover.Budget, Reserve: t.config.Cutover.RollbackReserve}
	journals, err := t.ledger.Runs(ctx)
	if err == nil {
		b.Forecast = cutoverrun.Forecast(cutoverrun.Of(journals, t.slice))
	}
	return b, err
}
