package follow

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Horizon is the newest position that was visible at one moment, and the transactions that were running then.
type Horizon struct {
	Position order.Position
	Below    uint64 // transactions below this one had begun; only the store knows its meaning
}

// Running is the oldest transaction that may still add an event.
type Running struct {
	// Oldest is its number; if none runs, a number that is not below that of any transaction that has ended. Once it is not below a horizon's
	// Below, no further event can become visible at or below that horizon's position.
	Oldest uint64
	Holder string     // which transaction it is, for people; empty if none runs
	Since  *time.Time // when it began; nil if that is not known
}

// PositionCount sums up the stored events of one bucket of positions.
type PositionCount struct {
	Bucket int64
	Events int64
	Sum    uint64 // of their positions, by AddPosition
}

// EventStore is what matching the stream needs of the event store. Every call has its own deadline.
type EventStore interface {
	// Histories returns all events of the orders, each order's in the order of their positions, including events that
	// cannot be decoded. An order without events is not in the map.
	Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error)
	// Rows calls fn for each stored event at these positions, in any order. The row is valid until fn returns, and fn's
	// error ends the call. It is safe for concurrent use.
	Rows(ctx context.Context, positions []order.Position, fn func(order.StoredRow) error) error
	// RowsByID calls fn for each stored event with one of these ids, as Rows does. Ids are as the store prints them. Events
	// without a position are left out.
	RowsByID(ctx context.Context, ids []order.ID, fn func(order.StoredRow) error) error
	// CountPositions counts the events from..to, both included, by position >> shift, in the order of buckets. It
	// leaves out empty buckets. It counts about limit events and returns the last counted position: to, or the end of a
	// bucket.
	CountPositions(ctx context.Context, from, to order.Position, shift uint, limit int64) (counts []PositionCount, upTo order.Position, err error)
	// Between calls fn for every event from..to, both included, in the order of positions. The key is empty for an
	// event without an order, and the id for one without an id.
	Between(ctx context.Context, from, to order.Position, fn func(order.Position, order.Key, order.ID) error) error
	// First returns the lowest position that is visible now; [order.NoPosition] without events.
	First(ctx context.Context) (order.Position, error)
	// Horizon returns the newest position that is visible now; [order.NoPosition] without events.
	Horizon(ctx context.Context) (Horizon, error)
	// Oldest returns the oldest running transaction. One that cannot write to the store does not count.
	Oldest(ctx context.Context) (Running, error)
}

// Legacy is the system of record.
type Legacy interface {
	// Archived returns those of the orders that it has and whose events the configuration says to be archived.
	Archived(ctx context.Context, keys []order.Key) ([]order.Key, error)
}

// PartitionState is how far one partition has been matched.
type PartitionState struct {
	Next, End int64          // as of the last batch
	Newest    order.Position // the greatest position read; NoPosition if none
	First     order.Position // of the first event read; NoPosition if none yet
	Cut       bool           // messages before the first one read had been deleted already
	// ReplayTo is the offset below which messages come a second time, because the partition lost its end.
	ReplayTo int64
	// Backlog is the offset at which the partition ended when the topic was first read.
	Backlog int64
	// Taken is the number of the last parcel that was matched; 0 if none was.
	Taken int64
}

// Bucket remembers which positions of a bucket were seen on the stream.
type Bucket struct {
	Seen []byte // one bit for each position
	// Stored is how many events of the store are in it, and Missing how many of them were not seen, at the last count.
	// Sum is the sum of the stored positions.
	Stored, Missing int64
	Sum             uint64
	// Lost has a bit for each position that is reported as lost; nil if none is. The ledger computes it from Lost and
	// Arrived of the commits.
	Lost []byte
}

// ClosedBucket is the content of a bucket that was complete: the positions that were seen, and what the store had.
type ClosedBucket struct {
	Bucket int64
	Seen   []byte
	Stored int64
	Sum    uint64
}

// State is what a follower must remember. Partitions and buckets are keyed by number.
type State struct {
	// Topic is the identity of the topic; empty if it is not known.
	Topic      string
	Partitions map[int]PartitionState
	// Buckets are the open ones: an event was not seen yet, or may not have been. All others between From and Frontier
	// are closed: they were complete when they were counted.
	Buckets map[int64]*Bucket
	// From is the position from which the stream should be complete; NoPosition until that is known.
	From order.Position
	// Frontier is the first bucket that was not counted as a whole yet.
	Frontier int64
	// Kept is the first closed bucket whose content is kept. Of a bucket below it, only its completeness is known.
	Kept int64
	// UncertainTo is the position up to which it is not known what was published, because messages were deleted unread;
	// NoPosition if none were.
	UncertainTo order.Position
	// Complete is how many events the complete buckets hold.
	Complete int64
	Evidence Totals
}

