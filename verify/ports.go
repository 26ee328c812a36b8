package verify

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
)

// ErrAlreadyRun is returned when a scheduled run has a pass in the ledger already.
var ErrAlreadyRun = errors.New("scheduled run was already done")

// Start is what is known about a pass when it begins.
type Start struct {
	Kind        PassKind
	Trigger     string    // "schedule", "start", "manual", "stream" or "cutover"
	ScheduledAt time.Time // zero for a pass of no schedule; unique by kind otherwise
	Fingerprint string
	At          time.Time
	Ranged      bool // the pass stores each range of keys, and can be resumed
	// Fewer is true if it is to look at fewer orders than the configuration says.
	Fewer bool
}

// Journal records passes. Every write returns lease.ErrFenced if the lease is not the job's newest or has expired.
type Journal interface {
	// Pair is the pair of tables whose passes are recorded.
	Pair() PairID
	// BeginPass writes the pass in state Scanning. It returns ErrAlreadyRun if a pass of that kind has the same ScheduledAt.
	BeginPass(context.Context, lease.Lease, Start) (PassID, error)
	// ScanDone stores what was read and moves the pass to Settling.
	ScanDone(context.Context, lease.Lease, PassID, Scan) error
	// Slowed replaces what is noted of the sides that a running pass does not read at full speed.
	Slowed(context.Context, lease.Lease, PassID, []throttle.State) error
	// FinishPass stores the final verdict and moves the pass to Done.
	FinishPass(ctx context.Context, l lease.Lease, id PassID, r Result, at time.Time) error
}

// Ranges holds the ranges of keys that a full pass has compared.
type Ranges interface {
	// AddRange stores a range and the suspects that were found in it, in one transaction. It replaces a range of the same
	// number.
	AddRange(context.Context, lease.Lease, PassID, Range, []Suspect) error
	// DropRange forgets the suspects of a range that wait, because it is compared again.
	DropRange(ctx context.Context, l lease.Lease, id PassID, number int) error
	// Ranges returns what was stored, by number.
	Ranges(context.Context, PassID) ([]Range, error)
}

// Queue holds the suspects of passes until they are judged. It survives the process.
type Queue interface {
	// AddSuspects appends. If the pass has the key in the queue already, the entry is replaced only if the order has
	// changed. Otherwise it keeps its wait, so that a look does not start the wait again.
	AddSuspects(context.Context, lease.Lease, PassID, []Suspect) error
	// DropSuspects forgets the pass's suspects that wait, because its scan starts again.
	DropSuspects(context.Context, lease.Lease, PassID) error
	// DueSuspects returns up to limit suspects due at the given time, in key order, beginning with the given key.
	DueSuspects(ctx context.Context, id PassID, at time.Time, from order.Key, limit int) ([]Suspect, error)
	// NextDue returns how many suspects wait, and when the first of them is due.
	NextDue(context.Context, PassID) (waiting int64, due time.Time, err error)
	// Settle stores outcomes in one transaction. Final ones leave the queue; all others go back with their new due time.
	// Each mismatch of Outcome.Diverged opens the divergence of its hop or renews the open one. The divergence of another
	// hop is resolved only by Outcome.Agreed; a match agrees at all hops. Both are under the pass's fingerprint. Tallies
	// of final verdicts are kept by pass, and count orders.
	Settle(context.Context, lease.Lease, PassID, []Outcome, time.Time) error
}

// Tally counts the final outcomes of a pass's suspects. An order that has diverged at one hop and could not be judged at
// another is counted twice: as diverged and as unverified.
type Tally struct {
	Match, Diverged, Lagging, Unverified int64
	SampledDiverged                      int64 // of the diverged, those drawn uniformly
}

// Findings reads what passes have found.
type Findings interface {
	// Tally counts the outcomes of a pass so far.
	Tally(context.Context, PassID) (Tally, error)
	// OpenKeys returns up to limit orders with an open or accepted divergence of their rows (order.RowHops) under the
	// pass's fingerprint, in key order, beginning with the given key. Divergences under another fingerprint are not
	// returned, because the pass may compare less.
	OpenKeys(ctx context.Context, id PassID, from order.Key, limit int) ([]order.Key, error)
	// Earlier returns what full passes before the pass have left under its fingerprint.
	Earlier(context.Context, PassID) (Earlier, error)
	// Unrecorded returns the orders of which passes before the pass found changes without an event under its fingerprint, in key
	// order: the newest one that counted changes of all its orders, and those after it.
	Unrecorded(context.Context, PassID) ([]order.Key, error)
	// Base returns the newest full or delta pass under the fingerprint after which every order is known to agree or to have a
	// divergence: it covered everything, and left no order unjudged. Those with marks come first. It returns the zero Pass if
	// there is none.
	Base(ctx context.Context, fingerprint string) (Pass, error)
}

// Ledger is what a pass stores and reads.
type Ledger interface {
	Journal
	Ranges
	Plans
	Queue
	Findings
}
