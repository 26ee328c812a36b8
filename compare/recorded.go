package compare

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Recorded counts the changes that legacy recorded of one order before a time, and how many of them have their event.
// The final state cannot tell this, because the next change of the same field hides a lost event.
//
// A change has its event if there is one with the same time, to the microsecond. An event explains one trade. An
// OrderModified explains one line of the audit log: the line of its own field, if there is one. All other events
// explain any number of lines, because a fill or a cancel changes several columns. An event that cannot be read
// explains nothing.
func Recorded(h History, events []order.Event, before time.Time) (changes, withEvents int64) {
	at := map[time.Time]*moment{}
	moments := func(t time.Time) *moment {
		t = order.Microseconds(t).UTC()
		if at[t] == nil {
			at[t] = &moment{}
		}
		return at[t]
	}
	for _, e := range events {
		if e.Body != nil {
			moments(e.At).event(e.Body)
		}
	}
	for _, t := range h.Trades {
		if t.At.Before(before) {
			moments(t.At).trades++
		}
	}
	for _, c := range h.Audit {
		if c.At.Before(before) {
			m := moments(c.At)
			m.fields = append(m.fields, c.Field)
		}
	}
	for _, m := range at {
		changes += int64(m.trades + len(m.fields))
		withEvents += m.explained()
	}
	return changes, withEvents
}

// moment holds what happened to an order at one time, from its events and from legacy's own record.
type moment struct {
	fills    int
	modified []string // fields of modifications, one for each event
	others   bool     // there is another event, or a fill
	trades   int
	fields   []string // lines of the audit log
}

func (m *moment) event(body order.Body) {
	switch b := body.(type) {
	case order.PartiallyFilled, order.Filled:
		m.fills++
		m.others = true
	case order.Modified:
		m.modified = append(m.modified, b.Field)
	default:
		m.others = true
	}
}

// explained returns how many of the recorded changes have their event.
func (m *moment) explained() int64 {
	n := min(m.trades, m.fills)
	rest, spare := 0, slices.Clone(m.modified)
	for _, field := range m.fields {
		if i := slices.Index(spare, field); i >= 0 {
			spare = slices.Delete(spare, i, i+1)
			n++
			continue
		}
		rest++
	}
	if m.others {
		return int64(n + rest)
	}
	return int64(n + min(rest, len(spare)))
}
