package steps_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
)

// ports are all ports of the steps. Each call is named, and answers what it is told to: an error, or no to what is yes otherwise.
type ports struct {
	says  map[string]error
	no    []string
	calls []string
	begun map[string]int // how often each call was made
}

// call answers an error that is for each call of this name, or for its second one: "held 2".
func (p *ports) call(name string) error {
	p.calls = append(p.calls, name)
	p.begun[name]++
	if err := p.says[fmt.Sprintf("%s %d", name, p.begun[name])]; err != nil {
		return err
	}
	return p.says[name]
}

func (p *ports) yes(name string) (bool, error) {
	return !slices.Contains(p.no, name), p.call(name)
}

type theFence struct{ *ports }

func (f theFence) Close(context.Context, steps.Scope) error          { return f.call("close") }
func (f theFence) Held(context.Context) error                        { return f.call("held") }
func (f theFence) Permanent(context.Context) error                   { return f.call("permanent") }
func (f theFence) Sealed(context.Context, steps.Scope) (bool, error) { return f.yes("sealed") }
func (f theFence) Shut(context.Context, steps.Scope) (bool, error)   { return f.yes("shut") }
func (f theFence) Fed() []string                                     { return []string{"standby"} }
func (f theFence) Expect(standbys []string)                          { _ = f.call("expect " + strings.Join(standbys, ",")) }
func (f theFence) Release(context.Context) error                     { return f.call("release") }
func (f theFence) Free(context.Context, steps.Scope) (bool, error)   { return f.yes("free") }
func (f theFence) Unfence(context.Context, steps.Scope) error        { return f.call("unfence") }
func (f theFence) Open(context.Context) error                        { return f.call("open") }
func (f theFence) Evict(context.Context, steps.Scope) error          { return f.call("evict") }

func (f theFence) Passes(context.Context, steps.Scope) (steps.Probed, error) {
	open, err := f.yes("kept out")
	switch {
	case slices.Contains(f.no, "clear"):
		return steps.Probed{KeptOut: []string{"orders"}, Unclear: []string{"trades"}}, err
	case f.begun["unfence"] > 0 == open:
		return steps.Probed{Passed: []string{"orders"}}, err
	}
	return steps.Probed{KeptOut: []string{"orders"}}, err
}

type theSwitch struct {
	*ports
	name string
}

func (s theSwitch) Set(_ context.Context, on bool, _ steps.Scope) (string, error) {
	return "said", s.call(fmt.Sprintf("%s %t", s.name, on))
}

func (s theSwitch) On(context.Context, steps.Scope) (bool, error) { return s.yes(s.name + " is on") }

type theProbe struct {
	*ports
	name string
}

func (p theProbe) New(context.Context, steps.Scope) (bool, error) { return p.yes(p.name) }

type theRest struct{ *ports }

func (r theRest) Guardrails(context.Context, steps.Scope) []steps.Guardrail {
	passes, _ := r.yes("guardrail")
	return []steps.Guardrail{{Name: "lag", Passes: passes, Detail: "what was seen"}}
}
func (r theRest) Basis() map[string]string { return nil }

func (r theRest) Wait(context.Context, steps.Scope) (string, error) { return "", r.call("gate") }

func (r theRest) Fenced(context.Context, steps.Scope) (map[string]string, error) {
	return nil, r.call("fenced")
}

func (r theRest) Barrier(context.Context, steps.Scope, map[string]string) (map[string]string, string, error) {
	return nil, "", r.call("barrier")
}

func (r theRest) Final(context.Context, steps.Scope, map[string]string) (map[string]string, string, error) {
	return nil, "", r.call("final")
}

func (r theRest) Lacking(context.Context, steps.Scope, map[string]string) (bool, string, error) {
	nothing, err := r.yes("lacks nothing")
	return !nothing, "", err
}

func (r theRest) Tail(context.Context, steps.Scope, map[string]string) (string, error) {
	return "", r.call("tail")
}

// kinds of steps that a case has.
const (
	pooled = "pooled"
	probed = "probed"
)

func (p *ports) steps(with string) *steps.Steps {
	p.begun = map[string]int{}
	rest := theRest{p}
	s := &steps.Steps{
		Fence: theFence{p}, Reads: theSwitch{p, "reads"}, Writes: theSwitch{p, "writes"}, Checks: rest, Gate: rest, Evidence: rest,
		Wait: func(_ context.Context, d time.Duration) error { return p.call("wait " + d.String()) },
	}
	if strings.Contains(with, pooled) {
		s.Pool = theSwitch{p, "pool"}
	}
	if strings.Contains(with, probed) {
		s.AsReader, s.AsWriter = theProbe{p, "reader"}, theProbe{p, "writer"}
	}
	return s
}

