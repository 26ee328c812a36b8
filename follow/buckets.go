package follow

import (
	"context"
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

type presence int

const (
	notSeen    presence = iota
	seenBefore          // its bit is set, or its bucket is only known to have been complete
	notClaimed          // before the first position from which the stream should be complete
)

// seen reports whether a position was on the stream before. The caller must first load the content of closed buckets.
func (w *work) seen(p order.Position) presence {
	b := bucketOf(p)
	if w.state.claims() && p < w.state.From {
		return notClaimed
	}
	if bucket := w.state.Buckets[b]; bucket != nil {
		if bucket.has(p) {
			return seenBefore
		}
		return notSeen
	}
	if !w.closed(b) {
		return notSeen
	}
	if kept, known := w.recounts.loaded[b]; known && !hasBit(kept.Seen, p) {
		return notSeen // it was not stored when the bucket was closed
	}
	return seenBefore
}

// mark notes that a position is on the stream.
func (w *work) mark(p order.Position) {
	b := bucketOf(p)
	bucket := w.state.Buckets[b]
	if bucket == nil {
		bucket = w.open(b)
	}
	setBit(bucket.Seen, p)
	clearBit(bucket.Lost, p)
	w.step.changed[b] = true
	if b < w.state.Frontier {
		w.recounts.again[b] = true
	}
	w.progress.newest = max(w.progress.newest, p)
	w.progress.advancing = true
}

// open opens a bucket again, with what was seen of it before.
func (w *work) open(b int64) *Bucket {
	bucket := &Bucket{Seen: make([]byte, bucketWidth/8)}
	if w.closed(b) {
		kept := w.recounts.loaded[b]
		copy(bucket.Seen, kept.Seen)
		bucket.Stored, bucket.Sum = kept.Stored, kept.Sum
		w.state.Complete -= kept.Stored
		delete(w.recounts.loaded, b)
	}
	w.state.Buckets[b] = bucket
	return bucket
}

// close drops a bucket with nothing missing, and keeps its content.
func (w *work) close(b int64, bucket *Bucket) {
	w.state.Complete += bucket.Stored
	delete(w.state.Buckets, b)
	delete(w.recounts.loaded, b)
	delete(w.recounts.late, b)
	delete(w.recounts.looked, b)
	delete(w.recounts.again, b)
	w.step.changed[b] = true
	w.step.commit.Closed = append(w.step.commit.Closed, ClosedBucket{Bucket: b, Seen: bucket.Seen, Stored: bucket.Stored, Sum: bucket.Sum})
}

// closed returns true for a bucket that was complete when it was counted.
func (w *work) closed(b int64) bool {
	return w.state.claims() && b < w.state.Frontier && w.state.Buckets[b] == nil
}

// checkBucket compares what is stored of a bucket, up to a position, with what was seen. If they differ, it reads the
// positions. It closes a whole bucket below last that misses nothing. In an old bucket, everything stored was visible
// for the settle window.
func (w *work) checkBucket(ctx context.Context, n PositionCount, upTo order.Position, last int64, old bool) error {
	b := n.Bucket
	bucket := w.state.Buckets[b]
	if bucket == nil {
		bucket = w.open(b)
	}
	seen := bucket.countSeen(b, w.state.From, upTo)
	was := PositionCount{Bucket: b, Events: bucket.Stored, Sum: bucket.Sum}
	missing := bucket.Missing
	switch {
	case seen == n:
		missing = 0
		w.nothingLost(b, bucket)
	case was == n && seen.Events == n.Events-missing && w.recounts.looked[b] && !w.ripe(b):
		// The bucket has not changed since the last count, so the result is the same.
	default:
		var err error
		if missing, err = w.drill(ctx, b, upTo, old); err != nil {
			return err
		}
	}
	if was != n || missing != bucket.Missing {
		w.step.changed[b] = true
	}
	bucket.Stored, bucket.Sum, bucket.Missing = n.Events, n.Sum, missing
	if missing == 0 && b < last {
		w.close(b, bucket)
	}
	if b >= w.state.Frontier && b < last {
		w.state.Frontier = b + 1
	}
	if len(w.step.commit.Findings) >= commitFindings {
		return w.commit(ctx)
	}
	return nil
}

func (w *work) nothingLost(b int64, bucket *Bucket) {
	delete(w.recounts.late, b)
	if bucket.Lost != nil {
		bucket.Lost = nil
		w.step.commit.Lost[b] = []LostEvent{}
	}
}

// drill names the events of a bucket that are not on the stream, and returns their number. In an old bucket, the events
// that had not been counted before are lost; others are late.
func (w *work) drill(ctx context.Context, b int64, upTo order.Position, old bool) (missing int64, err error) {
	bucket := w.state.Buckets[b]
	var lost []LostEvent
	var late []order.Position
	err = w.Store.Between(ctx, max(w.state.From, firstOf(b)), min(upTo, lastOf(b)), func(p order.Position, key order.Key, id order.ID) error {
		if bucket.has(p) {
			return nil
		}
		missing++
		known := hasBit(bucket.Lost, p)
		switch {
		case p <= w.state.UncertainTo && !known: // an event that was lost before a hole came stays lost
		case old && p > w.state.Evidence.Checked || known || w.overdue(p):
			lost = append(lost, LostEvent{Position: p, Key: key, ID: id})
		default:
			late = append(late, p)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	w.noticed(b, late)
	w.recounts.looked[b] = true
	was := bucket.Lost
	bucket.Lost = nil
	for i, e := range lost {
		bucket.SetLost(e.Position)
		cause := compare.LostPublish
		if w.IDType != "" && e.ID == "" { // no message can publish it
			cause = compare.SchemaDrift
		}
		if e.Key == "" {
			cause = compare.SchemaDrift
			e.Key = w.topicKey(fmt.Sprintf(", event %s of no order", e.Position))
			lost[i] = e
		}
		w.find(e.Key, compare.Missing, cause, ofEvent(e.ID), hasBit(was, e.Position))
	}
	w.step.commit.Lost[b] = slices.Clip(append([]LostEvent{}, lost...))
	return missing, nil
}
