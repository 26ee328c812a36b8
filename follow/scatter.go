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
	returned   int64     // when the first message broke the rule of a single move; zero if none did
}

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
	here := newStretch(a.position, a.Partition, a.Time)
	if s := before.in(a.Partition); s != nil {
		here = *s
		here.extend(a.position, a.Time)
	}
	settled, back := false, false
	for _, other := range others {
		settled = settled || min(at, other.last) >= w.routing.settled.UnixMilli()
		back = back || here.interleaves(other)
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
	return back && w.routing.back(at), nil
}

// interleaves returns true for two stretches that a single move does not explain.
func (s stretch) interleaves(t stretch) bool {
	return s.first > 0 && t.first > 0 && (s.first < t.first && t.first < s.last || t.first < s.first && s.first < t.last)
}

// back notes an order that went to another partition and back. It returns true if that did not only happen shortly
// after one time.
func (r *routing) back(at int64) bool {
	if r.returned == 0 {
		r.returned = at
	}
	apart := at - r.returned
	return max(apart, -apart) >= growthGrace.Milliseconds()
}
