package order

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// maxSlots is how many values of a payload are read without copying.
const maxSlots = 12

// flatValues are a payload's values by the slot of their source, and the other names of the objects that are being read.
type flatValues struct {
	at     [maxSlots]token
	others fewNames
	odd    bool // a payload has a key that its strict rule does not have
}

// form reads payloads of one event type without copying.
type form struct {
	rule  *rule
	slots []int // sources, by slot
	root  []formName
	key   []string // of the path of the order's key
	named []namedField
}

// namedField is a field that an event may name.
type namedField struct {
	name     string // in the event
	register int
	kind     kind
	nullable bool
}

// formName is a name that an object may have.
type formName struct {
	name string
	slot int        // of the value; -1 for an object
	in   []formName // of the object
}

// newForm returns nil for a rule whose paths are too many, or lead into each other.
func newForm(r *rule) *form {
	f := &form{rule: r, key: r.rules.key}
	if r.ignored || len(f.key) > 1 {
		return nil
	}
	for i := range r.sources {
		s := &r.sources[i]
		s.slot = -1
		if len(s.path) == 0 {
			continue
		}
		s.slot, s.simple = len(f.slots), s.Map == nil && s.Unit == "" && s.Scale == 0
		f.slots = append(f.slots, i)
		var ok bool
		if f.root, ok = place(f.root, s.path, s.slot); !ok {
			return nil
		}
	}
	if n := r.named; n != nil {
		for name, register := range n.registers {
			f.named = append(f.named, namedField{name, register, r.rules.registers[register].kind, n.nullable[register]})
		}
	}
	sortNames(f.root)
	if len(f.slots) > maxSlots || len(f.key) == 1 && slices.ContainsFunc(f.root, func(n formName) bool { return n.name == f.key[0] }) {
		return nil
	}
	return f
}

func place(names []formName, path []string, slot int) ([]formName, bool) {
	i := slices.IndexFunc(names, func(n formName) bool { return n.name == path[0] })
	if i >= 0 && (len(path) == 1 || names[i].slot >= 0) {
		return nil, false // one path is another one, or its beginning
	}
	if i < 0 {
		i = len(names)
		names = append(names, formName{name: path[0], slot: -1})
	}
	if len(path) == 1 {
		names[i].slot = slot
		return names, true
	}
	var ok bool
	names[i].in, ok = place(names[i].in, path[1:], slot)
	return names, ok
}

// sortNames sorts names as jsonb does, so that the name that follows in a payload is usually the next one.
func sortNames(names []formName) {
	slices.SortFunc(names, func(a, b formName) int { return cmp.Or(len(a.name)-len(b.name), strings.Compare(a.name, b.name)) })
	for _, n := range names {
		sortNames(n.in)
	}
}

// maxOthers is how many unexpected names a flat object may have.
const maxOthers = 16

// fewNames holds such names. Those of an object within another one follow those of the outer one, which begin at from.
type fewNames struct {
	names       [maxOthers][]byte
	from, count int
}

// add returns false for a name that the object has already, or is one too many.
func (f *fewNames) add(name []byte) bool {
	for _, other := range f.names[f.from:f.count] {
		if bytes.Equal(name, other) {
			return false
		}
	}
	if f.count == maxOthers {
		return false
	}
	f.names[f.count] = name
	f.count++
	return true
}

// reads reads a payload that stands alone.
func (f *form) reads(payload []byte, of Key, into *flatValues) bool {
	s := scanner{data: payload}
	return len(payload) <= MaxPayload && f.read(&s, of, into) && s.ended()
}

// read does the work of decoder for flat payloads. It returns true only if that would find nothing, or only unexpected
// keys.
func (f *form) read(s *scanner, of Key, into *flatValues) bool {
	from := s.at
	into.others.from, into.others.count, into.odd = 0, 0, false
	return f.object(s, f.root, of, into) && s.at-from <= MaxPayload && f.fits(into)
}

// object reads an object. The key of the order is looked for at the top, where of is not empty.
func (f *form) object(s *scanner, names []formName, of Key, into *flatValues) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	others := &into.others
	outer := others.from
	others.from = others.count
	for next := 0; ; {
		name, ok := s.text()
		if !ok || !s.take(':') {
			return false
		}
		if n := expected(names, &next, name); n != nil {
			ok = f.member(s, n, into) && (n.slot >= 0 || others.add(name))
		} else {
			into.odd = into.odd || f.rule.strict && others.from == 0 && !f.rule.allows(name) // at the top, from is 0
			ok = f.other(s, name, of) && others.add(name)
		}
		if !ok {
			return false
		}
		if !s.take(',') {
			others.from, others.count = outer, others.from
			return s.take('}')
		}
	}
}

