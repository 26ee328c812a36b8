package compare

import (
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Folds compares rows of the projection with the folds of their orders, to find out whether the rules fit. It is no
// verdict: what differs may as well be a fault of the projection.
type Folds struct {
	Oracle

	Equal, Behind   int // rows that equal the fold of all events, and of the first few
	NoEvent, Unread int // orders without an event, and with one that cannot be read

	same, parted []foldedOrder
}

// foldedOrder is an order whose row was compared with the fold of all events.
type foldedOrder struct {
	key     order.Key
	differs []int                   // the fields; nil if the events create no order
	types   []order.EventType       // of its events, each once, in the order of the events
	setters map[int]order.EventType // by field, the type of the last event that changed it in the fold
}

// noOrder stands for a field where the events create no order.
const noOrder = -1

// Differs is true if the row equals no state of the history, which must not be older.
func (f *Folds) Differs(row order.Row, events []order.Event) bool {
	if len(events) == 0 || slices.ContainsFunc(events, func(e order.Event) bool { return e.Said == nil }) {
		return false
	}
	kind := f.Place(events, []order.Row{row}).Kind
	return kind != PlacedWhole && kind != PlacedPrefix
}

// Add compares the row of an order with its history, which must not be older.
func (f *Folds) Add(row order.Row, events []order.Event) {
	if len(events) == 0 {
		f.NoEvent++
		return
	}
	if slices.ContainsFunc(events, func(e order.Event) bool { return e.Said == nil }) {
		f.Unread++
		return
	}
	switch f.Place(events, []order.Row{row}).Kind {
	case PlacedWhole:
		f.Equal++
		f.same = append(f.same, f.folded(row, events))
	case PlacedPrefix:
		f.Behind++
	default:
		f.parted = append(f.parted, f.folded(row, events))
	}
}

// Compared is how many rows were compared with a fold.
func (f *Folds) Compared() int { return f.Equal + f.Behind + len(f.parted) }

// Differing is how many of them equal no state of their history.
func (f *Folds) Differing() int { return len(f.parted) }

func (f *Folds) folded(row order.Row, events []order.Event) foldedOrder {
	out := foldedOrder{key: row.Key, setters: map[int]order.EventType{noOrder: events[0].Type}}
	known := f.known()
	var state order.State
	for _, e := range events {
		if !slices.Contains(out.types, e.Type) {
			out.types = append(out.types, e.Type)
		}
		before := state
		state.Apply(e)
		for _, i := range known {
			was, existed := before.Value(f.Fields[i].Name)
			if is, exists := state.Value(f.Fields[i].Name); exists && (!existed || is != was) {
				out.setters[i] = e.Type
			}
		}
	}
	if out.differs = f.differing(known, &state, row); !state.Exists() {
		out.differs = []int{noOrder}
	}
	return out
}

// FoldGroup is some orders whose rows differ from the fold in the same fields, after events of the same type.
type FoldGroup struct {
	Fields []string        // empty if the events create no order
	After  order.EventType // the type whose rule is likeliest to be wrong
	Keys   []order.Key
}

// Groups are the differences by field and type, largest first. Fields that differ in the same orders are one group.
func (f *Folds) Groups() (out []FoldGroup) {
	for i := noOrder; i < len(f.Fields); i++ {
		for _, g := range f.ofField(i) {
			name := ""
			if i != noOrder {
				name = f.Fields[i].Name
			}
			same := slices.IndexFunc(out, func(o FoldGroup) bool { return o.After == g.After && slices.Equal(o.Keys, g.Keys) })
			if same < 0 {
				out, same = append(out, g), len(out)
			}
			if name != "" {
				out[same].Fields = append(out[same].Fields, name)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b FoldGroup) int { return len(b.Keys) - len(a.Keys) })
	return out
}

// ofField splits the orders that differ in a field by what they have in common and equal orders have not: that the last
// event to change the field in the fold is of a type, or, as where a rule forgets the field, that there is such an event.
func (f *Folds) ofField(field int) (out []FoldGroup) {
	differs := func(o foldedOrder) bool { return slices.Contains(o.differs, field) }
	left, same := []foldedOrder{}, slices.Clone(f.same)
	for _, o := range f.parted {
		if differs(o) {
			left = append(left, o)
		} else if !slices.Contains(o.differs, noOrder) {
			same = append(same, o)
		}
	}
	for len(left) > 0 {
		after, has := likeliest(field, left, same)
		g := FoldGroup{After: after}
		left = slices.DeleteFunc(left, func(o foldedOrder) bool {
			if has(o) {
				g.Keys = append(g.Keys, o.key)
			}
			return has(o)
		})
		out = append(out, g)
	}
	return out
}

// likeliest returns the type that tells orders that differ from those that do not, and which orders it stands for.
func likeliest(field int, differing, same []foldedOrder) (best order.EventType, stands func(foldedOrder) bool) {
	most := -2.0
	try := func(t order.EventType, has func(foldedOrder) bool) {
		if tells := share(differing, has) - share(same, has); tells > most {
			most, best, stands = tells, t, has
		}
	}
	var seen []order.EventType // of the orders that differ
	for _, o := range differing {
		for _, t := range o.types {
			if !slices.Contains(seen, t) {
				seen = append(seen, t)
			}
		}
	}
	for _, t := range seen {
		try(t, func(o foldedOrder) bool { return o.setters[field] == t })
	}
	for _, t := range seen {
		if len(same) > 0 { // otherwise nothing tells what the orders have in common
			try(t, func(o foldedOrder) bool { return slices.Contains(o.types, t) })
		}
	}
	return best, stands
}

func share(orders []foldedOrder, has func(foldedOrder) bool) float64 {
	n := 0
	for _, o := range orders {
		if has(o) {
			n++
		}
	}
	return float64(n) / float64(max(len(orders), 1))
}
