package compare

import (
	"cmp"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Oracle places rows on the history of their order.
type Oracle struct {
	// Fields are the compared fields. Those that events do not judge are ignored; whether there is an order is always
	// judged.
	Fields []order.Field
	// Rules are those by which the events were decoded; nil is the preset for orders.
	Rules *order.Rules
	// Leftovers is true if old events may have been archived. Events without a creation are then no finding where no side
	// has the order.
	Leftovers bool
}

func (o Oracle) rules() *order.Rules { return cmp.Or(o.Rules, order.Defaults()) }

// PlacementKind says where in the history a row is.
type PlacementKind string

// The kinds of placement.
const (
	PlacedWhole  PlacementKind = "whole"  // equals the fold of all events
	PlacedPrefix PlacementKind = "prefix" // equals the fold of all but the last events
	PlacedNone   PlacementKind = "none"   // equals no state of the history: an impossible state
	PlacedAbsent PlacementKind = "absent" // there is no row, but events say that there is an order
)

// Placement is where a representation's row is in the history of the order.
type Placement struct {
	Kind   PlacementKind
	Events int            // how many events it shows; 0 for PlacedNone
	Behind int            // how many it does not show
	Since  time.Time      // time of the first event that it does not show; zero if it shows all
	Next   order.Position // its position
	// Ambiguous is true if the row looks the same after fewer events, and there is no write time to decide. An order
	// that went from A to B and back to A looks as if it had never left A.
	Ambiguous bool
}

// next returns the position of the first event that the row does not show; nil if there is none.
func (p Placement) next() *order.Position {
	if p.Behind == 0 {
		return nil
	}
	return order.Known(p.Next)
}

// Place compares the row of an order with each state of its history, in one replay. If several match, it takes the
// last.
//
// If the row's ChangedAt is the time of one of the events, the row says when it was written. Then only states up to
// that time can match. So a row with the time of the newest event is not taken for one that is merely behind. A row
// that equals the fold of all events in all judged fields is whole, whatever its time: the compared fields are right,
// and a digest of these fields says no more.
func (o Oracle) Place(events []order.Event, rows []order.Row) Placement {
	known := o.known()
	if len(rows) > 1 {
		return Placement{Kind: PlacedNone}
	}
	var row *order.Row
	if len(rows) == 1 {
		row = &rows[0]
	}
	matches := o.matches(known, events, row)
	if len(matches) == 0 {
		return Placement{Kind: PlacedNone}
	}
	last := matches[len(matches)-1]
	p := Placement{Kind: PlacedWhole, Events: last, Behind: len(events) - last, Ambiguous: row != nil && len(matches) > 1 && !sameStretch(matches)}
	if p.Behind > 0 {
		p.Kind = PlacedPrefix
		if row == nil {
			p.Kind = PlacedAbsent
		}
		p.Since, p.Next = events[last].At, events[last].Position
	}
	return p
}

// sameStretch returns true if no other state lies between the matches. Events that change nothing visible do not make
// an A → B → A.
func sameStretch(matches []int) bool {
	return matches[len(matches)-1]-matches[0] == len(matches)-1
}

// matches returns the numbers of events after which the order looks like the row. Without a row, these are the numbers
// after which the order does not exist.
func (o Oracle) matches(known []int, events []order.Event, row *order.Row) []int {
	var all, stamped []int
	hasStamp := false
	state := order.State{}
	for n := 0; ; n++ {
		// A time on a state that the row does not match counts too: it tells which states are excluded.
		bears := row != nil && state.Exists() && bearsTime(*row, state.UpdatedAt())
		hasStamp = hasStamp || bears
		if row == nil && !state.Exists() || row != nil && o.shows(known, &state, *row) {
			all = append(all, n)
			if bears {
				stamped = append(stamped, n)
			}
		}
		if n == len(events) {
			break
		}
		state.Apply(events[n])
	}
	whole := func(matches []int) bool { return len(matches) > 0 && matches[len(matches)-1] == len(events) }
	if hasStamp && (whole(stamped) || !whole(all)) {
		return stamped
	}
	return all
}

func bearsTime(row order.Row, at time.Time) bool {
	return !row.ChangedAt.IsZero() && order.Microseconds(row.ChangedAt).Equal(order.Microseconds(at))
}

// known are the indexes of the judged fields. The key is not evidence.
func (o Oracle) known() []int {
	var out []int
	for i, f := range o.Fields {
		if !o.rules().IsKey(f.Name) && o.rules().Judges(f) {
			out = append(out, i)
		}
	}
	return out
}

// shows reports whether the row equals the state.
func (o Oracle) shows(known []int, state *order.State, row order.Row) bool {
	if !state.Exists() {
		return false
	}
	for _, i := range known {
		v, _ := state.Value(o.Fields[i].Name)
		if !Equal(o.Fields[i], row.Values[i], v) {
			return false
		}
	}
	return true
}

// differing returns the indexes of the fields in which the row differs from the state.
func (o Oracle) differing(known []int, state *order.State, row order.Row) []int {
	var out []int
	for _, i := range known {
		if v, ok := state.Value(o.Fields[i].Name); !ok || !Equal(o.Fields[i], row.Values[i], v) {
			out = append(out, i)
		}
	}
	return out
}

// value returns a row's value of a field, if it is compared.
func (o Oracle) value(row order.Row, field string) (order.Value, bool) {
	i := slices.IndexFunc(o.Fields, func(f order.Field) bool { return f.Name == field })
	if i < 0 {
		return order.Value{}, false
	}
	return row.Values[i], true
}
