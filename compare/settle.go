package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Observation is one look at one order on both sides, reduced to what the next look needs to detect a change.
type Observation struct {
	Key order.Key
	// At is when both sides had been read, by the comparer's clock. For an order that waits to be judged, it is since
	// when the order has not changed.
	At time.Time
	// LegacyState and ProjectionState are fingerprints of everything the side showed (values, copies, changed-at), of any bytes.
	// Empty means that the side does not have the order. Equal states mean that nothing visible changed in between.
	LegacyState, ProjectionState string
	// EventsState is the fingerprint of the order's history; empty if it was not read.
	EventsState string
	// EventsChangedAt is the time of the order's newest event; zero if there is none. It is not kept between looks.
	EventsChangedAt time.Time
	// Mismatches has one for each hop at which the order parts, nearest to the source first; none if all agree. It is not kept
	// between looks: the next look finds its own.
	Mismatches []Mismatch
	// Agreed are the hops that the look judged and found in agreement. The others were not judged, or are those of
	// Mismatches. It is not kept between looks.
	Agreed []order.Hop
	// LegacyChangedAt is when legacy says that the order was last written; zero if unknown or absent. It is not kept between looks.
	LegacyChangedAt time.Time
	// ProjectionReached is the newest change of any order that the projection shows, at the same snapshot; zero if
	// unknown. It is not kept between looks.
	ProjectionReached time.Time
	// EventsReached is the time of the newest event of any order; zero if unknown. It is not kept between looks.
	EventsReached time.Time
	// Impossible says at which hops waiting cannot help, and why: for example, the projection is in a state that no number
	// of events leads to. It is not kept between looks.
	Impossible map[order.Hop]Impossible
}

// Impossible is a state of a representation that no number of events leads to.
type Impossible struct {
	Why string
	// Left is the time of the first event that the state leaves out; zero if it is impossible in another way. An event that
	// was committed late may only not have been there yet.
	Left time.Time
}

// Settle says how to tell lag from divergence by waiting.
//
// # Convergence
//
// A difference counts only if both sides have not changed for Window and are still different. Then the projection had
// that time to follow legacy's last write, and did not. Every visible write to the order starts the wait again. An
// order that keeps changing is unverified after Rechecks looks.
//
// If both sides tell when a row was written, waiting alone is not enough. While the projection shows no change, of any
// order, that is newer than legacy's write by CommitTime, it is behind as a whole, and the order is lagging. CommitTime
// is needed because a write has its time before it is committed: a slightly newer change may have been committed and
// projected earlier. This excuse ends MaxLag after the last change: a projection that stays behind longer has stopped.
//
// # Hops
//
// A write anywhere starts the wait of all hops again. Everything else is judged for each hop: an excuse of the projection
// is none for legacy->events, which has it only until the event store or the projection has passed legacy's write.
type Settle struct {
	Window   time.Duration // both sides must not change for this long before a difference counts
	Rechecks int           // looks at an order that keeps changing before it is unverified
	MaxLag   time.Duration // how long a projection that has not reached a change may stay behind
}

// CommitTime is how long a transaction may take from writing a row to its commit, without its order being taken for a
// skipped one. The wait for it is at most Window.
const CommitTime = time.Second

// Judgement is what a recheck concludes of one order.
type Judgement struct {
	// Verdict is Diverged if every hop is judged and one has diverged.
	Verdict Verdict
	Reason  string // why, for every verdict but match
	// Final is false while a hop of the order must be looked at again. Only Lagging can be not final.
	Final bool
	// Moved is true if something visible was written between the two looks. Then the wait starts again.
	Moved bool
	// Diverged are the mismatches that are proven, whether the judgement of the whole order is final or not.
	Diverged []Mismatch
	// Hops has the verdict of each hop at which the order parts.
	Hops map[order.Hop]Verdict
}

// Judge compares two looks at an order. moves is the number of earlier looks at which the order had changed. firstSeen
// is when the mismatch was first seen.
//
// A projection in an impossible state is proven only if the history has not changed since the look before. A late commit
// puts an event into the middle of a history. A projection refreshed before that shows the events before and after it: it
// looks impossible, but is only late. An order that never rests has diverged too, and is not unknown, if it is impossible at
// the last look, and the projection has had a window for the event that it leaves out.
func (s Settle) Judge(was, is Observation, moves int, firstSeen time.Time) Judgement {
	out := Judgement{Verdict: Match, Final: true, Hops: map[order.Hop]Verdict{}}
	for _, m := range is.Mismatches {
		j := s.judgeHop(m.Hop, was, is, moves, firstSeen)
		out.Hops[m.Hop] = j.Verdict
		if j.Verdict == Diverged {
			out.Diverged = append(out.Diverged, m)
		}
		if weight(j) > weight(out) {
			out.Verdict, out.Reason, out.Final = j.Verdict, j.Reason, j.Final
		}
		out.Moved = j.Moved
	}
	return out
}

