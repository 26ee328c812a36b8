package follow

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

const (
	// maxHorizons is the most horizons that are remembered.
	maxHorizons = 10_000
	// chunkEvents is how many events one query counts. chunksAtOnce is how many queries run before the reader has its
	// turn again and the result is stored.
	chunkEvents  = 1_000_000
	chunksAtOnce = 4
)

// pastHorizon is a horizon, with the stream's position at that moment.
type pastHorizon struct {
	Horizon
	at      time.Time
	cleared time.Time      // when nothing below it could become visible any more; zero until then
	newest  order.Position // position of the stored events that had been read from the stream
	// visible is the part of the bucket, up to the position, that was stored when the horizon was cleared. If several
	// are cleared together, only the last one is counted.
	visible PositionCount
	counted bool
}

// check counts everything up to a position. It is due when the stream was read up to its ends. What was written in open
// transactions, or behind them, comes only when these have ended.
type check struct {
	upTo    order.Position
	visible PositionCount // as of the horizon with that position
	at      time.Time     // when the ends were captured
	ends    []Partition
	since   time.Time      // what was stored from then on is not looked for
	newest  order.Position // of the store
	// whole is true unless the stream may have stopped (an event is stored that it does not show, and it shows nothing
	// newer), or a transaction holds back what can be checked.
	whole bool
}

// findMissing captures a horizon at each tick. Once everything on the stream at that time has been read, it checks up
// to the position at which the stream must be complete.
func (w *work) findMissing(ctx context.Context) error {
	now := w.Now()
	if w.progress.advancing {
		w.progress.advancing, w.progress.advanced = false, now
	}
	if err := w.capture(ctx, now); err != nil {
		return err
	}
	if w.stored.check == nil {
		if err := w.prepareCheck(ctx, now); err != nil || w.stored.check == nil {
			return err
		}
	}
	for _, p := range w.stored.check.ends {
		s, written := w.state.Partitions[p.Partition], max(p.End, p.Written)
		if s.Next < written && written > p.First {
			return nil
		}
	}
	w.step.commit.At = now // this step counts, even if it found nothing
	if !w.state.claims() {
		if !w.claim() {
			w.stored.check = nil
			return nil
		}
		if err := w.forgetUnclaimed(ctx); err != nil {
			return err
		}
	}
	return w.checkSome(ctx)
}

// capture notes the positions of the store and the stream. It clears the horizons that no transaction can change any
// more.
func (w *work) capture(ctx context.Context, now time.Time) error {
	h, err := w.Store.Horizon(ctx)
	if err != nil {
		return err
	}
	if n := len(w.stored.horizons); n == 0 || w.stored.horizons[n-1].Position != h.Position || w.stored.horizons[n-1].newest != w.progress.newest {
		w.stored.horizons = append(w.stored.horizons, pastHorizon{Horizon: h, at: now, newest: w.progress.newest})
	}
	oldest, err := w.Store.Oldest(ctx)
	if err != nil {
		return err
	}
	last := -1
	for i := range w.stored.horizons {
		if h := &w.stored.horizons[i]; h.cleared.IsZero() && h.Below <= oldest.Oldest {
			h.cleared = now
			last = i
		}
	}
	if last >= 0 {
		if err := w.countVisible(ctx, &w.stored.horizons[last]); err != nil {
			return err
		}
	}
	w.held(oldest, now)
	if len(w.stored.horizons) > maxHorizons { // a transaction stays open for long, so the oldest horizon is enough
		w.stored.horizons = w.stored.horizons[:maxHorizons/2]
	}
	return nil
}

// held notes that an open transaction, in the store or in the topic, holds the search back for longer than people were told.
func (w *work) held(by Running, now time.Time) {
	waiting, was := w.heldBy(by, now), w.state.Evidence.Waiting
	if waiting.For != "" {
		w.step.commit.At = now // the stream is read all the same
	}
	if was.For == waiting.For { // the transaction's own beginning may not be known
		if was.For != "" && was.Since.Before(waiting.Since) {
			waiting.Since = was.Since
		}
		w.state.Evidence.Waiting = waiting
		return
	}
	w.state.Evidence.Waiting = waiting
	w.step.commit.At = now
	if waiting.For == "" {
		w.Log.Info("missing messages are looked for again, the transaction has ended", slog.String("waited_for", was.For))
		return
	}
	w.Log.Warn("missing messages are not looked for while a transaction is open",
		slog.String("waiting_for", waiting.For), slog.Time("since", waiting.Since))
}

