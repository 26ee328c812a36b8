package order

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// rule prepares what one event type does.
func (c *compiler) rule(name string, e EventRule) *rule {
	at := []string{"events", name}
	r := &rule{rules: c.Rules, name: name, ignored: e.Ignore, create: e.Create, remaining: -1, traded: -1, priced: -1, undone: -1}
	if e.Ignore {
		if !reflect.DeepEqual(e, EventRule{Ignore: true}) {
			c.mistake(at, "an ignored event does nothing else")
		}
		return r
	}
	r.strict, r.keys = e.Keys != nil, e.Keys
	for _, target := range slices.Sorted(maps.Keys(e.Set)) {
		c.assign(r, append(at, "set", target), opSet, target, e.Set[target])
	}
	for _, one := range []struct {
		key   string
		code  opcode
		terms map[string]Source
	}{{"add", opAdd, e.Add}, {"subtract", opSubtract, e.Subtract}} {
		for _, target := range slices.Sorted(maps.Keys(one.terms)) {
			c.assign(r, append(at, one.key, target), one.code, target, one.terms[target])
		}
	}
	for _, one := range []struct {
		key      string
		code     opcode
		products map[string][2]Source
	}{{"add_product", opAddProduct, e.AddProduct}, {"subtract_product", opSubtractProduct, e.SubtractProduct}} {
		for _, target := range slices.Sorted(maps.Keys(one.products)) {
			terms := one.products[target]
			c.assign(r, append(at, one.key, target), one.code, target, terms[0], terms[1])
		}
	}
	if e.SetNamed != nil {
		r.named = c.namedOp(r, append(at, "set_named"), *e.SetNamed)
	}
	if e.Remaining != nil {
		r.remaining = c.source(r, append(at, "remaining"), *e.Remaining, kindNumber)
		if c.roles.ordered < 0 || c.roles.filled < 0 {
			c.mistake(append(at, "remaining"), "needs the invariants ordered and filled").Hint = "such as invariants: {ordered: quantity, filled: filled_quantity}"
		}
	}
	c.mean(r)
	for _, s := range r.sources {
		if len(s.path) > 0 {
			r.first = append(r.first, s.path[0])
		}
	}
	if len(r.sources) > maxSources {
		c.mistake(at, "it reads %d values, and at most %d are possible", len(r.sources), maxSources)
	}
	return r
}

// maxSources is how many values an event can have.
const maxSources = 32

// assign adds an operation. A register that is set and added to has no clear value.
func (c *compiler) assign(r *rule, at []string, code opcode, target string, from ...Source) {
	if !c.known(target) {
		c.unused(at, target)
		return
	}
	register := c.index[target]
	if d := c.registers[register].derived; d != nil && (d.ratio || code != opSet) {
		c.mistake(at, "%q is derived, so no event sets it", target).Hint = "remove it here, or under derive"
	}
	if slices.ContainsFunc(r.ops, func(o op) bool { return o.register == register && (o.code == opSet || code == opSet) }) {
		c.mistake(at, "the event gives %q a value in two ways", target).Hint = "set replaces the value, and add changes it; remove one of them"
	}
	again := slices.ContainsFunc(r.ops, func(o op) bool { return o.register == register })
	if from[0].Text != nil || from[0].Map != nil {
		c.registers[register].chosen = true
	}
	if len(from) > 1 {
		c.registers[register].product = true
	}
	if code != opSet {
		c.registers[register].summed = true
	}
	if len(from) == 1 {
		r.ops = append(r.ops, op{code: code, register: register, a: c.source(r, at, from[0], c.registers[register].kind), b: -1, again: again})
		return
	}
	a, b := c.source(r, append(at, "0"), from[0], kindNumber), c.source(r, append(at, "1"), from[1], kindNumber)
	r.ops = append(r.ops, op{code: code, register: register, a: a, b: b, again: again})
}

func (c *compiler) namedOp(r *rule, at []string, n Named) *namedOp {
	out := &namedOp{field: c.source(r, append(at, "field"), n.Field, kindText), was: -1, registers: map[string]int{}, nullable: map[int]bool{}}
	any := func(key string, s Source) int {
		before := len(r.sources)
		i := c.source(r, append(at, key), s, kindText)
		if i < before { // a field that is set reads the same path, as its own kind
			r.sources = append(r.sources, r.sources[i])
			i = before
		}
		r.sources[i].named = true
		return i
	}
	out.to = any("to", n.To)
	if n.Was != nil {
		out.was = any("was", *n.Was)
	}
	if len(n.Only) == 0 {
		c.mistake(append(at, "only"), "must list the fields that may be named").Hint = "such as only: [quantity, price]"
	}
	for _, field := range n.Only {
		if !c.known(field) {
			c.unused(append(at, "only"), field)
		}
		if c.registers[c.index[field]].derived != nil {
			c.mistake(append(at, "only"), "%q is derived, so no event sets it", field).Name = field
		}
		if slices.ContainsFunc(r.ops, func(o op) bool { return o.register == c.index[field] }) {
			m := c.mistake(append(at, "only"), "the event gives %q a value in two ways", field)
			m.Name, m.Hint = field, "remove one of them"
		}
		out.registers[field] = c.index[field]
	}
	for _, name := range slices.Sorted(maps.Keys(n.Names)) {
		field := n.Names[name]
		if !slices.Contains(n.Only, field) {
			c.mistake(append(at, "names", name), "%q is not in only", field).Hint = "write it as in only, which has " + strings.Join(n.Only, ", ")
		}
		out.registers[name] = c.index[field]
	}
	for _, field := range n.Null {
		if !slices.Contains(n.Only, field) {
			m := c.mistake(append(at, "null"), "%q is not in only", field)
			m.Name, m.Hint = field, "list in null those of only that may become NULL"
		}
		out.nullable[c.index[field]] = true
	}
	return out
}

