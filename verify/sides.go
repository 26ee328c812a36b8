package verify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrNotIndexed is returned if an answer would need a scan because the column has no index.
	ErrNotIndexed = errors.New("column has no index")
	// ErrHidden is returned if row-level security hides rows from the role. Hidden rows were not compared.
	ErrHidden = errors.New("rows are hidden from the role")
)

// Side is one representation of the orders, read only.
type Side interface {
	// Representation is what the side is, and Role what it is in this comparison.
	Representation() order.Representation
	Role() order.Role
	// KeyType is the type of the side's key column.
	KeyType() order.KeyType
	// Position says how far the side's server is. A snapshot that begins later is not older.
	Position(context.Context) (Position, error)
	// Begin fixes a snapshot: everything that is read through it is of one instant.
	Begin(context.Context) (Snapshot, error)
	// Probe returns the digests of a table of known values, one per value, computed by the side's own server.
	Probe(context.Context, Hash) ([]int64, error)
}

// Snapshot reads one side at one instant. It is for one goroutine at a time and must be closed.
type Snapshot interface {
	// Traits tells what holds for all rows of the snapshot.
	Traits(context.Context) (Traits, error)
	// Extent returns the bounds and the size of the key space.
	Extent(context.Context) (Extent, error)
	// Bounds returns some 10,000 keys, sorted, that cut the key space into parts of roughly equal size.
	Bounds(context.Context, Extent) ([]order.Key, error)
	// Digests returns one digest per bucket and group that has rows, in no particular order. A flawed row has a digest
	// that no other row has. Without a restriction it reads everything, including rows with a NULL key. Progress is
	// called with the rows digested so far.
	Digests(ctx context.Context, q DigestQuery, progress func(rows int64)) ([]Digest, error)
	// Scan calls fn for every row in the buckets, ordered by key (integers by value, the others by bytes).
	Scan(ctx context.Context, l Layout, buckets []int64, fn func(order.Row) error) error
	// Rows returns the rows with these keys, in no particular order; a key may have none, or several.
	Rows(ctx context.Context, keys []order.Key) ([]order.Row, error)
	// Draws says whether keys can be drawn, at a cost that does not grow with the side.
	Draws(context.Context) (Draws, error)
	// At returns the keys of the rows at these addresses, in no particular order; nil addresses are those of all rows.
	// Draws comes before it.
	At(ctx context.Context, addresses []int64) ([]order.Key, error)
	// Changed returns up to limit of the newest changes that rows show, newest first, at most one for a row. It leaves
	// out times in the future by the side's clock. It returns ErrNotIndexed instead of scanning.
	Changed(ctx context.Context, limit int) ([]Change, error)
	// Archived counts the orders whose events the configuration says to be archived.
	Archived(context.Context) (int64, error)
	// NewestChange is the newest change that any row shows, except for the future; zero if no column tells it. It
	// returns ErrNotIndexed instead of scanning.
	NewestChange(context.Context) (time.Time, error)
	// Within restricts Digests, Scan, Archived and Since to the rows of a range from now on. Other reads see everything.
	Within(KeyRange)
	// Close ends the snapshot. It may be called twice.
	Close()
}

// Draws says how keys of a side can be drawn at a cost that does not grow with the side.
type Draws struct {
	// Addresses is the number of addresses, counted from 0, at which rows may be. Each row has one, and an address has
	// at most one row.
	Addresses int64
	// Pages is how many pages of a file have these addresses.
	Pages int64
	// NoAddress says why rows have no addresses; empty if they have.
	NoAddress string
	// NoLookup says why orders cannot be read by key; empty if they can.
	NoLookup string
}

// Change is an order that was written, at the time that its row shows.
type Change struct {
	Key order.Key
	At  time.Time // in UTC
}

// recentChanges returns up to limit of a side's newest changes; none if that would need a scan.
func recentChanges(ctx context.Context, n Snapshot, limit int) ([]Change, error) {
	changes, err := n.Changed(ctx, limit)
	if errors.Is(err, ErrNotIndexed) {
		return nil, nil
	}
	return changes, err
}

// distinct returns the keys, each once, sorted. It sorts in place.
func distinct(keys []order.Key) []order.Key {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Random is the part of math/rand/v2's Rand that drawing needs.
type Random interface {
	Int64N(n int64) int64
	Uint64() uint64
}

// Extent is what a side knows about its key space without a scan.
type Extent struct {
	Empty    bool
	Min, Max order.Key // of integer keys; the order of other keys depends on the side's index
	Rows     int64     // the planner's estimate; exact only by chance
	// Indexed is true if the cost of reading a range of keys depends on the range, not on the table.
	Indexed bool
}

// Layout cuts the key space into buckets. Every key is in exactly one bucket, the same on both sides, because the
// bucket is a function of the key alone. This includes keys below the first and above the last known one.
type Layout struct {
	// Whole is one bucket for everything, with the number 0 and no groups: one number for a side, which costs least.
	Whole bool
	// Shift is for integer keys: the bucket is key >> Shift, which floors, for negative keys too.
	Shift uint
	// Bounds is for all other keys: the bucket is the number of bounds not greater than the key. Sorted by bytes.
	Bounds []order.Key
	// ByBounds selects Bounds, which may be empty: one bucket for everything.
	ByBounds bool
	// ByHash is for text keys, whose bounds a server would try one by one: the bucket is the first Bits bits, 1 to 16, of the
	// key's hash by Hash. The keys of a bucket are no range, so reading one is a scan of the table.
	ByHash bool
	Bits   uint
	Hash   Hash
}

// DigestVersion is the version of row digests. It is stored with everything that is made of them. Raise it if a row has
// another digest than before under the same [Hash], or if a fault in the digests was mended. Then nothing that an older
// version has stored is compared with a new digest, and older programs no longer write into the ledger.
const DigestVersion = 2

// Hash says how a row is digested.
type Hash struct {
	Seed int64 // of this pass, the same on both sides
	// Portable replaces PostgreSQL's own hash functions, which two servers may not have in common, by MD5.
	Portable bool
	// Unsigned are the names of numeric fields that are negative in no row of either side. Their signs are not digested.
	Unsigned []string
	// WholeTimes digests all 64 bits of a time at once, which takes less time. Servers before PostgreSQL 18 cannot.
	WholeTimes bool
}

// Traits are what a side's digests may rely on.
type Traits struct {
	// Unsigned are the names of numeric fields that are negative in no row of the snapshot. Their servers see to that.
	Unsigned []string
	// WholeTimes is true if all 64 bits of a time can be hashed.
	WholeTimes bool
}

// DigestQuery asks for digests.
type DigestQuery struct {
	Layout Layout
	Hash   Hash
	// Buckets restricts the digests to buckets of Parent; nil is everything.
	Buckets []int64
	Parent  Layout
	// Keys restricts the digests to rows with these keys; nil is everything. Both restrictions may be given.
	Keys []order.Key
	// Pace makes the digests of everything be read in small pieces; nil if nothing slows them down.
	Pace *Pace
}

// Digest sums up the rows of one group (status) in one bucket.
type Digest struct {
	Bucket  int64
	NullKey bool        // rows whose key is NULL; Bucket means nothing then
	Group   order.Value // of the grouping field; NULL where none is configured, and in Layout.Whole
	Rows    int64
	Sum     string // exact decimal sum of the row digests
}
