package cutover

import "slices"

// machine is what a run goes by: the order of the steps on both ways, and the rules.
type machine struct {
	forward, back []Step
	rules         []rule
}

// rule says what some outcomes mean where all conditions hold. The first rule that applies decides; where none does, the
// action is repeated.
type rule struct {
	says string
	on   []Outcome
	when []condition
	then []effect
}

type (
	condition func(machine, State) bool
	effect    func(machine, State) State
)

// shipped is the machine of [Next]. The permanent fence comes before the switch of reads, because reads must not be at the
// new side while a lost session can open legacy again. The tail check comes last, because it looks at those who waited too.
var shipped = machine{
	forward: []Step{Preflight, Hold, Fence, Barrier, FinalVerification, PermanentFence, SwitchReads, SwitchWrites, Release, TailCheck},
	back:    []Step{SwitchWrites, Proof, SwitchReads, PermanentFence, Fence},
	rules: []rule{
		{
			says: "If the fence is lost before the permanent fence stands, legacy may have been written: go back.",
			on:   []Outcome{FenceLost},
			when: []condition{forward, upTo(PermanentFence)},
			then: []effect{evict, turnBack},
		},
		{
			says: "What was begun and has no known end may take effect later: evict it before anything else.",
			on:   []Outcome{Unknown, FenceLost, Takeover},
			then: []effect{evict},
		},
		{
			says: "While evicting: nothing of before can take effect any more, so repeat the action.",
			on:   []Outcome{Done},
			when: []condition{evicting},
			then: []effect{evicted},
		},
		{
			says: "Before the point of no return, every failure goes back, and so does whoever asks.",
			on:   []Outcome{Failed, NoTime, Abort},
			when: []condition{ahead, returnable},
			then: []effect{turnBack},
		},
		{
			says: "With a verified reverse feed there is a way back from everywhere.",
			on:   []Outcome{Reverse},
			when: []condition{ahead},
			then: []effect{turnBack},
		},
		{
			says: "After the point of no return, what the tail check finds is for people.",
			on:   []Outcome{Failed},
			when: []condition{at(TailCheck)},
			then: []effect{proceed},
		},
		{
			says: "On the way forward: the new side has acknowledged a write, so there is no return.",
			on:   []Outcome{Accepted},
			when: []condition{forward},
			then: []effect{noReturn, proceed},
		},
		{
			says: "On the way back: legacy lacks a write that the new side has acknowledged, so open the new side again.",
			on:   []Outcome{Accepted},
			then: []effect{noReturn, forwardAgain},
		},
		{
			says: "Done: on to the next step of the way.",
			on:   []Outcome{Done},
			then: []effect{proceed},
		},
	},
}

func (m machine) next(s State, o Observation) State {
	if o.Seq != s.Seq {
		return s // a second answer to an action of before
	}
	for _, r := range m.rules {
		if r.applies(m, s, o.Outcome) {
			for _, then := range r.then {
				s = then(m, s)
			}
			break
		}
	}
	s.Seq++
	return s
}

func (r rule) applies(m machine, s State, o Outcome) bool {
	return slices.Contains(r.on, o) && !slices.ContainsFunc(r.when, func(holds condition) bool { return !holds(m, s) })
}

func forward(_ machine, s State) bool    { return s.Phase == Forward }
func ahead(_ machine, s State) bool      { return s.Phase == Forward || s.Phase == Completed }
func evicting(_ machine, s State) bool   { return s.Evict }
func returnable(_ machine, s State) bool { return !s.NoReturn }

func at(step Step) condition {
	return func(_ machine, s State) bool { return s.Step == step }
}

func upTo(step Step) condition {
	return func(m machine, s State) bool {
		return slices.Index(m.forward, s.Step) <= slices.Index(m.forward, step)
	}
}

func evict(_ machine, s State) State {
	s.Evict = true
	return s
}

func evicted(_ machine, s State) State {
	s.Evict = false
	return s
}

func noReturn(_ machine, s State) State {
	s.NoReturn = true
	return s
}

// turnBack begins the way back with the step that was to be done, because it may have been begun. If nothing has been
// fenced, there is nothing to undo.
func turnBack(m machine, s State) State {
	reached := m.forward[:slices.Index(m.forward, s.Step)+1]
	first := slices.IndexFunc(m.back, func(step Step) bool { return slices.Contains(reached, step) })
	if first < 0 {
		s.Phase, s.Evict = RolledBack, false
		return s
	}
	s.Phase, s.Step = Back, m.back[first]
	return s
}

func forwardAgain(_ machine, s State) State {
	s.Phase, s.Step = Forward, SwitchWrites
	return s
}

// proceed goes on to the next step of the way, or ends the run after the last.
func proceed(m machine, s State) State {
	way, end := m.forward, Completed
	if s.Phase == Back {
		way, end = m.back, RolledBack
	}
	if next := slices.Index(way, s.Step) + 1; next < len(way) {
		s.Step = way[next]
		return s
	}
	s.Phase = end
	return s
}