// misplaced is the hint for a unit or a scale where none can be.
func misplaced(at []string, hint string) string {
	if slices.Contains(at, "set_named") {
		return "set_named takes values as they are; use set for a field whose value has a scale or a unit"
	}
	return hint
}

// source adds a source to a rule, and returns its index. The same source counts once.
func (c *compiler) source(r *rule, at []string, s Source, k kind) int {
	out := source{Source: s, kind: k}
	given := 0
	if out.given = s.Text != nil || s.Null && s.Path == "" && s.Of == ""; out.given {
		given++
		out.is = datum{kind: k, null: true}
		if s.Text != nil {
			out.is = c.constant(at, *s.Text, k)
		}
		out.plain, out.fits = out.is.constant()
	}
	if s.Of != "" {
		given++
		c.part(at, s.Of, k)
	}
	if s.Path != "" {
		given++
		out.path = c.path(at, s.Path)
	}
	switch {
	case given != 1:
		c.mistake(at, "must have exactly one of path, text, number and event").Hint = "such as {path: $.price, scale: 4} or {text: OPEN}"
	case s.Scale != 0 && (k != kindNumber || s.Path == "" || s.Scale < 0 || s.Scale > maxDigits):
		c.mistake(append(at, "scale"), "is for a number in the payload, from 1 to %d", maxDigits).Hint = misplaced(at, "a value in cents is {path: $.cents, scale: 2}")
	case s.Unit != "" && units[s.Unit] == 0:
		c.mistake(append(at, "unit"), "unknown unit %q", s.Unit).Hint = "use one of s, ms, us, ns, since 1970; a text in RFC 3339 needs no unit"
	case s.Unit != "" && (k != kindTime || s.Path == ""):
		c.mistake(append(at, "unit"), "is for a field of type timestamptz, whose value is in the payload").Hint = misplaced(at, "milliseconds since 1970 are {path: $.at, unit: ms}")
	case s.Map != nil && (s.Path == "" || s.Scale != 0 || s.Unit != ""):
		c.mistake(append(at, "map"), "is for a text in the payload, without scale and unit").Hint = `such as {path: $.side, map: {"1": BUY, "2": SELL}}`
	}
	for _, text := range slices.Sorted(maps.Keys(s.Map)) {
		to := s.Map[text]
		if out.to == nil {
			out.to = map[string]*mapped{}
		}
		out.to[text] = &mapped{c.constant(append(at, "map", text), to, k), []byte(to)}
	}
	if i := slices.IndexFunc(r.sources, func(other source) bool {
		return reflect.DeepEqual(other.Source, s) && other.kind == k && !other.named
	}); i >= 0 {
		return i
	}
	r.sources = append(r.sources, out)
	return len(r.sources) - 1
}

func (c *compiler) constant(at []string, text string, k kind) datum {
	d, detail := datumOf(text, k)
	if detail != "" {
		c.mistake(at, "%s", detail).Hint = "the field holds " + k.String()
	}
	return d
}

func (c *compiler) part(at []string, p Part, k kind) {
	switch {
	case p != PartAt && p != PartKey:
		c.mistake(append(at, "event"), "%q is no part of an event", p).Hint = "write at for its time, or key for its order"
	case p == PartAt && k != kindTime:
		c.mistake(at, "the time of the event cannot be %s", k).Hint = "compare the field as timestamptz"
	case p == PartKey && k != kindText:
		c.mistake(at, "the key of the event cannot be %s", k).Hint = "say that the rules hold it as text, by registers: {order_id: text}"
	}
}

func (c *compiler) path(at []string, text string) []string {
	names, ok := splitPath(text)
	if !ok {
		c.mistake(at, "%q is no path", text).Hint = "a path goes through objects by their keys, such as $.price or $.price.amount"
		return nil
	}
	return names
}

// mean finds what a rule means by the roles.
func (c *compiler) mean(r *rule) {
	for _, o := range r.ops {
		switch {
		case o.register == c.roles.filled && o.code == opAdd:
			r.traded = o.a
		case o.register == c.roles.filled && o.code == opSubtract:
			r.undone = o.a
		case o.register == c.roles.status && o.code == opSet:
			if text := r.sources[o.a].Text; text != nil {
				r.status = *text
			}
		}
	}
	for _, o := range r.ops {
		if o.code == opAddProduct && o.a == r.traded && r.traded >= 0 {
			r.priced = o.b
		}
	}
	ends := slices.Contains(c.roles.terminal, r.status)
	if r.create != CreatesNot || r.traded >= 0 || r.undone >= 0 || ends {
		return
	}
	for _, o := range r.ops {
		if o.register != c.roles.status && len(r.sources[o.a].path) > 0 {
			r.modifies = append(r.modifies, o.register)
		}
	}
}
