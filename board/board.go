// Package board gathers what is known now, once, for everything that shows it. The page, the metrics, the alerts, the
// gate and its report are projections of it.
//
// Invariant: projections are pure, and each number is computed in one place. Nothing is kept from one [Board] to the
// next, so a board is right just after a restart and the same on every replica. Only a flip is written: a changed
// decision is recorded.
package board

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// MaxListed is how many open divergences a board lists, oldest first. The ledger has all of them.
	MaxListed = 200
	// maxPasses is how many passes a board lists.
	maxPasses = 20
	// overdueAfter is how long a scheduled pass may be late before it counts as overdue.
	overdueAfter = 2 * time.Minute
)

// Board is what is known at one moment.
type Board struct {
	Settings Settings // when it was gathered
	At       time.Time
	// Fingerprint identifies what is compared now; empty while the databases cannot be identified.
	Fingerprint string
	// NoDecision is why there is no decision; nil if there is one. Without a decision, Decision and Evidence say
	// nothing.
	NoDecision error
	Decision   gate.Decision
	Evidence   gate.Evidence
	// Open and Accepted count the divergences under the fingerprint, or all of them while it is not known.
	Open     []gate.OpenDivergences
	Accepted int64
	Suspects int64 // orders that wait for their recheck
	Kinds    []Kind
	Stream   Stream
	// AlertsPending is how many messages wait in the outbox; nil if no alerts are configured.
	AlertsPending *int64
	Cutover       *Cutover // nil if there was never a run

	// Listed are the oldest open divergences. Passes are the newest passes, newest first, including running ones. See
	// [Lists].
	Listed []verify.Divergence
	Passes []verify.Pass
	// Groups are the open divergences by hop and cause. Acceptances are the newest accepted ones. See [Groups].
	Groups      []incident.Group
	Acceptances []incident.Acceptance
	// ValuesHidden is set by WithoutValues. Listed still has the values.
	ValuesHidden bool
}

// OpenCount is the number of open divergences.
func (b Board) OpenCount() int64 { return count(b.Open) }

func count(open []gate.OpenDivergences) (n int64) {
	for _, o := range open {
		n += o.Count
	}
	return n
}

// Kind is the state of the passes of one kind.
type Kind struct {
	KindStatus
	// Finished is the newest finished pass of the kind; a zero ID if there is none.
	Finished verify.Pass
	Schedule Schedule // nil if none is configured
	Overdue  bool     // a scheduled run should have begun a while ago, but has not
}

// KindStatus is what the ledger knows of the passes of one kind.
type KindStatus struct {
	Kind verify.PassKind
	// LastSuccess is when the newest pass ended that was not unverified; zero if there is none. A pass that found
	// divergences is a success.
	LastSuccess time.Time
	Newest      *verify.Pass  // nil if there is none
	NextDue     time.Time     // of the next scheduled run; zero if nothing is scheduled
	Every       time.Duration // between two scheduled runs; zero if unknown
	// Failures is how many passes in a row were unverified after the last success, and FailingSince when the first of
	// them started.
	Failures     int64
	FailingSince time.Time
}

// Overdue reports whether the scheduled run should have begun more than grace ago, but has not. If runs are due more often
// than that, one that still works is not overdue: it covers the time of the next ones.
func (s KindStatus) Overdue(now time.Time, grace time.Duration) bool {
	if s.NextDue.IsZero() || !now.After(s.NextDue.Add(grace)) {
		return false
	}
	if s.Newest != nil && s.Newest.State != verify.Done && s.Every > 0 && s.Every < grace {
		return false
	}
	return s.Newest == nil || s.Newest.ScheduledAt.Before(s.NextDue)
}

// Settings are the parts of the configuration that the board needs.
type Settings struct {
	Policy gate.Policy
	Fields *gate.Fields // compared fields, and which of them events judge
	// Schedules has the kinds of pass that are scheduled.
	Schedules map[verify.PassKind]Schedule
	Window    time.Duration          // the settle window
	Stream    bool                   // a stream is configured
	Shared    bool                   // sidecars share its partitions
	Alerts    bool                   // alerts are configured
	Throttle  []throttle.Reason      // the limits that are configured
	Sides     []order.Representation // that have limits
	Values    bool                   // alerts may contain values of orders
}

// Schedule is when passes of a kind run.
type Schedule interface {
	String() string
	Next(after time.Time) time.Time
}

// Sources are what a board is gathered from.
type Sources struct {
	Settings
	Ledger Ledger
	// Identify returns the fingerprint of what is compared now. It asks the databases each time, because a table may
	// have been swapped for another.
	Identify func(context.Context) (string, error)
	// Lag measures how far the projection is behind; nil without an error if it cannot be measured.
	Lag func(context.Context) (*Lag, error)
	// Sequences reads the sequences of the new side; nil if none is configured.
	Sequences func(context.Context) []gate.SequenceAhead
	// Gaps are the parts that cannot be read now; nil if nobody looks.
	Gaps func(context.Context) []gate.Gap
	// Cutover is the newest run of the cutover; nil if there was never one. The field is nil if no cutover is configured.
	Cutover func(context.Context) (*Cutover, error)
	// Following is since when this process could follow the stream; zero if that is not known.
	Following time.Time
}

// Ledger is everything that a board reads from it.
type Ledger interface {
	Judged
	Found
	Passed
	Alerted
}

// Judged is what the gate judges. If the ledger has no tables, every method but Clock returns ErrNotMigrated.
type Judged interface {
	Clock(context.Context) (time.Time, error)
	Evidence(ctx context.Context, fingerprint string, now time.Time, horizon time.Duration) (gate.Evidence, error)
	// StreamEvidence also returns each partition's lag in messages. It is nil if nothing was followed.
	StreamEvidence(ctx context.Context, fingerprint string) (*gate.StreamEvidence, map[int]int64, error)
}

// Found are divergences under a fingerprint, or under any if it is empty: at most limit of them, and their number.
type Found interface {
	OpenCounts(ctx context.Context, fingerprint string) ([]gate.OpenDivergences, error)
	OpenDivergences(ctx context.Context, fingerprint string, limit int) ([]verify.Divergence, error)
	AcceptedDivergences(ctx context.Context, fingerprint string, limit int) ([]verify.Divergence, int64, error)
}

// Passed are the passes: the newest ones, the state of each kind, and the newest finished one of each kind.
// SuspectCount is how many orders wait for a recheck.
type Passed interface {
	Passes(ctx context.Context, limit int) ([]verify.Pass, error)
	Kinds(context.Context) ([]KindStatus, error)
	NewestFinished(context.Context) ([]verify.Pass, error)
	SuspectCount(context.Context) (int64, error)
	// StreamReaders returns who reads which partition, in the order of partitions; nothing if sidecars do not share them.
	StreamReaders(ctx context.Context, fingerprint string) ([]Reader, error)
}

// Alerted is what alerts tell in detail.
type Alerted interface {
	OpenGroups(ctx context.Context, fingerprint string, values bool) ([]incident.Group, error)
	Acceptances(ctx context.Context, fingerprint string) ([]incident.Acceptance, error)
	AlertsPending(ctx context.Context, now time.Time) (int64, error)
}

// ErrNotMigrated is returned by a ledger whose schema is missing or older than this program.
var ErrNotMigrated = errors.New("ledger is not migrated")
