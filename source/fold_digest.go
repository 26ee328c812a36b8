package source

import (
	"context"
	"crypto/md5" // PostgreSQL's md5() in Go
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"sort"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// foldStreams read disjoint ranges of keys at the same time when everything is folded. One stream keeps one core of
	// the server busy, and less than half a core of this process. More streams would slow down other users of the
	// server.
	foldStreams = 2
	// rangeEvents is about how many events one statement reads, so that there is progress to show. For this number the
	// planner uses the index. For many more events of a store larger than effective_cache_size it does not.
	rangeEvents = 75_000
	maxRanges   = 1000
)

// Digests folds events and sums the digests of the orders.
func (n folded) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	defer n.side.observe("digest")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	d, err := n.newFolding(q, progress)
	if err != nil {
		return nil, n.fail("digesting", err)
	}
	if err := n.tx.Set(ctx, foldSettings); err != nil {
		return nil, n.fail("digesting", err)
	}
	if q.Buckets == nil {
		err = n.foldAll(ctx, d)
	} else if len(q.Buckets) > 0 {
		r := n.fold.reader(n.fold.comparesTimes())
		err = d.run(ctx, n.tx, r, n.fold.queries(r, q.Parent, q.Buckets))
	}
	if err != nil {
		return nil, n.fail("digesting", err)
	}
	return d.sums.digests(), nil
}

// foldSettings are those of a digest's chunks, without the compiler, which does not help a statement that only sends
// columns. A bitmap of a range's rows would need a sort, which takes half as long again as the ordered index.
const foldSettings = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_bitmapscan = off"

// comparesTimes returns true if an event's time can change a digest.
func (f *Fold) comparesTimes() bool {
	return slices.ContainsFunc(f.fields, func(f order.Field) bool { return f.Type == order.Timestamptz })
}

// foldAll folds everything. If ranges of keys can be read, it uses several connections.
func (n folded) foldAll(ctx context.Context, d *folding) error {
	ranges, err := n.ranges(ctx)
	if err != nil {
		return err
	}
	todo := make(chan string, len(ranges))
	for _, r := range ranges {
		todo <- r
	}
	close(todo)
	g, ctx := errgroup.WithContext(ctx)
	work := func(tx *session.Tx) error {
		r := n.fold.reader(n.fold.comparesTimes())
		for condition := range todo {
			if err := d.run(ctx, tx, r, []string{r.query(condition)}); err != nil {
				return err
			}
		}
		return nil
	}
	others, err := n.others(ctx, min(foldStreams, len(ranges))-1)
	if err != nil {
		return err
	}
	for _, tx := range others {
		defer tx.Close()
		g.Go(func() error { return work(tx) })
	}
	g.Go(func() error { return work(n.tx) })
	return g.Wait()
}

// others returns further transactions with the same snapshot. There may be fewer than wanted if the server has no
// connection left; then the fold takes longer.
func (n folded) others(ctx context.Context, want int) (out []*session.Tx, err error) {
	if want <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for range want {
		tx, err := n.side.pool.Share(ctx, digestTimeout, n.tx)
		if err != nil {
			return out, nil //nolint:nilerr // without it
		}
		if err := tx.Set(ctx, foldSettings); err != nil {
			tx.Close()
			return out, nil //nolint:nilerr // without it
		}
		out = append(out, tx)
	}
	return out, nil
}

// ranges returns conditions that divide the events by their keys, NULL included.
func (n folded) ranges(ctx context.Context) ([]string, error) {
	everything := []string{"true"}
	if !n.side.shape.keyIndex || n.side.shape.keyType == order.KeyText {
		return everything, nil
	}
	e, err := n.Extent(ctx)
	if err != nil {
		return nil, err
	}
	// Do not use the planner's number of orders: if the events of a key are in neighbouring rows, ANALYZE counts far
	// too few.
	events, err := n.planned(ctx, "SELECT 1 FROM "+n.side.from())
	if err != nil {
		return nil, err
	}
	count := min(events/rangeEvents, maxRanges)
	if count < foldStreams {
		return everything, nil
	}
	cuts, err := cuts(n.side.shape.keyType, e, count)
	if err != nil {
		return nil, err
	}
	key := "(" + n.side.config.Key + ")"
	out := []string{key + " IS NULL"}
	for i := range len(cuts) + 1 {
		condition := key + " IS NOT NULL"
		if i > 0 {
			condition += fmt.Sprintf(" AND %s >= %s", key, cuts[i-1])
		}
		if i < len(cuts) {
			condition += fmt.Sprintf(" AND %s < %s", key, cuts[i])
		}
		out = append(out, condition)
	}
	return out, nil
}

// cuts divide the keys into parts of equal width. If keys are numbered or random, these hold about as many orders.
// Otherwise the fold takes longer.
func cuts(t order.KeyType, e verify.Extent, parts int64) (out []string, err error) {
	if t == order.KeyUUID {
		for i := int64(1); i < parts; i++ {
			out = append(out, fmt.Sprintf("'%08x-0000-0000-0000-000000000000'::uuid", i<<32/parts))
		}
		return out, nil
	}
	low, err := strconv.ParseInt(string(e.Min), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the smallest key: %w", err)
	}
	high, err := strconv.ParseInt(string(e.Max), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the largest key: %w", err)
	}
	width := (uint64(high) - uint64(low)) / uint64(parts)
	for i := int64(1); i < parts && width > 0; i++ {
		out = append(out, fmt.Sprintf("'%d'::bigint", int64(uint64(low)+uint64(i)*width)))
	}
	return out, nil
}

