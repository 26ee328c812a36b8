package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrDigestBlind is returned when a bucket with equal digests holds orders that differ: no digest can be trusted then.
	ErrDigestBlind = errors.New("orders differ although their digests are equal")
	// ErrKeyTypes is returned when the two sides' keys are of different types.
	ErrKeyTypes = errors.New("the keys of the two sides have different types")
	// ErrNoHash is returned when the two servers do not even agree on MD5 of the same values.
	ErrNoHash = errors.New("the two servers digest the same known values differently")
)

// walk is the digest walk of a full pass.
type walk struct {
	*pass
	sides   snapshots
	scan    *Scan
	keyType order.KeyType
	hash    Hash
	layout  Layout
	indexed bool
}

// full digests both sides at once, bucket by bucket, and reads by value what differs.
//
// # Why nothing can be missed
//
// A bucket is a function of the key alone, so the buckets partition the key space of both sides, whatever keys
// appear; the rows counted in them are the rows of the snapshot. A bucket is taken for equal only if every group in
// it has the same number of rows and the same exact sum of row digests. A sample of equal buckets is read by value.
func (p *pass) full(ctx context.Context, scan *Scan) error {
	w := &walk{pass: p, scan: scan, keyType: p.Legacy.KeyType()}
	if w.keyType != p.Projection.KeyType() {
		return fmt.Errorf("%w: %s and %s", ErrKeyTypes, w.keyType, p.Projection.KeyType())
	}
	var err error
	if w.hash, err = p.agreedHash(ctx); err != nil {
		return err
	}
	if w.sides, err = p.begin(ctx); err != nil {
		return err
	}
	defer w.sides.close()
	if err := p.mark(ctx, w.sides); err != nil {
		return err
	}
	legacy, projection, err := both(w.sides, func(n Snapshot) (Extent, error) { return n.Extent(ctx) })
	if err != nil {
		return err
	}
	if legacy.Empty && projection.Empty {
		scan.Reason = "both sides are empty"
		return nil
	}
	w.indexed = legacy.Indexed && projection.Indexed
	if w.layout, err = layout(ctx, w.keyType, w.sides, legacy, projection); err != nil {
		return err
	}
	return w.compareAll(ctx, legacy.Rows+projection.Rows)
}

// agreedHash proves on known values that both servers digest alike, with a seed of this pass. A server that lacks
// the native functions is as good a reason for the portable ones as two that disagree.
func (p *pass) agreedHash(ctx context.Context) (Hash, error) {
	h := Hash{Seed: int64(p.Random.Uint64())}
	if agree, err := p.digestAlike(ctx, h); agree && err == nil {
		return h, nil
	}
	h.Portable = true
	agree, err := p.digestAlike(ctx, h)
	switch {
	case err != nil:
		return h, err
	case !agree:
		return h, ErrNoHash
	}
	p.Log.WarnContext(ctx, "the servers' own hash functions cannot be used; portable digests take several times as long")
	return h, nil
}

func (p *pass) digestAlike(ctx context.Context, h Hash) (bool, error) {
	legacy, err := p.Legacy.Probe(ctx, h)
	if err != nil {
		return false, err
	}
	projection, err := p.Projection.Probe(ctx, h)
	return slices.Equal(legacy, projection), err
}

func (w *walk) compareAll(ctx context.Context, estimate int64) error {
	differing, same, err := w.digest(ctx, DigestQuery{Layout: w.layout, Hash: w.hash}, estimate)
	if err != nil {
		return err
	}
	w.count(differing, same)
	if err := w.drill(ctx, differing); err != nil {
		w.scan.Coverage = float64(w.scan.Compared) / float64(max(w.scan.LegacyRows, w.scan.ProjectionRows, 1))
		return err
	}
	w.scan.Coverage = 1
	if n := differing.nullKeys + same.nullKeys; n > 0 {
		w.scan.Reason = fmt.Sprintf("%d rows have no key", n)
		w.scan.Coverage = float64(w.scan.Compared) / float64(w.scan.Compared+n)
	}
	if err := w.confirm(ctx, same); err != nil {
		return err
	}
	_, err = w.revisit(ctx, w.sides, func(order.Key) bool { return true })
	return err
}

// digest asks both sides at once.
func (w *walk) digest(ctx context.Context, q DigestQuery, estimate int64) (differing, same buckets, err error) {
	var done [2]atomic.Int64
	report := func(side int) func(int64) {
		return func(rows int64) {
			done[side].Store(rows)
			if estimate > 0 {
				w.progress("digest", done[0].Load()+done[1].Load(), estimate)
			}
		}
	}
	g, ctx := errgroup.WithContext(ctx) // one side's failure ends the other's work too
	var legacy, projection []Digest
	g.Go(func() (err error) { legacy, err = w.sides.legacy.Digests(ctx, q, report(0)); return err })
	g.Go(func() (err error) { projection, err = w.sides.projection.Digests(ctx, q, report(1)); return err })
	if err := g.Wait(); err != nil {
		return buckets{}, buckets{}, err
	}
	differing, same = split(legacy, projection)
	return differing, same, nil
}

// count fills in the row counts. Orders compared are the distinct keys of both sides: equal buckets hold the same
// keys on both, and the drill-down adds those of the others.
func (w *walk) count(differing, same buckets) {
	groups := map[string]*GroupCount{} // by name: whatever reads alike is counted as one
	for _, part := range []buckets{differing, same} {
		for _, b := range part.byNumber {
			w.scan.LegacyRows += b.legacy
			w.scan.ProjectionRows += b.projection
		}
		for value, c := range part.groups {
			name := w.groupName(value)
			if groups[name] == nil {
				groups[name] = &GroupCount{Group: name}
			}
			groups[name].Legacy += c.legacy
			groups[name].Projection += c.projection
		}
	}
	for _, b := range same.byNumber {
		w.scan.Compared += b.legacy
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		w.scan.Counts = append(w.scan.Counts, *groups[name])
	}
}

// confirmed is how many buckets with equal digests are read by value.
const confirmed = 4

// confirm reads a few buckets that are equal by digest: if their orders differ, no digest can be trusted.
func (w *walk) confirm(ctx context.Context, same buckets) error {
	if !w.indexed {
		return nil // each would be a scan of the table
	}
	numbers := same.numbers()
	for range min(confirmed, len(numbers)) {
		number := numbers[w.Random.Int64N(int64(len(numbers)))]
		layout, part := w.sample(number)
		before := w.suspects
		if _, err := w.merge(ctx, layout, part); err != nil {
			return err
		}
		if w.suspects != before {
			return fmt.Errorf("%w (bucket %d)", ErrDigestBlind, number)
		}
	}
	return nil
}

// sample picks a small part of a bucket: a second-level bucket where there are some.
func (w *walk) sample(number int64) (Layout, []int64) {
	if w.layout.ByBounds || w.layout.Shift <= refineBits {
		return w.layout, []int64{number}
	}
	fine := Layout{Shift: w.layout.Shift - refineBits}
	return fine, []int64{number<<refineBits + w.Random.Int64N(1<<refineBits)}
}