// expected finds a name, beginning with the next one; nil if it is not expected.
func expected(names []formName, next *int, name []byte) *formName {
	for range names {
		if *next == len(names) {
			*next = 0
		}
		n := &names[*next]
		*next++
		if n.name == string(name) {
			return n
		}
	}
	return nil
}

// allows is true for a key at the top of a payload that the rule has.
func (r *rule) allows(name []byte) bool {
	is := func(key string) bool { return key == string(name) }
	return slices.ContainsFunc(r.keys, is) || slices.ContainsFunc(r.first, is)
}

// other reads the order's key, or skips a value that no path leads to.
func (f *form) other(s *scanner, name []byte, of Key) bool {
	if of == "" || len(f.key) != 1 || string(name) != f.key[0] {
		return s.skip(maxDepth)
	}
	value, ok := s.scalar()
	return ok && string(value.text) == string(of)
}

func (f *form) member(s *scanner, n *formName, into *flatValues) (ok bool) {
	if n.slot < 0 {
		return f.object(s, n.in, "", into)
	}
	if into.at[n.slot].kind != 0 {
		return false // twice
	}
	if next := s.next(); next == 't' || next == 'f' {
		into.at[n.slot], ok = s.value(1)
		return ok
	}
	into.at[n.slot], ok = s.scalar()
	return ok
}

// fits returns true if each value is one that its source allows.
func (f *form) fits(v *flatValues) bool {
	for slot, i := range f.slots {
		s := &f.rule.sources[i]
		if !s.named && !s.usual(&v.at[slot], s.kind) && !s.allows(v.at[slot], s.kind, s.Null) {
			return false
		}
	}
	return f.rule.named == nil || f.fitsNamed(v)
}

// fitsNamed checks a field that the event names. Its register says which values are allowed.
func (f *form) fitsNamed(v *flatValues) bool {
	is := f.naming(v)
	if is == nil {
		return false
	}
	for _, i := range [...]int{f.rule.named.to, f.rule.named.was} {
		if i < 0 {
			continue
		}
		s := &f.rule.sources[i]
		if !s.usual(&v.at[s.slot], is.kind) && !s.allows(v.at[s.slot], is.kind, is.nullable) {
			return false
		}
	}
	return true
}

// naming returns the field that the event names; nil if it may not.
func (f *form) naming(v *flatValues) *namedField {
	text := v.at[f.rule.sources[f.rule.named.field].slot].text
	for i := range f.named {
		if f.named[i].name == string(text) {
			return &f.named[i]
		}
	}
	return nil
}

// usual returns true for most of the values that are allowed.
func (s *source) usual(v *token, k kind) bool {
	return s.simple && (k == kindNumber && v.plain || k == kindText && v.kind == jsonString)
}

// allows returns true for a value in which the decoder finds nothing.
func (s *source) allows(v token, k kind, nullable bool) bool {
	switch {
	case v.kind == 0:
		return s.Optional
	case v.kind == jsonNull:
		return nullable
	case s.Map != nil:
		return s.mapped(v.text) != nil
	case v.kind == jsonBoolean:
		return k == kindBool
	case s.Unit != "":
		_, ok := s.micros(v.text)
		return ok
	case k == kindTime:
		return v.kind == jsonString && flatTime(v.text, new(time.Time))
	case k == kindBool:
		return string(v.text) == "true" || string(v.text) == "false"
	case s.Scale > 0:
		return len(v.text) <= maxPlain && digits(v.text) == len(v.text) && plainNumber(v.text)
	}
	return k == kindText && v.kind == jsonString || v.plain || isDecimal(v.text)
}

// same returns true if two payloads that fit say the same.
func (f *form) same(a, b *flatValues) bool {
	for slot, i := range f.slots {
		s := &f.rule.sources[i]
		k := s.kind
		if s.named {
			k = f.naming(a).kind
		}
		x, y := a.at[slot], b.at[slot]
		switch {
		case x.kind == y.kind && bytes.Equal(x.text, y.text):
		case x.kind == 0 || y.kind == 0 || x.kind == jsonNull || y.kind == jsonNull || s.Map != nil || k == kindTime && s.Unit == "":
			return false
		case k == kindNumber, k == kindTime:
			if !sameNumber(x.text, y.text) {
				return false
			}
		default:
			if !bytes.Equal(x.written(), y.written()) {
				return false
			}
		}
	}
	return true
}

// isText returns true for values that are written exactly as their text. A negative number may be another way to write
// zero.
func (v token) isText() bool {
	return v.kind != jsonNumber || v.text[0] != '-' && v.plain
}

// written returns the text of a value, for numbers as the decoder gives it.
func (v token) written() []byte {
	if v.isText() {
		return v.text
	}
	d, _ := parseDecimal(string(v.text))
	return d.Append(nil, 'f')
}
