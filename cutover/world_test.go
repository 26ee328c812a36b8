package cutover

// This file is the world of the model: everything about one slice that a coordinator acts on and cannot know.

// writer is a transaction of a client at legacy.
type writer uint8

const (
	idle     writer = iota
	begun           // it has its snapshot, and has not asked the fence yet
	writing         // it holds the fence's lock, shared, until it ends
	prepared        // the same, but no session shows it
)

// holder is who has the fence's lock.
type holder uint8

const (
	nobody holder = iota
	mine          // a session of this epoch, without a break since it got the lock
	stray         // a session of an earlier attempt or epoch, which lives on
)

// world is one state of the model. It is small and comparable, because the search keeps all of them.
type world struct {
	run     uint8 // the coordinator's state, see model.states
	late    uint8 // an attempt that may still take effect, see model.actions; 0 is none
	tx      writer
	session holder
	waiting bool // a writer waits for the fence's lock

	closed, standbyClosed bool // the permanent fence, at legacy's primary and at its standby
	readsNew, open        bool // the two switches, as clients see them
	newTx                 bool // a transaction at the new side has written and may commit

	owed     bool // an acknowledged write of legacy is on its way to the new side
	lost     bool // an acknowledged write of legacy never gets there
	accepted bool // the new side has acknowledged a write that legacy lacks

	told     bool // the coordinator was told of an accepted write
	reversed bool // a person has asked for the way back by the reverse feed
}

func (w world) legacyWritable() bool { return w.session == nobody && !w.closed }

// legacyWrites and newWrites report whether a write may still be acknowledged there.
func (w world) legacyWrites() bool {
	return w.legacyWritable() || w.tx == writing || w.tx == prepared
}

func (w world) newWrites() bool { return w.open || w.newTx }

// broken says which invariant does not hold; empty if all do.
func (w world) broken(s State) string {
	switch {
	case w.legacyWrites() && w.newWrites():
		return "two sides are writable"
	case w.legacyWrites() && w.accepted:
		return "legacy goes on without a write that the new side acknowledged"
	case w.newWrites() && (w.lost || w.owed):
		return "the new side goes on without a write that legacy acknowledged"
	case w.readsNew && (w.lost || w.owed):
		return "reads are at the new side, which misses an acknowledged write"
	case !w.readsNew && w.accepted:
		return "reads are at legacy, which misses an acknowledged write"
	case w.told && !w.reversed && (s.Phase == Back || s.Phase == RolledBack):
		return "the new side is closed although it is known to have acknowledged a write"
	case w.closed && !w.open && !s.Stranded():
		return "no side is writable, and nobody is told"
	case s.Phase == RolledBack && (!w.legacyWritable() || w.standbyClosed || w.readsNew || w.newWrites() || w.accepted):
		return "rolled back, but not all is as before"
	case s.Phase == Completed && (!w.closed || !w.standbyClosed || w.session != nobody || !w.readsNew || !w.open):
		return "completed, but not all is at the new side"
	}
	return ""
}

// flaw is a promise of the coordinator or of the fence that is broken on purpose, to see that it is needed.
type flaw string

const (
	drainSkipsPrepared    flaw = "the drain does not wait for prepared transactions"
	fenceReadsSnapshot    flaw = "the fence is a row, which old snapshots read as it was"
	waitersRunOldBody     flaw = "a writer that has waited does not ask anew"
	fencedFromElsewhere   flaw = "the permanent fence is made in another session than that of the lock"
	standbysNotAwaited    flaw = "the permanent fence does not wait for standbys"
	evictsNothing         flaw = "evicting does not end what was begun"
	proofSkipsOpen        flaw = "the proof does not wait for transactions at the new side"
	verificationIsBlind   flaw = "the final verification does not see lost writes"
	verifiesAgainstMoving flaw = "the barrier does not wait until all has arrived"
	answersAgain          flaw = "an answer to an earlier action counts for the next"
	keysAreShared         flaw = "the fence's key does not carry the slice"
	feedIsBelieved        flaw = "the proof believes that the reverse feed is live, and compares nothing"
	functionsForget       flaw = "who replaces the fence's functions forgets the other slices"
)

