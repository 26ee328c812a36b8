package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Deviation says how stored events deviate from what legacy's records allow.
type Deviation string

// The deviations.
const (
	MissingEvent    Deviation = "event_missing"
	ExtraEvent      Deviation = "event_extra"
	DifferentEvent  Deviation = "event_different" // it says something else, or another time
	DisorderedEvent Deviation = "event_disordered"
)

// Deviations lists every Deviation.
func Deviations() []Deviation {
	return []Deviation{MissingEvent, ExtraEvent, DifferentEvent, DisorderedEvent}
}

// Deviant is one deviation of an order.
type Deviant struct {
	Kind   Deviation
	Deed   *Deed        // what legacy's records say; nil for an extra event
	Event  *order.Event // what is stored; nil for a missing one
	Twin   *order.Event // of an extra event: a stored one that says the same at the same time
	Detail string
}

// Match pairs the stored events of an order with its deeds. Wanted are the deeds as the store would say them, in their order;
// stored are in the order of positions, without those whose types are passed over.
func Match(deeds []Deed, wanted, stored []order.Event) []Deviant {
	m := matching{deeds: deeds, wanted: wanted, stored: stored, of: make([]int, len(deeds)), taken: make([]bool, len(stored))}
	for i := range m.of {
		m.of[i] = -1
	}
	m.pair(func(i int, e order.Event) bool { return m.says(i, e) && m.inTime(i, e) })
	m.disordered()
	exact := slices.Clone(m.of)
	m.pair(func(i int, e order.Event) bool { return m.says(i, e) })
	m.pair(func(i int, e order.Event) bool { return m.alike(i, e) && m.inTime(i, e) })
	m.pair(m.alike)
	for i, at := range m.of {
		switch {
		case at < 0:
			m.found(Deviant{Kind: MissingEvent, Deed: &deeds[i], Detail: fmt.Sprintf("no event says that the order was %s at %s", deeds[i].Kind, stamp(deeds[i].At))})
		case exact[i] < 0:
			m.found(Deviant{Kind: DifferentEvent, Deed: &deeds[i], Event: &stored[at], Detail: m.unlike(i, stored[at])})
		}
	}
	m.extra()
	return m.deviants
}

type matching struct {
	deeds          []Deed
	wanted, stored []order.Event
	of             []int // the stored event of each deed; -1 for none
	taken          []bool
	deviants       []Deviant
}

func (m *matching) found(d Deviant) { m.deviants = append(m.deviants, d) }

// pair gives each deed that has no event the first free one that fits.
func (m *matching) pair(fits func(int, order.Event) bool) {
	for i := range m.of {
		if m.of[i] >= 0 {
			continue
		}
		at := slices.IndexFunc(m.stored, func(e order.Event) bool { return fits(i, e) })
		for at >= 0 && m.taken[at] {
			next := slices.IndexFunc(m.stored[at+1:], func(e order.Event) bool { return fits(i, e) })
			if next < 0 {
				at = -1
				break
			}
			at += 1 + next
		}
		if at >= 0 {
			m.of[i], m.taken[at] = at, true
		}
	}
}

// says is true if an event says what happened. An imported order may be told in any way that legacy cannot contradict.
func (m *matching) says(i int, e order.Event) bool {
	w := m.wanted[i]
	return w.Said != nil && e.Said != nil && w.Said.Same(e.Said)
}

// alike is true for an event of the same kind.
func (m *matching) alike(i int, e order.Event) bool {
	w := m.wanted[i]
	if w.Said == nil || e.Said == nil {
		return false
	}
	_, _, wanted := w.Said.Trade()
	_, _, trades := e.Said.Trade()
	return w.Type == e.Type || wanted && trades || w.Said.Creates() && e.Said.Creates()
}

// inTime is true if an event has the time of a deed, or one within its bounds.
func (m *matching) inTime(i int, e order.Event) bool {
	d := &m.deeds[i]
	if d.NotBefore.IsZero() && d.NotAfter.IsZero() {
		return sameTime(d.At, e.At)
	}
	return !e.At.Before(d.NotBefore) && (d.NotAfter.IsZero() || !e.At.After(d.NotAfter))
}

// sameTime compares to the microsecond, which is what PostgreSQL stores.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() < time.Microsecond }

// disordered finds events that are stored before one that happened earlier. Deeds of one time may have any order.
func (m *matching) disordered() {
	last := -1 // the deed whose event is the last so far
	for i, at := range m.of {
		if at < 0 {
			continue
		}
		if last >= 0 && at < m.of[last] && m.deeds[last].At.Before(m.deeds[i].At) {
			m.found(Deviant{
				Kind: DisorderedEvent, Deed: &m.deeds[last], Event: &m.stored[m.of[last]],
				Detail: fmt.Sprintf("event %s happened before event %s, and is stored after it", m.stored[m.of[last]].Name(), m.stored[at].Name()),
			})
			continue
		}
		if last < 0 || at > m.of[last] {
			last = i
		}
	}
}

// unlike says in what an event differs from the deed.
func (m *matching) unlike(i int, e order.Event) string {
	w := m.wanted[i]
	switch {
	case m.says(i, e):
		return fmt.Sprintf("event %s is of %s, and legacy's record says %s", e.Name(), stamp(e.At), stamp(w.At))
	case e.Type != w.Type:
		return fmt.Sprintf("event %s is %s, and legacy's record says %s", e.Name(), e.Type, w.Type)
	}
	said := e.Said.Values()
	for _, want := range w.Said.Values() {
		at := slices.IndexFunc(said, func(v order.SaidValue) bool { return v.Path == want.Path })
		if at >= 0 && !same(said[at].Value, want.Value) {
			return fmt.Sprintf("event %s says %s: %s, and legacy's record says %s", e.Name(), want.Path, show(said[at].Value), show(want.Value))
		}
	}
	return fmt.Sprintf("event %s does not say what legacy's record says", e.Name())
}

// extra finds events that no deed asks for.
func (m *matching) extra() {
	for at := range m.stored {
		if m.taken[at] {
			continue
		}
		e := &m.stored[at]
		d := Deviant{Kind: ExtraEvent, Event: e, Detail: fmt.Sprintf("legacy's record has nothing of event %s (%s)", e.Name(), e.Type)}
		for other := range m.stored {
			if o := &m.stored[other]; other != at && e.Said != nil && o.Said != nil && o.Said.Same(e.Said) && o.At.Equal(e.At) {
				d.Twin, d.Detail = o, fmt.Sprintf("event %s says the same as event %s", e.Name(), o.Name())
				break
			}
		}
		m.found(d)
	}
}
