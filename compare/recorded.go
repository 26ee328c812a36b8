package compare

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Recorded counts the changes that legacy recorded of one order before a time, and those of them that have their event.
// The final state cannot tell: a change whose event was lost is hidden by the next change of the same field.
//
// A change has its event if there is one of the same time, to the microsecond. An event is that of one trade, and an
// OrderModified that of one line of the audit log, of its own field where there is such a line. All other events may
// explain any number of lines: a fill or a cancel changes several columns. An event that cannot be read explains none.
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

// moment is what happened to an order at one time, by its events and by legacy's own record.
type moment struct {
	fills    int
	modified []string // fields, one for each event
	others   bool     // there is any other event, or a fill
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

// explained is how many of the recorded changes have their event.
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
