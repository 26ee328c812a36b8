package verify

import (
	"cmp"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// units are the finest units of the times that were seen at the two ends of a hop; 0 where none was seen.
type units [2]time.Duration

// printed is how the servers print a timestamptz under our settings.
const printed = "2006-01-02 15:04:05.999999-07"

// measure notes the precision of the times that differ.
func (s *survey[E]) measure(hop order.Hop, m *compare.Mismatch) {
	if m == nil {
		return
	}
	for _, f := range m.Fields {
		symptom := Symptom{hop, m.Kind, f.Name}
		seen := s.units[symptom]
		for i, v := range endsOf(hop, f) {
			if v == nil || v.Null {
				continue
			}
			if t, err := time.Parse(printed, v.Text); err == nil {
				seen[i] = min(cmp.Or(seen[i], order.Unit(t)), order.Unit(t))
			}
		}
		s.units[symptom] = seen
	}
}

// endsOf are a field's values at the two ends of a hop. Where only two sides were read, the second one is called the projection,
// also if it is the fold of the events.
func endsOf(hop order.Hop, f compare.FieldDifference) [2]*order.Value {
	ends := [2]*order.Value{f.Legacy, f.Projection}
	if hop == order.EventsToProjection {
		ends[0] = f.Events
	}
	if hop == order.LegacyToEvents {
		ends[1] = cmp.Or(f.Events, f.Projection)
	}
	return ends
}

// precision says that one end keeps times less precisely than the other, and what to do; empty if not.
func (u units) precision(hop order.Hop) string {
	names := [2]string{"legacy's", "the projection's"}
	if hop == order.EventsToProjection {
		names[0] = "the events'"
	}
	if hop == order.LegacyToEvents {
		names[1] = "the events'"
	}
	if u[0] < u[1] {
		u[0], u[1], names[0], names[1] = u[1], u[0], names[1], names[0]
	}
	unit, ok := map[time.Duration]string{24 * time.Hour: "day", time.Second: "second", time.Millisecond: "millisecond"}[u[0]]
	if !ok || u[1] == 0 || u[0] == u[1] {
		return ""
	}
	return fmt.Sprintf("%s times are whole %ss, %s are not: cut both with an expression such as date_trunc('%[2]s', …), or leave the field out if the events cannot be cut",
		names[0], unit, names[1])
}
