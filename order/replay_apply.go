package order

import (
	"slices"
	"time"
)

// change is what an event of plain form makes of one register. Of the values, only that of the register's kind is valid.
type change struct {
	register int
	said     bool // the event has a value for it
	null     bool
	borrowed bool // the text is the event's, and must be copied
	number   Fixed
	sum      wide
	micros   int64
	text     []byte
}

// applied applies an event of plain form. If it returns false, it has changed nothing.
func (r *Replay) applied(e StoredRow) bool {
	rule := r.rule(e.Type)
	if rule == nil || e.At.IsZero() { // a type without a rule, or no time: never applied
		r.flaw = true
		return true
	}
	if rule.ignored {
		return true
	}
	if rule.form == nil {
		return false
	}
	clear(r.flat.at[:len(rule.form.slots)])
	if !rule.form.reads(e.Payload, Key(r.key), &r.flat) {
		return false
	}
	r.odd = r.odd || r.flat.odd
	creates := rule.create != CreatesNot
	switch {
	case creates && r.exists && rule.create == Creates:
		r.flaw = true
		return true
	case !creates && !r.exists:
		return true
	}
	at := e.At.UnixMicro()
	if !r.changed(rule, at) {
		return false
	}
	flaw, ok := r.impossible(rule)
	if !ok {
		return false
	}
	r.flaw = r.flaw || flaw
	if !r.exists {
		r.exists, r.createdAt = true, at
	}
	r.updatedAt = at
	r.commit()
	return true
}

// changed collects what the event makes of the registers. It is false if something does not fit.
func (r *Replay) changed(rule *rule, at int64) bool {
	r.changes = r.scratch[:len(rule.ops)]
	for i := range rule.ops {
		if !r.changedBy(rule, i, at) {
			return false
		}
	}
	n := rule.named
	if n == nil {
		return true
	}
	r.changes = r.scratch[:len(rule.ops)+1]
	c := &r.changes[len(rule.ops)]
	c.register = rule.form.naming(&r.flat).register
	register := &r.rules.registers[c.register]
	return !register.product && r.value(&rule.sources[n.to], register.kind, at, c)
}

// changedBy is changed for one operation of the rule.
func (r *Replay) changedBy(rule *rule, i int, at int64) bool {
	o, c := &rule.ops[i], &r.changes[i]
	c.register = o.register
	is := &r.values[o.register]
	if !r.value(&rule.sources[o.a], is.kind, at, c) {
		return false
	}
	if is.product {
		c.sum = wide{0, c.number.Coefficient, c.number.Scale}
	}
	if o.code == opSet || !c.said {
		return true
	}
	c.null = false // it adds nothing
	by := c.sum
	if o.b >= 0 {
		var second change
		if ok := r.value(&rule.sources[o.b], kindNumber, at, &second); !ok || !second.said {
			c.said = false
			return ok
		}
		by = product(c.number, second.number)
	}
	number, sum, ok := is.number, is.sum, false
	if o.again {
		if before := r.changeOf(o.register, i); before != nil {
			number, sum = before.number, before.sum
		}
	}
	switch subtracts := o.code == opSubtract || o.code == opSubtractProduct; {
	case is.product && subtracts:
		c.sum, ok = sum.minus(by)
	case is.product:
		c.sum, ok = sum.plus(by)
	case subtracts:
		c.number, ok = number.minus(c.number)
	default:
		c.number, ok = number.plus(c.number)
	}
	return ok
}

// value reads one source. It is not said if the event may leave it out, and does.
func (r *Replay) value(s *source, k kind, at int64, into *change) (ok bool) {
	into.said, into.null, into.borrowed = true, false, false
	switch {
	case s.slot >= 0:
		return s.plainly(&r.flat.at[s.slot], k, into)
	case s.given:
		into.null, into.text, into.number, into.micros = s.plain.Null, s.plain.Text, s.plain.Number, s.plain.Micros
		return s.fits
	case s.Of == PartAt:
		into.micros = at
	default:
		into.text = r.key
	}
	return true
}

// plainly reads a value of the payload.
func (s *source) plainly(v *token, k kind, into *change) (ok bool) {
	switch {
	case s.simple && k == kindNumber && v.plain:
		into.number, ok = fixed(v.text)
		return ok
	case s.simple && k == kindText && v.kind == jsonString:
		into.text, into.borrowed = v.text, true
		return true
	case v.kind == 0:
		into.said = false
		return true
	case v.kind == jsonNull:
		into.null, into.number = true, Fixed{}
		return true
	case s.Map != nil:
		into.text = s.mapped(v.text).plain
		return k == kindText || k == kindBool
	case k == kindNumber:
		into.number, ok = fixed(v.text)
		into.number.Scale += s.Scale
		return ok
	case s.Unit != "":
		into.micros, ok = s.micros(v.text)
		return ok
	case k == kindTime:
		var t time.Time
		ok = flatTime(v.text, &t) && t.Nanosecond()%1000 == 0
		into.micros = t.UnixMicro()
		return ok
	}
	into.text, into.borrowed = v.text, true
	return v.isText()
}

// changeOf is the last of the first n changes that changes a register; nil if there is none.
func (r *Replay) changeOf(register, n int) *change {
	for i := n - 1; i >= 0; i-- {
		if c := &r.changes[i]; c.register == register && c.said {
			return c
		}
	}
	return nil
}

// number is a register after the changes that were collected.
func (r *Replay) number(register int) Fixed {
	if c := r.changeOf(register, len(r.changes)); c != nil {
		return c.number
	}
	return r.values[register].number
}

// impossible says whether the event is impossible after what was, by the invariants.
func (r *Replay) impossible(rule *rule) (flaw, ok bool) {
	roles := &r.rules.roles
	if rule.traded < 0 && !rule.cancels {
		return false, true
	}
	if r.exists && roles.status >= 0 && (rule.cancels || !roles.onlySet || isOne(r.values[roles.status].text, roles.canceled)) {
		before, ok := r.Value(roles.status)
		if !ok {
			return false, false
		}
		canceled := isOne(before.Text, roles.canceled)
		flaw = canceled && !rule.cancels || rule.cancels && !canceled && isOne(before.Text, roles.terminal)
	}
	if rule.cancels || roles.ordered < 0 {
		return flaw, true
	}
	if r.rules.registers[roles.filled].product || r.rules.registers[roles.ordered].product {
		return flaw, false
	}
	over, ok := r.number(roles.filled).exceeds(r.number(roles.ordered))
	return flaw || over, ok
}

func isOne(text []byte, of []string) bool {
	return slices.ContainsFunc(of, func(s string) bool { return s == string(text) })
}

// commit puts the changes into the registers.
func (r *Replay) commit() {
	for i := range r.changes {
		c := &r.changes[i]
		if !c.said {
			continue
		}
		v := &r.values[c.register]
		v.set, v.null = true, c.null
		switch {
		case v.product:
			v.sum = c.sum
		case v.kind == kindNumber:
			v.number = c.number
		case v.kind == kindTime:
			v.micros = c.micros
		case c.borrowed:
			v.buffer = append(v.buffer[:0], c.text...)
			v.text = v.buffer
		default:
			v.text = c.text
		}
	}
}
