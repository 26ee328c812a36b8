package incident

import (
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// MaxExamples is how many orders a message names.
const MaxExamples = 5

// Facts are what the ledger says at one instant.
type Facts struct {
	// Fingerprint is of what is compared now. Empty means that the databases cannot be asked: then Open and Decision
	// say nothing, and what is open stays open.
	Fingerprint string
	Open        []Group
	Accepted    []Acceptance // the newest, of the same fingerprint
	Decision    string       // GO, NO-GO, INCONCLUSIVE
	Failing     []string     // names of the criteria that do not pass
	Reasons     []string     // what each says, a sentence; without values where these must not leave the house
	Passes      []Pass
	// StreamStopped is when the stream was last looked at, if that is too long ago; zero while it is followed.
	StreamStopped time.Time
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
	Values  []string // "status: legacy FILLED, projection OPEN"; empty where values must not leave the house
}

// Pass is the newest finished pass of one kind, and whether the next is late.
type Pass struct {
	Kind       string
	ID         int64 // zero where none has finished
	Unverified bool
	Reason     string // empty where values must not leave the house: it may quote one
	Coverage   float64
	Overdue    bool
	Due        time.Time // of the scheduled run, where it is overdue
}

// Policy is how incidents are told.
type Policy struct {
	// UpdateEvery is the least time between two updates in one thread. The parent's text is kept current meanwhile.
	UpdateEvery time.Duration
	Quiet       Quiet
	// MinCoverage is the coverage below which a pass has left too much out.
	MinCoverage float64
	// Link is the address of the status page; empty for none.
	Link string
}

// Quiet are the hours in which warnings wait. The zero value has none.
type Quiet struct {
	From, To time.Duration // since midnight; From after To spans midnight, equal ones are no hours at all
	Zone     *time.Location
}

// Until returns the end of the quiet hours that t is in, or zero when it is in none. On the day on which the clocks
// change, hours are those on the wall.
func (q Quiet) Until(t time.Time) time.Time {
	if q.From == q.To || q.Zone == nil {
		return time.Time{}
	}
	local := t.In(q.Zone)
	wall := func(days int, clock time.Duration) time.Time {
		y, m, d := local.Date()
		return time.Date(y, m, d+days, 0, int(clock/time.Minute), 0, 0, q.Zone)
	}
	for _, day := range []int{-1, 0} { // the hours that began yesterday, and those that begin today
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
