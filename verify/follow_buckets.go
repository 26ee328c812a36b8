package verify

import (
	"context"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// ghostLook is the time between two looks at a message that was found to have no event.
const ghostLook = time.Minute

// maxHorizons is how many are remembered at most.
const maxHorizons = 10_000

type sighting int

const (
	notSeen    sighting = iota
	seenBefore          // its bit is set, or its bucket is complete
	notClaimed          // before the first position that the stream is complete from
)

func bucketOf(p order.Position) int64 { return int64(p) >> bucketShift }

func (w *following) seen(p order.Position) sighting {
	b := bucketOf(p)
	if w.state.From > 0 && p < w.state.From {
		return notClaimed
	}
	if bucket := w.state.Buckets[b]; bucket != nil {
		if bucket.has(p) {
			return seenBefore
		}
		return notSeen
	}
	if w.state.From > 0 && b < w.state.Frontier {
		return seenBefore
	}
	return notSeen
}

func (w *following) mark(p order.Position) {
	b := bucketOf(p)
	bucket := w.state.Buckets[b]
	if bucket == nil {
		bucket = &StreamBucket{Seen: make([]byte, bucketWidth/8)}
		w.state.Buckets[b] = bucket
	}
	i := int64(p) & (bucketWidth - 1)
	bucket.Seen[i/8] |= 1 << (i % 8)
	w.changed[b] = true
}

func (b *StreamBucket) has(p order.Position) bool {
	i := int64(p) & (bucketWidth - 1)
	return b.Seen[i/8]&(1<<(i%8)) != 0
}

// count is how many positions of the bucket from..to were seen.
func (b *StreamBucket) count(bucket int64, from, to order.Position) int64 {
	first, last := order.Position(bucket<<bucketShift), order.Position(bucket<<bucketShift+bucketWidth-1)
	if from <= first && to >= last {
		n := 0
		for _, x := range b.Seen {
			n += bits.OnesCount8(x)
		}
		return int64(n)
	}
	var n int64
	for p := max(from, first); p <= min(to, last); p++ {
		if b.has(p) {
			n++
		}
	}
	return n
}

// lookForMissing captures a horizon at each look, and checks up to the newest one that is old enough, once everything
// that was on the stream by then has been read.
func (w *following) lookForMissing(ctx context.Context) error {
	now := w.Now()
	h, err := w.Store.Horizon(ctx)
	if err != nil {
		return err
	}
	w.horizons = append(w.horizons, horizonAt{h, now})
	if w.check == nil {
		if err := w.prepareCheck(ctx, now); err != nil || w.check == nil {
			return err
		}
	}
	for _, p := range w.check.ends {
		if s := w.state.Partitions[p.Partition]; s.Next < p.End && p.End > p.First {
			return nil
		}
	}
	c := *w.check
	w.check = nil
	w.pending.At = now // this step counts, even if it found nothing
	if !w.claim() {
		return nil
	}
	return w.checkUpTo(ctx, c)
}

// prepareCheck takes the newest horizon that is old enough and below which nothing is under way any more.
func (w *following) prepareCheck(ctx context.Context, now time.Time) error {
	oldest, err := w.Store.Oldest(ctx)
	if err != nil {
		return err
	}
	due := -1
	for i, h := range w.horizons {
		if now.Sub(h.at) >= w.Window && h.Below <= oldest {
			due = i
		}
	}
	if due < 0 {
		if len(w.horizons) > maxHorizons { // a transaction stays open for long: the oldest will do
			w.horizons = w.horizons[:maxHorizons/2]
		}
		return nil
	}
	ends, err := w.Stream.Partitions(ctx)
	if err != nil {
		return err
	}
	for _, p := range ends {
		if s, ok := w.state.Partitions[p.Partition]; ok {
			s.End = max(s.End, p.End)
			w.state.Partitions[p.Partition] = s
		}
	}
	w.check = &check{upTo: w.horizons[due].Position, at: now, ends: ends}
	w.horizons = slices.Clone(w.horizons[due+1:])
	return nil
}

// claim fixes, once, from which position on the stream is claimed to be complete: the first event that it has. Of a
// partition whose older messages were deleted already, everything before its first event may be gone.
func (w *following) claim() bool {
	if w.state.From > 0 {
		return true
	}
	var first, cut order.Position
	for _, p := range w.state.Partitions {
		switch {
		case p.First == 0:
		case p.Cut:
			cut = max(cut, p.First)
		case first == 0 || p.First < first:
			first = p.First
		}
	}
	if w.state.From = max(first, cut); w.state.From == 0 {
		return false // nothing was published yet
	}
	w.state.Frontier = bucketOf(w.state.From)
	for b := range w.state.Buckets {
		if b < w.state.Frontier {
			delete(w.state.Buckets, b)
			w.changed[b] = true
		}
	}
	return true
}

// checkUpTo holds the stored events up to a position against what was seen.
func (w *following) checkUpTo(ctx context.Context, c check) error {
	if c.upTo < w.state.From {
		return nil
	}
	last := bucketOf(c.upTo + 1) // the first bucket that is not whole
	total := StreamTotals{Checked: max(c.upTo, w.state.Evidence.Checked), CaughtUpAt: c.at}
	from := max(w.state.From, order.Position(w.state.Frontier<<bucketShift))
	counts, err := w.Store.CountPositions(ctx, from, c.upTo, bucketShift)
	if err != nil {
		return err
	}
	again, err := w.incompleteToCount(ctx)
	if err != nil {
		return err
	}
	counts = append(counts, again...)
	stored := make(map[int64]int64, len(counts))
	for _, n := range counts {
		stored[n.Bucket] = n.Events
	}
	for b := w.state.Frontier; b < last; b++ { // those without events are complete too
		if _, ok := stored[b]; !ok && w.state.Buckets[b] != nil {
			stored[b] = 0
		}
	}
	for _, b := range slices.Sorted(maps.Keys(stored)) { // in their order, so that the frontier can follow
		if err := w.checkBucket(ctx, b, stored[b], c.upTo, last); err != nil {
			return err
		}
	}
	w.state.Frontier = max(w.state.Frontier, last)
	total.Stored, total.Seen = w.state.Complete, w.state.Complete
	for b, bucket := range w.state.Buckets {
		if order.Position(b<<bucketShift) <= c.upTo {
			total.Stored += bucket.Stored
			total.Seen += bucket.Stored - bucket.Missing
		}
	}
	w.state.Evidence = total
	return nil
}

// incompleteToCount counts incomplete buckets again in which something has arrived, and one more, in turn: an event
// may also have been taken out of the store.
func (w *following) incompleteToCount(ctx context.Context) ([]PositionCount, error) {
	var again []int64
	next := int64(-1)
	for b := range w.state.Buckets {
		switch {
		case b >= w.state.Frontier:
		case w.changed[b]:
			again = append(again, b)
		case b > w.rotation && (next < 0 || b < next):
			next = b
		}
	}
	if w.rotation = next; next >= 0 {
		again = append(again, next)
	}
	var out []PositionCount
	for _, b := range again {
		from := max(w.state.From, order.Position(b<<bucketShift))
		counts, err := w.Store.CountPositions(ctx, from, order.Position(b<<bucketShift+bucketWidth-1), bucketShift)
		if err != nil {
			return nil, err
		}
		if len(counts) == 0 {
			counts = []PositionCount{{Bucket: b}}
		}
		out = append(out, counts...)
	}
	return out, nil
}

// checkBucket drops a whole bucket that misses nothing, and drills into one that does.
func (w *following) checkBucket(ctx context.Context, b, stored int64, upTo order.Position, last int64) error {
	bucket := w.state.Buckets[b]
	if bucket == nil {
		bucket = &StreamBucket{Seen: make([]byte, bucketWidth/8)}
		w.state.Buckets[b] = bucket
	}
	missing := stored - bucket.count(b, w.state.From, upTo)
	if missing != bucket.Missing || bucket.Stored != stored {
		w.changed[b] = true
	}
	if missing != bucket.Missing || missing != 0 && stored != bucket.Stored {
		if err := w.drill(ctx, b, upTo, &missing); err != nil {
			return err
		}
	}
	bucket.Stored, bucket.Missing = stored, missing
	if missing == 0 && b < last {
		w.state.Complete += stored
		delete(w.state.Buckets, b)
		w.changed[b] = true
	}
	if b >= w.state.Frontier && b < last {
		w.state.Frontier = b + 1
	}
	if len(w.pending.Findings) >= commitFindings {
		return w.commit(ctx)
	}
	return nil
}

// drill names the events of a bucket that are not on the stream.
func (w *following) drill(ctx context.Context, b int64, upTo order.Position, missing *int64) error {
	bucket := w.state.Buckets[b]
	from := max(w.state.From, order.Position(b<<bucketShift))
	to := min(upTo, order.Position(b<<bucketShift+bucketWidth-1))
	lost := []LostEvent{}
	*missing = 0
	err := w.Store.Between(ctx, from, to, func(p order.Position, key order.Key) error {
		if bucket.has(p) {
			return nil
		}
		*missing++
		if p > w.state.Excused {
			lost = append(lost, LostEvent{Position: p, Key: key})
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.pending.Lost[b] = lost
	for _, e := range lost {
		w.find(e.Key, compare.Missing, compare.LostPublish, nil)
	}
	return nil
}
