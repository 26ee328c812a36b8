package order

import (
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// apply does what the rule of the event says, and holds the event against the invariants.
func (a *application) apply() {
	said := a.event.Said
	rule := said.rule
	before := a.status()
	if !a.exists {
		a.exists, a.createdAt, a.rules = true, a.event.At, rule.rules
		a.values = make([]*datum, len(a.rules.registers))
	} else if !a.own {
		a.values = slices.Clone(a.values)
	}
	a.checkChange(said, before)
	for _, o := range rule.ops {
		a.assign(o, said)
	}
	if n := rule.named; n != nil && said.named >= 0 && !said.values[n.to].absent {
		a.values[said.named] = &said.values[n.to]
	}
	a.checkTrade(said, before)
	a.checkEnd(said, before)
}

// assign changes one register. What an event does not say changes nothing.
func (a *application) assign(o op, said *Said) {
	by, to := &said.values[o.a], &a.values[o.register]
	if by.absent || o.b >= 0 && said.values[o.b].absent {
		return
	}
	if o.code == opSet {
		*to = by
		return
	}
	sum, was, amount := &datum{kind: kindNumber}, &none.number, &by.number
	if o.b >= 0 {
		amount = &sum.number
	}
	if o.b >= 0 && !exactly(exact.Mul(amount, &by.number, &said.values[o.b].number)) {
		a.report(ProblemSchema, "%s changes by a number with too many digits", a.rules.registers[o.register].name)
		return
	}
	add := exact.Add
	if o.code == opSubtract || o.code == opSubtractProduct {
		add = exact.Sub
	}
	if *to != nil {
		was = &(*to).number
	}
	if !exactly(add(&sum.number, was, amount)) {
		a.report(ProblemSchema, "%s becomes a number with too many digits", a.rules.registers[o.register].name)
		return
	}
	*to = sum
}

// number is a register with a number; zero if nothing was ever put into it. It is false without such a register.
func (s *State) number(register int) (apd.Decimal, bool) {
	if register < 0 || s.values == nil {
		return apd.Decimal{}, false
	}
	d := s.register(register)
	return d.number, !d.null && !d.absent
}

// status is the state of the order by the role; empty if there is none.
func (s *State) status() string {
	if s.rules == nil || s.rules.roles.status < 0 {
		return ""
	}
	return s.register(s.rules.roles.status).text
}

// checkChange holds a creation and a modification against the order before it.
func (a *application) checkChange(said *Said, before string) {
	rule, roles := said.rule, a.rules.roles
	if slices.Contains(roles.terminal, before) {
		if fields := said.Modifies(); len(fields) > 0 {
			a.report(ProblemModifyAfterEnd, "%s modified in an order that is %s", strings.Join(fields, ", "), before)
		}
	}
	if n := rule.named; n != nil && n.was >= 0 && said.named >= 0 && !said.values[n.was].absent {
		if was := a.register(said.named); !was.same(&said.values[n.was]) {
			a.report(ProblemContradiction, "says that %s was %s, but it was %s",
				a.rules.registers[said.named].name, shown(said.values[n.was].value()), shown(was.value()))
		}
	}
}

// checkTrade holds a trade, or what takes one back, against the order after it.
func (a *application) checkTrade(said *Said, before string) {
	rule, roles := said.rule, a.rules.roles
	ordered, hasOrdered := a.number(roles.ordered)
	if rule.create != CreatesNot && rule.traded < 0 && hasOrdered && ordered.Sign() <= 0 {
		a.report(ProblemNotPositive, "an order of %s", plain(ordered))
	}
	filled, hasFilled := a.number(roles.filled)
	for _, at := range []int{rule.traded, rule.undone} {
		if at >= 0 && said.values[at].number.Sign() <= 0 && !said.values[at].absent {
			a.report(ProblemNotPositive, "a trade of %s", plain(said.values[at].number))
		}
	}
	if rule.undone >= 0 && hasFilled && filled.Sign() < 0 {
		a.report(ProblemContradiction, "takes back more than was traded: %s is left", plain(filled))
	}
	if rule.traded >= 0 {
		if slices.Contains(roles.canceled, before) {
			a.report(ProblemFillAfterCancel, "a trade of %s in a canceled order", plain(said.values[rule.traded].number))
		}
		if hasOrdered && hasFilled && filled.Cmp(&ordered) > 0 {
			a.report(ProblemOverfill, "%s filled of %s", plain(filled), plain(ordered))
		}
	}
	if rule.remaining >= 0 && hasOrdered && hasFilled && !said.values[rule.remaining].absent {
		a.checkRemaining(said.values[rule.remaining].number, ordered, filled)
	}
}

func (a *application) checkRemaining(said, ordered, filled apd.Decimal) {
	var left apd.Decimal
	if exactly(exact.Sub(&left, &ordered, &filled)) && said.Cmp(&left) != 0 {
		a.report(ProblemContradiction, "says that %s remain, but %s remain", plain(said), plain(left))
	}
}

// checkEnd holds an event that sets a state in which the order ends against the order.
func (a *application) checkEnd(said *Said, before string) {
	rule, roles := said.rule, a.rules.roles
	if !slices.Contains(roles.terminal, rule.status) {
		return
	}
	ordered, hasOrdered := a.number(roles.ordered)
	filled, hasFilled := a.number(roles.filled)
	canceled := slices.Contains(roles.canceled, rule.status)
	switch {
	case !canceled && hasOrdered && hasFilled && filled.Cmp(&ordered) < 0:
		a.report(ProblemIncompleteFill, "called %s, but only %s of %s are filled", strings.ToLower(rule.status), plain(filled), plain(ordered))
	case canceled && slices.Contains(roles.canceled, before):
		a.report(ProblemCanceledTwice, "canceled before")
	case canceled && slices.Contains(roles.terminal, before):
		a.report(ProblemCancelAfterFill, "a filled order is canceled")
	}
}

// register is what a register holds, derived or set. A number that was never set is zero, because things are added to it.
// It is lent.
func (s *State) register(i int) *datum {
	r, set := &s.rules.registers[i], s.values[i]
	switch {
	case set == nil && r.summed:
		set = &none
	case set == nil:
		set = &nothing
	}
	if r.derived != nil {
		return s.derived(r.derived, set)
	}
	return set
}

// derived computes a register from others. Set is what rules have put into it.
func (s *State) derived(d *derivation, set *datum) *datum {
	if d.ratio {
		below := s.register(d.below)
		if below.number.IsZero() {
			return &datum{kind: kindNumber, null: true}
		}
		return &datum{kind: kindNumber, number: ratio(s.register(d.above).number, below.number, d.scale)}
	}
	if slices.Contains(d.unless, set.text) {
		return set
	}
	for i := range d.when {
		w := &d.when[i]
		limit := &w.limit
		if w.than >= 0 {
			limit = s.register(w.than)
		}
		if c := s.register(w.register).number.Cmp(&limit.number); c > 0 || c == 0 && !w.above {
			return &w.is
		}
	}
	return set
}

// Value returns a field as PostgreSQL would print it in UTC. Numbers may have another scale than the column. It returns
// false for a field that events do not determine, and for an order that does not exist.
func (s *State) Value(field string) (Value, bool) {
	if !s.exists {
		return Value{}, false
	}
	i, ok := s.rules.index[field]
	if !ok {
		return Value{}, false
	}
	return s.register(i).value(), true
}

// Time returns a register that is a time; false for others, and for one that has none.
func (s *State) Time(register int) (time.Time, bool) {
	if !s.exists {
		return time.Time{}, false
	}
	d := s.register(register)
	return Microseconds(d.at), d.kind == kindTime && !d.null && !d.absent
}

func shown(v Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}
