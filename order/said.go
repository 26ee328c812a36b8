package order

import (
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// Said is what an event says: the values that its rule reads.
type Said struct {
	rule   *rule
	values []datum // one for each source of the rule
	named  int     // the register that the event names; -1 for none
}

// Type is the store's name of the event's type.
func (s *Said) Type() string { return s.rule.name }

// Creates is true for an event that creates orders.
func (s *Said) Creates() bool { return s.rule.create != CreatesNot }

// Trade returns how much the event trades, and at which price; zero if it does not say one. It is false for an event that
// is no trade.
func (s *Said) Trade() (quantity, price apd.Decimal, ok bool) {
	if s.rule.traded < 0 {
		return quantity, price, false
	}
	if s.rule.priced >= 0 {
		price = s.values[s.rule.priced].number
	}
	return s.values[s.rule.traded].number, price, true
}

// Modifies returns the fields that the event changes, other than by creating, trading or ending an order.
func (s *Said) Modifies() (fields []string) {
	for _, r := range s.rule.modifies {
		fields = append(fields, s.rule.rules.registers[r].name)
	}
	if s.named >= 0 {
		fields = append(fields, s.rule.rules.registers[s.named].name)
	}
	return fields
}

// Sets returns the value that the event sets a field to.
func (s *Said) Sets(field string) (Value, bool) {
	r, ok := s.rule.rules.index[field]
	if !ok {
		return Value{}, false
	}
	if s.named == r {
		return s.values[s.rule.named.to].value(), true
	}
	i := slices.IndexFunc(s.rule.ops, func(o op) bool { return o.code == opSet && o.register == r })
	if i < 0 || s.values[s.rule.ops[i].a].absent {
		return Value{}, false
	}
	return s.values[s.rule.ops[i].a].value(), true
}

// Was returns the value that the event says the field had before it.
func (s *Said) Was(field string) (Value, bool) {
	if s.named < 0 || s.rule.named.was < 0 || s.rule.rules.registers[s.named].name != field || s.values[s.rule.named.was].absent {
		return Value{}, false
	}
	return s.values[s.rule.named.was].value(), true
}

// Same tells whether two events say the same, however they are written. What they say of themselves, their key and time, is
// not compared. Rules that were prepared twice, for the store and for the stream with more ignored types, count as the same.
func (s *Said) Same(other *Said) bool {
	if s.rule.name != other.rule.name || len(s.values) != len(other.values) || s.named != other.named {
		return false
	}
	for i := range s.values {
		if n := s.rule.named; n != nil && i == n.field {
			continue // it is the same field, by whichever of its names
		}
		if s.rule.sources[i].Of == "" && !s.values[i].same(&other.values[i]) {
			return false
		}
	}
	return true
}

// SaidValue is one value of an event.
type SaidValue struct {
	Path   string // in the payload: "limitPrice.amount"
	Value  Value
	Number bool
}

// Values returns what the event says in its payload.
func (s *Said) Values() (out []SaidValue) {
	for i, source := range s.rule.sources {
		if v := s.values[i]; len(source.path) > 0 && !v.absent {
			out = append(out, SaidValue{source.name(), v.value(), v.kind == kindNumber})
		}
	}
	return out
}