// heldBy returns the transaction that holds the search back; the zero value if there is none.
func (w *work) heldBy(by Running, now time.Time) Waiting {
	was := w.state.Evidence.Waiting
	long := func(since time.Time, holder string) bool {
		return now.Sub(since) > w.patience() || was.For != "" && was.For == holder
	}
	first := slices.IndexFunc(w.stored.horizons, func(h pastHorizon) bool { return h.cleared.IsZero() })
	if first >= 0 && long(w.stored.horizons[first].at, by.Holder) {
		waiting := Waiting{For: by.Holder, Since: w.stored.horizons[first].at}
		if by.Since != nil {
			waiting.Since = by.Since.UTC()
		}
		return waiting
	}
	if c := w.stored.check; c != nil {
		for _, p := range c.ends {
			holder := fmt.Sprintf("the open transaction of a producer in partition %d of the topic", p.Partition)
			if next := w.state.Partitions[p.Partition].Next; next >= p.End && next < p.Written && long(c.at, holder) {
				return Waiting{For: holder, Since: c.since}
			}
		}
	}
	return Waiting{}
}

// countVisible counts what is visible up to a horizon that was just cleared. If a bucket has the same count a settle
// window later, it holds nothing younger. It goes on from the last count, so that each event is counted once. The first
// count begins with the bucket of the horizon.
func (w *work) countVisible(ctx context.Context, h *pastHorizon) error {
	b := bucketOf(h.Position)
	if h.Position == order.NoPosition { // nothing is stored
		h.counted = true
		return nil
	}
	if w.stored.counted == order.NoPosition {
		w.stored.counted = max(w.state.From, firstOf(b)) - 1
	}
	for w.stored.counted < h.Position {
		counts, upTo, err := w.Store.CountPositions(ctx, w.stored.counted+1, h.Position, bucketShift, chunkEvents)
		if err != nil {
			return err
		}
		for _, n := range counts {
			w.stored.visible[n.Bucket] = w.stored.visible[n.Bucket].plus(n)
		}
		w.stored.counted = upTo
	}
	h.visible, h.counted = w.stored.visible[b].plus(PositionCount{Bucket: b}), true
	return nil
}

// old returns true for a bucket in which everything stored, up to the check's position, was there when the horizon with
// that position was cleared.
func (c *check) old(n PositionCount, visible map[int64]PositionCount) bool {
	if n.Bucket == bucketOf(c.upTo) {
		return n == c.visible
	}
	return n == visible[n.Bucket]
}

// prepareCheck finds the position up to which the stream must be complete. Three conditions hold: what is stored up to
// there cannot change any more; it was there for the settle window; and the stream has passed it that long ago, or
// max_lag is over. An event that comes later counts as late, and a skipped one as lost.
func (w *work) prepareCheck(ctx context.Context, now time.Time) error {
	due := -1
	passed := order.NoPosition
	for i, h := range w.stored.horizons {
		if now.Sub(h.at) >= w.Window {
			passed = max(h.newest, w.state.UncertainTo)
		}
		if h.counted && now.Sub(h.cleared) >= w.Window {
			due = i
		}
	}
	if due < 0 {
		return nil
	}
	ends, err := w.Stream.Partitions(ctx)
	if err != nil {
		return err
	}
	w.routing.count(len(ends), now)
	for _, p := range ends {
		if s, ok := w.state.Partitions[p.Partition]; ok {
			s.End = max(s.End, p.End)
			w.state.Partitions[p.Partition] = s
		}
	}
	c := check{upTo: w.state.Evidence.Checked, at: now, ends: ends, since: w.stored.horizons[due].at}
	for _, h := range w.stored.horizons[:due+1] {
		if h.counted && h.Position >= c.upTo && (h.Position <= passed || now.Sub(h.cleared) >= w.patience()) {
			c.upTo, c.visible = h.Position, h.visible
		}
	}
	stored := w.stored.horizons[due].Position
	c.whole = (c.upTo >= stored || w.progress.newest >= stored) && w.state.Evidence.Waiting.For == ""
	c.newest = stored
	w.stored.check = &c
	// Take the newest horizon that is due for what is stored. The positions after the check are waited for.
	waiting := slices.DeleteFunc(slices.Clone(w.stored.horizons[:due]), func(h pastHorizon) bool { return h.Position <= c.upTo })
	w.stored.horizons = append(waiting, w.stored.horizons[due:]...)
	return nil
}