var (
	errLost    = fmt.Errorf("%w: killed", steps.ErrFenceLost)
	errRefused = fmt.Errorf("%w: refused", steps.ErrRefused)
	errNo      = fmt.Errorf("%w: it differs", steps.ErrContradicted)
	errNoReply = errors.New("the reply was lost")
)

type says = map[string]error

// TestWhatEachAnswerMeans: what was proven is Done, Failed or FenceLost; all the rest is Unknown.
func TestWhatEachAnswerMeans(t *testing.T) {
	t.Parallel()
	do, undo := cutover.Do, cutover.Undo
	for _, c := range []struct {
		verb cutover.Verb
		step cutover.Step
		with string
		says says
		no   []string
		want cutover.Outcome
		last string // the last call; empty for any
	}{
		{verb: do, step: cutover.Preflight, want: cutover.Done},
		{verb: do, step: cutover.Preflight, no: []string{"guardrail"}, want: cutover.Failed},
		{verb: do, step: cutover.Hold, want: cutover.Done, last: "guardrail"},
		{verb: do, step: cutover.Hold, says: says{"gate": errNoReply}, want: cutover.Failed, last: "gate"},
		{verb: do, step: cutover.Hold, no: []string{"guardrail"}, want: cutover.Failed},

		{verb: do, step: cutover.Fence, want: cutover.Done, last: "held"},
		{verb: do, step: cutover.Fence, says: says{"release": errLost}, want: cutover.Done},
		{verb: do, step: cutover.Fence, says: says{"release": errNoReply}, want: cutover.Unknown, last: "release"},
		{verb: do, step: cutover.Fence, says: says{"close": errRefused}, want: cutover.Failed, last: "close"},
		{verb: do, step: cutover.Fence, says: says{"close": errNoReply}, want: cutover.Unknown, last: "close"},
		{verb: do, step: cutover.Fence, with: pooled, says: says{"pool true": errRefused}, want: cutover.Failed, last: "pool true"},
		{verb: do, step: cutover.Fence, with: pooled, says: says{"pool true": errNoReply}, want: cutover.Unknown, last: "pool true"},
		{verb: do, step: cutover.Fence, no: []string{"kept out"}, want: cutover.Failed, last: "release"},
		{verb: do, step: cutover.Fence, no: []string{"clear"}, want: cutover.Failed, last: "release"},
		{verb: do, step: cutover.Fence, no: []string{"kept out"}, says: says{"release 2": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.Fence, says: says{"kept out": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.Fence, says: says{"fenced": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.Fence, says: says{"held": errLost}, want: cutover.FenceLost},

		{verb: do, step: cutover.Barrier, want: cutover.Done, last: "held"},
		{verb: do, step: cutover.Barrier, says: says{"held": errLost}, want: cutover.FenceLost, last: "held"},
		{verb: do, step: cutover.Barrier, says: says{"held 2": errLost}, want: cutover.FenceLost},
		{verb: do, step: cutover.Barrier, says: says{"held 2": errLost, "barrier": errNo}, want: cutover.FenceLost},
		{verb: do, step: cutover.Barrier, says: says{"held 2": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.Barrier, says: says{"barrier": errNo}, want: cutover.Failed},
		{verb: do, step: cutover.Barrier, says: says{"barrier": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.FinalVerification, want: cutover.Done},
		{verb: do, step: cutover.FinalVerification, says: says{"held 2": errLost}, want: cutover.FenceLost},
		{verb: do, step: cutover.FinalVerification, says: says{"final": errNo}, want: cutover.Failed},
		{verb: do, step: cutover.FinalVerification, says: says{"final": errNoReply}, want: cutover.Unknown},

		{verb: do, step: cutover.PermanentFence, want: cutover.Done},
		{verb: do, step: cutover.PermanentFence, says: says{"permanent": errLost}, want: cutover.Done}, // an earlier attempt has sealed it
		{verb: do, step: cutover.PermanentFence, says: says{"permanent": errLost}, no: []string{"sealed"}, want: cutover.FenceLost},
		{verb: do, step: cutover.PermanentFence, says: says{"permanent": errNoReply}, want: cutover.Unknown, last: "permanent"},
		{verb: do, step: cutover.PermanentFence, says: says{"sealed": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.PermanentFence, no: []string{"sealed"}, want: cutover.Unknown},

		{verb: do, step: cutover.SwitchReads, want: cutover.Done, last: "reads true"},
		{verb: do, step: cutover.SwitchReads, no: []string{"sealed"}, want: cutover.Failed, last: "shut"},
		{verb: do, step: cutover.SwitchReads, no: []string{"sealed"}, says: says{"shut": errNoReply}, want: cutover.Unknown, last: "shut"},
		{verb: do, step: cutover.SwitchReads, says: says{"sealed": errNoReply}, no: []string{"sealed"}, want: cutover.Unknown, last: "sealed"},
		{verb: do, step: cutover.SwitchReads, says: says{"reads true": errRefused}, want: cutover.Failed},
		{verb: do, step: cutover.SwitchReads, says: says{"reads true": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchReads, with: probed, want: cutover.Done, last: "reader"},
		{verb: do, step: cutover.SwitchReads, with: probed, no: []string{"reader"}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchReads, with: probed, says: says{"reader": errRefused}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchReads, with: probed + pooled, says: says{"reader": errNoReply}, want: cutover.Done, last: "pool is on"},

		{verb: do, step: cutover.SwitchWrites, want: cutover.Done, last: "writes true"},
		{verb: do, step: cutover.SwitchWrites, no: []string{"sealed"}, want: cutover.Failed, last: "shut"},
		{verb: do, step: cutover.SwitchWrites, says: says{"writes true": errRefused}, want: cutover.Failed},
		{verb: do, step: cutover.SwitchWrites, says: says{"writes true": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchWrites, with: pooled, want: cutover.Done, last: "pool false"},
		{verb: do, step: cutover.SwitchWrites, with: pooled, says: says{"pool false": errRefused}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchWrites, with: probed, want: cutover.Accepted, last: "writer"},
		{verb: do, step: cutover.SwitchWrites, with: probed, no: []string{"writer"}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchWrites, with: probed, says: says{"writer": errRefused}, want: cutover.Unknown},
		{verb: do, step: cutover.SwitchWrites, with: probed + pooled, no: []string{"reader", "pool is on"}, want: cutover.Unknown, last: "reader"},
		{verb: do, step: cutover.SwitchWrites, with: probed + pooled, no: []string{"pool is on"}, want: cutover.Accepted},

		{verb: do, step: cutover.Release, with: pooled, want: cutover.Done, last: "free"},
		{verb: do, step: cutover.Release, says: says{"release": errLost}, want: cutover.Done},
		{verb: do, step: cutover.Release, says: says{"sealed": errNoReply}, want: cutover.Done}, // a standby is gone
		{verb: do, step: cutover.Release, no: []string{"free"}, want: cutover.Unknown},
		{verb: do, step: cutover.Release, no: []string{"sealed"}, says: says{"sealed": errNoReply}, want: cutover.Unknown, last: "sealed"},
		{verb: do, step: cutover.Release, no: []string{"sealed", "shut"}, says: says{"permanent": errLost}, want: cutover.FenceLost, last: "permanent"}, // legacy is open
		{verb: do, step: cutover.TailCheck, want: cutover.Done},
		{verb: do, step: cutover.TailCheck, says: says{"tail": errNo}, want: cutover.Failed},
		{verb: do, step: cutover.TailCheck, says: says{"tail": errNoReply}, want: cutover.Unknown},
		{verb: do, step: cutover.Proof, want: cutover.Done},
		{verb: do, step: cutover.Proof, no: []string{"lacks nothing"}, want: cutover.Accepted},
		{verb: do, step: cutover.Proof, says: says{"lacks nothing": errNoReply}, want: cutover.Unknown},

		{verb: undo, step: cutover.SwitchWrites, want: cutover.Done},
		{verb: undo, step: cutover.SwitchWrites, says: says{"writes false": errRefused}, want: cutover.Unknown},
		{verb: undo, step: cutover.SwitchWrites, with: probed, want: cutover.Unknown}, // the new side still answers
		{verb: undo, step: cutover.SwitchWrites, with: probed, no: []string{"writer"}, want: cutover.Done},
		{verb: undo, step: cutover.SwitchWrites, with: probed, says: says{"writer": errRefused}, want: cutover.Done},
		{verb: undo, step: cutover.SwitchWrites, with: probed, says: says{"writer": errNoReply}, want: cutover.Unknown},
		{verb: undo, step: cutover.SwitchWrites, with: probed + pooled, says: says{"writer": errNoReply}, want: cutover.Done, last: "pool is on"},
		{verb: undo, step: cutover.SwitchWrites, with: probed + pooled, says: says{"pool is on": errNoReply}, want: cutover.Unknown},
		{verb: undo, step: cutover.SwitchReads, with: probed, says: says{"reader": errRefused}, want: cutover.Done},
		{verb: undo, step: cutover.SwitchReads, says: says{"reads false": errRefused}, want: cutover.Unknown},
		{verb: undo, step: cutover.PermanentFence, says: says{"release": errLost}, no: []string{"writes is on"}, want: cutover.Done, last: "unfence"},
		{verb: undo, step: cutover.PermanentFence, want: cutover.Unknown, last: "writes is on"}, // somebody has switched by hand
		{verb: undo, step: cutover.PermanentFence, says: says{"writes is on": errNoReply}, want: cutover.Unknown, last: "writes is on"},
		{verb: undo, step: cutover.PermanentFence, says: says{"unfence": errNoReply}, no: []string{"shut"}, want: cutover.Unknown, last: "unfence"},
		{verb: undo, step: cutover.PermanentFence, no: []string{"sealed"}, want: cutover.Unknown, last: "writes is on"}, // and the fence has a hole
		{verb: undo, step: cutover.Fence, with: pooled, no: []string{"shut"}, want: cutover.Done, last: "pool false"},
		{verb: undo, step: cutover.Fence, with: pooled, no: []string{"shut"}, says: says{"pool false": errRefused}, want: cutover.Unknown},
		{verb: undo, step: cutover.Fence, with: pooled, no: []string{"shut", "kept out"}, want: cutover.Unknown, last: "kept out"},
		{verb: undo, step: cutover.Fence, no: []string{"shut"}, says: says{"unfence": errNoReply}, want: cutover.Unknown},
	} {
		p := &ports{says: c.says, no: c.no}
		r := p.steps(c.with).Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: c.verb, Step: c.step}})
		if r.Outcome != c.want || c.last != "" && c.last != p.calls[len(p.calls)-1] {
			t.Errorf("%s %s (%s), where %v and not %v: %s (%s) after %v; want %s after %s", c.verb, c.step, c.with, c.says, c.no, r.Outcome, r.Detail, p.calls, c.want, c.last)
		}
	}
}

// TestEvictingWaitsForWhatNobodyCanEnd: a switch that was asked. A pool is one, too.
func TestEvictingWaitsForWhatNobodyCanEnd(t *testing.T) {
	t.Parallel()
	late := map[cutover.Action]time.Duration{
		{Verb: cutover.Do, Step: cutover.Fence}:         9 * time.Second,
		{Verb: cutover.Undo, Step: cutover.SwitchReads}: 7 * time.Second,
		{Verb: cutover.Do, Step: cutover.Barrier}:       time.Minute,
	}
	for with, want := range map[string]string{"": "evict, wait 7s", pooled: "evict, wait 9s"} {
		p := &ports{}
		r := p.steps(with).Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Evict}, Late: late})
		if got := strings.Join(p.calls, ", "); r.Outcome != cutover.Done || got != want {
			t.Errorf("with %q: %s, %s; want %s", with, r.Outcome, got, want)
		}
	}
	for call, err := range (says{"evict": errNoReply, "wait 7s": context.DeadlineExceeded}) {
		p := &ports{says: says{call: err}}
		if r := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Evict}, Late: late}); r.Outcome != cutover.Unknown {
			t.Errorf("%s fails: %s", call, r.Outcome)
		}
	}
}

