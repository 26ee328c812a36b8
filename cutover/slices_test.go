package cutover

import "testing"

// pair is two slices of one legacy table: each has its run, its lock and its switches, and both have the same servers.
type pair struct {
	*model
}

func (p pair) moves(w [2]world, each func(by step, fair bool, to [2]world)) {
	for i, name := range []string{"A", "B"} {
		p.model.moves(w[i], func(by step, fair bool, to world) {
			var both [2]world
			both[i], both[1-i] = to, p.meet(by, to, w[1-i])
			by.Slice = name
			each(by, fair, both)
		})
	}
}

// meet is what a move of one slice does to the other.
func (p pair) meet(by step, to, other world) world {
	switch {
	case by.World == failsOver:
		return failover(other)
	case p.has(keysAreShared) && by.Action != "":
		other.session, other.closed = to.session, to.closed
	case p.has(functionsForget) && to.closed && by.Action == "do permanent-fence":
		other.closed = false
	}
	return other
}

func (p pair) ended(w [2]world) bool { return p.model.ended(w[0]) && p.model.ended(w[1]) }

func (p pair) wrong(from [2]world, by step, to [2]world) string {
	for i := range to {
		if wrong := p.model.wrong(from[i], step{}, to[i]); wrong != "" {
			return wrong
		}
	}
	return ""
}

// TestSlicesDoNotMeet runs two slices at once. Fewer things happen to each, because the search goes through all pairs.
func TestSlicesDoNotMeet(t *testing.T) {
	t.Parallel()
	m := newModel(shipped, false, false, "")
	m.calm = true
	s := explore[[2]world](pair{m})
	if s.problem != "" {
		t.Error(s.problem)
	}
	t.Logf("%d states of the world, %d of a run, %d moves", len(s.worlds), len(m.states), s.moves)
}

// TestSlicesHaveToBeApart breaks what keeps them apart.
func TestSlicesHaveToBeApart(t *testing.T) {
	for _, f := range []flaw{keysAreShared, functionsForget} {
		m := newModel(shipped, false, false, f)
		m.calm = true
		s := explore[[2]world](pair{m})
		if s.problem == "" {
			t.Errorf("nothing breaks although %s", f)
		}
		t.Log(f, "\n", s.problem)
	}
}
