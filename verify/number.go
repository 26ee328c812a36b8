package verify

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Plan is how a full pass compared its two sides; the same string in facts and reports. Empty is [ByBuckets].
type Plan string

// The plans.
const (
	ByBuckets Plan = ""       // by digests of ranges of keys, because something is open, was found last, or must be counted
	ByNumber  Plan = "number" // by one number for each side
	ByBoth    Plan = "number, then buckets"
)

// Earlier is what the full passes before a pass have left, under the same fingerprint.
type Earlier struct {
	Last    *Pass     // the newest that has finished; nil if there is none
	Counted time.Time // when the newest that counted rows by group started; zero if there is none
}

// plan chooses how to compare. One number costs two thirds of the buckets, and both together more than the buckets alone. So a
// pass that has something to find, or to count, goes to the buckets at once. So does one after numbers that differed in vain.
func (w *walk) plan(ctx context.Context) (Plan, error) {
	p := w.p
	open, err := p.c.Ledger.OpenKeys(ctx, p.id, "", 1)
	if err != nil {
		return "", fmt.Errorf("reading open divergences: %w", err)
	}
	e, err := p.c.Ledger.Earlier(ctx, p.id)
	if err != nil {
		return "", err
	}
	if len(open) > 0 || e.Last == nil || e.Last.Result.Verdict != compare.Match {
		return ByBuckets, nil
	}
	last, ok := e.Last.Scan.Facts.(FullFacts)
	if !ok {
		return ByBuckets, nil
	}
	before, counts := last.Plan, p.groupField() >= 0
	if w.folds {
		if last.Events == nil {
			return ByBuckets, nil
		}
		before, counts = last.Events.Plan, false
	}
	if before == ByBoth || counts && !e.Counted.After(p.c.Now().Add(-p.c.Recount)) {
		return ByBuckets, nil
	}
	return ByNumber, nil
}

// number is the digest of a whole side.
type number struct {
	rows, nullKeys int64
	sum            big.Int
}

// numberOf adds up digests of parts that share no row.
func numberOf(digests []Digest) (*number, error) {
	n := &number{}
	var term big.Int
	for _, d := range digests {
		if d.NullKey {
			n.nullKeys += d.Rows
			continue
		}
		if _, ok := term.SetString(d.Sum, 10); !ok && d.Sum != "" {
			return nil, fmt.Errorf("reading a digest: %q is not a number", d.Sum)
		}
		n.rows += d.Rows
		n.sum.Add(&n.sum, &term)
	}
	return n, nil
}

func (n *number) equal(other *number) bool {
	return n.rows == other.rows && n.sum.Cmp(&other.sum) == 0
}

func (n *number) subtract(part *number) {
	n.rows -= part.rows
	n.sum.Sub(&n.sum, &part.sum)
}

// byNumber compares both sides by one number each. If they are unequal, the orders in flight are taken off both: what is
// left must be equal, and these orders are compared by value. It reports whether that proved everything; other are the
// digests by bucket that the second side gave on the way, nil if it gave none.
//
// # Why nothing can be missed
//
// Digests are additive, and the digests of the orders in flight are read in the same snapshots. So the rest is the digest of
// exactly the rows with other keys, on both sides.
func (w *walk) byNumber(ctx context.Context, estimate int64) (proven bool, other []Digest, err error) {
	if w.facts.Plan, err = w.plan(ctx); err != nil || w.facts.Plan == ByBuckets {
		return false, nil, err
	}
	whole := DigestQuery{Layout: Layout{Whole: true}, Hash: w.hash}
	second := whole
	if w.folds { // buckets cost a fold nothing, and to fold again costs most
		second.Layout = w.layout
	}
	digests, other, err := w.ask(ctx, "number", whole, second, estimate)
	if err != nil {
		return false, nil, err
	}
	legacy, projection, err := numbersOf(digests, other)
	if err != nil {
		return false, nil, err
	}
	rows, nullKeys := Rows{legacy.rows, projection.rows}, legacy.nullKeys+projection.nullKeys
	var left []order.Key
	if !legacy.equal(projection) {
		if left, err = w.takeOff(ctx, whole, legacy, projection); err != nil {
			return false, nil, err
		}
	}
	if !legacy.equal(projection) {
		w.facts.Plan = ByBoth
		if !w.folds {
			other = nil
		}
		return false, other, nil
	}
	w.facts.Rows = rows
	if w.p.groupField() < 0 {
		w.facts.Counts = []GroupCount{{Group: w.p.groupName(order.Null), Legacy: w.facts.Legacy, Projection: w.facts.Projection}}
	}
	w.scan.Compared = legacy.rows
	return true, nil, w.concludeNumber(ctx, left, nullKeys)
}