// Unproven returns true if the order has a hop that could not be judged, whatever was proven at its other hops.
func (j Judgement) Unproven() bool {
	for _, v := range j.Hops {
		if v == Unverified {
			return true
		}
	}
	return false
}

// weight orders the judgements of hops: the heaviest is that of the order. What is not final comes first.
func weight(j Judgement) int {
	return slices.Index([]Verdict{Match, Unverified, Diverged, Lagging}, j.Verdict)
}

func (s Settle) judgeHop(hop order.Hop, was, is Observation, moves int, firstSeen time.Time) Judgement {
	j := s.byPatience(hop, was, is, moves, firstSeen)
	rested := was.EventsState != "" && was.EventsState == is.EventsState && is.At.Sub(was.At) >= s.Window
	found, ok := is.Impossible[hop]
	late := is.At.Sub(found.Left) < s.Window
	if ok && (rested || j.Verdict == Unverified && !late) {
		return Judgement{Verdict: Diverged, Final: true, Moved: j.Moved, Reason: found.Why}
	}
	return j
}

func (s Settle) byPatience(hop order.Hop, was, is Observation, moves int, firstSeen time.Time) Judgement {
	switch {
	case moved(was, is) || s.unseen(was, is):
		return s.moving(moves + 1)
	case is.At.Sub(was.At) < s.Window:
		return Judgement{Verdict: Lagging, Reason: "has not held still for long enough yet"}
	case s.unreached(hop, is):
		return s.behind(hop, is, later(was.At, firstSeen))
	}
	return Judgement{
		Verdict: Diverged, Final: true,
		Reason: fmt.Sprintf("both sides have held still for %s and are still different", s.Window),
	}
}

// Again returns when to look again at an order that is not judged. This is when the order will have been unchanged for
// the Window, or when the excuse of a projection that is behind ends, whichever comes first.
func (s Settle) Again(rest, at, firstSeen time.Time) time.Time {
	next := at.Add(s.Window)
	for _, t := range []time.Time{rest.Add(s.Window), later(rest, firstSeen).Add(s.MaxLag)} {
		if t.After(at) && t.Before(next) {
			next = t
		}
	}
	return next
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// moved returns true if anything visible was written between two looks. The history counts if both looks read it.
func moved(was, is Observation) bool {
	return was.LegacyState != is.LegacyState || was.ProjectionState != is.ProjectionState ||
		was.EventsState != "" && is.EventsState != "" && was.EventsState != is.EventsState
}

// unseen returns true if the first look did not read the history, and there is an event that it need not have shown. Rows
// are read before the events, so such an event may be newer than the rows of the second look.
func (s Settle) unseen(was, is Observation) bool {
	return was.EventsState == "" && is.EventsChangedAt.After(was.At.Add(-min(s.Window, CommitTime)))
}

// unreached returns true while the hop's second end has not passed legacy's last write of the order.
func (s Settle) unreached(hop order.Hop, o Observation) bool {
	reached := o.ProjectionReached
	if beforeProjection(hop) && o.EventsReached.After(reached) && !reached.IsZero() {
		reached = o.EventsReached
	}
	return !o.LegacyChangedAt.IsZero() && !reached.IsZero() && reached.Sub(o.LegacyChangedAt) < min(s.Window, CommitTime)
}

func (s Settle) moving(moves int) Judgement {
	if moves >= s.Rechecks {
		return Judgement{
			Verdict: Unverified, Final: true, Moved: true,
			Reason: fmt.Sprintf("did not hold still for %s in %d looks", s.Window, moves),
		}
	}
	return Judgement{Verdict: Lagging, Moved: true, Reason: "still moving"}
}

// behind excuses a projection that is on its way, for MaxLag since the order was last seen to change.
func (s Settle) behind(hop order.Hop, o Observation, since time.Time) Judgement {
	who := "the projection has"
	if beforeProjection(hop) {
		who = "the events have"
	}
	if o.At.Sub(since) >= s.MaxLag {
		return Judgement{
			Verdict: Diverged, Final: true,
			Reason: fmt.Sprintf("%s not reached legacy's write within %s", who, s.MaxLag),
		}
	}
	return Judgement{Verdict: Lagging, Reason: who + " not reached legacy's write yet"}
}

func beforeProjection(hop order.Hop) bool {
	return hop == order.LegacyItself || hop == order.LegacyToEvents
}
