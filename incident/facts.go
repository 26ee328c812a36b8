package incident

import (
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// MaxExamples is how many orders a message names.
const MaxExamples = 5

// Facts are what the ledger says at one instant.
type Facts struct {
	// Fingerprint identifies what is compared now. It is empty if the databases cannot be read. Then Open and Decision
	// say nothing, and open incidents stay open.
	Fingerprint string
	Changed     string // what has changed since the evidence under another fingerprint; empty if that is not known
	Open        []Group
	Accepted    []Acceptance // the newest, with the same fingerprint
	Decision    string       // GO, NO-GO, INCONCLUSIVE
	Failing     []string     // names of the criteria that do not pass
	Reasons     []string     // one sentence for each; without values if these must not leave the house
	Passes      []Pass
	// StreamStopped is when the stream was last read, if that is too long ago; zero while it is being read.
	StreamStopped time.Time
	// Audit is the newest audit of all orders under this fingerprint; nil if there is none.
	Audit *Audited
	// Cutover is a run that has not ended and that no process drives; nil if there is none.
	Cutover *AbandonedRun
}

// Audited is an audit, with what has become of its findings since.
type Audited struct {
	Pass     int64
	Orders   int64     // that have open findings
	Open     []Finding // that somebody has to answer for
	Accepted int64     // findings
}

// Finding counts the findings of one kind.
type Finding struct {
	Kind  string
	Count int64
	// Migration is true for a fault of the events. Others are faults of legacy, which were there before the migration.
	Migration bool
}

// AbandonedRun is a run of the cutover whose process is gone, or does not get on.
type AbandonedRun struct {
	Driven    bool // a process drives it, for longer than the budget allows
	Run, Step string
	Stranded  bool      // there may be no side to write to until it is finished
	Since     time.Time // its newest record
}

// Group is the open divergences of one hop and cause.
type Group struct {
	Hop      order.Hop
	Cause    string
	Count    int64
	Oldest   time.Time // first seen
	Examples []Example // up to MaxExamples
}

// Example is one order of a group.
type Example struct {
	OrderID string
	Kind    string
	Values  []string // "status: legacy FILLED, projection OPEN"; empty if values must not leave the house
}

// Pass is the newest finished pass of one kind, and whether the next one is late.
type Pass struct {
	Kind       string
	ID         int64 // zero if none has finished
	Unverified bool
	Reason     string // empty if values must not leave the house, because it may quote one
	Coverage   float64
	// Widespread says what most orders have; empty if nothing is. The pass recorded examples and left out the rest.
	Widespread string
	Overdue    bool
	Due        time.Time // when the scheduled run was due, if it is overdue
}

// Policy says how people are told of incidents.
type Policy struct {
	// UpdateEvery is the minimum time between two updates in one thread. The parent's text is kept current in between.
	UpdateEvery time.Duration
	Quiet       Quiet
	// MinCoverage is the coverage below which a pass has left too much out.
	MinCoverage float64
	// Link is the address of the status page; empty if there is none. Docs is that of the documentation.
	Link, Docs string
	// System says which system is compared; may be empty.
	System string
}

// Quiet is the hours in which warnings wait. The zero value has none.
type Quiet struct {
	From, To time.Duration // since midnight; From after To spans midnight; equal values mean no quiet hours
	Zone     *time.Location
}

// Until returns the end of the quiet hours that t is in; zero if t is in none. On the day when the clocks change, wall
// clock time counts.
func (q Quiet) Until(t time.Time) time.Time {
	if q.From == q.To || q.Zone == nil {
		return time.Time{}
	}
	local := t.In(q.Zone)
	wall := func(days int, clock time.Duration) time.Time {
		y, m, d := local.Date()
		return time.Date(y, m, d+days, 0, int(clock/time.Minute), 0, 0, q.Zone)
	}
	for _, day := range []int{-1, 0} { // the hours that began yesterday, and the hours that begin today
		from, to := wall(day, q.From), wall(day, q.To)
		if q.To < q.From {
			to = wall(day+1, q.To)
		}
		if !local.Before(from) && local.Before(to) {
			return to.UTC()
		}
	}
	return time.Time{}
}
