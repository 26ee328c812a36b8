package verify

import (
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
)

// PassKind names a check; the same string in CLI, ledger, metric labels and JSON.
type PassKind string

// The kinds of pass.
const (
	Sample PassKind = "sample" // a uniform sample of orders, compared by values
	Full   PassKind = "full"   // every order, by digests, and by values where digests differ
)

// PassState is how far a pass has come.
type PassState string

// The states of a pass, in order. A pass that ended early is Done with the verdict unverified.
const (
	Scanning PassState = "scanning" // reading both sides; without a live lease it was abandoned, or can be resumed
	Settling PassState = "settling" // everything was read; suspects wait for their recheck
	Done     PassState = "done"     // has its final verdict
)

// PassID identifies a pass in the ledger.
type PassID int64

// PairID names a pair of tables that are compared with each other; the same string in ledger and configuration.
type PairID string

// MainPair is the one pair of a sidecar today.
const MainPair PairID = "main"

// Pass is one execution of a check, as stored in the ledger.
type Pass struct {
	ID          PassID
	Pair        PairID
	Kind        PassKind
	State       PassState
	Trigger     string    // as in [Start]
	ScheduledAt time.Time // zero for a pass of no schedule
	Fingerprint string    // configuration, comparator and database identities that the evidence is valid for
	StartedAt   time.Time
	FinishedAt  time.Time // zero until Done
	Ranged      bool      // as in [Start]
	Scan        Scan
	Result      Result
	// Slowed are the sides that are not read at full speed now, and why; nil once it is Done.
	Slowed []throttle.State
	// Sharing is how far a pass is whose ranges several processes compare; nil for all others, and once everything was read.
	Sharing *Sharing
}

// Scan is what a pass read, written once when the scan has ended.
type Scan struct {
	Compared   int64   // distinct orders that were compared; in a stream pass, the number of looks at orders
	Coverage   float64 // share of the pass's orders that it did compare, 0..1
	Reason     string  // why coverage is below 1; empty otherwise
	Mismatches int64   // suspects that the scan found
	Facts      Facts   // what only this kind of pass knows; nil if it ended too early
	// Through is a time up to which both sides' snapshots have every commit; see [Watermark]. It is zero if it is not
	// known, and for passes that do not cover every order.
	Through time.Time
}

// Result is how a pass ended.
type Result struct {
	Verdict    compare.Verdict
	Diverged   int64  // orders found diverged, all of them
	Lagging    int64  // orders still moving when rechecks ended (a part of Unverified)
	Unverified int64  // orders that could not be judged at all their hops
	Reason     string // why it is not a match, in a sentence
}

// Suspect is an order in which a scan saw a mismatch that may still be lag. It waits in the ledger's queue.
type Suspect struct {
	Observation compare.Observation
	Attempts    int       // looks at which the order had changed since the look before
	FirstSeen   time.Time // of the mismatch, in this pass
	Due         time.Time // not to be rechecked before
	InSample    bool      // drawn uniformly, so it counts for the sample's bound
	Counted     Counted   // where the scan has counted it
	Range       int       // the number of the range whose scan that was; 0 in a pass without ranges
}

// Key is the suspect's order.
func (s Suspect) Key() order.Key { return s.Observation.Key }

// Outcome is what a recheck found of one suspect.
type Outcome struct {
	Suspect Suspect // as it is now: the new observation, attempts and due time
	Verdict compare.Verdict
	// Final is false for a suspect that goes back into the queue.
	Final  bool
	Reason string // for unverified: why
	// LookedAt is when the order was looked at; zero is Suspect.Observation.At.
	LookedAt time.Time
	// Diverged are the mismatches that are proven. A suspect that waits for another hop may have some.
	Diverged []compare.Mismatch
	// Unproven is true if a hop of the order could not be judged. The order counts as unverified, also if it has diverged at
	// another hop.
	Unproven bool
}

// Agreed returns the hops of rows at which the look found agreement.
func (o Outcome) Agreed() []order.Hop {
	if o.Final && o.Verdict == compare.Match {
		return order.RowHops()
	}
	return o.Suspect.Observation.Agreed
}

// Seen returns when the order was looked at; zero if that is not known.
func (o Outcome) Seen() time.Time {
	if o.LookedAt.IsZero() {
		return o.Suspect.Observation.At
	}
	return o.LookedAt
}

// GivenUp returns the result of a pass whose suspects cannot be judged any more, with a reason. Proven divergences
// stay. The suspects that wait count when the pass is finished: a tally also has orders that agreed and were no suspects.
func (p Pass) GivenUp(t Tally, reason string) Result {
	r := Result{
		Verdict: compare.Unverified, Reason: reason, Diverged: t.Diverged, Lagging: t.Lagging,
		Unverified: max(t.Unverified+t.Lagging, p.Scan.Mismatches-t.Match-t.Diverged),
	}
	if t.Diverged > 0 {
		r.Verdict = compare.Diverged
	}
	return r
}

// DivergenceState is the state of a divergence.
type DivergenceState string

// The states of a divergence. Accepted ones carry an expiry.
const (
	Open     DivergenceState = "open"
	Resolved DivergenceState = "resolved"
	Accepted DivergenceState = "accepted"
)

// Divergence is a mismatch proven not to be lag.
type Divergence struct {
	ID         int64
	Mismatch   compare.Mismatch
	State      DivergenceState
	FirstSeen  time.Time
	LastSeen   time.Time
	ResolvedAt time.Time // zero unless Resolved
	FoundBy    PassKind
	Acceptance *Acceptance // nil unless Accepted
}

// Acceptance says that somebody has accepted a divergence until a time.
type Acceptance struct {
	Who, Why  string
	At, Until time.Time
}
