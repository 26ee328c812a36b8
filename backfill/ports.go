package backfill

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Legacy reads orders, with what legacy has recorded of them, by ranges of keys.
type Legacy interface {
	// Estimate is about how many orders there are.
	Estimate(ctx context.Context) (int64, error)
	// Cut is the key at which a range ends that begins as the given one and holds so many orders. It is the end of the given
	// range if that holds no more.
	Cut(ctx context.Context, within verify.KeyRange, orders int) (order.Key, error)
	// Range reads the orders of a range of keys, in the order of their keys. Orders reads some orders by key.
	Range(ctx context.Context, r verify.KeyRange) (history.Page, error)
	Orders(ctx context.Context, keys []order.Key) (history.Page, error)
	KeyType() order.KeyType
	// Oldest is when the oldest transaction began that runs and may write to legacy; now if none does. It is false if that is not known.
	Oldest(ctx context.Context) (began time.Time, known bool, err error)
}

// Events reads what the event store has. It is read after legacy, so it may be newer.
type Events interface {
	Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error)
}

// Store appends to the event store.
type Store interface {
	// Claim takes the store over for a run, and returns what the run has done. From then on nobody can append under another claim.
	Claim(ctx context.Context, r Run) (done []Range, err error)
	// Oldest is when the oldest transaction began that runs and may write to the store, as [Legacy] says it for legacy.
	Oldest(ctx context.Context) (began time.Time, known bool, err error)
	// Kept is the time that is read back for an event, and the column that does not hold the time as it is; empty if all do.
	Kept(at time.Time) (kept time.Time, column string)
	// Known are the ids of reconstructed events that the store has of some orders.
	Known(ctx context.Context, keys []order.Key) (map[string]bool, error)
	// Append stores the events of a range, and that the range is done: both or neither. It returns [ErrMoved] if orders have
	// other events than they had when they were read, [ErrStored] if somebody else has stored the range, [ErrTaken] if the store was
	// claimed by somebody else, and a [*RefusedError] if the store does not take an event.
	Append(ctx context.Context, b Batch) error
	// Claimed is the run that has claimed the store last. Its claim is empty if the run has finished.
	Claimed(ctx context.Context) (Run, error)
	// Stored are those of some ranges of a run that are done, by their numbers.
	Stored(ctx context.Context, r Run, numbers []int64) ([]Range, error)
	// Finish gives the claim back, and forgets the ranges of a run that has ended. It returns [ErrTaken] if the store was claimed by somebody
	// else.
	Finish(ctx context.Context, r Run) error
}

// Run is one backfill of everything, or of the orders of some time.
type Run struct {
	Name   string // the same if the same is backfilled once more
	Holder string // the process that works on it
	Claim  string // whoever has the same one may append to the claimed store
	Lease  lease.Lease
}

// Range is a range of keys that is done.
type Range struct {
	Number int64
	verify.KeyRange
	Orders, Events int64
	// Again are the orders that must be looked at once more, because legacy was writing them.
	Again []order.Key
	// Left counts the orders that were left as they are.
	Left map[Missing]int64
}

// Batch is what is appended in one transaction.
type Batch struct {
	Run Run
	// Range is done with the events. If Again is true it was done before, and some of its orders were looked at again.
	Range  Range
	Again  bool
	Events []Event // those of an order in the order in which they happened
	// Keys are the orders of the events, and Stored is how many events they had when they were read.
	Keys   []order.Key
	Stored int64
}

// Event is an event that is to be stored.
type Event struct {
	Key     order.Key
	Deed    history.Deed
	Type    string
	Payload []byte
	Number  int64 // within its order, where the store counts like that
	Batch   string
	Kept    time.Time // of the deed, as the store holds it
}

// Missing are the sorts of things for which nothing is written, although legacy knows more than the store.
type Missing string

// The reasons for which an order is left as it is.
const (
	Unreadable  Missing = "unreadable"  // its row or its record cannot be read, or it has two rows
	Undecodable Missing = "undecodable" // the store has an event of it that cannot be decoded
	Unspeakable Missing = "unspeakable" // the store has no words for what happened
	AfterLive   Missing = "after_live"  // older events are missing in a history that has newer ones
	Moving      Missing = "moving"      // legacy does not stop writing it
	// Contradicted: the store has events that legacy has no record of, and they do not fold to the row.
	Contradicted Missing = "contradicted"
)

// Left is an order that was left as it is.
type Left struct {
	Key    order.Key `json:"order_id"`
	Why    Missing   `json:"why"`
	Detail string    `json:"detail,omitempty"`
}