// TestAnOpenedSealIsForPeople: no repetition closes legacy again.
func TestAnOpenedSealIsForPeople(t *testing.T) {
	t.Parallel()
	for step, lost := range map[cutover.Step]says{cutover.SwitchReads: nil, cutover.SwitchWrites: nil, cutover.Release: {"permanent": errLost}} {
		p := &ports{no: []string{"sealed", "shut"}, says: lost}
		r := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: step}})
		if !strings.Contains(r.ByHand, "crosscheck cutover close") {
			t.Errorf("%s: %+v", step, r)
		}
	}
	p := &ports{no: []string{"sealed"}, says: says{"sealed": errNoReply}}
	if r := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: cutover.SwitchReads}}); r.ByHand != "" {
		t.Errorf("nobody knows whether it is open: %+v", r)
	}
}

// TestWhoGivesUpLetsHeldClientsGoOn, if legacy is open: nobody may come for as long as the ledger is away.
func TestWhoGivesUpLetsHeldClientsGoOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		no   []string
		then cutover.Action // after the fence
		want string
	}{
		{[]string{"shut"}, cutover.Action{}, "release, shut, free, pool false"},
		{[]string{"shut", "free"}, cutover.Action{}, "release, shut, free"}, // another process has closed it
		{nil, cutover.Action{}, "release, shut"},
		{[]string{"shut"}, cutover.Action{Verb: cutover.Undo, Step: cutover.Fence}, "release"},
	} {
		p := &ports{no: c.no}
		s := p.steps(pooled)
		s.Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: cutover.Fence}})
		if c.then.Verb != "" {
			s.Perform(t.Context(), run.Attempt{Action: c.then})
		}
		p.calls = nil
		if err := s.Abandon(t.Context()); err != nil || strings.Join(p.calls, ", ") != c.want {
			t.Errorf("after %s, where not %v: %v, %v; want %s", c.then, c.no, p.calls, err, c.want)
		}
	}
}

