package gate

import (
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Evidence is what the ledger knows, gathered at one instant. The gate judges nothing else.
type Evidence struct {
	// Fingerprint names the configuration, comparator version and database identities that are in force now.
	Fingerprint string
	// Open counts the open divergences by hop, kind and cause.
	Open []OpenDivergences
	// Accepted is how many divergences are accepted. They are not open until their acceptance ends.
	Accepted int64
	// Acceptances are the accepted divergences, by what they are and who answers for them.
	Acceptances []Acceptance `json:",omitempty"`
	// Full and Sample are the newest finished pass of each kind under the current fingerprint; nil if there is none.
	Full, Sample *Pass
	// Counted is the newest full pass that counted rows by group, if Full proved without counting that all are equal; nil otherwise.
	Counted *Pass `json:",omitempty"`
	// VoidFull and VoidSample are true if passes of the kind have finished, but only under other fingerprints.
	VoidFull, VoidSample bool
	// VoidHistory is true if audits have finished, but only under other fingerprints.
	VoidHistory bool `json:",omitempty"`
	// Changed says what has changed since those passes; empty if that is not known.
	Changed string
	// Verified is the watermark: up to when everything has been verified under the current fingerprint; nil if nothing
	// has. VoidVerified is true if there is one only under other fingerprints.
	Verified     *Watermark
	VoidVerified bool
	// Delta is the newest finished delta pass under the current fingerprint; nil if there is none.
	Delta *Pass
	// Sampling sums all finished sample passes under the current fingerprint that started after the evidence horizon.
	Sampling Sampling
	// SampleEvery is the time between two scheduled samples; zero when unknown.
	SampleEvery time.Duration
	// NextFull is when the next full pass is scheduled; zero when unknown.
	NextFull time.Time
	// NextDelta is when the next delta pass is scheduled; zero when unknown.
	NextDelta time.Time
	// Fields are the compared fields; nil if they are not known.
	Fields *Fields

	// Gaps are the parts that cannot be read now.
	Gaps []Gap `json:",omitempty"`

	// Evidence that only some systems have; nil if it was not collected.
	Events     *EventsEvidence
	Changes    *ChangesEvidence
	Lag        *LagEvidence
	Stream     *StreamEvidence
	Streak     *Streak
	History    *HistoryEvidence
	Rehearsals *RehearsalEvidence
	Sequences  *SequencesEvidence `json:",omitempty"`
	Reads      *ReadsEvidence     `json:",omitempty"`
	// VoidReads is true if reads passes have finished, but only under other fingerprints.
	VoidReads bool `json:",omitempty"`
}

// Counting is the pass with the counts by group; nil if there is none.
func (e Evidence) Counting() *Pass {
	if e.Counted != nil {
		return e.Counted
	}
	return e.Full
}

// OpenDivergences is a group of open divergences.
type OpenDivergences struct {
	Hop         order.Hop
	Kind, Cause string
	Count       int64
	Oldest      time.Time // first seen
}

// Pass is one finished pass, as evidence.
type Pass struct {
	ID                         int64
	Kind                       string // "full" or "sample"
	Verdict                    string // match, lagging, diverged, unverified
	Reason                     string
	StartedAt, FinishedAt      time.Time
	LegacyRows, ProjectionRows int64 // counted by a full pass; 0 for a sample, which counts none
	Compared                   int64
	Coverage                   float64
	Diverged                   int64
	Unverified                 int64 // orders left unjudged, including those still lagging
	// Accepted are those of Diverged whose divergences, at every hop at which the pass saw one, are accepted now. AcceptedCopies are
	// their rows if they are duplicates: these are counted in no group.
	Accepted, AcceptedCopies int64 `json:",omitempty"`
	// ByNumber is true if the two sides, or some ranges of their keys, were compared by one number each.
	ByNumber bool `json:",omitempty"`
	Counts   []GroupCount
	// Unsampled says why no uniform sample of the two sides can be drawn, or only a small one; empty if one can.
	Unsampled string `json:",omitempty"`
	// Strata is what the pass looked at by status and age; nil if ages were not recorded.
	Strata []Stratum
	// Fewer is true of a sample that drew fewer orders than the configuration says.
	Fewer bool `json:",omitempty"`
}

// answered is true if somebody has accepted all that the pass found.
func (p Pass) answered() bool { return p.Diverged > 0 && p.Accepted == p.Diverged }

// started is when the pass started; zero for no pass.
func (p *Pass) started() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.StartedAt
}

// Stratum is the orders of one status and age that a pass set out to look at. Age is a name, such as "under 1h".
type Stratum struct {
	Group, Age         string
	Orders, Unverified int64
}

// GroupCount is the number of rows with one status on each side, both at the pass's snapshot.
type GroupCount struct {
	Group              string
	Legacy, Projection int64
	// Unverified is how many orders of the group the pass left unjudged.
	Unverified int64
	// SettledLegacy and SettledProjection explain what was in flight. They count rows of Legacy and Projection whose
	// orders differed between the sides at the snapshot, and matched at the recheck. Two examples: an order is NEW in
	// legacy, missing in the projection, and later matches; it counts 1 in SettledLegacy of NEW. An order is FILLED in
	// legacy, still NEW in the projection, and later matches; it counts 1 in SettledLegacy of FILLED and 1 in
	// SettledProjection of NEW. Both use the group at the snapshot, not the one at the recheck. Orders that end
	// lagging, unverified or diverged do not count.
	SettledLegacy, SettledProjection int64
	// AcceptedLegacy and AcceptedProjection count the rows of orders that diverged and that are accepted.
	AcceptedLegacy, AcceptedProjection int64 `json:",omitempty"`
}

// Sampling is the sum of uniform samples. Orders is the number drawn, with repetition between passes. Diverged of them
// were proven different and Unverified were left unjudged. Population is about how many orders they were drawn from: the
// planner's estimate. Only orders drawn uniformly count: recent changes and open divergences would bias the share.
type Sampling struct {
	Passes, Orders, Diverged, Population int64
	// Unverified counts against the upper bound as if these orders had diverged: an unknown order is not a match.
	Unverified int64
	Since      time.Time // start of the oldest pass counted
	// Accepted are orders that were drawn, diverged, and count neither in Orders nor in Diverged: somebody had accepted them before
	// the draw, or after a later full verification that compared every order. AcceptedSince are the other accepted ones, in
	// Diverged: what a draw has found stands for orders that it has not.
	Accepted, AcceptedSince int64 `json:",omitempty"`
}

// Acceptance is a group of accepted divergences.
type Acceptance struct {
	Hop   order.Hop `json:"hop"`
	Kind  string    `json:"kind"`
	Cause string    `json:"cause,omitempty"`
	Who   string    `json:"who"`
	Why   string    `json:"why"`
	Until time.Time `json:"until"`
	Count int64     `json:"count"`
}
