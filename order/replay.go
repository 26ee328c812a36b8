package order

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Replay folds one history after another, with the results of [Decode] and [Fold], but several times as fast. It reads
// and applies events of plain form without an allocation, except for texts with escapes. If an event is not plain,
// Decode and [State.Apply] handle it and the rest of that history. A Replay is for one goroutine at a time.
type Replay struct {
	rules *Rules
	types []*rule // of the rules; nil if they are many

	key    []byte
	plain  bool // the order is in values; otherwise it is in state
	odd    bool // a plain event has a key that its rule does not have
	flaw   bool // State.Flawed for the plain events
	exists bool
	values []plainValue // of the registers
	// createdAt and updatedAt are in microseconds since 1970.
	createdAt, updatedAt int64
	last                 Position
	seen                 bool
	state                State

	flat    flatValues
	scratch []change
	changes []change // by the event that is applied
}

// plainValue is a register whose content fits. Of the values, only that of the register's kind is valid.
type plainValue struct {
	kind      kind
	product   bool
	set, null bool
	number    Fixed
	sum       wide // of products
	micros    int64
	text      []byte
	buffer    []byte // of texts that are not the rules' own
}

// PlainValue is a field whose value fits. The text is valid until the next event.
type PlainValue struct {
	Null   bool
	Text   []byte // of a text or a boolean
	Number Fixed
	Micros int64 // of a time, since 1970
}

// NewReplay prepares a replay by these rules.
func NewReplay(r *Rules) *Replay {
	most := 0
	for _, rule := range r.events {
		most = max(most, len(rule.ops)+1)
	}
	replay := &Replay{rules: r, values: make([]plainValue, len(r.registers)), scratch: make([]change, most)}
	for i, register := range r.registers {
		replay.values[i].kind, replay.values[i].product = register.kind, register.product
	}
	if len(r.events) <= fewTypes {
		replay.types = slices.Collect(maps.Values(r.events))
	}
	return replay
}

// fewTypes are found sooner one after another than in a map.
const fewTypes = 12

// rule returns nil for a type without one.
func (r *Replay) rule(of []byte) *rule {
	if r.types == nil {
		return r.rules.events[string(of)]
	}
	for _, rule := range r.types {
		if rule.name == string(of) {
			return rule
		}
	}
	return nil
}

// Start begins the history of an order.
func (r *Replay) Start(key []byte) {
	r.key = append(r.key[:0], key...)
	for i := range r.values {
		v := &r.values[i]
		v.set, v.null, v.number, v.sum, v.text = false, false, Fixed{}, wide{}, nil
	}
	r.plain, r.odd, r.flaw, r.seen, r.exists, r.state = true, false, false, false, false, State{}
}

// Apply applies the next event to the order that was started, whatever the event's key. It keeps no reference to the
// event.
func (r *Replay) Apply(e StoredRow) {
	if e.Position == NoPosition {
		r.flaw = true
		return
	}
	if r.plain {
		if r.seen && e.Position < r.last {
			return
		}
		gap := r.seen && r.rules.perOrder && e.Position > r.last+1
		if !gap && (!r.seen || e.Position > r.last) && r.applied(e) {
			r.last, r.seen = e.Position, true
			return
		}
		r.leave()
	}
	event, _ := Decode(RawEvent{
		Position: e.Position, Key: Key(r.key), Type: string(e.Type), At: e.At, Payload: e.Payload,
	}, r.rules)
	r.state.Apply(event)
}

// Exists returns true once the order was created.
func (r *Replay) Exists() bool {
	if r.plain {
		return r.exists
	}
	return r.state.Exists()
}

// Flawed returns the same as [State.Flawed].
func (r *Replay) Flawed() bool { return r.flaw || r.state.flawed }

// Plain is true if the order exists and all of it fits, so that Value can be asked.
func (r *Replay) Plain() bool { return r.plain && r.exists }

// Proven is true if [Decode] finds nothing in any of the events, and if the order is plain and not flawed.
func (r *Replay) Proven() bool { return r.Plain() && !r.flaw && !r.odd }

