package compare

import (
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// HistoryState fingerprints a history as far as movement goes: events are appended, not rewritten, in the middle of it
// too where a transaction commits late.
func HistoryState(events []order.Event) string {
	last := order.Position(0)
	if n := len(events); n > 0 {
		last = events[n-1].Position
	}
	return fmt.Sprintf("%d events up to %d", len(events), last)
}

// Representations judges legacy row, projection and events of one order together, against one version of the history:
// it adds to what was observed of the rows at which hop they part and why, what the events make of the fields, and a
// mismatch where the rows agree with each other and not with the events.
func (o Oracle) Representations(is *Observation, e Evidence) Diagnosis {
	is.EventsState = HistoryState(e.Events)
	d := o.Diagnose(e)
	if d.Hop == "" {
		return d
	}
	state, _ := order.Fold(e.Events)
	if is.Mismatch == nil {
		is.Mismatch = o.behindBoth(is.Key, e, &state)
	}
	is.Mismatch.Hop, is.Mismatch.Cause = d.Hop, d.Cause
	for i, f := range is.Mismatch.Fields {
		if v, ok := state.Value(f.Name); ok && o.judges(f.Name) {
			is.Mismatch.Fields[i].Events = clipped(v)
		}
	}
	return d
}

func (o Oracle) judges(name string) bool {
	return slices.ContainsFunc(o.Fields, func(f order.Field) bool { return f.Name == name && f.Judged() })
}

// behindBoth is how an order differs of which legacy and projection agree.
func (o Oracle) behindBoth(key order.Key, e Evidence, state *order.State) *Mismatch {
	m := Mismatch{Key: key, Kind: Differs, LegacyCopies: len(e.Legacy), ProjectionCopies: len(e.Projection)}
	switch {
	case len(e.Legacy) > 0 && !state.Exists():
		m.Kind = Missing
	case len(e.Legacy) == 0 && len(e.Events) > 0:
		m.Kind = Phantom
	case len(e.Legacy) == 1:
		for _, i := range o.differing(o.known(), state, e.Legacy[0]) {
			f := FieldDifference{Name: o.Fields[i].Name, Legacy: clipped(e.Legacy[0].Values[i])}
			if len(e.Projection) == 1 {
				f.Projection = clipped(e.Projection[0].Values[i])
			}
			m.Fields = append(m.Fields, f)
		}
	}
	return &m
}