// TestAHoleInThePermanentFenceIsInstalledAway: nobody has opened legacy, and nobody could close it. The lock is kept until the hole is closed.
func TestAHoleInThePermanentFenceIsInstalledAway(t *testing.T) {
	t.Parallel()
	for _, step := range []cutover.Step{cutover.SwitchReads, cutover.SwitchWrites, cutover.Release} {
		p := &ports{no: []string{"sealed"}}
		r := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: step}})
		if r.ByHand != "" || r.Outcome != cutover.Failed || !strings.Contains(r.Detail, "crosscheck cutover install") || p.calls[len(p.calls)-1] != "shut" {
			t.Errorf("%s after %v: %+v", step, p.calls, r)
		}
	}
}

// TestTheStandbysOfTheJournalAreExpected by whoever goes on, however many are connected then.
func TestTheStandbysOfTheJournalAreExpected(t *testing.T) {
	t.Parallel()
	p := &ports{}
	fenced := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: cutover.Fence}})
	next := &ports{}
	r := next.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: cutover.PermanentFence}, Positions: fenced.Positions})
	if r.Outcome != cutover.Done || next.calls[0] != "expect standby" {
		t.Errorf("%s after %v, with %v", r.Outcome, next.calls, fenced.Positions)
	}
}

// TestTheSealIsClosedAgainBeforeTheLockGoes: a person may have opened it while the new side takes writes.
func TestTheSealIsClosedAgainBeforeTheLockGoes(t *testing.T) {
	t.Parallel()
	p := &ports{no: []string{"sealed", "shut"}}
	r := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: cutover.Release}})
	if got := strings.Join(p.calls, ", "); r.Outcome != cutover.Done || got != "sealed, shut, permanent, release, free" {
		t.Errorf("%s after %s", r.Outcome, got)
	}
}

