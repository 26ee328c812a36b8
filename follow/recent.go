package follow

import "github.com/nordvarg/crosscheck/order"

// lastMessages remembers the last message of the orders that had one lately, a bounded number of them. It may be empty at any
// time: it only spares questions to the store.
type lastMessages struct {
	young, old map[order.Key]lastMessage
}

type lastMessage struct {
	position  order.Position // the greatest
	partition int
}

const recentOrders = 50_000 // in each generation

func (r *lastMessages) last(key order.Key) (lastMessage, bool) {
	if m, ok := r.young[key]; ok {
		return m, true
	}
	m, ok := r.old[key]
	return m, ok
}

func (r *lastMessages) note(key order.Key, p order.Position, partition int) {
	last, _ := r.last(key)
	if r.young == nil || len(r.young) >= recentOrders {
		r.young, r.old = make(map[order.Key]lastMessage, recentOrders/4), r.young
	}
	r.young[key] = lastMessage{max(last.position, p), partition}
}
