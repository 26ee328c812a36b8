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
	// Accepted is how many divergences somebody answers for: they are not open, until their time.
	Accepted int64
	// Full and Sample are the newest finished pass of each kind under the current fingerprint; nil when there is none.
	Full, Sample *Pass
	// VoidFull and VoidSample are true when the only finished passes of the kind carry another fingerprint.
	VoidFull, VoidSample bool
	// Sampling sums all finished sample passes under the current fingerprint that started after the evidence horizon.
	Sampling Sampling
	// SampleEvery is the time between two scheduled samples; zero when unknown.
	SampleEvery time.Duration
	// NextFull is when the next full pass is scheduled; zero when unknown.
	NextFull time.Time
	// Fields are the compared fields; nil is unknown.
	Fields *Fields

	// What only some systems have; nil is not collected.
	Events     *EventsEvidence
	Changes    *ChangesEvidence
	Lag        *LagEvidence
	Stream     *StreamEvidence
	Streak     *Streak
	History    *HistoryEvidence
	Rehearsals *RehearsalEvidence
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
	LegacyRows, ProjectionRows int64
	Compared                   int64
	Coverage                   float64
	Diverged                   int64
	Unverified                 int64 // orders left unjudged, those still lagging included
	Counts                     []GroupCount
	// Strata is what the pass looked at by status and age; nil where ages were not told apart.
	Strata []Stratum
}

// started is when the pass started; zero where there is none.
func (p *Pass) started() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.StartedAt
}

// Stratum is the orders of one status and age that a pass set out to look at. Age is a name, as "under 1h".
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
	// SettledLegacy and SettledProjection explain what was in flight: of the rows counted in Legacy (Projection),
	// those of orders whose sides differed at the snapshot and whose recheck then gave match. An order that was NEW
	// in legacy and missing in the projection, and later matched, is 1 in SettledLegacy of NEW; one that was FILLED
	// in legacy and still NEW in the projection is 1 in SettledLegacy of FILLED and 1 in SettledProjection of NEW.
	// Both count by the group that the snapshot showed, not by the one that the recheck saw. Orders that end
	// lagging, unverified or diverged are not in them.
	SettledLegacy, SettledProjection int64
}

// Sampling is the sum of uniform samples: Orders drawn (with repetition between passes), of which Diverged were
// proven different and Unverified left unjudged, out of a population of Population orders. Orders includes both.
// Only orders drawn uniformly count: the strata of recent changes and of open divergences would bias the share.
type Sampling struct {
	Passes, Orders, Diverged, Population int64
	// Unverified counts against the upper bound as if they were diverged: not knowing is not a match.
	Unverified int64
	Since      time.Time // start of the oldest pass counted
}
