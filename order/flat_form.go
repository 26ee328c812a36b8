package order

import "bytes"

// form is what the payload of one event type holds, by the store's names.
type form struct {
	event EventType
	name  string // the store's name
	keys  []formKey
	names *names
}

type formKey struct {
	name     string // empty if the store has no such key
	number   bool
	nullable bool
}

func (n *names) newForm(name string, t EventType) *form {
	f := &form{event: t, name: name, names: n}
	for i, key := range payloadKeys[t] {
		f.keys = append(f.keys, formKey{n.theirs[t][i], key.kind == numberValue, key.nullable})
	}
	return f
}

// maxOthers is how many unexpected names a flat object may have.
const maxOthers = 16

// fewNames holds such names, each once.
type fewNames struct {
	names [maxOthers][]byte
	count int
}

// add returns false for a name that is there already, or is one too many.
func (f *fewNames) add(name []byte) bool {
	for _, other := range f.names[:f.count] {
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

// read does the work of names.sort and reader.body for flat payloads. It returns true only if those would find nothing,
// or only unexpected keys.
func (f *form) read(s *scanner, of Key, into *flatValues) bool {
	var others fewNames
	from := s.at
	ok := s.object(func(name []byte) (ok bool) {
		if i := f.index(name); i >= 0 {
			twice := into[i].kind != 0
			into[i], ok = s.scalar()
			return ok && !twice
		}
		if string(name) == "order_id" {
			value, ok := s.scalar()
			return ok && string(value.text) == string(of) && others.add(name)
		}
		return s.skip(maxDepth) && others.add(name)
	})
	return ok && s.at-from <= MaxPayload && f.fits(into)
}

func (f *form) index(name []byte) int {
	for i := range f.keys {
		if f.keys[i].name == string(name) && len(name) > 0 {
			return i
		}
	}
	return -1
}

// fits returns true if each value is allowed under its key, and no key is missing.
func (f *form) fits(v *flatValues) bool {
	for i, key := range f.keys {
		switch {
		case v[i].kind == 0:
			if key.name != "" {
				return false
			}
		case v[i].kind == jsonNull:
			if !key.nullable {
				return false
			}
		case (key.number || v[i].kind == jsonNumber) && !isDecimal(v[i].text):
			return false
		}
	}
	return f.event != OrderModified || f.fitsField(v)
}

// fitsField checks a modification. Its field says which values are allowed.
func (f *form) fitsField(v *flatValues) bool {
	field, known := f.names.fields[string(v[0].text)]
	if !known || v[0].kind != jsonString {
		return false
	}
	for _, value := range v[1:3] {
		switch {
		case value.kind == 0:
		case value.kind == jsonNull:
			if field != "price" {
				return false
			}
		case (field == "price" || field == "quantity") && !isDecimal(value.text):
			return false
		}
	}
	return true
}

// same returns true if two payloads that fit have the same content.
func (f *form) same(a, b *flatValues) bool {
	numeric := false // values of a modification
	if f.event == OrderModified {
		field := f.names.fields[string(a[0].text)]
		numeric = field == "price" || field == "quantity"
	}
	for i, key := range f.keys {
		x, y := a[i], b[i]
		switch {
		case x.kind == y.kind && bytes.Equal(x.text, y.text):
		case x.kind == 0 || y.kind == 0 || x.kind == jsonNull || y.kind == jsonNull:
			return false
		case key.number || numeric && i > 0:
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
	return v.kind == jsonString || v.kind == jsonNumber && v.text[0] != '-' && plainNumber(v.text)
}

// written returns the text of a value, for numbers as reader.text gives it.
func (v token) written() []byte {
	if v.isText() {
		return v.text
	}
	d, _ := parseDecimal(string(v.text))
	return d.Append(nil, 'f')
}
