package cutover

// This file is what may happen when the coordinator of the model performs an action.

// effect is the world after an action that did what it does.
func (m *model) effect(w world, a Action) world {
	switch a {
	case Action{Verb: Evict}:
		if !m.has(evictsNothing) {
			w.late = 0
		}
		if w.session == stray {
			w.session = nobody
		}
	case Action{Verb: Do, Step: Fence}:
		drained := w.tx != writing && (w.tx != prepared || m.has(drainSkipsPrepared))
		if w.session == nobody && drained {
			w.session = mine
		}
	case Action{Verb: Undo, Step: Fence}, Action{Verb: Do, Step: Release}:
		w.session = nobody
	case Action{Verb: Do, Step: PermanentFence}:
		if w.session != nobody || m.has(fencedFromElsewhere) {
			w.closed = true
		}
	case Action{Verb: Undo, Step: PermanentFence}:
		w.closed = false
	case Action{Verb: Do, Step: SwitchReads}:
		w.readsNew = true
	case Action{Verb: Undo, Step: SwitchReads}:
		w.readsNew = false
	case Action{Verb: Do, Step: SwitchWrites}:
		w.open = true
	case Action{Verb: Undo, Step: SwitchWrites}:
		w.open = false
	}
	return w
}

// readBack is the outcome of an action by what the world is like after it. Unknown is "not yet": something must move first.
func (m *model) readBack(w world, a Action) Outcome {
	standby := w.standbyClosed == w.closed || m.has(standbysNotAwaited)
	switch a {
	case Action{Verb: Do, Step: Fence}:
		return doneIf(w.session == mine)
	case Action{Verb: Do, Step: Barrier}:
		if w.session != mine {
			return FenceLost
		}
		return doneIf(!w.owed || m.has(verifiesAgainstMoving))
	case Action{Verb: Do, Step: FinalVerification}:
		switch {
		case w.session != mine:
			return FenceLost
		case w.lost && !m.has(verificationIsBlind):
			return Failed // what is only owed is lag, and no divergence
		}
	case Action{Verb: Do, Step: PermanentFence}:
		if !w.closed {
			return FenceLost // only the session that held the lock can do it
		}
		return doneIf(standby)
	case Action{Verb: Undo, Step: PermanentFence}:
		return doneIf(!w.closed && standby)
	case Action{Verb: Undo, Step: Fence}:
		return doneIf(w.legacyWritable())
	case Action{Verb: Do, Step: Proof}:
		switch {
		case w.accepted && (!m.feed || !m.has(feedIsBelieved)):
			return Accepted
		case w.newTx && !m.has(proofSkipsOpen):
			return Unknown
		}
	case Action{Verb: Do, Step: SwitchWrites}, Action{Verb: Do, Step: Release}, Action{Verb: Do, Step: TailCheck}:
		if w.accepted {
			return Accepted
		}
	}
	return Done
}

func doneIf(is bool) Outcome {
	if is {
		return Done
	}
	return Unknown
}

// attempt is one way in which an action may end: what was seen of it, and how far it really came.
type attempt struct {
	Outcome Outcome `json:"outcome,omitempty"`
	Really  string  `json:"really,omitempty"`
}

// How far an attempt came.
const (
	had     = "" // it had its effect
	hadNone = "had no effect"
	late    = "may have its effect later"
	waits   = "is not read back yet"
	never   = "is an answer to the action before"
)

// perform calls move for everything that may happen to the action. The fair ones are what happens if nothing fails.
func (m *model) perform(w world, move func(a attempt, fair bool, to world)) {
	s := m.states[w.run]
	a := s.Action()
	see := func(outcome Outcome, really string, fair bool, to world) {
		m.see(attempt{outcome, really}, fair, to, move)
	}
	m.ask(w, s, see)
	if s.Ended() {
		return
	}
	after, pending := m.effect(w, a), w
	pending.late = m.idOf(a)

	honest := m.readBack(after, a)
	if honest != Unknown {
		see(honest, had, true, after)
	} else if after != w {
		move(attempt{Really: waits}, true, after)
	}
	see(Unknown, had, false, after)
	see(Unknown, hadNone, false, w)
	if m.mutates(a) {
		see(Unknown, late, false, pending)
	}
	if a.Verb != Evict && a.Step != Proof && a.Step != Release {
		see(Failed, hadNone, a.Step == TailCheck, w)
	}
	for _, end := range []struct {
		really string
		world
	}{{had, after}, {hadNone, w}, {late, pending}} {
		if end.really == late && !m.mutates(a) {
			continue
		}
		gone, kept := end.world, end.world
		gone.session = nobody
		see(Takeover, end.really, false, gone)
		if end.session == mine {
			see(FenceLost, end.really, false, gone)
			if !m.calm {
				kept.session = stray
				see(Takeover, end.really, false, kept)
			}
		}
	}
	if !(Budget{Total: -1}).Fits(a, 0) {
		see(NoTime, hadNone, honest == Unknown, w)
	}
	m.secondAnswer(w, move)
}

// ask is what people may ask for. It is obeyed while there is a way back.
func (m *model) ask(w world, s State, see func(Outcome, string, bool, world)) {
	if s.Phase == RolledBack {
		return
	}
	see(Abort, hadNone, false, w)
	if m.feed {
		w.reversed = true
		see(Reverse, hadNone, false, w)
	}
}

// see tells the coordinator of an outcome.
func (m *model) see(a attempt, fair bool, to world, move func(attempt, bool, world)) {
	if a.Outcome == Accepted {
		to.told = true
	}
	to.run = m.next(to.run, Observation{Seq: 1, Outcome: a.Outcome})
	if m.states[to.run].Phase == Forward {
		to.reversed = false // if it was asked for, it was refused
	}
	move(a, fair, to)
}

// secondAnswer delivers the last outcome once more.
func (m *model) secondAnswer(w world, move func(attempt, bool, world)) {
	var seq int
	if m.has(answersAgain) {
		seq = 1
	}
	w.run = m.next(w.run, Observation{Seq: seq, Outcome: Done})
	move(attempt{Done, never}, false, w)
}

// mutates reports whether an attempt at the action may have its effect later.
func (m *model) mutates(a Action) bool { return a.Verb != Evict && m.effectful[a.Step] && !m.calm }

// disobeyed says which request was not heeded although it could have been.
func disobeyed(before, after State, o Outcome) string {
	ahead := before.Phase == Forward || before.Phase == Completed
	asked := o == Reverse || o == Abort && !before.NoReturn
	if ahead && asked && after.Phase != Back && after.Phase != RolledBack {
		return "whoever asks for the way back is not obeyed"
	}
	return ""
}
