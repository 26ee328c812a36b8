package order

import (
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// defaults are the rules of the default schema, for any compared fields.
var defaults = func() *Rules {
	r, err := NewRules(Orders(), nil)
	if err != nil {
		panic(err) // a mistake in the preset is a bug
	}
	return r
}()

// Defaults returns the preset "orders".
func Defaults() *Rules { return defaults }

// PassesOver is true for a message that belongs to others or changes nothing. The event is what was decoded of it.
func (r *Rules) PassesOver(message []byte, e Event) bool {
	if rule := r.events[string(e.Type)]; rule != nil {
		return rule.ignored
	}
	if len(r.only) == 0 || slices.Contains(r.only, string(e.Type)) {
		return false
	}
	return e.Type != "" || untyped(message)
}

// untyped is true for an object that does not say its type, and for a message without a value (a tombstone).
func untyped(message []byte) bool {
	if len(message) == 0 {
		return true
	}
	members, finding := object(message, maxDepth+1)
	return finding == nil && !slices.ContainsFunc(members, func(m member) bool { return m.name == "event_type" })
}

// IgnoredTypes are the types whose events are passed over, sorted.
func (r *Rules) IgnoredTypes() []string { return slices.Clone(r.answers.ignored) } // callers quote them in place

// answer prepares answers.
func (r *Rules) answer() {
	a := answers{modified: map[string]bool{}, phases: map[string]phase{}}
	for _, name := range slices.Sorted(maps.Keys(r.events)) {
		rule := r.events[name]
		if rule.ignored {
			a.ignored = append(a.ignored, name)
		}
		for _, i := range rule.modifies {
			a.modified[r.registers[i].name] = true
		}
		if rule.named != nil {
			for _, i := range rule.named.registers {
				a.modified[r.registers[i].name] = true
			}
		}
	}
	for _, status := range r.statuses() {
		a.phases[status] = r.phase(status)
	}
	r.answers = a
}

// Types are the types that change orders, sorted.
func (r *Rules) Types() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(r.events)) {
		if !r.events[name].ignored {
			out = append(out, name)
		}
	}
	return out
}

// Names are the names of all registers, sorted.
func (r *Rules) Names() (out []string) {
	for _, register := range r.registers {
		out = append(out, register.name)
	}
	return out
}

// Judges reports whether events determine the field, for the type that it is compared as. All other compared fields are
// compared between legacy and projection only. The text of a number or a time depends on the column, and a quotient has
// decimals that an integer cannot hold.
func (r *Rules) Judges(f Field) bool {
	i, ok := r.index[f.Name]
	if !ok {
		return false
	}
	register := r.registers[i]
	switch register.kind {
	case kindNumber:
		return f.Type == Numeric || f.Type == Integer && (register.derived == nil || !register.derived.ratio)
	case kindTime:
		return f.Type == Timestamptz
	case kindBool:
		return f.Type == Boolean
	default:
		return f.Type == Text || !register.chosen && slices.Contains([]FieldType{Integer, Numeric, UUID, Date}, f.Type)
	}
}

// Roles are the fields that mean something for an order; empty for none.
type Roles struct {
	Ordered, Filled, Average, Status string
	Terminal                         []string // the states that end an order
	Canceled                         []string // those of them that an event sets without a trade
}

// Roles returns what the rules bind.
func (r *Rules) Roles() Roles {
	name := func(i int) string {
		if i < 0 {
			return ""
		}
		return r.registers[i].name
	}
	return Roles{name(r.roles.ordered), name(r.roles.filled), name(r.roles.average), name(r.roles.status), r.roles.terminal, r.roles.canceled}
}

// AverageOf divides what was paid by what was traded, as the rules do it; NULL if nothing was traded, or if the rules have
// no average.
func (r *Rules) AverageOf(notional, filled apd.Decimal) Value {
	if r.roles.average < 0 || filled.IsZero() {
		return Null
	}
	d := r.registers[r.roles.average].derived
	if d == nil || !d.ratio {
		return Null
	}
	return Value{Text: plain(ratio(notional, filled, d.scale))}
}

// Modifies returns true if an event can change the field of an order, other than by creating, trading or ending it.
func (r *Rules) Modifies(field string) bool { return r.answers.modified[field] }

// WrittenAt is the field that every event that changes an order sets to its own time: that of the last write. Empty if there
// is none.
func (r *Rules) WrittenAt() string {
	for i, register := range r.registers {
		written := func(rule *rule) bool {
			return slices.ContainsFunc(rule.ops, func(o op) bool { return o.code == opSet && o.register == i && rule.sources[o.a].Of == PartAt })
		}
		all := len(r.events) > 0
		for _, rule := range r.events {
			all = all && (rule.ignored || written(rule))
		}
		if all && register.kind == kindTime {
			return register.name
		}
	}
	return ""
}

// IsKey returns true for a field that is the key of the order.
func (r *Rules) IsKey(field string) bool {
	i, ok := r.index[field]
	if !ok {
		return false
	}
	for _, rule := range r.events {
		for _, o := range rule.ops {
			if o.register == i && rule.sources[o.a].Of == PartKey {
				return true
			}
		}
	}
	return false
}

// Creates returns true for a type that creates orders.
func (r *Rules) Creates(eventType string) bool {
	rule := r.events[eventType]
	return rule != nil && rule.create != CreatesNot
}

// CreatedAt is the field that a creation sets to its own time, and no other event changes. Empty if there is none.
func (r *Rules) CreatedAt() string {
	for i, register := range r.registers {
		created, others := false, false
		for _, rule := range r.events {
			for _, o := range rule.ops {
				created = created || o.register == i && rule.create == Creates && rule.sources[o.a].Of == PartAt
				others = others || o.register == i && rule.create == CreatesNot
			}
		}
		if created && !others && register.kind == kindTime {
			return register.name
		}
	}
	return ""
}