// newState returns the state of a topic that was not read yet.
func newState() State {
	return State{
		Partitions: map[int]PartitionState{}, Buckets: map[int64]*Bucket{}, From: order.NoPosition, UncertainTo: order.NoPosition,
		Frontier: bucketOf(order.NoPosition), Evidence: Totals{Checked: order.NoPosition},
	}
}

// newPartition returns the state of a partition that was not read yet.
func newPartition() PartitionState {
	return PartitionState{Newest: order.NoPosition, First: order.NoPosition}
}

// claims returns true once it is known from where the stream should be complete.
func (s *State) claims() bool { return s.From != order.NoPosition }

// Totals is what the follower claims at one moment.
type Totals struct {
	Stored, Seen int64          // events from From to Checked, and how many of them were seen on the stream
	Checked      order.Position // NoPosition if nothing was checked yet
	// Pending is how many further stored events the stream did not have for a settle window. They are waited for, and are
	// not lost yet.
	Pending    int64
	CaughtUpAt time.Time // when everything published until then was matched; zero if never
	Waiting    Waiting
	// BeforeStore is how many messages were not judged because they are from before the store begins.
	BeforeStore int64
}

// Waiting is an open transaction for which the search for missing messages has waited longer than max_lag. The zero value
// means that it does not wait.
type Waiting struct {
	For   string
	Since time.Time // when it began, or since when it was waited for
}

// Finding is a divergence of the stream. Its mismatch has hop events->stream.
type Finding struct {
	Mismatch compare.Mismatch
	Seen     time.Time
	// Again is true if the same finding was made before. Then an accepted divergence stays accepted.
	Again bool
}

// UnmatchedMessage has no stored event yet. If it still has none when it is due, it is a ghost.
type UnmatchedMessage struct {
	Partition int
	Offset    int64
	Value     []byte
	FirstSeen time.Time
	Due       time.Time // do not look at it earlier
	Ghost     bool      // it was due, and had no event
}

// LostEvent is a stored event that is not on the stream.
type LostEvent struct {
	Position order.Position
	ID       order.ID // empty if positions identify events, or if it has none
	Key      order.Key
}

// Commit is what one step of the follower found, and how far it is then. It is stored as a whole or not at all.
type Commit struct {
	Fingerprint string
	At          time.Time
	State       State // Buckets holds those that changed; nil means closed
	// Closed is the content of closed buckets. It is kept until they are open again.
	Closed   []ClosedBucket
	Findings []Finding
	// Lost replaces the known lost events in these buckets. An order without a lost event any more is resolved.
	Lost map[int64][]LostEvent
	// Arrived are positions that were just seen, so they are not lost any more.
	Arrived   []order.Position
	Unmatched []UnmatchedMessage // new ones, or with a new Due
	// Matched are messages that had no event and have one now. They are deleted, and the ghosts of their orders,
	// MatchedOrders, are resolved.
	Matched       []UnmatchedMessage
	MatchedOrders []order.Key
	// BegunBefore are orders with a message from before the store begins.
	BegunBefore []order.Key
	Gaps        int64 // found in this step
	// Changed are the orders that had a message, as far as the follower keeps up. It does not hold the orders of a
	// backlog, which full verification looks at.
	Changed map[order.Key]bool
}

// Ledger stores how far the stream was matched, together with the results.
type Ledger interface {
	// LoadStream returns the state under a fingerprint; the zero state if there is none.
	LoadStream(ctx context.Context, fingerprint string) (State, error)
	// CommitStream stores a step in one transaction, or returns lease.ErrFenced and stores nothing.
	CommitStream(ctx context.Context, l lease.Lease, c Commit) error
	// DueUnmatched returns up to limit messages due at the time, oldest first, and how many wait that are not ghosts
	// yet.
	DueUnmatched(ctx context.Context, fingerprint string, at time.Time, limit int) (due []UnmatchedMessage, waiting int64, err error)
	// BegunBefore returns those of the orders that have a message from before the store begins.
	BegunBefore(ctx context.Context, fingerprint string, keys []order.Key) ([]order.Key, error)
	ClosedLedger
}

// ClosedLedger reads the content of closed buckets. An open bucket has no kept content.
type ClosedLedger interface {
	// ClosedBuckets returns the content of these buckets, in any order. It returns nothing for one that was empty.
	ClosedBuckets(ctx context.Context, fingerprint string, buckets []int64) ([]ClosedBucket, error)
	// ClosedAfter returns the first limit buckets after the given one, in order.
	ClosedAfter(ctx context.Context, fingerprint string, after int64, limit int) ([]ClosedBucket, error)
}
