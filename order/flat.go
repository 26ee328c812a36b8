package order

import (
	"bytes"
	"time"
)

// Flat is a message of the usual form, read without copying: the five members of the envelope, and a payload of
// strings, numbers and nulls under the keys of its type. Almost all messages have this form and agree with the stored
// event, and then they need no full decoding. Unexpected members are skipped, whatever they hold. Flat never accepts
// more than [DecodeMessage] does; in doubt, DecodeMessage decides.
type Flat struct {
	Position Position
	ID       ID  // as the message spells it; empty if its id is the position
	Key      Key // as the message spells it
	At       time.Time
	form     *form
	values   flatValues
}

// StoredRow is an event as the bytes of a store. The bytes are lent: copy them to keep them.
type StoredRow struct {
	Position               Position
	ID, Key, Type, Payload []byte
	At                     time.Time
}

// Raw returns a copy of the row, to be decoded.
func (r StoredRow) Raw() RawEvent {
	return RawEvent{Position: r.Position, ID: ID(r.ID), Key: Key(r.Key), Type: string(r.Type), At: r.At, Payload: bytes.Clone(r.Payload)}
}

// ReadFlat reads a message of the usual form. If it returns true, [DecodeMessage] reads the same event from the message
// and finds at most something harmless. If it returns false, the message may be anything, and the caller must call
// DecodeMessage. The result refers to the message's bytes.
func ReadFlat(message []byte, rules *Rules) (f Flat, ok bool) {
	const position, key, eventType, at, payload, all = 1, 2, 4, 8, 16, 31
	var seen int
	var body []byte // the payload, if it comes before the members that say how to read it
	var others fewNames
	s := scanner{data: message}
	f.Position = NoPosition
	ok = s.object(func(name []byte) bool {
		member, fine := 0, false
		switch string(name) {
		case "event_id":
			member, fine = position, f.readIdentity(&s, rules.byID)
		case "order_id":
			member, fine = key, f.readKey(&s)
		case "event_type":
			text, isText := s.text()
			f.form = rules.form(text)
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
		case "event_position":
			fine = others.add(name) && (rules.byID && f.readPosition(&s) || !rules.byID && s.skip(maxDepth))
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

func (f *Flat) readIdentity(s *scanner, byID bool) bool {
	if !byID {
		return f.readPosition(s)
	}
	v, ok := s.scalar()
	f.ID = ID(v.text)
	return ok && v.kind != jsonNull && len(v.text) > 0
}

func (f *Flat) readPosition(s *scanner) bool {
	v, ok := s.scalar()
	text, negative := bytes.CutPrefix(v.text, []byte("-"))
	if !ok || v.kind == jsonNull || len(text) == 0 || len(text) > 18 || text[0] == '0' && len(v.text) > 1 {
		return false
	}
	f.Position = 0
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

// readTime reads a time of the usual form.
func (f *Flat) readTime(s *scanner) bool {
	text, ok := s.text()
	return ok && flatTime(text, &f.At) && !f.At.IsZero()
}

// flatTime reads what ParseTime reads, without copying. time.Time.UnmarshalText would cut off digits beyond nanoseconds, and
// read a comma before them.
func flatTime(text []byte, at *time.Time) bool {
	const seconds = len("2006-01-02T15:04:05")
	if len(text) <= seconds || text[seconds] == ',' || text[seconds] == '.' && digits(text[seconds+1:]) > 9 {
		return false
	}
	return at.UnmarshalText(text) == nil
}

// form returns how to read the payloads of a type without copying; nil if there is no such way.
func (r *Rules) form(eventType []byte) *form {
	if rule := r.events[string(eventType)]; rule != nil {
		return rule.form
	}
	return nil
}

// Agrees returns true only if the row decodes without a finding, and to the same event as the message. The row must be the
// one of the message's id, if it has one. The order's key must be spelt as the store spells it. Strings may be escaped and numbers written in different ways. Times may differ
// by less than a microsecond, which is the precision of a store, or by less than FoldRules.Within. False means only that
// DecodeMessage must decide.
func (f *Flat) Agrees(row StoredRow, key Key) bool {
	if row.Position != f.Position && (f.ID == "" || f.Position != NoPosition) || string(row.Key) != string(key) || string(row.Type) != f.form.rule.name {
		return false
	}
	if row.At.Sub(f.At).Abs() >= max(time.Microsecond, f.form.rule.rules.within) {
		return false
	}
	var stored flatValues
	return f.form.reads(row.Payload, key, &stored) && f.form.same(&f.values, &stored)
}
