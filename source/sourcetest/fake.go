// Package sourcetest holds the contract of a verify.Side as a suite of tests, and a side in memory that meets it.
//
// Invariant: the fake passes the same suite as the adapter for PostgreSQL, so a test with the fake is also valid for a
// database.
package sourcetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Table is what a side shows.
type Table struct {
	KeyType order.KeyType
	Fields  []order.Field
	GroupBy string // name of a field; empty for none
	Indexed bool   // by key and by the time of the last write
	Rows    []order.Row
	NoKey   int // further rows, whose key is NULL
	// NoAddress and NoLookup are those of [verify.Draws].
	NoAddress, NoLookup string
}

// Fake is a side in memory. Its methods are safe for concurrent use.
type Fake struct {
	// Before is called before each read with its name ("begin", "digests", "scan", "rows", …). Its error is the read's
	// error. May be nil.
	Before func(read string) error
	// Blind makes all digests equal, and Unsorted makes scans run backwards. A pass must notice such damage.
	Blind, Unsorted bool
	// Lost are orders that the index lacks. Only a read of the whole table finds them. A pass must notice this too.
	Lost []order.Key
	// Native and Portable are versions of the hash functions: sides of different versions digest differently.
	Native, Portable int64
	// At is the position of the server.
	At verify.Position

	is     order.Representation
	role   order.Role
	mu     sync.Mutex
	table  Table
	writes writes
}

var _ verify.Side = (*Fake)(nil)

// New makes a side that shows the table.
func New(is order.Representation, t Table) *Fake {
	t.Rows = slices.Clone(t.Rows)
	role := order.Follower
	if is == order.Legacy {
		role = order.Truth
	}
	return &Fake{is: is, role: role, table: t}
}

// Put replaces the row of that key, or adds it.
func (f *Fake) Put(r order.Row) {
	f.Delete(r.Key)
	f.Add(r)
}

// Add adds a row, even if there is one with that key.
func (f *Fake) Add(r order.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table.Rows = append(slices.Clone(f.table.Rows), r)
	f.writes.write(r.Key)
}

// Damage changes a row behind the server's back: nothing tells that it was written.
func (f *Fake) Damage(r order.Row) {
	f.Delete(r.Key)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table.Rows = append(slices.Clone(f.table.Rows), r)
}

// Delete removes all rows with that key. Open snapshots keep them.
func (f *Fake) Delete(key order.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table.Rows = slices.DeleteFunc(slices.Clone(f.table.Rows), func(r order.Row) bool { return r.Key == key })
}

// Representation implements [verify.Side].
func (f *Fake) Representation() order.Representation { return f.is }

// Role implements [verify.Side].
func (f *Fake) Role() order.Role { return f.role }

// KeyType implements [verify.Side].
func (f *Fake) KeyType() order.KeyType { return f.table.KeyType }

