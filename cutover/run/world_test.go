package run_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/cutover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what the actions act on, as the model in package cutover has it, without those who write.
type world struct {
	session  int // the process whose session has the fence's lock; 0 is nobody
	closed   bool
	reads    bool // at the new side
	open     bool // the new side
	accepted bool // the new side has acknowledged a write that legacy lacks
	lost     bool // an acknowledged write of legacy never gets to the new side
	late     *cutover.Action
}

func (w *world) legacyWritable() bool { return w.session == 0 && !w.closed }

// broken says which invariant does not hold; empty if all do.
func (w *world) broken(s cutover.State) string {
	switch {
	case w.legacyWritable() && w.open:
		return "two sides are writable"
	case w.legacyWritable() && w.accepted:
		return "legacy goes on without a write that the new side acknowledged"
	case w.legacyWritable() && w.reads:
		return "reads are at the new side, and legacy is written"
	case (w.reads || w.open) && w.lost:
		return "the new side goes on without a write that legacy acknowledged"
	case w.closed && !w.open && !s.Stranded():
		return "no side is writable, and nobody is told"
	case s.Phase == cutover.RolledBack && (!w.legacyWritable() || w.reads || w.open):
		return "rolled back, but not all is as before"
	case s.Phase == cutover.Completed && (!w.closed || w.session != 0 || !w.reads || !w.open):
		return "completed, but not all is at the new side"
	}
	return ""
}

// effect is what an action of a process does.
func (w *world) effect(a cutover.Action, process int) {
	switch a {
	case cutover.Action{Verb: cutover.Evict}:
		w.late = nil
		if w.session != process {
			w.session = 0
		}
	case cutover.Action{Verb: cutover.Do, Step: cutover.Fence}:
		if w.session == 0 && !w.closed {
			w.session = process
		}
	case cutover.Action{Verb: cutover.Do, Step: cutover.PermanentFence}:
		w.closed = w.closed || w.session == process
	case cutover.Action{Verb: cutover.Do, Step: cutover.SwitchReads}:
		w.reads = true
	case cutover.Action{Verb: cutover.Do, Step: cutover.SwitchWrites}:
		w.open = true
	case cutover.Action{Verb: cutover.Do, Step: cutover.Release}, cutover.Action{Verb: cutover.Undo, Step: cutover.Fence}:
		w.session = 0
	case cutover.Action{Verb: cutover.Undo, Step: cutover.PermanentFence}:
		w.closed = false
	case cutover.Action{Verb: cutover.Undo, Step: cutover.SwitchReads}:
		w.reads = false
	case cutover.Action{Verb: cutover.Undo, Step: cutover.SwitchWrites}:
		w.open = false
	}
}

// readBack is the outcome of an action that had its effect.
func (w *world) readBack(a cutover.Action, process int) cutover.Outcome {
	held, done := w.session == process, true
	if a.Verb == cutover.Do {
		switch a.Step {
		case cutover.Fence:
			done = held
		case cutover.Barrier, cutover.FinalVerification:
			if !held {
				return cutover.FenceLost
			}
			if a.Step == cutover.FinalVerification && w.lost {
				return cutover.Failed
			}
		case cutover.PermanentFence:
			if !w.closed {
				return cutover.FenceLost
			}
		case cutover.SwitchWrites, cutover.Release, cutover.TailCheck, cutover.Proof:
			if w.accepted {
				return cutover.Accepted
			}
		default:
		}
	}
	if !done {
		return cutover.Unknown
	}
	return cutover.Done
}
