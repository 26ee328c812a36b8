package history

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// ErrUnspeakable is wrapped if a deed cannot be said in the store's words.
var ErrUnspeakable = errors.New("cannot be said in the store's words")

// Speaker says deeds in the words of one event store.
type Speaker struct {
	schema   Schema
	roles    order.Roles
	spec     order.FoldRules
	creates  form
	imports  form
	trades   []form
	cancels  []form
	modifies map[string]*form    // by field, of types that change it alone
	changing map[string][]string // by field, all types that set it, also with others
	silent   map[string]bool     // types of which legacy has no record, such as one that acknowledges
}

// NewSpeaker turns fold rules round. The error joins one error for each rule that cannot be turned round, and for each kind
// of deed that no event of the store says. Each wraps [ErrCannotTurn].
func NewSpeaker(spec order.FoldRules, schema Schema) (*Speaker, error) {
	t := turner{Schema: schema, spec: spec, roles: schema.Rules.Roles()}
	s := &Speaker{schema: schema, roles: t.roles, spec: spec, modifies: map[string]*form{}, changing: map[string][]string{}, silent: map[string]bool{}}
	for name, rule := range sorted(spec.Events) {
		s.learn(&t, name, rule)
	}
	for what, there := range map[string]bool{
		"that creates an order": s.creates.name != "", "that trades": len(s.trades) > 0, "that cancels": len(s.cancels) > 0 || len(t.roles.Canceled) == 0,
		"that imports an order as it is (create: if_absent, and sets " + t.roles.Filled + ")": s.imports.name != "",
	} {
		if !there {
			t.wrong = append(t.wrong, fmt.Errorf("events.fold: %w: there is no type %s", ErrCannotTurn, what))
		}
	}
	for field, types := range sorted(s.changing) {
		if s.modifies[field] == nil {
			t.cannot(types[0], "it changes %q only together with others, and no type changes it alone", field)
		}
	}
	slices.SortFunc(t.wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return s, errors.Join(t.wrong...)
}

// learn finds out what events of a type are for.
func (s *Speaker) learn(t *turner, name string, rule order.EventRule) {
	fills := rule.Set[s.roles.Filled].Path != "" // from the payload: a creation may set it to 0
	_, trades := rule.Add[s.roles.Filled]
	status, ends := rule.Set[s.roles.Status]
	switch {
	case rule.Ignore:
	case rule.Create != order.CreatesNot && fills:
		s.imports = t.form(name, rule, true)
	case rule.Create != order.CreatesNot:
		s.creates = t.form(name, rule, false)
	case trades:
		s.trades = append(s.trades, t.form(name, rule, false))
	case ends && status.Text != nil && slices.Contains(s.roles.Canceled, *status.Text):
		s.cancels = append(s.cancels, t.form(name, rule, false))
	case rule.SetNamed != nil:
		f := t.form(name, rule, false)
		for _, field := range rule.SetNamed.Only {
			s.modifies[field] = &f
			s.changing[field] = append(s.changing[field], name)
		}
	default:
		s.changed(t.form(name, rule, false))
	}
}

// changed learns a type that changes fields. It can be said of a change only if it changes nothing else.
func (s *Speaker) changed(f form) {
	var fields []int
	for _, slot := range f.slots {
		if slot.term == termField && !slices.Contains(fields, slot.field) {
			fields = append(fields, slot.field)
		}
	}
	for _, at := range fields {
		field := s.schema.Fields[at]
		s.changing[field] = append(s.changing[field], f.name)
		if len(fields) == 1 {
			s.modifies[field] = &f
		}
	}
	s.silent[f.name] = len(fields) == 0
}

// changes is true for an event of a type that changes the field.
func (s *Speaker) changes(e *order.Event, field string) bool {
	return slices.Contains(s.changing[field], string(e.Type))
}

// tells is true if some type tells such a deed.
func (s *Speaker) tells(d *Deed) bool {
	_, err := s.choose(d)
	return err == nil || d.Kind == Modified && len(s.changing[d.Field]) > 0
}

// Say returns the event's type and its payload, with what is known of the event under _backfill.
func (s *Speaker) Say(d Deed, about Metadata) (eventType string, payload []byte, err error) {
	return s.SayTo(make([]byte, 0, 512), &d, about)
}

// SayTo is [Speaker.Say] that appends the payload to a buffer.
func (s *Speaker) SayTo(to []byte, d *Deed, about Metadata) (eventType string, with []byte, err error) {
	f, err := s.choose(d)
	if err != nil {
		return "", to, err
	}
	o := object{text: append(to, '{')}
	for _, i := range f.order {
		if i == len(f.slots) {
			o.member(f.path(i))
			o.text = about.append(o.text, d)
			continue
		}
		if err := s.fill(&o, f, &f.slots[i], d); err != nil {
			return "", to, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return f.name, o.end(), nil
}

// choose returns the form for a deed.
func (s *Speaker) choose(d *Deed) (*form, error) {
	switch d.Kind {
	case Created:
		return s.creates.known(d.Kind)
	case Imported:
		return s.imports.known(d.Kind)
	case Modified:
		if f, ok := s.modifies[d.Field]; ok {
			return f, nil
		}
		return nil, fmt.Errorf("a change of %s %w: no type changes it", d.Field, ErrUnspeakable)
	case Canceled:
		for i := range s.cancels {
			if s.cancels[i].status == d.Status {
				return &s.cancels[i], nil
			}
		}
		return nil, fmt.Errorf("the end %q %w: no type sets it", d.Status, ErrUnspeakable)
	case Traded:
		if len(s.trades) == 0 {
			return nil, fmt.Errorf("a trade %w: no type trades", ErrUnspeakable)
		}
	}
	if len(s.trades) == 0 {
		return nil, fmt.Errorf("a trade %w: no type trades", ErrUnspeakable)
	}
	return s.trade(d), nil
}

// known is the form, if the store has a type for it.
func (f *form) known(kind Kind) (*form, error) {
	if f.name == "" {
		return nil, fmt.Errorf("that an order was %s %w: no type says it", kind, ErrUnspeakable)
	}
	return f, nil
}

// trade returns the form for a trade.
func (s *Speaker) trade(d *Deed) *form {
	for i := range s.trades {
		if status := s.trades[i].status; status == "" || s.schema.Rules.Agrees(status, &d.Filled, &d.Ordered) {
			return &s.trades[i]
		}
	}
	for i := range s.trades { // more than the order is filled
		if !s.schema.Rules.Partial(s.trades[i].name) {
			return &s.trades[i]
		}
	}
	return &s.trades[len(s.trades)-1]
}

// fill writes one value of a payload.
func (s *Speaker) fill(o *object, f *form, at *slot, d *Deed) (err error) {
	if n := at.decimal(d); n != nil {
		o.member(at.path)
		o.text = n.Append(o.text, 'f')
		return nil
	}
	v, err := s.value(f, at, d)
	if err != nil {
		return err
	}
	if v.Null && at.source.Optional {
		return nil
	}
	o.member(at.path)
	if o.text, err = at.append(o.text, v, slices.Contains(f.null, d.Field) && at.term == termNew || at.term == termOld); err != nil {
		return fmt.Errorf("%s: %w", at.source.Path, err)
	}
	return nil
}

// decimal is a number of the deed that is said as it is; nil if the slot says something else.
func (s *slot) decimal(d *Deed) *apd.Decimal {
	n := &d.Quantity
	if s.term == termPrice {
		n = &d.Price
	}
	if s.term != termQuantity && s.term != termPrice || s.source.Scale != 0 || s.source.Map != nil || n.Form != apd.Finite {
		return nil
	}
	return n
}

// value is what a slot says of a deed.
func (s *Speaker) value(f *form, at *slot, d *Deed) (order.Value, error) {
	switch at.term {
	case termField:
		if d.Kind == Modified {
			return d.New, nil
		}
		return d.Sets[at.field], nil
	case termQuantity:
		return plain(&d.Quantity), nil
	case termPrice:
		return plain(&d.Price), nil
	case termLeft:
		var left apd.Decimal
		exactly(apd.BaseContext.Sub(&left, &d.Ordered, &d.Filled))
		return plain(&left), nil
	case termName:
		return order.Value{Text: f.named[d.Field]}, nil
	case termNew:
		return d.New, nil
	case termOld:
		return d.Old, nil
	case termPaid:
		return s.paid(d)
	default:
		return order.Null, nil
	}
}

// paid is what was paid for an imported order: what is filled, times the average price. It is not known without an average.
func (s *Speaker) paid(d *Deed) (order.Value, error) {
	value := func(field string) (n apd.Decimal, ok bool) {
		if i := s.schema.at(field); i >= 0 {
			return number(d.Sets[i])
		}
		return n, false
	}
	filled, _ := value(s.roles.Filled)
	average, ok := value(s.roles.Average)
	if !ok && filled.Sign() != 0 {
		return order.Null, fmt.Errorf("what was paid %w: %s is filled, and there is no average price", ErrUnspeakable, filled.Text('f'))
	}
	exactly(apd.BaseContext.Mul(&filled, &filled, &average))
	return plain(&filled), nil
}

func plain(d *apd.Decimal) order.Value { return order.Value{Text: d.Text('f')} }

// Types are the types that the speaker uses, sorted.
func (s *Speaker) Types() []string {
	names := map[string]bool{s.creates.name: true, s.imports.name: true}
	for _, f := range slices.Concat(s.trades, s.cancels) {
		names[f.name] = true
	}
	for _, f := range s.modifies {
		names[f.name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// unlike says in what an event of the form's type, or of one like it, differs from a deed; empty if in nothing.
func (s *Speaker) unlike(f *form, d *Deed, e *order.Event) string {
	differs := func(what string, said, is order.Value) string {
		return fmt.Sprintf("%s: %s, and legacy's record says %s", what, show(said), show(is))
	}
	switch d.Kind {
	case Traded:
		quantity, price, _ := e.Said.Trade()
		if quantity.Cmp(&d.Quantity) != 0 {
			return differs("quantity", plain(&quantity), plain(&d.Quantity))
		}
		if price.Cmp(&d.Price) != 0 {
			return differs("price", plain(&price), plain(&d.Price))
		}
	case Modified:
		if said, ok := e.Said.Sets(d.Field); !ok || !s.schema.equal(d.Field, said, d.New) {
			return differs(d.Field, said, d.New)
		}
		if was, ok := e.Said.Was(d.Field); ok && !s.schema.equal(d.Field, was, d.Old) {
			return differs("the old "+d.Field, was, d.Old)
		}
	case Created, Imported:
		for i := range f.slots {
			at := &f.slots[i]
			if at.term != termField {
				continue
			}
			field := s.schema.Fields[at.field]
			if said, ok := e.Said.Sets(field); ok && !s.schema.equal(field, said, d.Sets[at.field]) {
				return differs(field, said, d.Sets[at.field])
			}
		}
	case Canceled:
	}
	return ""
}