func (f *Fake) before(ctx context.Context, read string) error {
	if f.Before != nil {
		if err := f.Before(read); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Position implements [verify.Side].
func (f *Fake) Position(ctx context.Context) (verify.Position, error) {
	return f.At, f.before(ctx, "position")
}

// Begin implements [verify.Side].
func (f *Fake) Begin(ctx context.Context) (verify.Snapshot, error) {
	if err := f.before(ctx, "begin"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &snapshot{Fake: f, table: f.table, writes: f.writes}
	n.table.Rows = slices.SortedStableFunc(slices.Values(f.table.Rows), func(a, b order.Row) int { return n.compare(a.Key, b.Key) })
	return n, nil
}

// Probe implements [verify.Side].
func (f *Fake) Probe(ctx context.Context, h verify.Hash) ([]int64, error) {
	if err := f.before(ctx, "probe"); err != nil {
		return nil, err
	}
	return []int64{h.Seed + f.version(h), 2*h.Seed + f.version(h)}, nil
}

func (f *Fake) version(h verify.Hash) int64 {
	if h.Portable {
		return f.Portable
	}
	return f.Native
}

// snapshot is the table as it was.
type snapshot struct {
	*Fake
	table  Table
	within verify.KeyRange
	writes writes
	closed bool
}

// Within implements [verify.Snapshot].
func (n *snapshot) Within(r verify.KeyRange) { n.within = r }

func (n *snapshot) has(r order.Row) bool { return n.within.Has(n.table.KeyType, r.Key) }

var errClosed = errors.New("snapshot is closed")

func (n *snapshot) before(ctx context.Context, read string) error {
	if n.closed {
		return errClosed
	}
	return n.Fake.before(ctx, read)
}

func (n *snapshot) compare(a, b order.Key) int {
	if n.table.KeyType == order.KeyInteger {
		return cmp.Compare(integer(a), integer(b))
	}
	return strings.Compare(string(a), string(b))
}

func integer(k order.Key) int64 {
	i, _ := strconv.ParseInt(string(k), 10, 64)
	return i
}

// Close implements [verify.Snapshot].
func (n *snapshot) Close() { n.closed = true }

// Traits implements [verify.Snapshot].
func (n *snapshot) Traits(ctx context.Context) (verify.Traits, error) {
	return verify.Traits{}, n.before(ctx, "traits")
}

// Extent implements [verify.Snapshot].
func (n *snapshot) Extent(ctx context.Context) (verify.Extent, error) {
	if err := n.before(ctx, "extent"); err != nil {
		return verify.Extent{}, err
	}
	rows := n.table.Rows
	e := verify.Extent{Indexed: n.table.Indexed, Empty: len(rows) == 0, Rows: int64(len(rows))}
	if !e.Empty {
		e.Min, e.Max = rows[0].Key, rows[len(rows)-1].Key
	}
	return e, nil
}

func (n *snapshot) keys() []order.Key {
	var keys []order.Key
	for _, r := range n.table.Rows {
		keys = append(keys, r.Key)
	}
	return slices.Compact(keys)
}

// Bounds implements [verify.Snapshot].
func (n *snapshot) Bounds(ctx context.Context, _ verify.Extent) ([]order.Key, error) {
	return n.keys(), n.before(ctx, "bounds")
}

// Scan implements [verify.Snapshot].
func (n *snapshot) Scan(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	if err := n.before(ctx, "scan"); err != nil {
		return err
	}
	rows := slices.Clone(n.table.Rows)
	if n.Unsorted {
		slices.Reverse(rows)
	}
	for _, r := range rows {
		if !n.has(r) || slices.Contains(n.Lost, r.Key) || !slices.Contains(buckets, n.bucket(l, r.Key)) {
			continue
		}
		if err := n.before(ctx, "row"); err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// Rows implements [verify.Snapshot].
func (n *snapshot) Rows(ctx context.Context, keys []order.Key) ([]order.Row, error) {
	if err := n.before(ctx, "rows"); err != nil {
		return nil, err
	}
	asked := map[order.Key]bool{}
	for _, k := range keys {
		asked[k] = true
	}
	return slices.DeleteFunc(slices.Clone(n.table.Rows), func(r order.Row) bool { return !asked[r.Key] }), nil
}

// Archived implements [verify.Snapshot].
func (n *snapshot) Archived(ctx context.Context) (orders int64, err error) {
	for _, r := range n.table.Rows {
		if r.Archived && n.has(r) {
			orders++
		}
	}
	return orders, n.before(ctx, "archived")
}

// holes is how many addresses there are for each row.
const holes = 3

// Draws implements [verify.Snapshot].
func (n *snapshot) Draws(ctx context.Context) (verify.Draws, error) {
	if err := n.before(ctx, "draws"); err != nil {
		return verify.Draws{}, err
	}
	d := verify.Draws{NoAddress: n.table.NoAddress, NoLookup: n.table.NoLookup}
	if d.NoAddress == "" {
		d.Addresses = int64(holes * len(n.table.Rows))
		d.Pages = d.Addresses
	}
	return d, nil
}

// At implements [verify.Snapshot].
func (n *snapshot) At(ctx context.Context, addresses []int64) ([]order.Key, error) {
	if err := n.before(ctx, "draw"); err != nil {
		return nil, err
	}
	if addresses == nil {
		return n.keys(), nil
	}
	var keys []order.Key
	for _, a := range addresses {
		if a%holes == 0 {
			keys = append(keys, n.table.Rows[a/holes].Key)
		}
	}
	return keys, nil
}

// Changed implements [verify.Snapshot].
func (n *snapshot) Changed(ctx context.Context, limit int) ([]verify.Change, error) {
	if err := n.before(ctx, "changed"); err != nil {
		return nil, err
	}
	if !n.table.Indexed {
		return nil, verify.ErrNotIndexed
	}
	rows := slices.DeleteFunc(slices.Clone(n.table.Rows), func(r order.Row) bool { return r.ChangedAt.IsZero() })
	slices.SortStableFunc(rows, func(a, b order.Row) int { return b.ChangedAt.Compare(a.ChangedAt) })
	var changes []verify.Change
	for _, r := range rows[:min(limit, len(rows))] {
		changes = append(changes, verify.Change{Key: r.Key, At: r.ChangedAt.UTC()})
	}
	return changes, nil
}

// NewestChange implements [verify.Snapshot].
func (n *snapshot) NewestChange(ctx context.Context) (time.Time, error) {
	if err := n.before(ctx, "reached"); err != nil {
		return time.Time{}, err
	}
	if !n.table.Indexed {
		return time.Time{}, verify.ErrNotIndexed
	}
	var newest time.Time
	for _, r := range n.table.Rows {
		if r.ChangedAt.After(newest) {
			newest = r.ChangedAt
		}
	}
	return newest, nil
}
