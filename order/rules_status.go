package order

import (
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// Partial returns true for a type of trades that leave something of the order.
func (r *Rules) Partial(eventType string) bool {
	rule := r.events[eventType]
	return rule != nil && rule.traded >= 0 && !slices.Contains(r.roles.terminal, rule.status)
}

// Agrees returns false if a status contradicts what is filled of an order: nothing is filled in the status of a creation,
// something but not all in one of a trade that does not end the order, and all in one of a trade that does.
func (r *Rules) Agrees(status string, filled, ordered *apd.Decimal) bool {
	none, rest := filled.Sign() == 0, ordered.Cmp(filled)
	switch r.answers.phases[status] {
	case phaseNew:
		return none && rest >= 0
	case phasePartial:
		return !none && rest > 0
	case phaseComplete:
		return rest == 0
	default:
		return rest >= 0
	}
}

// phase is where in its life an order is, by what is filled of it.
type phase int

const (
	phaseAny phase = iota // a cancel, or unknown
	phaseNew
	phasePartial
	phaseComplete
)

// statuses are those that the rules name.
func (r *Rules) statuses() []string {
	out := slices.Concat(r.roles.terminal, r.roles.canceled)
	if r.roles.status >= 0 && r.registers[r.roles.status].derived != nil {
		for _, w := range r.registers[r.roles.status].derived.when {
			out = append(out, w.then)
		}
	}
	for _, rule := range r.events {
		out = append(out, rule.status)
	}
	return out
}

func (r *Rules) phase(status string) phase {
	if slices.Contains(r.roles.canceled, status) {
		return phaseAny
	}
	if slices.Contains(r.roles.terminal, status) {
		return phaseComplete
	}
	if r.roles.status >= 0 {
		if d := r.registers[r.roles.status].derived; d != nil && slices.ContainsFunc(d.when, func(w condition) bool { return w.then == status }) {
			return phasePartial
		}
	}
	found := phaseAny
	for _, rule := range r.events {
		switch {
		case rule.status != status || rule.ignored:
		case rule.traded >= 0:
			return phasePartial
		case rule.create != CreatesNot:
			found = phaseNew
		}
	}
	return found
}
