package history

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// ErrCannotTurn is wrapped by what [NewSpeaker] says of rules that cannot be turned round: they say what an event does to
// an order, but not how an event must look that does it.
var ErrCannotTurn = errors.New("the rule cannot be turned round")

// term is what stands at a path of a payload.
type term int

// The terms.
const (
	termField    term = iota // a field of the order
	termQuantity             // what was traded
	termPrice                // at which price
	termLeft                 // what is left of the order
	termName                 // the field that is modified
	termNew                  // its new value
	termOld                  // its old value
	termPaid                 // filled times average, for an imported order
	termNothing              // nothing is known of it: NULL
)

// slot is one value of a payload.
type slot struct {
	path   []string
	term   term
	field  int // of the schema, for termField
	source order.Source
	back   map[string]string // of a map: the text for each value
	number bool
	moment bool // a time in RFC 3339
}

// form is how events of one type look.
type form struct {
	name   string
	slots  []slot
	order  []int  // the places of the slots, by their paths; len(slots) is that of the metadata
	status string // that the type gives; empty if it does not
	named  map[string]string
	null   []string
}

// turner turns rules round.
type turner struct {
	Schema
	spec  order.FoldRules
	roles order.Roles
	wrong []error
}

func (t *turner) cannot(name, format string, args ...any) {
	t.wrong = append(t.wrong, fmt.Errorf("events.fold.%s: %w: %s", name, ErrCannotTurn, fmt.Sprintf(format, args...)))
}

// form turns the rule of one type round. Every path of the rule must have a term.
func (t *turner) form(name string, rule order.EventRule, imported bool) form {
	f := form{name: name}
	if s, ok := rule.Set[t.roles.Status]; ok && s.Text != nil {
		f.status = *s.Text
	}
	var traded order.Source
	for field, source := range sorted(rule.Add) {
		if field != t.roles.Filled {
			t.cannot(name, "it adds to %q, and legacy does not say how much", field)
			continue
		}
		traded = source
		t.put(&f, slot{term: termQuantity, source: source, number: true})
	}
	for field, product := range sorted(rule.AddProduct) {
		if d := t.spec.Derive[t.roles.Average]; field != d.Ratio[0] || product[0].Path != traded.Path || product[0].Scale != traded.Scale {
			t.cannot(name, "it adds a product to %q, which is not quantity times price of what it adds to %q", field, t.roles.Filled)
			continue
		}
		t.put(&f, slot{term: termPrice, source: product[1], number: true})
	}
	for _, field := range slices.Sorted(maps.Keys(rule.Subtract)) {
		t.cannot(name, "it subtracts from %q, and legacy has no record of that", field)
	}
	for _, field := range slices.Sorted(maps.Keys(rule.SubtractProduct)) {
		t.cannot(name, "it subtracts from %q, and legacy has no record of that", field)
	}
	if rule.Remaining != nil {
		t.put(&f, slot{term: termLeft, source: *rule.Remaining, number: true})
	}
	for field, source := range sorted(rule.Set) {
		t.set(&f, field, source, imported)
	}
	if n := rule.SetNamed; n != nil {
		t.named(&f, *n)
	}
	f.arrange()
	return f
}

// arrange finds the order in which values stand in a payload. Of slots with one path, the last one counts.
func (f *form) arrange() {
	for i, s := range f.slots {
		if !slices.ContainsFunc(f.slots[i+1:], func(o slot) bool { return slices.Equal(o.path, s.path) }) {
			f.order = append(f.order, i)
		}
	}
	f.order = append(f.order, len(f.slots))
	slices.SortFunc(f.order, func(a, b int) int { return slices.Compare(f.path(a), f.path(b)) })
}

// path is where a slot, or the metadata, stands in a payload.
func (f *form) path(i int) []string {
	if i == len(f.slots) {
		return []string{metadataKey}
	}
	return f.slots[i].path
}

// set is the slot of a field that the type sets.
func (t *turner) set(f *form, field string, source order.Source, imported bool) {
	s := slot{term: termField, field: t.at(field), source: source, number: source.Scale > 0 || t.spec.Types[field] == order.Numeric || t.spec.Types[field] == order.Integer}
	paid := imported && field == t.spec.Derive[t.roles.Average].Ratio[0]
	switch {
	case source.Path == "" || source.Optional && s.field < 0:
		return
	case paid:
		s.term, s.number = termPaid, true
	case s.field < 0 && source.Null:
		s.term = termNothing
	case s.field < 0:
		t.cannot(f.name, "it sets %q from %s, and no column of legacy is known for it", field, source.Path)
		return
	}
	if field == t.roles.Ordered || field == t.roles.Filled {
		s.number = true
	}
	s.moment = source.Unit == "" && t.spec.Types[field] == order.Timestamptz
	t.put(f, s)
}

// named are the slots of a modification that names its field.
func (t *turner) named(f *form, n order.Named) {
	f.named, f.null = map[string]string{}, n.Null
	for _, field := range n.Only {
		f.named[field] = field
	}
	for name, field := range sorted(n.Names) {
		f.named[field] = name
	}
	t.put(f, slot{term: termName, source: n.Field})
	t.put(f, slot{term: termNew, source: n.To})
	if n.Was != nil {
		t.put(f, slot{term: termOld, source: *n.Was})
	}
}

// put adds a slot, unless its value does not come from the payload.
func (t *turner) put(f *form, s slot) {
	path, ok := strings.CutPrefix(s.source.Path, "$.")
	if !ok {
		return
	}
	s.path = strings.Split(path, ".")
	for text, value := range sorted(s.source.Map) {
		if s.back == nil {
			s.back = map[string]string{}
		}
		if other, twice := s.back[value]; twice {
			t.cannot(f.name, "%s may be %q or %q for %s", s.source.Path, other, text, value)
		}
		if text != "else" {
			s.back[value] = text
		}
	}
	for _, other := range f.slots {
		if slices.Equal(other.path, s.path) && other.term != s.term {
			t.cannot(f.name, "%s stands for two different values", s.source.Path)
		}
	}
	f.slots = append(f.slots, s)
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