// TestAProofWithAFeedHoldsUntilTheSealIsOpen: the feed passes the seal as soon as no session holds the fence.
func TestAProofWithAFeedHoldsUntilTheSealIsOpen(t *testing.T) {
	t.Parallel()
	p := &ports{}
	s := p.steps("")
	s.Feeds = true
	proof := s.Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Do, Step: cutover.Proof}})
	for _, c := range []struct {
		says says
		no   []string
		want cutover.Outcome
		then string
	}{
		{nil, nil, cutover.Done, "held, open, "},
		{says{"held": errLost}, nil, cutover.Done, "held, release, lacks nothing, open, "},
		{says{"held": errNoReply}, []string{"lacks nothing"}, cutover.Unknown, "held, release, lacks nothing"},
		{says{"held": errLost, "lacks nothing": errNoReply}, nil, cutover.Unknown, "held, release, lacks nothing"},
		{says{"open": errLost}, nil, cutover.FenceLost, "held, open"},
		{nil, []string{"sealed", "shut"}, cutover.Done, "sealed, shut, release, unfence"}, // an earlier attempt has opened it
	} {
		p := &ports{says: c.says, no: append(c.no, "writes is on")}
		r := p.steps("").Perform(t.Context(), run.Attempt{Action: cutover.Action{Verb: cutover.Undo, Step: cutover.PermanentFence}, Positions: proof.Positions})
		if got := strings.Join(p.calls, ", "); r.Outcome != c.want || !strings.Contains(got, c.then) || c.want != cutover.Done && !strings.HasSuffix(got, c.then) {
			t.Errorf("where %v and not %v: %s after %s; want %s after %s", c.says, c.no, r.Outcome, got, c.want, c.then)
		}
	}
}
