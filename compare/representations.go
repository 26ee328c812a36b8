package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// HistoryState fingerprints a history to detect changes. Events are appended and not rewritten; a late commit adds one
// in the middle.
func HistoryState(events []order.Event) string {
	last := order.Position(0)
	if n := len(events); n > 0 {
		last = events[n-1].Position
	}
	return fmt.Sprintf("%d events up to %d", len(events), last)
}

// Representations judges legacy row, projection and events of one order together, against one version of the history.
// In an observation of the rows it puts one mismatch for each hop at which the order parts, with the cause and the values
// according to the events, and the hops in agreement.
func (o Oracle) Representations(is *Observation, e Evidence) Diagnosis {
	is.EventsState = HistoryState(e.Events)
	for _, event := range e.Events {
		is.EventsChangedAt = later(is.EventsChangedAt, event.At)
	}
	d := o.Diagnose(e)
	is.Agreed, is.Mismatches, is.Impossible = d.Agreed, nil, map[order.Hop]Impossible{}
	state, _ := order.Fold(e.Events)
	parts := d.Parts()
	for i, part := range parts {
		m := o.mismatchAt(part.Hop, is.Key, e, &state, i == len(parts)-1)
		m.Cause = part.Cause
		is.Mismatches = append(is.Mismatches, m)
		if part.Verdict == Diverged {
			is.Impossible[part.Hop] = Impossible{Why: part.Reason, Left: leftOut(e.Events, part)}
		}
	}
	return d
}

// leftOut returns the time of the first event that a state leaves out by the diagnosis; zero if it is another fault.
func leftOut(events []order.Event, d Diagnosis) time.Time {
	if !slices.Contains([]Cause{EventTypeIgnored, EventSkipped, SkippedLateCommit, SkippedEqualTimestamp, AppliedOutOfOrder}, d.Cause) || d.PartsAt == nil {
		return time.Time{}
	}
	i := slices.IndexFunc(events, func(e order.Event) bool { return e.Position == *d.PartsAt })
	if i < 0 {
		return time.Time{}
	}
	return events[i].At
}

// mismatchAt is the difference at a hop. The last hop at which the order parts also has the fields that no events judge.
func (o Oracle) mismatchAt(hop order.Hop, key order.Key, e Evidence, state *order.State, last bool) Mismatch {
	if rows := Rows(o.Fields, key, e.Legacy, e.Projection); hop == order.LegacyToProjection && rows != nil {
		o.addEvents(rows.Fields, state)
		return *rows
	}
	m := Mismatch{Key: key, Hop: hop, Kind: Differs, LegacyCopies: len(e.Legacy), ProjectionCopies: len(e.Projection)}
	rows, unwritten, untrue := e.Legacy, Phantom, Missing // what it means that the row is not there, or the fold
	if hop == order.EventsToProjection {
		rows, unwritten, untrue = e.Projection, Missing, Phantom
	}
	switch {
	case len(rows) > 1:
		m.Kind = Duplicate
	case len(rows) == 0:
		m.Kind = unwritten
	case !state.Exists():
		m.Kind = untrue
	default:
		m.Fields = o.fieldsAt(rows[0], e, state, last)
	}
	return m
}

// fieldsAt are the fields in which a row differs from the fold, with the values of all representations.
func (o Oracle) fieldsAt(row order.Row, e Evidence, state *order.State, last bool) (out []FieldDifference) {
	wrong := o.differing(o.known(), state, row)
	oneEach := len(e.Legacy) == 1 && len(e.Projection) == 1
	for i, f := range o.Fields {
		unjudged := last && oneEach && !o.judges(f.Name) && !Equal(f, e.Legacy[0].Values[i], e.Projection[0].Values[i])
		if !unjudged && !slices.Contains(wrong, i) {
			continue
		}
		d := FieldDifference{Name: f.Name}
		if len(e.Legacy) == 1 {
			d.Legacy = clipped(e.Legacy[0].Values[i])
		}
		if len(e.Projection) == 1 {
			d.Projection = clipped(e.Projection[0].Values[i])
		}
		out = append(out, d)
	}
	o.addEvents(out, state)
	return out
}

func (o Oracle) addEvents(fields []FieldDifference, state *order.State) {
	for i, f := range fields {
		if v, ok := state.Value(f.Name); ok && o.judges(f.Name) {
			fields[i].Events = clipped(v)
		}
	}
}

func (o Oracle) judges(name string) bool {
	return slices.ContainsFunc(o.Fields, func(f order.Field) bool { return f.Name == name && o.rules().Judges(f) })
}
