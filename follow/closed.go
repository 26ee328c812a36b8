package follow

import (
	"context"
	"math"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

const (
	// farBuckets and nearBuckets are how many closed buckets are counted again at each tick: of all buckets in turn,
	// and of the newest ones, because events come late there. 20 buckets are 80,000 events; a store of 47 million
	// events takes 12 minutes for one turn.
	farBuckets  = 16
	nearBuckets = 4
	// nearWidth is how many of the newest buckets are counted more often.
	nearWidth = 64
	// openAgain is how many open buckets below the frontier are counted at each tick.
	openAgain = 64
	// maxKept is how many closed buckets are kept in memory, in addition to those of one batch.
	maxKept = 4096
)

// loadClosed loads the content of the closed buckets of some positions, for seen and mark. It does nothing for
// positions at the frontier, which are nearly all.
func (w *work) loadClosed(ctx context.Context, positions []order.Position) error {
	if len(w.recounts.loaded) >= maxKept {
		clear(w.recounts.loaded)
	}
	var ask []int64
	for _, p := range positions {
		b := bucketOf(p)
		if b >= w.state.Frontier || b < w.state.Kept || !w.closed(b) {
			continue
		}
		if _, known := w.recounts.loaded[b]; known {
			continue
		}
		w.recounts.loaded[b] = ClosedBucket{Bucket: b}
		ask = append(ask, b)
	}
	if len(ask) == 0 {
		return nil
	}
	kept, err := w.Ledger.ClosedBuckets(ctx, w.Fingerprint, ask)
	for _, k := range kept {
		w.recounts.loaded[k.Bucket] = k
	}
	return err
}

// loadClosedOf loads what is needed for messages and for the histories of their orders.
func (w *work) loadClosedOf(ctx context.Context, arrivals []arrival, behind map[order.Key][]order.Event) error {
	var below []order.Position
	for i := range arrivals {
		if p := arrivals[i].position; bucketOf(p) < w.state.Frontier {
			below = append(below, p)
		}
		for _, twin := range arrivals[i].twins {
			below = append(below, twin.position)
		}
	}
	for _, history := range behind {
		for _, e := range history {
			below = append(below, e.Position)
		}
	}
	return w.loadClosed(ctx, below)
}

// recount counts again below the frontier: open buckets in which something arrived or may be judged now; some other
// open buckets in turn, because an event may have been deleted from the store; and some closed ones.
func (w *work) recount(ctx context.Context) error {
	for _, b := range w.openToCount() {
		from := max(w.state.From, firstOf(b))
		counts, _, err := w.Store.CountPositions(ctx, from, lastOf(b), bucketShift, chunkEvents)
		if err != nil {
			return err
		}
		n := PositionCount{Bucket: b}
		if len(counts) > 0 {
			n = counts[0]
		}
		delete(w.recounts.again, b)
		if err := w.checkBucket(ctx, n, lastOf(b), w.state.Frontier, false); err != nil {
			return err
		}
	}
	if err := w.recountClosed(ctx, &w.recounts.near, w.state.Frontier-nearWidth, nearBuckets); err != nil {
		return err
	}
	return w.recountClosed(ctx, &w.recounts.far, bucketOf(w.state.From), farBuckets)
}

func (w *work) openToCount() []int64 {
	var due []int64
	next := int64(math.MaxInt64) // the next in turn
	for b := range w.state.Buckets {
		switch {
		case b >= w.state.Frontier:
		case w.recounts.again[b] || w.ripe(b):
			due = append(due, b)
		case b > w.recounts.rotation:
			next = min(next, b)
		}
	}
	slices.Sort(due)
	due = due[:min(len(due), openAgain)]
	if w.recounts.rotation = next; next < math.MaxInt64 {
		return append(due, next)
	}
	w.recounts.rotation = math.MinInt64
	return due
}

// recountClosed compares the next closed buckets with the store, and opens those that the store has changed. At the end
// it starts again with the first.
func (w *work) recountClosed(ctx context.Context, turn *int64, first int64, limit int) error {
	first = max(first, w.state.Kept, bucketOf(w.state.From))
	from := max(*turn, first)
	kept, err := w.Ledger.ClosedAfter(ctx, w.Fingerprint, from-1, limit)
	if err != nil {
		return err
	}
	to := w.state.Frontier - 1
	if len(kept) == limit {
		to = min(to, kept[limit-1].Bucket)
	}
	if *turn = first; from > to {
		return nil
	}
	counts, upTo, err := w.Store.CountPositions(ctx, max(w.state.From, firstOf(from)), lastOf(to), bucketShift, chunkEvents)
	if err != nil {
		return err
	}
	if to = bucketOf(upTo); to < w.state.Frontier-1 {
		*turn = to + 1
	}
	was := make(map[int64]ClosedBucket, len(kept))
	for _, k := range kept {
		was[k.Bucket] = k
		if k.Bucket <= to && !slices.ContainsFunc(counts, func(n PositionCount) bool { return n.Bucket == k.Bucket }) {
			counts = append(counts, PositionCount{Bucket: k.Bucket})
		}
	}
	for _, n := range counts {
		k := was[n.Bucket]
		if !w.closed(n.Bucket) || w.closing(n.Bucket) || k.Stored == n.Events && k.Sum == n.Sum {
			continue
		}
		w.recounts.loaded[n.Bucket] = k
		if err := w.checkBucket(ctx, n, lastOf(n.Bucket), w.state.Frontier, false); err != nil {
			return err
		}
	}
	return nil
}

// closing returns true for a bucket that was just closed, so the ledger does not know it yet.
func (w *work) closing(b int64) bool {
	return slices.ContainsFunc(w.step.commit.Closed, func(k ClosedBucket) bool { return k.Bucket == b })
}
