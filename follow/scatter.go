package follow

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/compare"
)

// growthGrace is how long after adding partitions producers may disagree about the partition of a key. They ask for the
// number of partitions every five minutes.
const growthGrace = 10 * time.Minute

// routing distinguishes orders that are spread over partitions from orders that moved because partitions were added.
// When partitions are added, every key may move, also between the old partitions. For messages published before the
// follower began, the time of the move is not known.
type routing struct {
	partitions int       // the number of partitions that was seen
	settled    time.Time // messages published from here on were routed with that number
	moved      bool      // an order had messages in two partitions
	returns    []span    // when orders went back to a partition; all apart from each other
}

// span is a time after from, and not after to, in milliseconds.
type span struct{ from, to int64 }

// count notes how many partitions there are now. If the number has grown, keys may move for a while.
func (r *routing) count(partitions int, now time.Time) {
	if partitions > r.partitions {
		r.partitions, r.settled = partitions, now.Add(growthGrace)
	}
}

// judgeKey reports, once in a commit, that the topic's keys do not keep orders together.
func (w *work) judgeKey(ctx context.Context, a *arrival) error {
	id := foundKey{w.topicKey(""), compare.UnkeyedPublish}
	if _, found := w.step.found[id]; found || len(w.state.Partitions) < 2 {
		return nil
	}
	scattered, err := w.scattered(ctx, a)
	if scattered && err == nil {
		w.find(id.key, compare.Disorder, id.cause, nil, false)
	}
	return err
}

// scattered returns true for a message that nothing keeps in the partition of its order. This is a message without a
// key, or one that proves that the key does not decide: the order's messages came to two partitions while keys did not
// move, or orders went to another partition and back, and not only shortly after partitions had been added.
func (w *work) scattered(ctx context.Context, a *arrival) (bool, error) {
	if len(a.Key) == 0 {
		return true, nil
	}
	before, known := w.recent.of(a.key)
	at := milliseconds(a.Time)
	if !known || at == 0 {
		return false, nil
	}
	others := before.others(a.Partition)
	if len(others) == 0 {
		return false, nil
	}
	w.routing.moved = true
	settled, back := false, false
	for _, other := range others {
		settled = settled || min(at, other.last) >= w.routing.settled.UnixMilli()
		if during, returned := other.left(before.in(a.Partition), at); returned {
			back = w.routing.back(during) || back
		}
	}
	if settled {
		partitions, err := w.Stream.Partitions(ctx) // a larger number may not have been noticed yet
		if err != nil {
			return false, err
		}
		was := w.routing.partitions
		w.routing.count(len(partitions), w.Now())
		return w.routing.partitions == was, nil
	}
	return back, nil
}

// left returns when an order went back: from this partition to the one of a message, which had these messages of it before,
// or, if that partition is read later than this one, from it to this one.
func (s stretch) left(here *stretch, at int64) (span, bool) {
	switch {
	case s.first > 0 && s.first < at && at < s.last:
		return span{at, s.last}, true
	case here != nil && here.last > 0 && here.last < s.last && s.last < at:
		return span{s.last, at}, true
	}
	return span{}, false
}

// back notes when an order went back to a partition. It returns true if there are more such times than partitions can have
// been added one after the other: all keys move at those times, and shortly after.
func (r *routing) back(during span) bool {
	grace := growthGrace.Milliseconds()
	var near []int
	for i, t := range r.returns {
		if during.from-grace < t.to && t.from-grace < during.to {
			near = append(near, i)
		}
	}
	switch {
	case len(near) == 0 && len(r.returns) < r.partitions:
		r.returns = append(r.returns, during)
	case len(near) == 1 && during.to-during.from < r.returns[near[0]].to-r.returns[near[0]].from: // says more
		r.returns[near[0]] = during
	}
	return len(r.returns) >= max(2, r.partitions)
}
