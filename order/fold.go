package order

import (
	"fmt"
	"slices"
	"time"
)

// State is the result of an order's events, applied in the order of their positions. It says what the legacy row and
// the projection should be.
//
// # Fold
//
// Apply is total and deterministic. Impossible events are reported as a [Problem]. If their meaning is clear they are
// applied as well, because projectors do that: the last status wins, and fills add up. Not applied are:
//
//   - an event without a body or a position
//   - an event of another order
//   - an event whose position is not above the last one's, so that a duplicate counts once. Another event at the same
//     position is a flaw: nobody knows which of the two counts
//   - a second creation
//   - any event before the creation, because there is no row that it could change
//
// A State may be copied; the copies are independent. The zero value is an order without events.
type State struct {
	key    Key
	last   Position
	seen   bool  // there was at least one event, so last is set
	newest Event // at last; zero if it was not kept
	exists bool
	flawed bool

	rules                *Rules   // of the events
	values               []*datum // of the registers, nil for one that was never set; never changed, but replaced
	createdAt, updatedAt time.Time
}

// Fold replays a history from its beginning. Events must be in the order of their positions.
func Fold(events []Event) (s State, problems []Problem) {
	for _, e := range events {
		problems = append(problems, s.advance(e, true)...)
	}
	return s, problems
}

// Exists is true once the order was created.
func (s *State) Exists() bool { return s.exists }

// Flawed returns true once there was an event that could not be decoded or is impossible for any order. Other systems
// may then read the history differently, whatever the state.
func (s *State) Flawed() bool { return s.flawed }

// Position returns the position of the last event seen, applied or not.
func (s *State) Position() Position { return s.last }

// UpdatedAt returns the time of the last applied event.
func (s *State) UpdatedAt() time.Time { return s.updatedAt }

// CreatedAt returns the time of the creation; zero before it.
func (s *State) CreatedAt() time.Time { return s.createdAt }

// Apply applies one event to the order, and returns what is wrong with the event.
func (s *State) Apply(e Event) []Problem { return s.advance(e, false) }

// Advance is [State.Apply] for a state of which there is no copy that must stay as it is.
func (s *State) Advance(e Event) []Problem { return s.advance(e, true) }

// advance applies one event. The state's values are its own if it has not been copied.
func (s *State) advance(e Event, own bool) []Problem {
	a := application{State: s, event: e, own: own}
	if e.Position == NoPosition {
		a.report(ProblemSchema, "the event has no position")
		s.flawed = true
		return a.problems
	}
	if !a.inSequence() {
		s.flawed = s.flawed || a.impossible()
		return a.problems
	}
	s.last, s.seen, s.newest = e.Position, true, e
	if s.key == "" {
		s.key = e.Key
	}
	if a.applicable() {
		a.apply()
		s.updatedAt = e.At
	}
	s.flawed = s.flawed || e.Said == nil || a.impossible()
	return a.problems
}

// application is the application of one event to a state.
type application struct {
	*State
	event    Event
	own      bool
	problems []Problem
}

func (a *application) report(kind ProblemKind, format string, args ...any) {
	a.problems = append(a.problems, Problem{Position: a.event.Position, Kind: kind, Detail: fmt.Sprintf(format, args...)})
}

func (a *application) impossible() bool {
	return slices.ContainsFunc(a.problems, func(p Problem) bool { return p.Kind.Impossible() })
}

func (a *application) inSequence() bool {
	switch {
	case a.seen && a.event.PerOrder && a.event.Position > a.last+1:
		a.report(ProblemGap, "comes after event %d of its order: events between them are not there", a.last)
		a.flawed = true
		return true
	case !a.seen || a.event.Position > a.last:
		return true
	case a.event.Position == a.last && !a.event.sameAs(a.newest):
		a.report(ProblemConflict, "position %d has another event, too", a.last)
	case a.event.Position == a.last:
		a.report(ProblemDuplicate, "position %d occurs a second time", a.last)
	default:
		a.report(ProblemDisorder, "position %d comes after %d", a.event.Position, a.last)
	}
	return false
}

// applicable reports whether the event can change this order.
func (a *application) applicable() bool {
	e := a.event
	if e.Schema != nil {
		a.report(ProblemSchema, "%s", e.Schema.Detail)
	}
	if e.Said != nil && e.Said.rule.ignored {
		return false
	}
	creates := e.Said != nil && e.Said.Creates()
	switch {
	case e.Said == nil:
		if e.Schema == nil {
			a.report(ProblemSchema, "the event says nothing")
		}
	case e.Key != a.key:
		a.report(ProblemOtherOrder, "an event of order %s", e.Key)
	case creates && a.exists && e.Said.rule.create == Creates:
		a.report(ProblemCreatedTwice, "created before")
	case !creates && !a.exists:
		a.report(ProblemNotCreated, "%s before the order was created", e.Said.Type())
	default:
		return true
	}
	return false
}
