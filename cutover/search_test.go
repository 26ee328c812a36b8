package cutover

import "slices"

// model is a machine in a world: the transition function, what may happen around it, and which promise is broken.
type model struct {
	machine
	wait, feed bool // writers wait at the fence; a verified reverse feed is live
	calm       bool // fewer things happen: for two slices at once
	broken     flaw

	states    []State  // by world.run; always as number 1
	names     []string // of their actions
	actions   []Action
	effectful map[Step]bool // steps that change something
	known     map[observed]uint8
}

type observed struct {
	run uint8
	of  Observation
}

func newModel(of machine, wait, feed bool, broken flaw) *model {
	start := Start("")
	start.Seq = 1
	return &model{
		machine: of, wait: wait, feed: feed, broken: broken,
		states: []State{start}, names: []string{start.Action().String()}, actions: []Action{{}}, known: map[observed]uint8{},
		effectful: map[Step]bool{Fence: true, PermanentFence: true, SwitchReads: true, SwitchWrites: true},
	}
}

func (m *model) has(f flaw) bool { return m.broken == f }

// next is the machine's transition between numbered states. How many observations led to a state is left out of it.
func (m *model) next(run uint8, o Observation) uint8 {
	if to, ok := m.known[observed{run, o}]; ok {
		return to
	}
	s := m.machine.next(m.states[run], o)
	s.Seq = 1
	id := slices.Index(m.states, s)
	if id < 0 {
		id = len(m.states)
		m.states, m.names = append(m.states, s), append(m.names, s.Action().String())
	}
	m.known[observed{run, o}] = uint8(id)
	return uint8(id)
}

func (m *model) idOf(a Action) uint8 {
	id := slices.Index(m.actions, a)
	if id < 0 {
		id = len(m.actions)
		m.actions = append(m.actions, a)
	}
	return uint8(id)
}

// step is one move of the search: by the world, or an attempt of the coordinator at an action.
type step struct {
	Slice  string `json:"slice,omitempty"` // where there are two
	World  string `json:"world,omitempty"`
	Action string `json:"action,omitempty"`
	attempt
}

func (s step) String() string {
	text := s.World
	if text == "" {
		text = s.Action + ": " + string(s.Outcome)
	}
	for _, more := range []string{s.Slice, s.Really} {
		if more != "" {
			text += " (" + more + ")"
		}
	}
	return text
}

// moves calls each for everything that may happen next.
func (m *model) moves(w world, each func(by step, fair bool, to world)) {
	m.environment(w, func(what string, fair bool, to world) { each(step{World: what}, fair, to) })
	action := m.names[w.run]
	m.perform(w, func(a attempt, fair bool, to world) { each(step{Action: action, attempt: a}, fair, to) })
}

// oneWay says which end no run has reached in a search; empty if both were.
func (m *model) oneWay() string {
	for _, end := range []Phase{Completed, RolledBack} {
		if !slices.ContainsFunc(m.states, func(s State) bool { return s.Phase == end }) {
			return "no run is ever " + string(end)
		}
	}
	return ""
}

func (m *model) ended(w world) bool { return m.states[w.run].Ended() }

func (m *model) wrong(from world, by step, to world) string {
	before, after := m.states[from.run], m.states[to.run]
	if broken := to.broken(after); broken != "" {
		return broken
	}
	return disobeyed(before, after, by.Outcome)
}

// system is what can be searched.
type system[W comparable] interface {
	moves(w W, each func(by step, fair bool, to W))
	ended(w W) bool
	wrong(from W, by step, to W) string // says what is wrong with a move; empty if nothing is
}

// search is the result of going through all that is reachable, the nearest first.
type search[W comparable] struct {
	system  system[W]
	worlds  []W
	id      map[W]int32
	from    []int32   // the world before, on a shortest path
	by      []step    // the move from there
	fair    [][]int32 // what follows if nothing fails any more
	moves   int
	problem string // what is wrong, with the path to it
}

// explore searches until something is wrong, or nothing is left. The zero value is where everything begins.
func explore[W comparable](of system[W]) *search[W] {
	s := &search[W]{system: of, id: map[W]int32{}}
	var start W
	s.reach(start, -1, step{})
	for at := int32(0); int(at) < len(s.worlds) && s.problem == ""; at++ {
		w := s.worlds[at]
		var fair []int32
		of.moves(w, func(by step, isFair bool, to W) {
			s.moves++
			id := s.reach(to, at, by)
			if isFair {
				fair = append(fair, id)
			}
			if wrong := of.wrong(w, by, to); wrong != "" && s.problem == "" {
				s.problem = s.tell(wrong, at) + "\n\t" + by.String()
			}
		})
		s.fair = append(s.fair, fair)
	}
	if s.problem == "" {
		s.problem = s.stuck()
	}
	return s
}

func (s *search[W]) reach(w W, from int32, by step) int32 {
	id, ok := s.id[w]
	if !ok {
		id = int32(len(s.worlds))
		s.id[w] = id
		s.worlds, s.from, s.by = append(s.worlds, w), append(s.from, from), append(s.by, by)
	}
	return id
}

// path is a shortest one.
func (s *search[W]) path(to int32) (path []step) {
	for ; s.from[to] >= 0; to = s.from[to] {
		path = append(path, s.by[to])
	}
	slices.Reverse(path)
	return path
}

func (s *search[W]) tell(wrong string, at int32) string {
	text := wrong
	for _, by := range s.path(at) {
		text += "\n\t" + by.String()
	}
	return text
}

// stuck looks for worlds from which a run does not end although nothing fails any more: dead ends and circles.
func (s *search[W]) stuck() string {
	const fresh, open, ends = 0, 1, 2
	colour := make([]uint8, len(s.worlds))
	type visit struct{ at, next int32 }
	for root := range s.worlds {
		stack := []visit{{at: int32(root)}}
		for len(stack) > 0 && colour[root] != ends {
			v := &stack[len(stack)-1]
			colour[v.at] = open
			follow := s.fair[v.at]
			if s.system.ended(s.worlds[v.at]) {
				follow = nil
			} else if len(follow) == 0 {
				return s.tell("nothing leads on", v.at)
			}
			if int(v.next) == len(follow) {
				colour[v.at] = ends
				stack = stack[:len(stack)-1]
				continue
			}
			to := follow[v.next]
			v.next++
			switch colour[to] {
			case fresh:
				stack = append(stack, visit{at: to})
			case open:
				return s.tell("the run goes in circles", to)
			}
		}
	}
	return ""
}
