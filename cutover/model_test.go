package cutover

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

// settings are the systems that the model is searched in.
func settings(of machine, broken flaw) []*model {
	return []*model{
		newModel(of, false, false, broken),
		newModel(of, true, false, broken),
		newModel(of, false, true, broken),
	}
}

// TestNoOrderOfEventsBreaksAnInvariant goes through everything that can happen to one run.
func TestNoOrderOfEventsBreaksAnInvariant(t *testing.T) {
	for _, m := range settings(shipped, "") {
		t.Run(fmt.Sprintf("wait=%t,feed=%t", m.wait, m.feed), func(t *testing.T) {
			t.Parallel()
			s := explore[world](m)
			if problem := cmp.Or(s.problem, m.oneWay()); problem != "" {
				t.Error(problem)
			}
			t.Logf("%d states of the world, %d of the run, %d moves", len(s.worlds), len(m.states), s.moves)
		})
	}
}

// TestStrandedIsNoFalseAlarm: in each state that says so, there may really be no side to write to. The search has the rest.
func TestStrandedIsNoFalseAlarm(t *testing.T) {
	m := newModel(shipped, false, false, "")
	closed := map[State]bool{}
	for _, w := range explore[world](m).worlds {
		closed[m.states[w.run]] = closed[m.states[w.run]] || w.closed && !w.open
	}
	for s, is := range closed {
		if s.Stranded() && !is {
			t.Errorf("%+v", s)
		}
	}
}

// found is what the model finds wrong with a machine, or with a broken promise; empty if nothing.
func found(of machine, broken flaw) string {
	for _, m := range settings(of, broken) {
		if problem := cmp.Or(explore[world](m).problem, m.oneWay()); problem != "" {
			return problem
		}
	}
	return ""
}

// TestEachRuleIsNeeded takes away each rule, each outcome, each condition and each effect in turn.
func TestEachRuleIsNeeded(t *testing.T) {
	for i, r := range shipped.rules {
		without := func(name string, mutant rule, drop bool) {
			t.Run(fmt.Sprintf("rule %d without %s", i+1, name), func(t *testing.T) {
				t.Parallel()
				m := shipped
				m.rules = slices.Clone(shipped.rules)
				m.rules[i] = mutant
				if drop {
					m.rules = slices.Delete(m.rules, i, i+1)
				}
				if problem := found(m, ""); problem == "" {
					t.Errorf("nothing breaks, so it is superfluous: %s", r.says)
				} else {
					t.Log(problem)
				}
			})
		}
		without("everything", r, true)
		for j, o := range r.on {
			mutant := r
			mutant.on = slices.Delete(slices.Clone(r.on), j, j+1)
			without(string(o), mutant, false)
		}
		for j := range r.when {
			mutant := r
			mutant.when = slices.Delete(slices.Clone(r.when), j, j+1)
			without(fmt.Sprintf("condition %d", j+1), mutant, false)
		}
		for j := range r.then {
			mutant := r
			mutant.then = slices.Delete(slices.Clone(r.then), j, j+1)
			without(fmt.Sprintf("effect %d", j+1), mutant, false)
		}
	}
}

// TestEachStepIsNeeded takes a step out of each way. Three steps are not there for the invariants: preflight and hold are
// for people and evidence, and the tail check finds out whether a promise was broken.
func TestEachStepIsNeeded(t *testing.T) {
	forPeople := []Step{Preflight, Hold, TailCheck}
	try := func(step Step, way string, m machine) {
		t.Run(way+" without "+string(step), func(t *testing.T) {
			t.Parallel()
			if needed := found(m, "") != ""; needed == slices.Contains(forPeople, step) {
				t.Errorf("needed: %t", needed)
			}
		})
	}
	for i, step := range shipped.forward[1:] {
		m := shipped
		m.forward = slices.Delete(slices.Clone(m.forward), i+1, i+2)
		try(step, "forward", m)
	}
	for i, step := range shipped.back {
		m := shipped
		m.back = slices.Delete(slices.Clone(m.back), i, i+1)
		try(step, "back", m)
	}
}

// TestEachPromiseIsNeeded breaks what the coordinator and the fence promise. The last is a promise of [Next] itself.
func TestEachPromiseIsNeeded(t *testing.T) {
	for _, f := range []flaw{
		drainSkipsPrepared, fenceReadsSnapshot, waitersRunOldBody, fencedFromElsewhere, standbysNotAwaited,
		evictsNothing, proofSkipsOpen, verificationIsBlind, verifiesAgainstMoving, feedIsBelieved, answersAgain,
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			if problem := found(shipped, f); problem == "" {
				t.Error("nothing breaks")
			} else {
				t.Log(problem)
			}
		})
	}
}

// TestReadsAreSwitchedBehindThePermanentFence: in the other order, a lost session opens legacy while reads are at the new side.
func TestReadsAreSwitchedBehindThePermanentFence(t *testing.T) {
	m := shipped
	m.forward = swapped(m.forward, PermanentFence, SwitchReads)
	m.back = swapped(m.back, PermanentFence, SwitchReads)
	problem := found(m, "")
	if problem == "" {
		t.Error("the other order is as good")
	}
	t.Log(problem)
}

func swapped(steps []Step, a, b Step) []Step {
	steps = slices.Clone(steps)
	i, j := slices.Index(steps, a), slices.Index(steps, b)
	steps[i], steps[j] = b, a
	return steps
}