// claim sets, once, the position from which the stream should be complete: its first event. If older messages of a
// partition were deleted already, everything before its first event may be missing.
func (w *work) claim() bool {
	first, cut := order.NoPosition, order.NoPosition
	for _, p := range w.state.Partitions {
		switch {
		case p.First == order.NoPosition:
		case p.Cut:
			cut = max(cut, p.First)
		case first == order.NoPosition || p.First < first:
			first = p.First
		}
	}
	if w.state.From = max(first, cut); !w.state.claims() {
		return false // nothing was published yet
	}
	w.state.Frontier = bucketOf(w.state.From)
	w.state.Kept = w.state.Frontier
	for b := range w.state.Buckets {
		if b < w.state.Frontier {
			delete(w.state.Buckets, b)
			w.step.changed[b] = true
		}
	}
	return true
}

// forgetUnclaimed removes what is before the claim from the visible count of its bucket.
func (w *work) forgetUnclaimed(ctx context.Context) error {
	b := bucketOf(w.state.From)
	if w.state.From == firstOf(b) {
		return nil
	}
	counts, _, err := w.Store.CountPositions(ctx, firstOf(b), w.state.From-1, bucketShift, chunkEvents)
	if err != nil || len(counts) == 0 {
		return err
	}
	if n, ok := w.stored.visible[b]; ok {
		w.stored.visible[b] = n.minus(counts[0])
	}
	for i := range w.stored.horizons {
		if h := &w.stored.horizons[i]; h.counted && bucketOf(h.Position) == b {
			h.visible = h.visible.minus(counts[0])
		}
	}
	if c := w.stored.check; bucketOf(c.upTo) == b {
		c.visible = c.visible.minus(counts[0])
	}
	return nil
}

// checkSome goes on with the check that is due, and ends it when everything up to its position is counted. What it has
// counted is stored, so the next tick or the next process does not count it again.
func (w *work) checkSome(ctx context.Context) error {
	c := w.stored.check
	w.progress.judging = c.at
	if err := w.recount(ctx); err != nil {
		return err
	}
	done := c.upTo < w.state.From
	for n := 0; !done && n < chunksAtOnce; n++ {
		upTo, err := w.checkChunk(ctx, c.upTo)
		if err != nil {
			return err
		}
		done = upTo >= c.upTo
	}
	w.sumUp()
	if done {
		w.stored.check = nil
		if c.whole && (c.upTo >= w.state.From || c.newest < w.state.From) { // a check of nothing catches up with nothing
			w.state.Evidence.CaughtUpAt = c.at
		}
	}
	return nil
}

// checkChunk checks from the frontier on, and returns the position that it reached.
func (w *work) checkChunk(ctx context.Context, to order.Position) (upTo order.Position, err error) {
	from := max(w.state.From, firstOf(w.state.Frontier))
	if from > to {
		return to, nil
	}
	counts, upTo, err := w.Store.CountPositions(ctx, from, to, bucketShift, chunkEvents)
	if err != nil {
		return 0, err
	}
	last := bucketOf(upTo + 1) // the first bucket that is not whole
	counted := make(map[int64]bool, len(counts))
	for _, n := range counts {
		counted[n.Bucket] = true
	}
	for b := range w.state.Buckets { // buckets without events are complete too
		if b >= w.state.Frontier && b < last && !counted[b] {
			counts = append(counts, PositionCount{Bucket: b})
		}
	}
	// In order, so that the frontier can follow.
	slices.SortFunc(counts, func(a, b PositionCount) int { return cmp.Compare(a.Bucket, b.Bucket) })
	for _, n := range counts {
		if err := w.checkBucket(ctx, n, upTo, last, w.stored.check.old(n, w.stored.visible)); err != nil {
			return 0, err
		}
	}
	w.state.Frontier = max(w.state.Frontier, last)
	maps.DeleteFunc(w.stored.visible, func(b int64, _ PositionCount) bool { return b < w.state.Frontier })
	w.state.Evidence.Checked = max(w.state.Evidence.Checked, upTo)
	return upTo, nil
}

// sumUp claims what was counted. Late events count when they are seen, or when they are reported as lost; until then they
// are pending.
func (w *work) sumUp() {
	e := &w.state.Evidence
	before := e.Pending
	e.Stored, e.Seen, e.Pending = w.state.Complete, w.state.Complete, 0
	for b, bucket := range w.state.Buckets {
		if firstOf(b) > e.Checked {
			continue
		}
		var late int64
		if l := w.recounts.late[b]; l != nil {
			late = l.count
			if !w.Now().Before(l.doubted) {
				e.Pending += late
			}
		}
		e.Stored += bucket.Stored - late
		e.Seen += bucket.Stored - bucket.Missing
	}
	if e.Pending != before {
		w.step.commit.At = w.Now()
	}
}
