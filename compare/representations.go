package compare

import (
	"fmt"
	"slices"

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
// It adds to an observation of the rows: the hop at which they part, the cause, and the values according to the events.
// It also adds a mismatch if the rows agree with each other but not with the events.
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

// behindBoth returns the mismatch of an order if legacy and projection agree with each other but not with the events.
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
