package compare

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Recorded counts the changes that legacy recorded of one order before a time, and how many of them have their event.
// The final state cannot tell this, because the next change of the same field hides a lost event.
//
// A change has its event if there is one with the same time, at the coarser of both precisions. An event explains one trade. A
// modification explains one line of the audit log for each field that it changes: the line of that field, if there is one. All
// other events explain any number of lines, because a trade or a cancel changes several columns. An event that cannot be read
// explains nothing.
func Recorded(h history.Record, events []order.Event, before time.Time) (changes, withEvents int64) {
	events = slices.DeleteFunc(slices.Clone(events), func(e order.Event) bool { return e.Said == nil })
	h.Trades = slices.DeleteFunc(slices.Clone(h.Trades), func(t history.Trade) bool { return !t.At.Before(before) })
	h.Audit = slices.DeleteFunc(slices.Clone(h.Audit), func(c history.Line) bool { return !c.At.Before(before) })
	unit := recordedUnit(h, events)
	changes, withEvents = recordedAt(h, events, func(t time.Time) time.Time { return t.Truncate(unit) })
	if withEvents < changes && unit > time.Microsecond { // some systems cut times, others round them
		_, rounded := recordedAt(h, events, func(t time.Time) time.Time { return t.Round(unit) })
		withEvents = max(withEvents, rounded)
	}
	return changes, withEvents
}

// recordedUnit is the coarsest precision of the times. Whole days count only if all times of one side have no other.
func recordedUnit(h history.Record, events []order.Event) time.Duration {
	unit, eventDays, recordDays := time.Microsecond, len(events) > 0, len(h.Trades)+len(h.Audit) > 0
	note := func(t time.Time, days *bool) {
		u := order.Unit(t)
		*days = *days && u > time.Second
		unit = max(unit, min(u, time.Second))
	}
	for _, e := range events {
		note(e.At, &eventDays)
	}
	for _, t := range h.Trades {
		note(t.At, &recordDays)
	}
	for _, c := range h.Audit {
		note(c.At, &recordDays)
	}
	if eventDays || recordDays {
		return 24 * time.Hour
	}
	return unit
}

// recordedAt counts by moments. All times that at makes equal are one.
func recordedAt(h history.Record, events []order.Event, at func(time.Time) time.Time) (changes, withEvents int64) {
	all := map[time.Time]*moment{}
	moments := func(t time.Time) *moment {
		t = at(order.Microseconds(t).UTC())
		if all[t] == nil {
			all[t] = &moment{}
		}
		return all[t]
	}
	for _, e := range events {
		moments(e.At).event(e.Said)
	}
	for _, t := range h.Trades {
		moments(t.At).trades++
	}
	for _, c := range h.Audit {
		m := moments(c.At)
		m.fields = append(m.fields, c.Field)
	}
	for _, m := range all {
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

func (m *moment) event(said *order.Said) {
	if _, _, trade := said.Trade(); trade {
		m.fills++
	}
	fields := said.Modifies()
	m.modified = append(m.modified, fields...)
	m.others = m.others || len(fields) == 0
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
