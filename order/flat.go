package order

import (
	"bytes"
	"time"
)

// Flat is a message of the usual form, read where it lies: the five members of the envelope, and a payload of strings,
// numbers and nulls under the keys of its type. It exists because almost all messages are of that form, and say the same as
// the stored event: then nothing of them needs to be taken apart. What stands under names that nobody expects is passed
// over, whatever it is. It says no more than [DecodeMessage] would, and is worth nothing where that is in doubt.
type Flat struct {
	Position Position
	Key      Key // as the message spells it
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
type flatValues [maxKeys]token

// ReadFlat reads a message of the usual form. With true, [DecodeMessage] reads the same event out of it, and finds nothing
// wrong that is not harmless. With false the message may be anything, and DecodeMessage has to be asked. The result refers
// to the message's bytes.
func ReadFlat(message []byte, v Vocabulary) (f Flat, ok bool) {
	const position, key, eventType, at, payload, all = 1, 2, 4, 8, 16, 31
	var seen int
	var body []byte // the payload, where it comes before what says how to read it
	var others fewNames
	s := scanner{data: message}
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
			if member = payload; f.form != nil && f.Key != "" {
				fine = f.form.read(&s, f.Key, &f.values)
			} else {
				from := s.at
				fine = s.skip(maxDepth + 1)
				body = s.data[from:s.at]
			}
		default:
			fine = s.skip(maxDepth) && others.add(name)
		}
		fine = fine && seen&member == 0
		seen |= member
		return fine
	})
	ok = ok && s.ended() && seen == all && (body == nil || f.form.reads(body, f.Key, &f.values))
	return f, ok
}

func (f *Flat) readPosition(s *scanner) bool {
	v, ok := s.scalar()
	text, negative := bytes.CutPrefix(v.text, []byte("-"))
	if !ok || v.kind == jsonNull || len(text) == 0 || len(text) > 18 || text[0] == '0' && len(v.text) > 1 {
		return false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
		f.Position = f.Position*10 + Position(c-'0')
	}
	if negative {
		f.Position = -f.Position
	}
	return true
}

func (f *Flat) readKey(s *scanner) bool {
	v, ok := s.scalar()
	f.Key = Key(v.text)
	return ok && v.kind != jsonNull && len(v.text) > 0 && (v.kind == jsonString || !bytes.ContainsAny(v.text, ".eE"))
}

// readTime reads what time.Time.UnmarshalText reads: that is stricter than ParseTime, but for digits beyond nanoseconds, and
// a comma before them.
func (f *Flat) readTime(s *scanner) bool {
	const seconds = len("2006-01-02T15:04:05")
	text, ok := s.text()
	if !ok || len(text) <= seconds || text[seconds] == ',' || text[seconds] == '.' && digits(text[seconds+1:]) > 9 {
		return false
	}
	return f.At.UnmarshalText(text) == nil && !f.At.IsZero()
}

// Agrees is true only if the row decodes without a finding, and to the same event as the message, whose order's key is the
// store's way to spell it: the same strings, however they are escaped, and the same numbers, however they are written. Times
// may differ by less than a microsecond, which is as much as a store keeps. False says nothing.
func (f *Flat) Agrees(row StoredRow, key Key) bool {
	if row.Position != f.Position || string(row.Key) != string(key) || string(row.Type) != f.form.name {
		return false
	}
	if d := row.At.Sub(f.At); d <= -time.Microsecond || d >= time.Microsecond {
		return false
	}
	var stored flatValues
	return f.form.reads(row.Payload, key, &stored) && f.form.same(&f.values, &stored)
}
