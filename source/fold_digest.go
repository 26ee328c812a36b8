package source

import (
	"context"
	"crypto/md5" // PostgreSQL's md5() in Go
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// Digests folds events and sums the digests of the orders.
func (n *folded) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	defer n.side.observe("digest")()
	if q.Pace == nil { // with pauses there is no telling how long it takes
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, digestTimeout)
		defer cancel()
	}
	var found []verify.Digest
	err := n.tolerantly(ctx, q.Keys, func() (err error) {
		found, err = n.digests(ctx, q, progress)
		return err
	})
	if err != nil {
		return nil, n.fail("digesting", err)
	}
	return found, nil
}

func (n *folded) digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	d, err := n.newFolding(q, progress)
	if err != nil {
		return nil, err
	}
	if err := n.tx.Set(ctx, foldSettings); err != nil {
		return nil, err
	}
	switch {
	case q.Keys != nil:
		err = n.attempt(ctx, func() error { return n.foldKeys(ctx, d, q) })
	case q.Buckets == nil:
		err = n.foldAll(ctx, d, q.Layout)
	case len(q.Buckets) > 0:
		err = n.attempt(ctx, func() error { return n.foldBuckets(ctx, d, q) })
	}
	return d.sums.digests(), err
}

func (n *folded) foldBuckets(ctx context.Context, d *folding, q verify.DigestQuery) error {
	if err := n.prefersIndex(ctx, q.Parent); err != nil {
		return err
	}
	r := n.reader(n.fold.byKey, n.fold.comparesTimes())
	r.keyless = true
	return d.run(ctx, n.tx, r, n.fold.queries(r, q.Parent, q.Buckets))
}

// prefersIndex keeps the planner from reading the whole table for each range of keys. It would do so for keys that are
// scattered over the table.
func (n *folded) prefersIndex(ctx context.Context, of verify.Layout) error {
	return n.tx.Set(ctx, scanSettings(n.fold.byKey.indexed && !of.ByHash))
}

func scanSettings(byIndex bool) string {
	if byIndex {
		return "SET LOCAL enable_seqscan = off"
	}
	return "SET LOCAL enable_seqscan = on"
}

// foldSettings are those of a digest's chunks, without the compiler, which does not help a statement that only sends
// columns. A bitmap of a range's rows would need a sort, which takes half as long again as the ordered index.
const foldSettings = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_bitmapscan = off"

// comparesTimes returns true if an event's time can change a digest.
func (f *Fold) comparesTimes() bool {
	return slices.ContainsFunc(f.fields, func(f order.Field) bool { return f.Type == order.Timestamptz })
}

// folding is a running digest, possibly in several goroutines.
type folding struct {
	fold     *Fold
	hash     *rowHash
	bucket   func(cellKey) int64
	progress func(int64)
	grouped  bool               // by the grouping field
	skip     func(cellKey) bool // orders that are not asked for; nil for none
	pace     *verify.Pace       // nil without pauses

	disorder atomic.Bool           // somewhere, so that the server is asked to sort by position
	failed   atomic.Pointer[error] // for an event

	mu   sync.Mutex
	sums summing
}

func (n *folded) newFolding(q verify.DigestQuery, progress func(int64)) (*folding, error) {
	keyType := n.side.shape.keyType
	bucket, err := bucketOf(keyType, n.tx.Encoding(), q.Layout)
	return &folding{
		fold: n.fold, hash: newRowHash(keyType, n.fold.fields, q.Hash), bucket: bucket, progress: progress,
		grouped: n.fold.groupBy >= 0 && !q.Layout.Whole, pace: q.Pace,
	}, err
}

// bucketOf returns the bucket of a key in a layout.
func bucketOf(t order.KeyType, e session.Encoding, l verify.Layout) (func(cellKey) int64, error) {
	switch {
	case l.Whole:
		return func(cellKey) int64 { return 0 }, nil
	case l.ByHash:
		return hashBucketOf(t, e, l), nil
	case !l.ByBounds:
		return func(k cellKey) int64 { return k.n >> l.Shift }, nil
	case t == order.KeyInteger:
		bounds := make([]int64, len(l.Bounds))
		for i, b := range l.Bounds {
			var err error
			if bounds[i], err = strconv.ParseInt(string(b), 10, 64); err != nil {
				return nil, fmt.Errorf("reading a bound: %w", err)
			}
		}
		return func(k cellKey) int64 {
			return int64(sort.Search(len(bounds), func(i int) bool { return bounds[i] > k.n }))
		}, nil
	default:
		return func(k cellKey) int64 {
			return int64(sort.Search(len(l.Bounds), func(i int) bool { return string(l.Bounds[i]) > string(k.text) }))
		}, nil
	}
}