// Gives is true if the order is plain and the register has a value, as a database prints it. False proves nothing.
func (r *Replay) Gives(register int, v Value) bool {
	is, ok := r.Value(register)
	if !ok || v.Failed || v.Null || is.Null {
		return ok && v.Null && is.Null
	}
	switch r.rules.registers[register].kind {
	case kindNumber:
		n, ok := fixed([]byte(v.Text))
		if !ok {
			return false
		}
		above, fits := n.exceeds(is.Number)
		below, fit := is.Number.exceeds(n)
		return fits && fit && !above && !below
	case kindTime:
		at, ok := printedTime(v.Text)
		return ok && at == is.Micros
	default:
		return string(is.Text) == v.Text
	}
}

// printedTime reads a time as PostgreSQL prints it in UTC, in microseconds since 1970; false for all but the usual years.
func printedTime(text string) (int64, bool) {
	const day = len("2006-01-02")
	clock, ok := strings.CutSuffix(text, "+00")
	if !ok || len(clock) <= day || clock[day] != ' ' {
		return 0, false
	}
	var at time.Time
	b := append(append(make([]byte, 0, 32), clock...), 'Z')
	b[day] = 'T'
	if !flatTime(b, &at) {
		return 0, false
	}
	return at.UnixMicro(), true
}

// Register returns the number of a field for Value; false if events do not determine it.
func (r *Rules) Register(field string) (int, bool) {
	i, ok := r.index[field]
	return i, ok
}

// Value returns a field of a plain order. It is false if the value does not fit.
func (r *Replay) Value(register int) (v PlainValue, ok bool) {
	if d := r.rules.registers[register].derived; d != nil {
		return r.derived(d, register)
	}
	is, of := &r.values[register], &r.rules.registers[register]
	switch {
	case is.null || !is.set && !of.summed:
		return PlainValue{Null: true}, true
	case of.kind == kindNumber:
		return PlainValue{Number: is.number}, !of.product
	case of.kind == kindTime:
		return PlainValue{Micros: is.micros}, true
	}
	return PlainValue{Text: is.text}, true
}

func (r *Replay) derived(d *derivation, register int) (v PlainValue, ok bool) {
	if !d.ratio {
		return r.chosen(d, register)
	}
	below := &r.values[d.below]
	if r.rules.registers[d.below].product {
		return v, false
	}
	if v.Null = below.number.Coefficient == 0; v.Null {
		return v, true
	}
	above := r.values[d.above].sum
	if !r.rules.registers[d.above].product {
		n := r.values[d.above].number
		above = wide{0, n.Coefficient, n.Scale}
	}
	v.Number, ok = average(above, below.number, d.scale)
	return v, ok
}

// chosen is a text that depends on numbers.
func (r *Replay) chosen(d *derivation, register int) (v PlainValue, ok bool) {
	set := &r.values[register]
	is := PlainValue{Text: set.text, Null: set.null || !set.set}
	if !is.Null && isOne(is.Text, d.unless) {
		return is, true
	}
	for i := range d.when {
		w := &d.when[i]
		has, limit := r.values[w.register].number, w.plain
		if w.than >= 0 {
			limit = r.values[w.than].number
		}
		over, fits := has.exceeds(limit)
		under, _ := limit.exceeds(has)
		if !fits || w.odd {
			return v, false
		}
		if over || !under && !w.above {
			return PlainValue{Text: w.text}, true
		}
	}
	return is, true
}

// State returns the order in every case.
func (r *Replay) State() State {
	if r.plain {
		return r.exact()
	}
	return r.state
}

// leave continues with exact arithmetic of any size.
func (r *Replay) leave() {
	r.state = r.exact()
	r.plain = false
}

func (r *Replay) exact() State {
	s := State{key: Key(r.key), last: r.last, seen: r.seen, exists: r.exists, flawed: r.flaw}
	if !r.exists {
		return s
	}
	s.rules, s.values = r.rules, make([]*datum, len(r.values))
	for i := range r.values {
		if d := r.datum(i); !d.absent {
			s.values[i] = &d
		}
	}
	s.createdAt, s.updatedAt = time.UnixMicro(r.createdAt).UTC(), time.UnixMicro(r.updatedAt).UTC()
	return s
}

func (r *Replay) datum(i int) datum {
	v, register := &r.values[i], &r.rules.registers[i]
	d := datum{kind: register.kind, null: v.null}
	switch {
	case !v.set:
		return nothing
	case v.null:
	case register.kind == kindTime:
		d.at = time.UnixMicro(v.micros).UTC()
	case register.product:
		d.number = v.sum.decimal()
	case register.kind == kindNumber:
		d.number = v.number.decimal()
	default:
		d.text = string(v.text)
	}
	return d
}
