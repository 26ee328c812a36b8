package history

import (
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Moment is a time at which legacy's audit log tells the value of a field, and the events give another.
type Moment struct {
	At        time.Time
	Field     string
	Log, Fold order.Value // the value before the moment, by the audit log and by the events
}

// OfTime returns true if the value by the log is a time.
func (m Moment) OfTime() bool {
	_, err := moment(m.Log)
	return err == nil
}

// Moments compares the order as its events give it with the old value of each line of the audit log, at the line's time. It
// returns how many moments it has compared, and those that differ. Lines of fields that events do not determine are no
// moments. Events must be in the order of their positions. An event belongs to a moment if it happened before it, or if it is
// the creation at the same time: nothing changes before that. All else of that time is left to its first line of the field.
func (s Schema) Moments(record Record, events []order.Event) (compared int, differ []Moment) {
	compared, differ, _ = s.replay(record, events)
	return compared, differ
}

// replay is Moments that also returns the order after all events.
func (s Schema) replay(record Record, events []order.Event) (compared int, differ []Moment, state order.State) {
	next := 0
	for i, line := range record.Audit {
		if s.at(line.Field) < 0 || !s.Rules.Modifies(line.Field) || again(record.Audit[:i], line) {
			continue
		}
		for ; next < len(events) && (events[next].At.Before(line.At) || next == 0 && creates(events[0], line.At)); next++ {
			state.Advance(events[next])
		}
		compared++
		if got, ok := state.Value(line.Field); !ok || !s.equal(line.Field, got, line.Old) {
			differ = append(differ, Moment{At: line.At, Field: line.Field, Log: line.Old, Fold: got})
		}
	}
	for ; next < len(events); next++ {
		state.Advance(events[next])
	}
	return compared, differ, state
}

// creates is true for an event that creates the order at a time.
func creates(e order.Event, at time.Time) bool {
	return e.Said != nil && e.Said.Creates() && sameTime(e.At, at)
}

// again is true for a line whose field has an earlier line of the same time.
func again(before []Line, line Line) bool {
	for i := len(before) - 1; i >= 0 && before[i].At.Equal(line.At); i-- {
		if before[i].Field == line.Field {
			return true
		}
	}
	return false
}
