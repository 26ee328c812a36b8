package compare

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Observation is one look at one order on both sides, reduced to what the next look needs to tell movement from rest.
type Observation struct {
	Key order.Key
	// At is when both sides had been read, by the comparer's clock; of an order that waits to be judged, since when it
	// has been seen at rest.
	At time.Time
	// LegacyState and ProjectionState are fingerprints of everything the side showed (values, copies, changed-at);
	// empty means that the side has no such order. Equal states mean that nothing visible moved in between.
	LegacyState, ProjectionState string
	// EventsState is the same of the order's history; empty where nobody looked at it.
	EventsState string
	// Mismatch is nil when both sides agree.
	Mismatch *Mismatch
	// LegacyChangedAt is when legacy says the order was last written; zero where unknown or absent.
	LegacyChangedAt time.Time
	// ProjectionReached is the newest change that the projection shows for any order, at the same snapshot; zero where unknown.
	ProjectionReached time.Time
	// Impossible is why waiting cannot help: the projection is in a state that no number of events leads to. Empty where it
	// may. It is not kept between looks.
	Impossible string
}

// Settle says how lag is told from divergence by patience.
//
// # Convergence
//
// A difference counts only when both sides have held still for Window and are still different: then the
// projection had that long to follow legacy's last write, and did not. Every visible write to the order starts
// the wait anew. An order that never holds still is given up as unverified after Rechecks looks.
//
// Where both sides tell when a row was written, patience alone does not convict: as long as the projection has
// not shown a change that is newer than legacy's write by CommitTime, for any order, it is behind as a whole, and the order
// is lagging: a write bears its time before it is committed, and a change that is newer by a moment may have been
// committed, and projected, earlier. That excuse ends after MaxLag: a projection that stays behind longer has stopped.
type Settle struct {
	Window   time.Duration // both sides must hold still this long before a difference counts
	Rechecks int           // looks at an order that keeps moving before it is given up as unverified
	MaxLag   time.Duration // how long a projection that has not reached a change may stay behind
}

// CommitTime is how long a transaction may take from the time that it writes into a row to its commit, without an order
// being taken for one that was passed over. No more than the Window is waited for it.
const CommitTime = time.Second

// Judgement is what a recheck concludes of one order.
type Judgement struct {
	Verdict Verdict
	Reason  string // why, for every verdict but match
	// Final is false while the order must be looked at again; only Lagging is ever not final.
	Final bool
	// Moved is true when something visible was written between the two looks: the wait starts anew.
	Moved bool
}

// Judge compares two looks at an order. Moves counts the earlier looks at which it had moved; firstSeen is when
// the mismatch was first seen.
//
// A projection in an impossible state is proven only if the history was at rest since the look before. A transaction that
// committed late puts an event into the middle of a history; a projection refreshed before that shows what came before
// and after it, which no prefix does, and is merely late. An order that never rests and is impossible at each look has
// diverged too, and is not unknown.
func (s Settle) Judge(was, is Observation, moves int, firstSeen time.Time) Judgement {
	j := s.byPatience(was, is, moves, firstSeen)
	rested := was.EventsState != "" && was.EventsState == is.EventsState && is.At.Sub(was.At) >= s.Window
	if is.Mismatch != nil && is.Impossible != "" && (rested || j.Verdict == Unverified) {
		return Judgement{Verdict: Diverged, Final: true, Reason: is.Impossible}
	}
	return j
}

func (s Settle) byPatience(was, is Observation, moves int, firstSeen time.Time) Judgement {
	switch {
	case is.Mismatch == nil:
		return Judgement{Verdict: Match, Final: true}
	case moved(was, is):
		return s.moving(moves + 1)
	case is.At.Sub(was.At) < s.Window:
		return Judgement{Verdict: Lagging, Reason: "has not held still long enough yet"}
	case s.unreached(is):
		return s.behind(is, firstSeen)
	}
	return Judgement{
		Verdict: Diverged, Final: true,
		Reason: fmt.Sprintf("both sides held still for %s and are still different", s.Window),
	}
}

// Again is when to look again at an order that was looked at and is not judged: when it will have been at rest for the
// Window, or when the excuse of a projection that is behind ends, whichever comes first.
func (s Settle) Again(rest, at, firstSeen time.Time) time.Time {
	next := at.Add(s.Window)
	for _, t := range []time.Time{rest.Add(s.Window), firstSeen.Add(s.MaxLag)} {
		if t.After(at) && t.Before(next) {
			next = t
		}
	}
	return next
}

// moved is true if anything visible was written between two looks. The history counts where both looks saw it.
func moved(was, is Observation) bool {
	return was.LegacyState != is.LegacyState || was.ProjectionState != is.ProjectionState ||
		was.EventsState != "" && is.EventsState != "" && was.EventsState != is.EventsState
}

// unreached is true while the projection has not gone past legacy's last write of the order.
func (s Settle) unreached(o Observation) bool {
	return !o.LegacyChangedAt.IsZero() && !o.ProjectionReached.IsZero() && o.ProjectionReached.Sub(o.LegacyChangedAt) < min(s.Window, CommitTime)
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

func (s Settle) behind(o Observation, firstSeen time.Time) Judgement {
	if o.At.Sub(firstSeen) >= s.MaxLag {
		return Judgement{
			Verdict: Diverged, Final: true,
			Reason: fmt.Sprintf("the projection has not reached the write within %s", s.MaxLag),
		}
	}
	return Judgement{Verdict: Lagging, Reason: "the projection has not reached the write yet"}
}