// hashBucketOf is [hashBucket] in Go. The server hashes the bytes of its encoding.
func hashBucketOf(t order.KeyType, e session.Encoding, l verify.Layout) func(cellKey) int64 {
	if l.Hash.Portable {
		return func(k cellKey) int64 {
			sum := md5.Sum([]byte(e.Encode(string(k.text))))
			return int64(binary.BigEndian.Uint16(sum[:]) >> (hashBits - l.Bits))
		}
	}
	hash := newRowHash(t, nil, l.Hash)
	return func(k cellKey) int64 {
		k.text = []byte(e.Encode(string(k.text)))
		return int64(uint64(hash.key(k)) >> (64 - l.Bits))
	}
}

// errDisorder says that the events of an order did not come by position.
var errDisorder = errors.New("events are not in the order of their positions")

// run folds the results of some statements, and adds them up.
func (f *folding) run(ctx context.Context, tx *session.Tx, r *eventReader, queries []string) error {
	d := newDigester(f.fold, f.hash)
	r.pace = f.pace
	var t tally
	r.each = func(key cellKey) error {
		if key.null {
			return t.add(0, true, &cell{null: true}, 0)
		}
		if f.skip != nil && f.skip(key) {
			return nil
		}
		hash := d.row(key, r.replay)
		group := &cell{null: true}
		if f.grouped {
			if group = &d.cells[f.fold.groupBy]; f.fold.fields[f.fold.groupBy].Type == order.Numeric {
				group = &cell{null: group.null, text: []byte(order.TrimScale(string(group.text)))}
			}
		}
		return t.add(f.bucket(key), false, group, hash)
	}
	for _, query := range queries {
		if err := r.read(ctx, tx, query); err != nil {
			return err
		}
		if r.pace != nil {
			unpaid := r.unpaid
			r.unpaid = 0
			if err := r.pace.After(ctx, unpaid); err != nil {
				return err
			}
		}
		if r.disorder {
			return errDisorder
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.sums.add(t.digests()); err != nil {
		return err
	}
	f.progress(f.sums.rows)
	return nil
}

// tally sums digests of orders by bucket. Orders mostly come in the order of their buckets.
type tally struct {
	buckets map[tallied]*groupSums
	at      tallied
	current *groupSums // of the bucket at
}

type tallied struct {
	bucket  int64
	nullKey bool
}

type groupSums struct{ list []*groupSum }

// groupSum is an exact sum: high and low are the two halves of 128 bits.
type groupSum struct {
	name []byte
	null bool
	rows int64
	high int64
	low  uint64
}

func (t *tally) add(bucket int64, nullKey bool, group *cell, digest int64) error {
	if at := (tallied{bucket, nullKey}); t.current == nil || at != t.at {
		t.enter(at)
	}
	g := t.current.of(group)
	if g == nil {
		return errGroups
	}
	var carry uint64
	g.low, carry = bits.Add64(g.low, uint64(digest), 0)
	g.high += digest>>63 + int64(carry)
	g.rows++
	return nil
}

func (t *tally) enter(at tallied) {
	if t.buckets == nil {
		t.buckets = map[tallied]*groupSums{}
	}
	t.at, t.current = at, t.buckets[at]
	if t.current == nil {
		t.current = &groupSums{}
		t.buckets[at] = t.current
	}
}

// of returns nil if there are too many groups.
func (s *groupSums) of(group *cell) *groupSum {
	for _, g := range s.list {
		if g.null == group.null && (g.null || string(g.name) == string(group.text)) {
			return g
		}
	}
	if len(s.list) == maxGroups {
		return nil
	}
	g := &groupSum{name: slices.Clone(group.text), null: group.null}
	s.list = append(s.list, g)
	return g
}

func (t *tally) digests() (out []verify.Digest) {
	for at, sums := range t.buckets {
		for _, g := range sums.list {
			d := verify.Digest{Bucket: at.bucket, NullKey: at.nullKey, Group: order.Value{Text: string(g.name), Null: g.null}, Rows: g.rows}
			if g.null {
				d.Group = order.Null
			}
			sum := new(big.Int).Lsh(big.NewInt(g.high), 64)
			d.Sum = sum.Add(sum, new(big.Int).SetUint64(g.low)).String()
			out = append(out, d)
		}
	}
	return out
}
