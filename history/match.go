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

// Match pairs the stored events of an order with its deeds. The events are in the order of their positions, without those
// whose types are passed over.
func (s *Speaker) Match(deeds []Deed, stored []order.Event) []Deviant {
	_, deviants := s.Pair(deeds, stored)
	return deviants
}

// Pair is [Speaker.Match] that also returns which event tells each deed: its place in stored, or -1.
func (s *Speaker) Pair(deeds []Deed, stored []order.Event) (of []int, deviants []Deviant) {
	m := matching{speaker: s, deeds: deeds, stored: stored, forms: make([]*form, len(deeds)), of: make([]int, len(deeds)), taken: make([]bool, len(stored))}
	for i := range deeds {
		m.of[i] = -1
		m.forms[i], _ = s.choose(&deeds[i]) // nil: no event can say it
	}
	left := m.pair(func(i int, e *order.Event) bool { return m.inTime(i, e) && m.says(i, e) })
	m.disordered()
	exact := slices.Clone(m.of)
	if left {
		m.pair(m.says)
		m.pair(func(i int, e *order.Event) bool { return m.alike(i, e) && m.inTime(i, e) })
		m.pair(m.alike)
	}
	for i, at := range m.of {
		switch {
		case at < 0:
			m.found(Deviant{Kind: MissingEvent, Deed: &deeds[i], Detail: fmt.Sprintf("no event says that the order was %s at %s", deeds[i].Kind, stamp(deeds[i].At))})
		case exact[i] < 0:
			m.found(Deviant{Kind: DifferentEvent, Deed: &deeds[i], Event: &stored[at], Detail: m.unlike(i, &stored[at])})
		}
	}
	m.extra()
	return m.of, m.deviants
}

type matching struct {
	speaker  *Speaker
	deeds    []Deed
	forms    []*form // of the deeds
	stored   []order.Event
	of       []int // the stored event of each deed; -1 for none
	taken    []bool
	deviants []Deviant
}

func (m *matching) found(d Deviant) { m.deviants = append(m.deviants, d) }

// pair gives each deed that has no event the first free one that fits. It reports whether some deed still has none.
func (m *matching) pair(fits func(int, *order.Event) bool) (left bool) {
	for i := range m.of {
		if m.of[i] >= 0 {
			continue
		}
		for at := range m.stored {
			if m.free(i, at) && fits(i, &m.stored[at]) {
				m.of[i], m.taken[at] = at, true
				break
			}
		}
		left = left || m.of[i] < 0
	}
	return left
}

// free is true for an event that tells no deed yet, and for one that changes several fields and tells a change of another one.
func (m *matching) free(i, at int) bool {
	if !m.taken[at] {
		return true
	}
	d, e := &m.deeds[i], &m.stored[at]
	if d.Kind != Modified || !m.inTime(i, e) {
		return false
	}
	if _, sets := e.Said.Sets(d.Field); !sets { // it is taken, so it was read
		return false
	}
	for other, of := range m.of {
		if of == at && (m.deeds[other].Kind != Modified || m.deeds[other].Field == d.Field) {
			return false
		}
	}
	return true
}

// says is true if an event says what happened, in the words that the store has for it.
func (m *matching) says(i int, e *order.Event) bool {
	return e.Said != nil && m.words(i, e) && m.speaker.unlike(m.forms[i], &m.deeds[i], e) == ""
}

// words is true if the event is of a type that says such a deed.
func (m *matching) words(i int, e *order.Event) bool {
	if d := &m.deeds[i]; d.Kind == Modified {
		return m.speaker.changes(e, d.Field)
	}
	return m.forms[i] != nil && m.forms[i].name == string(e.Type)
}

// alike is true for an event of the same kind.
func (m *matching) alike(i int, e *order.Event) bool {
	d := &m.deeds[i]
	if e.Said == nil || m.words(i, e) {
		return e.Said != nil
	}
	_, _, trades := e.Said.Trade()
	return m.forms[i] != nil && (d.Kind == Traded && trades || (d.Kind == Created || d.Kind == Imported) && e.Said.Creates())
}

// inTime is true if an event has the time of a deed, or one within its bounds.
func (m *matching) inTime(i int, e *order.Event) bool {
	d := &m.deeds[i]
	if d.NotBefore.IsZero() && d.NotAfter.IsZero() {
		return sameTime(d.At, e.At)
	}
	return !e.At.Before(d.NotBefore) && (d.NotAfter.IsZero() || !e.At.After(d.NotAfter))
}

// sameTime compares to the microsecond, which is what PostgreSQL stores.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() < time.Microsecond }

// disordered finds events that are stored after one that happened later. Deeds of one time may have any order.
func (m *matching) disordered() {
	last, told := -1, -1 // the deed whose event is the last so far, and the last one that was found
	for i, at := range m.of {
		if at < 0 {
			continue
		}
		if last >= 0 && at < m.of[last] && m.deeds[last].At.Before(m.deeds[i].At) {
			if told == last {
				continue
			}
			told = last
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
func (m *matching) unlike(i int, e *order.Event) string {
	f, d := m.forms[i], &m.deeds[i]
	switch detail := m.speaker.unlike(f, d, e); {
	case !m.words(i, e):
		return fmt.Sprintf("event %s is %s, and legacy's record says %s", e.Name(), e.Type, f.name)
	case detail != "":
		return fmt.Sprintf("event %s says %s", e.Name(), detail)
	default:
		return fmt.Sprintf("event %s is of %s, and legacy's record says %s", e.Name(), stamp(e.At), stamp(d.At))
	}
}

// extra finds events that no deed asks for. Of silent types nothing is known.
func (m *matching) extra() {
	for at := range m.stored {
		e := &m.stored[at]
		if m.taken[at] || m.speaker.silent[string(e.Type)] {
			continue
		}
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