// environment moves the world without the coordinator. A move that a fair world makes in the end, if nothing fails any
// more, is marked so.
func (m *model) environment(w world, move func(what string, fair bool, to world)) {
	m.legacyWriter(w, move)
	m.newWriter(w, move)
	if w.late != 0 {
		to := m.effect(w, m.actions[w.late])
		to.late = 0
		if a := m.actions[w.late]; a.Verb == Do && a.Step == Fence && to.session == mine && w.session != mine {
			to.session = stray // nobody waits for this session's answer any more
		}
		move("the late attempt takes effect", false, to)
	}
	if w.session != nobody {
		to := w
		to.session = nobody
		move("the fence's session ends", w.session == stray, to)
	}
	if w.standbyClosed != w.closed {
		to := w
		to.standbyClosed = w.closed
		move("the standby catches up", true, to)
	}
	if to := failover(w); to != w {
		move(failsOver, false, to)
	}
	if m.states[w.run].Phase == RolledBack {
		to := w
		to.run, to.told, to.reversed = 0, false, false
		move("another run begins", false, to)
	}
}

const failsOver = "legacy fails over"

// failover makes the standby the primary. Its sessions and locks are gone, its prepared transactions are not.
func failover(w world) world {
	w.session, w.closed, w.waiting = nobody, w.standbyClosed, false
	if w.tx == begun || w.tx == writing {
		w.tx = idle
	}
	return w
}

func (m *model) legacyWriter(w world, move func(string, bool, world)) {
	to := func(tx writer) world {
		w := w
		w.tx = tx
		return w
	}
	switch w.tx {
	case idle:
		if !m.calm {
			move("a writer begins at legacy", false, to(begun))
		} else if w.legacyWritable() {
			move("a writer writes at legacy", false, to(writing))
		}
	case begun:
		switch {
		case m.has(fenceReadsSnapshot) || w.legacyWritable():
			move("the writer passes the fence", true, to(writing))
		case !w.closed && m.wait:
			waits := to(idle)
			waits.waiting = true
			move("the writer waits at the fence", true, waits)
		default:
			move("the writer is refused", true, to(idle))
		}
	case writing, prepared:
		move("the writer ends without a commit", true, to(idle))
		sent, gone := to(idle), to(idle)
		sent.owed, gone.lost = true, true
		move("the writer commits", true, sent)
		if !w.lost {
			move("the writer commits, and the shadow write is lost", false, gone)
		}
		if w.tx == writing && !m.calm {
			move("the writer prepares its transaction", false, to(prepared))
		}
	}
	m.waiter(w, move)
	if w.owed {
		arrived := w
		arrived.owed = false
		move("the write arrives at the new side", true, arrived)
	}
}

// waiter is a writer that waits in the trigger of an open fence. It runs on in that trigger's body when the lock is let go.
func (m *model) waiter(w world, move func(string, bool, world)) {
	if !w.waiting {
		return
	}
	to := w
	to.waiting = false
	move("the waiting writer gives up", true, to)
	if w.session != nobody || w.tx != idle {
		return
	}
	if !w.closed || m.has(waitersRunOldBody) {
		to.tx = writing
	}
	move("the waiting writer goes on", true, to)
}

func (m *model) newWriter(w world, move func(string, bool, world)) {
	switch {
	case w.newTx:
		ends := w
		ends.newTx = false
		move("the writer at the new side ends without a commit", true, ends)
		ends.accepted = true
		move("the writer at the new side commits", true, ends)
	case w.open:
		begins := w
		begins.newTx = true
		move("a writer writes at the new side", false, begins)
	}
	if m.feed && w.accepted && w.closed && w.session == nobody { // at any other time the fence refuses it
		fed := w
		fed.accepted = false
		move("the reverse feed brings the write to legacy", true, fed)
	}
}
