package follow

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Horizon is the newest position that was visible at one moment, and what was under way at that moment.
type Horizon struct {
	Position order.Position
	Below    uint64 // transactions below this one had begun; opaque to all but the store
}

// PositionCount sums up the stored events of one bucket of positions.
type PositionCount struct {
	Bucket int64
	Events int64
	Sum    uint64 // of their positions, by AddPosition
}

// EventStore is what matching the stream needs of the event store. Every call has a deadline of its own.
type EventStore interface {
	// Histories returns all events of the orders, each order's in the order of their positions, events that cannot be
	// decoded among them. An order without events is not in the map.
	Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error)
	// Rows calls fn for each stored event at these positions, in any order. The row is lent until fn returns, and fn's
	// error ends it. It is safe for concurrent use.
	Rows(ctx context.Context, positions []order.Position, fn func(order.StoredRow) error) error
	// CountPositions counts the events from..to, both included, by position >> shift, in the order of buckets. Buckets
	// without any are left out. It counts about limit events and returns up to which position it did: to, or the end
	// of a bucket.
	CountPositions(ctx context.Context, from, to order.Position, shift uint, limit int64) (counts []PositionCount, upTo order.Position, err error)
	// Between calls fn for every event from..to, both included, in the order of positions. The key is empty for an event
	// of no order.
	Between(ctx context.Context, from, to order.Position, fn func(order.Position, order.Key) error) error
	// Horizon returns the newest position that is visible now; [order.NoPosition] without events.
	Horizon(ctx context.Context) (Horizon, error)
	// Oldest is the oldest transaction that is under way. Once it is no lower than a horizon's Below, no event can
	// become visible at or below that horizon's position any more.
	Oldest(ctx context.Context) (uint64, error)
}

// PartitionState is how far one partition has been matched.
type PartitionState struct {
	Next, End int64          // as of the last batch
	Newest    order.Position // the greatest position read; NoPosition for none
	First     order.Position // of the first event read; NoPosition for none yet
	Cut       bool           // messages before the first one read had been deleted already
	// ReplayTo is the offset below which messages come a second time, because the partition lost its tail.
	ReplayTo int64
}

// Bucket remembers which positions of a bucket were seen on the stream.
type Bucket struct {
	Seen []byte // one bit for each position
	// Stored and Missing are the events of the store in it, and those of them not seen, when last counted; Sum is that of
	// the stored ones' positions.
	Stored, Missing int64
	Sum             uint64
	// Lost has a bit for each position that was called lost and is still; nil for none. The ledger tells it from Lost and
	// Arrived of the commits.
	Lost []byte
}

// ClosedBucket is what is remembered of a bucket that was complete: which positions were seen, and what the store had.
type ClosedBucket struct {
	Bucket int64
	Seen   []byte
	Stored int64
	Sum    uint64
}

// State is all that a follower has to remember. Partitions and buckets are by number.
type State struct {
	Partitions map[int]PartitionState
	// Buckets are those in which something was not seen yet, or may not have been: they are open. All others between
	// From and Frontier are closed: they were complete when they were counted.
	Buckets map[int64]*Bucket
	// From is the position from which the stream claims to be complete; NoPosition until that is known.
	From order.Position
	// Frontier is the first bucket that was not counted as a whole yet.
	Frontier int64
	// Kept is the first closed bucket of which it is kept what was in it; of one below nothing is known but that it was
	// complete.
	Kept int64
	// UncertainTo is the position up to which nobody can tell what was published: messages were deleted unread. It is
	// NoPosition where none were.
	UncertainTo order.Position
	// Complete is how many events the complete buckets hold.
	Complete int64
	Evidence Totals
}

// newState is that of a topic of which nothing was read.
func newState() State {
	return State{
		Partitions: map[int]PartitionState{}, Buckets: map[int64]*Bucket{}, From: order.NoPosition, UncertainTo: order.NoPosition,
		Frontier: bucketOf(order.NoPosition), Evidence: Totals{Checked: order.NoPosition},
	}
}

// newPartition is one of which nothing was read.
func newPartition() PartitionState {
	return PartitionState{Newest: order.NoPosition, First: order.NoPosition}
}

// claims is true once it is known from where on the stream claims to be complete.
func (s *State) claims() bool { return s.From != order.NoPosition }

// Totals is what the follower claims at one moment.
type Totals struct {
	Stored, Seen int64          // events from From to Checked, and those of them seen on the stream
	Checked      order.Position // NoPosition for nothing yet
	CaughtUpAt   time.Time      // when everything published by then was matched; zero for never
}

// Finding is a divergence of the stream. Its mismatch has hop events->stream.
type Finding struct {
	Mismatch compare.Mismatch
	Seen     time.Time
	// Again is true where nothing but what was found before is found again: it opens nothing that was accepted.
	Again bool
}

// UnmatchedMessage has no stored event, yet. One that still has none when it is due is a ghost.
type UnmatchedMessage struct {
	Partition int
	Offset    int64
	Value     []byte
	FirstSeen time.Time
	Due       time.Time // not to be looked at before
	Ghost     bool      // was due, and had no event
}

// LostEvent is a stored event that is not on the stream.
type LostEvent struct {
	Position order.Position
	Key      order.Key
}

// Commit is what one step of the follower found, and how far it is then. It is stored as a whole or not at all.
type Commit struct {
	Fingerprint string
	At          time.Time
	State       State // Buckets holds those that changed, nil ones are closed
	// Closed is kept of buckets that were closed, until they are open again.
	Closed   []ClosedBucket
	Findings []Finding
	// Lost replaces what is known to be lost in these buckets. A lost order of which nothing is lost any more is resolved.
	Lost map[int64][]LostEvent
	// Arrived are positions seen just now: they are not lost any more.
	Arrived   []order.Position
	Unmatched []UnmatchedMessage // new ones, or with a new Due
	// Matched are messages that had no event, and have one by now. They are forgotten, and the ghosts of MatchedOrders,
	// which are their orders, resolved.
	Matched       []UnmatchedMessage
	MatchedOrders []order.Key
	Gaps          int64 // found in this step
	// Changed are the orders that had a message, as far as the follower keeps up: not those of a backlog, which are a
	// full verification's.
	Changed map[order.Key]bool
}

// Ledger remembers how far the stream was matched, together with what that led to.
type Ledger interface {
	// LoadStream returns the state under a fingerprint; the zero state where there is none.
	LoadStream(ctx context.Context, fingerprint string) (State, error)
	// CommitStream stores a step in one transaction, or returns lease.ErrFenced and stores nothing.
	CommitStream(ctx context.Context, l lease.Lease, c Commit) error
	// DueUnmatched returns up to limit messages due at the time, oldest first, and how many wait in all that are no ghosts yet.
	DueUnmatched(ctx context.Context, fingerprint string, at time.Time, limit int) (due []UnmatchedMessage, waiting int64, err error)
	ClosedLedger
}

// ClosedLedger reads what was kept of closed buckets. An open one has nothing kept.
type ClosedLedger interface {
	// ClosedBuckets returns what was kept of these buckets, in any order; nothing of one that was empty.
	ClosedBuckets(ctx context.Context, fingerprint string, buckets []int64) ([]ClosedBucket, error)
	// ClosedAfter returns the first limit buckets behind the given one, in their order.
	ClosedAfter(ctx context.Context, fingerprint string, after int64, limit int) ([]ClosedBucket, error)
}
