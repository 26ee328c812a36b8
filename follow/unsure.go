package follow

import "github.com/nordvarg/crosscheck/order"

// unsureOrder remembers which messages came before and after those whose position is not known yet: a message that only has
// an id, and came before its event was visible. It may be empty at any time; without it, fewer messages in the wrong order
// are noticed.
type unsureOrder struct {
	waiting map[order.Key][]unsureMessage
	count   int
}

// unsureMessage is a message that waits for its event, between others of its order and partition.
type unsureMessage struct {
	partition int
	offset    int64
	before    order.Position // the greatest position that came before; NoPosition if none is known
	after     order.Position // the lowest that came later; NoPosition if none did
}

// maxUnsure is how many are remembered.
const maxUnsure = 50_000

// wait notes a message without an event. One without a key, or that comes a second time, has no order to keep.
func (u *unsureOrder) wait(a *arrival, recent lastMessages, replayed bool) {
	if a.position != order.NoPosition || a.Key == nil || replayed {
		return
	}
	if u.waiting == nil || u.count >= maxUnsure {
		*u = unsureOrder{waiting: map[order.Key][]unsureMessage{}}
	}
	m := unsureMessage{partition: a.Partition, offset: a.Offset, before: order.NoPosition, after: order.NoPosition}
	if last, known := recent.of(a.key); known {
		if s := last.in(a.Partition); s != nil {
			m.before = s.newest
		}
	}
	u.waiting[a.key] = append(u.waiting[a.key], m)
	u.count++
}

// passed notes the position of a message of the same order.
func (u *unsureOrder) passed(a *arrival) {
	for i := range u.waiting[a.key] {
		switch m := &u.waiting[a.key][i]; {
		case m.partition != a.Partition || m.offset == a.Offset:
		case m.offset > a.Offset:
			m.before = max(m.before, a.position)
		case m.after == order.NoPosition || a.position < m.after:
			m.after = a.position
		}
	}
}

// disordered returns true if a message, whose position is known at last, came after a newer event or before an older one.
func (u *unsureOrder) disordered(a *arrival) bool {
	all := u.waiting[a.key]
	for i, m := range all {
		if m.partition != a.Partition || m.offset != a.Offset {
			continue
		}
		if len(all) == 1 {
			delete(u.waiting, a.key)
		} else {
			u.waiting[a.key] = append(all[:i:i], all[i+1:]...)
		}
		u.count--
		u.passed(a)
		return m.before > a.position || m.after != order.NoPosition && m.after < a.position
	}
	return false
}
