package follow

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// lastMessages remembers in which partitions the recent messages of orders were, for a bounded number of orders. It may
// be empty at any time. It only saves queries to the store; without it, fewer orders that are spread over partitions
// are noticed.
type lastMessages struct {
	young, old map[order.Key]recentOrder
}

// recentOrder is what is remembered of one order.
type recentOrder struct {
	stretch
	more []stretch // in other partitions; nil for nearly all orders
}

// stretch is what one partition had of an order.
type stretch struct {
	partition   int
	newest      order.Position // the greatest
	first, last int64          // when its messages were published, in milliseconds; zero if they do not say
}

const recentOrders = 50_000 // in each generation

func (r *lastMessages) of(key order.Key) (recentOrder, bool) {
	if o, ok := r.young[key]; ok {
		return o, true
	}
	o, ok := r.old[key]
	return o, ok
}

func (r *lastMessages) note(key order.Key, p order.Position, partition int, at time.Time) {
	o, known := r.of(key)
	if !known {
		o.stretch = newStretch(p, partition, at)
	} else if s := o.in(partition); s != nil {
		s.extend(p, at)
	} else {
		o.more = append(slices.Clip(o.more), newStretch(p, partition, at))
	}
	if r.young == nil || len(r.young) >= recentOrders {
		r.young, r.old = make(map[order.Key]recentOrder, recentOrders/4), r.young
	}
	r.young[key] = o
}

// in returns the order's stretch in a partition; nil if there is none.
func (o *recentOrder) in(partition int) *stretch {
	if o.partition == partition {
		return &o.stretch
	}
	if i := slices.IndexFunc(o.more, func(s stretch) bool { return s.partition == partition }); i >= 0 {
		return &o.more[i]
	}
	return nil
}

// others returns the order's stretches in other partitions.
func (o *recentOrder) others(partition int) []stretch {
	all := append([]stretch{o.stretch}, o.more...)
	return slices.DeleteFunc(all, func(s stretch) bool { return s.partition == partition })
}

func newStretch(p order.Position, partition int, at time.Time) stretch {
	ms := milliseconds(at)
	return stretch{partition: partition, newest: p, first: ms, last: ms}
}

func (s *stretch) extend(p order.Position, at time.Time) {
	s.newest = max(s.newest, p)
	if ms := milliseconds(at); ms > 0 {
		s.first, s.last = min(s.first, ms), max(s.last, ms)
	}
}

// milliseconds returns the time of a message in milliseconds; zero if it has none.
func milliseconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return max(0, at.UnixMilli())
}
