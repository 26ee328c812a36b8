package order

import (
	"bytes"
	"time"
)

// Flat is a message of the usual form, read where it lies: the five members of the envelope, and a payload of plain
// strings, numbers and nulls. It exists because almost all messages are of that form, and agree with the stored event word
// for word: then nothing of them needs to be taken apart. It says no more than [DecodeMessage] would, and is worth nothing
// where that is in doubt.
type Flat struct {
	Position Position // above 0
	Key      Key      // as the message spells it
	At       time.Time
	form     *form
	values   flatValues
}

// StoredRow is an event as the bytes of a store say it. The bytes are lent: whoever keeps them, copies them.
type StoredRow struct {
	Position           Position
	Key, Type, Payload []byte
	At                 time.Time
}

// Raw is a copy of the row, to be decoded.
func (r StoredRow) Raw() RawEvent {
	return RawEvent{Position: r.Position, Key: Key(r.Key), Type: string(r.Type), At: r.At, Payload: bytes.Clone(r.Payload)}
}

// flatValues are a payload's values by their index in payloadKeys.
type flatValues [maxKeys]flatValue

// flatValue is a string, a plain number, or null. Its text is lent.
type flatValue struct {
	kind tokenKind // 0: it is not there
	text []byte    // of a string what it says, of a number how it is written
}

// form is what the payload of one event type holds, by the store's names.
type form struct {
	event EventType
	name  string // the store's
	keys  []formKey
	names *names
}

type formKey struct {
	name     string // empty: the store has no such key
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

// ReadFlat reads a message of the usual form. With true, [DecodeMessage] reads the same event out of it, and finds nothing
// wrong that is not harmless. With false the message may be anything, and DecodeMessage has to be asked. The result refers
// to the message's bytes.
func ReadFlat(message []byte, v Vocabulary) (f Flat, ok bool) {
	const position, key, eventType, at, payload, all = 1, 2, 4, 8, 16, 31
	var seen int
	var body []byte
	var others fewNames
	s := flatScanner{data: message}
	ok = s.object(func(name []byte) bool {
		member, fine := 0, false
		switch string(name) {
		case "event_id":
			member, fine = position, f.readPosition(&s)
		case "order_id":
			member, fine = key, f.readKey(&s)
		case "event_type":
			text, isText := s.text()
			f.form = v.prepared().forms[string(text)]
			member, fine = eventType, isText && f.form != nil
		case "timestamp":
			member, fine = at, f.readTime(&s)
		case "payload":
			body = s.braces()
			member, fine = payload, body != nil
		default:
			_, isScalar := s.scalar()
			fine = isScalar && others.add(name)
		}
		fine = fine && seen&member == 0
		seen |= member
		return fine
	})
	ok = ok && s.ended() && seen == all && f.form.read(body, f.Key, &f.values)
	return f, ok
}

func (f *Flat) readPosition(s *flatScanner) bool {
	v, ok := s.scalar()
	if !ok || v.kind == jsonNull || len(v.text) == 0 || len(v.text) > 18 || v.text[0] == '0' {
		return false
	}
	for _, c := range v.text {
		if c < '0' || c > '9' {
			return false
		}
		f.Position = f.Position*10 + Position(c-'0')
	}
	return true
}

func (f *Flat) readKey(s *flatScanner) bool {
	v, ok := s.scalar()
	f.Key = Key(v.text)
	return ok && v.kind != jsonNull && len(v.text) > 0 && (v.kind == jsonString || bytes.IndexByte(v.text, '.') < 0)
}

// readTime reads what time.Time.UnmarshalText reads: that is stricter than ParseTime, but for digits beyond nanoseconds.
func (f *Flat) readTime(s *flatScanner) bool {
	const seconds = len("2006-01-02T15:04:05")
	text, ok := s.text()
	if !ok || len(text) <= seconds || text[seconds] == '.' && leadingDigits(text[seconds+1:]) > 9 {
		return false
	}
	return f.At.UnmarshalText(text) == nil
}

// Agrees is true only if the row decodes without a finding, and to the same event as the message, whose order's key is the
// store's way to spell it. Times may differ by less than a microsecond, which is as much as a store keeps, and numbers in
// how many zeros they end with. False says nothing.
func (f *Flat) Agrees(row StoredRow, key Key) bool {
	if row.Position != f.Position || string(row.Key) != string(key) || string(row.Type) != f.form.name {
		return false
	}
	if d := row.At.Sub(f.At); d <= -time.Microsecond || d >= time.Microsecond {
		return false
	}
	var stored flatValues
	return f.form.read(row.Payload, key, &stored) && f.form.same(&f.values, &stored)
}

// maxOthers is how many names that nobody expects a flat object may have.
const maxOthers = 4

// fewNames are such names, each once.
type fewNames struct {
	names [maxOthers][]byte
	count int
}

// add is false for a name that is there already, or is one too many.
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

// read is names.sort and reader.body for flat payloads: true only if those find nothing, or no more than keys too many.
func (f *form) read(payload []byte, of Key, into *flatValues) bool {
	var others fewNames
	s := flatScanner{data: payload}
	ok := s.object(func(name []byte) bool {
		value, ok := s.scalar()
		if !ok {
			return false
		}
		if i := f.index(name); i >= 0 {
			twice := into[i].kind != 0
			into[i] = value
			return !twice
		}
		if string(name) == "order_id" && string(value.text) != string(of) {
			return false
		}
		return others.add(name)
	})
	return ok && s.ended() && f.fits(into)
}

func (f *form) index(name []byte) int {
	for i := range f.keys {
		if f.keys[i].name == string(name) && len(name) > 0 {
			return i
		}
	}
	return -1
}

// fits is true if a value can stand under each key, and none is missing.
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
		case key.number && !plainNumber(v[i].text):
			return false
		}
	}
	return f.event != OrderModified || f.fitsField(v)
}

// fitsField looks at a modification: what its values may be is said by its field.
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
		case (field == "price" || field == "quantity") && !plainNumber(value.text):
			return false
		}
	}
	return true
}

// same is true if two payloads that fit say the same.
func (f *form) same(a, b *flatValues) bool {
	numeric := false // values of a modification
	if f.event == OrderModified {
		field := f.names.fields[string(a[0].text)]
		numeric = field == "price" || field == "quantity"
	}
	for i, key := range f.keys {
		x, y := a[i], b[i]
		if x.kind == y.kind && bytes.Equal(x.text, y.text) {
			continue
		}
		if (key.number || numeric && i > 0) && x.kind != jsonNull && y.kind != jsonNull && x.kind != 0 && y.kind != 0 && samePlain(x.text, y.text) {
			continue
		}
		return false
	}
	return true
}