func numbersOf(digests, other []Digest) (legacy, projection *number, err error) {
	if legacy, err = numberOf(digests); err != nil {
		return nil, nil, err
	}
	projection, err = numberOf(other)
	return legacy, projection, err
}

const (
	// mostInFlight is how many orders in flight are looked for on a side. To read them takes less than a tenth of a second.
	mostInFlight = 20_000
	// clocks is how far the clocks of two machines may be apart here.
	clocks = time.Minute
)

// takeOff subtracts the orders in flight, and returns them.
func (w *walk) takeOff(ctx context.Context, whole DigestQuery, legacy, other *number) ([]order.Key, error) {
	since := w.p.at.Add(-max(w.p.c.Settle.MaxLag, w.p.c.Settle.Window) - clocks)
	left, right, err := both(w.sides, func(n Snapshot) ([]Change, error) { return recentChanges(ctx, n, mostInFlight) })
	if err != nil {
		return nil, err
	}
	var keys []order.Key
	for _, c := range append(left, right...) {
		if c.At.After(since) && w.within.Has(w.keyType, c.Key) {
			keys = append(keys, c.Key)
		}
	}
	if keys = distinct(keys); len(keys) == 0 {
		return nil, nil
	}
	whole.Keys = keys
	digests, others, err := w.ask(ctx, "number", whole, whole, 0)
	if err != nil {
		return nil, err
	}
	a, b, err := numbersOf(digests, others)
	if err != nil {
		return nil, err
	}
	legacy.subtract(a)
	other.subtract(b)
	return keys, nil
}

// concludeNumber compares the orders in flight by value, and confirms the number.
func (w *walk) concludeNumber(ctx context.Context, left []order.Key, nullKeys int64) error {
	err := w.draw(ctx)
	if err == nil {
		err = w.compareKeys(ctx, left, w.counting(&sizes{}))
	}
	if err != nil {
		w.scan.Coverage = float64(w.scan.Compared) / float64(max(w.facts.Larger(), 1))
		return err
	}
	w.covered(nullKeys)
	if err := w.seen(); err != nil || !w.ranged() {
		return err
	}
	known := make(map[order.Key]bool, len(left))
	for _, key := range left {
		known[key] = true
	}
	return w.confirmSome(ctx, known)
}

// compareKeys compares orders by value.
func (w *walk) compareKeys(ctx context.Context, keys []order.Key, differ differFunc) error {
	for len(keys) > 0 {
		part := keys[:min(w.p.batchSize(batch), len(keys))]
		keys = keys[len(part):]
		r, err := w.p.readRows(ctx, w.sides, part)
		if err != nil {
			return err
		}
		for _, key := range part {
			legacy, other := r.legacy[key], r.projection[key]
			if len(legacy)+len(other) == 0 {
				continue
			}
			w.scan.Compared++
			differs, err := differ(ctx, key, legacy, other)
			if err != nil {
				return err
			}
			if differs {
				w.differs++
			}
		}
	}
	return nil
}

// confirmSome reads a few buckets by value, except for the orders that have been.
func (w *walk) confirmSome(ctx context.Context, known map[order.Key]bool) error {
	first, count := w.first, w.last-w.first+1
	if w.layout.ByBounds {
		first, count = 0, int64(len(w.layout.Bounds))+1
	}
	differ := func(ctx context.Context, key order.Key, legacy, other []order.Row) (bool, error) {
		if known[key] {
			return false, nil
		}
		return w.differ(ctx, key, legacy, other)
	}
	read := 0
	for range 8 * confirmed { // some may be empty
		number := first + w.p.c.Random.Int64N(count)
		compared, err := w.confirmBucket(ctx, number, differ)
		if err != nil {
			return err
		}
		if compared > 0 {
			read++
		}
		if read == confirmed {
			break
		}
	}
	return nil
}

// bucketsOf remembers the first and the last bucket of integer keys.
func (w *walk) bucketsOf(legacy, other Extent) error {
	if w.keyType != order.KeyInteger || w.layout.ByBounds {
		return nil
	}
	low, high, err := ends(legacy, other)
	w.first, w.last = low>>w.layout.Shift, high>>w.layout.Shift
	return err
}
