package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// ErrNotScanning is returned for a pass that has ended, or has read everything.
var ErrNotScanning = errors.New("the pass reads nothing any more")

// Planned is a range of keys that any process with the fingerprint of the pass may compare.
type Planned struct {
	Number int
	KeyRange
}

// Plans hold the ranges of a pass that several processes share.
type Plans interface {
	// Plan stores the ranges that are left.
	Plan(context.Context, lease.Lease, PassID, []Planned) error
	// Planned returns the planned ranges that are not compared, by number, and how many were planned in all.
	Planned(context.Context, PassID) (left []Planned, all int, err error)
	// AddPlanned stores a planned range with its suspects, in one transaction. It returns false, and stores nothing, if the
	// range is stored already, or has other ends now.
	AddPlanned(context.Context, lease.Lease, PassID, Range, []Suspect) (bool, error)
	// Split ends a planned range at the first of some keys, and plans the parts after it. It returns their numbers; none if the
	// range is stored already, or has other ends now.
	Split(context.Context, lease.Lease, PassID, Planned, []order.Key) ([]int, error)
	// Lent returns a pass that is scanning, with the lease of its holder. Another process may store ranges under it for as
	// long as the holder keeps it. It returns lease.ErrFenced if the holder is gone, and ErrNotScanning if there is nothing to do.
	Lent(context.Context, PassID) (Pass, lease.Lease, error)
	// Clock is what the time is for all processes that use the ledger.
	Clock(context.Context) (time.Time, error)
}

// Sharing is how far the processes are that share a pass.
type Sharing struct {
	Compared int `json:"compared"` // ranges
	Ranges   int `json:"ranges"`   // in all
	Sidecars int `json:"sidecars"` // that have compared one
}

// String is for people.
func (s Sharing) String() string {
	return fmt.Sprintf("range %d of %d, %s", s.Compared, s.Ranges, count(int64(s.Sidecars), "sidecar", "sidecars"))
}

// Job asks for a planned range to be compared.
type Job struct {
	Pass   PassID
	Number int
}

// Answer is what became of a job.
type Answer int

// The answers. Only Failed counts as an attempt; a job has a few.
const (
	Finished Answer = iota // the range is compared, or nobody needs it
	Later                  // it cannot be compared now
	Unheld                 // nobody holds the pass at this time
	Failed                 // another attempt may succeed
	GivenUp                // none will; the holder of the pass tries it, and says why
)

// Jobs hands ranges to all processes with a fingerprint.
type Jobs interface {
	// Add adds jobs. A range has at most one job that is not finished.
	Add(ctx context.Context, fingerprint string, id PassID, numbers []int) error
	// Held returns the numbers of the ranges whose jobs wait, or have been worked on for less than a limit.
	Held(ctx context.Context, id PassID, limit time.Duration) ([]int, error)
	// Forget drops the jobs of a pass that are not worked on.
	Forget(context.Context, PassID) error
}
