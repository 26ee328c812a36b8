package cutover

import "testing"

// The flaws of a run of all orders that comes after one of a slice.
const (
	openingForgetsSlices flaw = "who opens everything opens the slices that are closed by themselves"
	switchForgetsSlices  flaw = "the undo of everything switches the slices back too"
	sliceGoesBackBelow   flaw = "a slice goes back although everything was closed after it"
	runsOverlap          flaw = "everything is cut over while a slice is on its way back"
)

// rest is a slice, and the run of all orders after it. The second world is that of the orders that the slice has left: those of the slice are
// closed by themselves then.
type rest struct {
	*model
}

// settled reports whether no process drives the run, so that another one may be driven.
func (r rest) settled(w world) bool { return w.run == 0 || r.model.ended(w) }

// may reports whether the coordinator of one of the two may act.
func (r rest) may(of int, w [2]world) bool {
	slice, everything := r.states[w[0].run].Phase, r.states[w[1].run].Phase
	if of == 1 { // otherwise the slice is a part of everything, and there is one world
		return slice == Completed || r.has(runsOverlap) && slice == Back
	}
	return r.settled(w[1]) && (everything != Completed || r.has(sliceGoesBackBelow))
}

func (r rest) moves(w [2]world, each func(by step, fair bool, to [2]world)) {
	for i, name := range []string{"slice", "everything"} {
		r.model.moves(w[i], func(by step, fair bool, to world) {
			if by.World == "" && !r.may(i, w) {
				return
			}
			var both [2]world
			both[i], both[1-i] = to, w[1-i]
			switch other := &both[1-i]; {
			case by.World == failsOver:
				*other = failover(*other)
			case i == 1 && by.Action != "":
				r.reach(by, other)
			case i == 0 && w[0].closed && !to.closed && (w[1].closed || w[1].session != nobody):
				both[0].closed = true // everything is still closed over it
			}
			by.Slice = name
			each(by, fair, both)
		})
	}
}

// reach is what an action about everything does to the slice.
func (r rest) reach(by step, slice *world) {
	switch {
	case r.has(openingForgetsSlices) && by.Action == "undo permanent-fence" && by.Really == had:
		slice.closed = false
	case r.has(switchForgetsSlices) && by.Action == "undo switch-writes" && by.Really == had:
		slice.open = false
	}
}

func (r rest) ended(w [2]world) bool { return r.model.ended(w[0]) && r.settled(w[1]) }

func (r rest) wrong(from [2]world, by step, to [2]world) string {
	return pair(r).wrong(from, by, to)
}

// TestEverythingComesAfterASlice goes through all that can happen to a slice, and then to all other orders.
func TestEverythingComesAfterASlice(t *testing.T) {
	t.Parallel()
	m := newModel(shipped, false, false, "")
	m.calm = true
	s := explore[[2]world](rest{m})
	if s.problem != "" {
		t.Error(s.problem)
	}
	both := false
	for _, w := range s.worlds {
		both = both || m.states[w[0].run].Phase == Completed && m.states[w[1].run].Phase == Completed
	}
	if !both {
		t.Error("nothing is ever at the new side")
	}
	t.Logf("%d states of the world, %d of a run, %d moves", len(s.worlds), len(m.states), s.moves)
}

// TestWhatKeepsASliceWhereItIs is needed, each of it.
func TestWhatKeepsASliceWhereItIs(t *testing.T) {
	for _, f := range []flaw{openingForgetsSlices, switchForgetsSlices, sliceGoesBackBelow, runsOverlap} {
		m := newModel(shipped, false, false, f)
		m.calm = true
		s := explore[[2]world](rest{m})
		if s.problem == "" {
			t.Errorf("nothing breaks although %s", f)
		}
		t.Log(f, "\n", s.problem)
	}
}