// folding is a running digest, possibly in several goroutines.
type folding struct {
	fold     *Fold
	hash     *rowHash
	bucket   func(cellKey) int64
	tallies  int64 // one if orders come in the order of their buckets, and otherwise as many as buckets
	progress func(int64)

	mu   sync.Mutex
	sums summing
}

func (n folded) newFolding(q verify.DigestQuery, progress func(int64)) (*folding, error) {
	keyType := n.side.shape.keyType
	bucket, err := bucketOf(keyType, q.Layout)
	f := &folding{fold: n.fold, hash: newRowHash(keyType, n.fold.fields, q.Hash), bucket: bucket, tallies: 1, progress: progress}
	if q.Layout.ByHash {
		f.tallies <<= q.Layout.Bits
	}
	return f, err
}

// bucketOf returns the bucket of a key in a layout.
func bucketOf(t order.KeyType, l verify.Layout) (func(cellKey) int64, error) {
	switch {
	case l.ByHash:
		return hashBucketOf(t, l), nil
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

// hashBucketOf is [hashBucket] in Go.
func hashBucketOf(t order.KeyType, l verify.Layout) func(cellKey) int64 {
	if l.Hash.Portable {
		return func(k cellKey) int64 {
			sum := md5.Sum(k.text)
			return int64(binary.BigEndian.Uint16(sum[:]) >> (hashBits - l.Bits))
		}
	}
	hash := newRowHash(t, nil, l.Hash)
	return func(k cellKey) int64 { return int64(uint64(hash.key(k)) >> (64 - l.Bits)) }
}

// run folds the results of some statements, and adds them up.
func (f *folding) run(ctx context.Context, tx *session.Tx, r *eventReader, queries []string) error {
	d := newDigester(f.fold, f.hash)
	tallies := make([]tally, f.tallies)
	r.each = func(key cellKey) error {
		if key.null {
			return tallies[0].add(0, true, &cell{null: true}, 0)
		}
		hash := d.row(key, r.replay)
		group := &cell{null: true}
		if f.fold.groupBy >= 0 {
			if group = &d.cells[f.fold.groupBy]; f.fold.fields[f.fold.groupBy].Type == order.Numeric {
				group = &cell{null: group.null, text: []byte(order.TrimScale(string(group.text)))}
			}
		}
		bucket := f.bucket(key)
		return tallies[bucket&(f.tallies-1)].add(bucket, false, group, hash)
	}
	for _, query := range queries {
		if err := r.read(ctx, tx, query); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range tallies {
		tallies[i].close()
		if err := f.sums.add(tallies[i].done); err != nil {
			return err
		}
	}
	f.progress(f.sums.rows)
	return nil
}

// tally sums digests of orders that come in the order of their buckets.
type tally struct {
	bucket  int64
	nullKey bool
	groups  []groupSum // of the current bucket
	used    int        // of groups; unused ones are kept for their buffers
	done    []verify.Digest
}

// groupSum is an exact sum: high and low are the two halves of 128 bits.
type groupSum struct {
	name []byte
	null bool
	rows int64
	high int64
	low  uint64
}

func (t *tally) add(bucket int64, nullKey bool, group *cell, digest int64) error {
	if bucket != t.bucket || nullKey != t.nullKey {
		t.close()
		t.bucket, t.nullKey = bucket, nullKey
	}
	g := t.group(group)
	if g == nil {
		return errGroups
	}
	var carry uint64
	g.low, carry = bits.Add64(g.low, uint64(digest), 0)
	g.high += digest>>63 + int64(carry)
	g.rows++
	return nil
}

func (t *tally) group(of *cell) *groupSum {
	for i := range t.groups[:t.used] {
		if g := &t.groups[i]; g.null == of.null && (g.null || string(g.name) == string(of.text)) {
			return g
		}
	}
	if t.used == maxGroups {
		return nil
	}
	if t.used == len(t.groups) {
		t.groups = append(t.groups, groupSum{})
	}
	g := &t.groups[t.used]
	t.used++
	*g = groupSum{name: append(g.name[:0], of.text...), null: of.null}
	return g
}

// close turns the current bucket into digests.
func (t *tally) close() {
	for i := range t.groups[:t.used] {
		g := &t.groups[i]
		d := verify.Digest{Bucket: t.bucket, NullKey: t.nullKey, Group: order.Value{Text: string(g.name), Null: g.null}, Rows: g.rows}
		if g.null {
			d.Group = order.Null
		}
		sum := new(big.Int).Lsh(big.NewInt(g.high), 64)
		d.Sum = sum.Add(sum, new(big.Int).SetUint64(g.low)).String()
		t.done = append(t.done, d)
	}
	t.used = 0
}
