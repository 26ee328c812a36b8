package order

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Envelope says where a record of a topic has the parts of its event.
type Envelope struct {
	ID EnvelopePart `json:"id,omitzero"`
	// Position is for messages with an id that is not the position; the zero value if they do not say their position.
	Position EnvelopePart `json:"position,omitzero"`
	Key      EnvelopePart `json:"key,omitzero"`
	Type     EnvelopePart `json:"type,omitzero"`
	At       EnvelopePart `json:"at,omitzero"`
	Payload  EnvelopePart `json:"payload,omitzero"`
	// Changes says that values are Debezium's change events of the event table. Only rows that were inserted, updated or
	// read by a snapshot publish an event.
	Changes bool `json:"changes,omitzero"`
	// Tombstones says that records without a value are passed over. Otherwise each is a finding.
	Tombstones bool `json:"tombstones,omitzero"`
}

// EnvelopePart is one part of an event in a record.
type EnvelopePart struct {
	// From is a path of the value, "header:NAME", "ce:NAME" for an attribute of a CloudEvent, "key", "value", "time" for the
	// record's own time, or "none" for a time that is not there.
	From string `json:"from,omitzero"`
	// Strip is the beginning of an id, a key or a type that the store does not have. A record whose key does not begin with
	// it belongs to others, as such a row of the store does.
	Strip string `json:"strip,omitzero"`
	// Map replaces types. Others stay as they are.
	Map map[string]string `json:"map,omitzero"`
	// Unit is that of a time that is a number since 1970: s, ms, us or ns. Empty for a text in RFC 3339.
	Unit string `json:"unit,omitzero"`
	// Precision is the unit to which the time was cut or rounded. Default Unit, or us.
	Precision string `json:"precision,omitzero"`
}

// UsualEnvelope is the form that needs no opening.
func UsualEnvelope() Envelope {
	return Envelope{
		ID: EnvelopePart{From: "$.event_id"}, Key: EnvelopePart{From: "$.order_id"}, Type: EnvelopePart{From: "$.event_type"},
		At: EnvelopePart{From: "$.timestamp"}, Payload: EnvelopePart{From: "$.payload"},
	}
}

// CloudEvents is the form of CloudEvents, structured and binary. The record's key is the order's.
func CloudEvents() Envelope {
	return Envelope{
		ID: EnvelopePart{From: "ce:id"}, Key: EnvelopePart{From: "key"}, Type: EnvelopePart{From: "ce:type"},
		At: EnvelopePart{From: "ce:time"}, Payload: EnvelopePart{From: "ce:data"},
	}
}

// DebeziumChanges is the form of Debezium's change events of a table with these columns.
func DebeziumChanges(id, key, eventType, at, payload string) Envelope {
	after := func(column string) EnvelopePart { return EnvelopePart{From: "$.after." + column} }
	return Envelope{
		ID: after(id), Key: after(key), Type: after(eventType), At: after(at), Payload: after(payload), Changes: true, Tombstones: true,
	}
}

// DebeziumOutbox is the form of Debezium's outbox event router with its defaults, and with the type as the header eventType.
// The time of the record is the connector's, and says nothing of the event.
func DebeziumOutbox() Envelope {
	return Envelope{
		ID: EnvelopePart{From: "header:id"}, Key: EnvelopePart{From: "key"}, Type: EnvelopePart{From: "header:eventType"},
		At: EnvelopePart{From: "none"}, Payload: EnvelopePart{From: "value"}, Tombstones: true,
	}
}

// Usual is true for the usual form, in which tombstones are findings.
func (e Envelope) Usual() bool { return reflect.DeepEqual(e, UsualEnvelope()) }

// String is what the envelope says. Equal envelopes have equal texts.
func (e Envelope) String() string { return written(e) }

// AnyTime is the precision of a time that says nothing.
const AnyTime = time.Duration(1<<63 - 1)

// Within is how far a message's time may be from the stored one.
func (e Envelope) Within() time.Duration {
	switch p := e.At; {
	case p.From == "none":
		return AnyTime
	case p.Precision != "":
		return max(units[p.Precision], time.Microsecond)
	case p.Unit != "":
		return max(units[p.Unit], time.Microsecond)
	case p.From == "time":
		return time.Millisecond
	}
	return time.Microsecond
}

// InKey tells whether a part is in the record's key.
func (e Envelope) InKey() bool {
	return e.ID.From == "key" || e.Key.From == "key" || e.Type.From == "key"
}

// spotKind is where in a record a part is.
type spotKind byte

const (
	spotPath spotKind = iota
	spotHeader
	spotAttribute // of a CloudEvent
	spotKey
	spotValue
	spotTime
	spotNone
)

// spot is where in a record a part is.
type spot struct {
	kind spotKind
	path []string
	name string // of the header or the attribute
}

func spotOf(from string) (s spot, ok bool) {
	words := map[string]spotKind{"key": spotKey, "value": spotValue, "time": spotTime, "none": spotNone}
	if kind, isWord := words[from]; isWord {
		return spot{kind: kind}, true
	}
	for prefix, kind := range map[string]spotKind{"header:": spotHeader, "ce:": spotAttribute} {
		if name, found := strings.CutPrefix(from, prefix); found {
			return spot{kind: kind, name: name}, name != ""
		}
	}
	path, ok := splitPath(from)
	return spot{kind: spotPath, path: path}, ok
}

// parts are the parts by their names in the configuration.
func (e Envelope) parts() map[string]EnvelopePart {
	return map[string]EnvelopePart{"id": e.ID, "position": e.Position, "key": e.Key, "type": e.Type, "at": e.At, "payload": e.Payload}
}

// spots says where each part may be.
var spots = map[string]struct {
	kinds []spotKind
	hint  string
}{
	"id":       {[]spotKind{spotPath, spotHeader, spotAttribute, spotKey}, `such as $.id, "header:ce_id" or key`},
	"position": {[]spotKind{spotPath, spotHeader, spotAttribute, spotKey}, `such as $.position or "header:position"`},
	"key":      {[]spotKind{spotPath, spotHeader, spotAttribute, spotKey}, `such as key, $.orderId or "header:order"`},
	"type":     {[]spotKind{spotPath, spotHeader, spotAttribute, spotKey}, `such as $.type or "header:eventType"`},
	"at":       {[]spotKind{spotPath, spotHeader, spotAttribute, spotTime, spotNone}, `such as $.at, "header:ce_time", time for the record's own time, or none`},
	"payload":  {[]spotKind{spotPath, spotAttribute, spotValue}, "such as value or $.data"},
}

// Mistakes are all that is wrong with the envelope. The path of each begins with the name of a part.
func (e Envelope) Mistakes() (found []Mistake) {
	mistake := func(path []string, hint, format string, args ...any) {
		found = append(found, Mistake{Path: path, Detail: fmt.Sprintf(format, args...), Hint: hint})
	}
	for _, name := range slices.Sorted(maps.Keys(spots)) {
		p := e.parts()[name]
		s, ok := spotOf(p.From)
		switch {
		case p.From == "" && name == "position":
		case p.From == "":
			mistake([]string{name}, spots[name].hint, "does not say where it is")
		case !ok || !slices.Contains(spots[name].kinds, s.kind):
			mistake([]string{name}, spots[name].hint, "%q is no place of the %s in a message", p.From, strings.Replace(name, "at", "time", 1))
		case name == "payload" && s.kind == spotAttribute && s.name != "data":
			mistake([]string{name}, "write ce:data", "%q holds no payload", p.From)
		}
		for key, has := range map[string]bool{"strip": p.Strip != "", "map": p.Map != nil, "unit": p.Unit != "", "precision": p.Precision != ""} {
			if of := map[string][]string{"strip": {"id", "key", "type"}, "map": {"type"}, "unit": {"at"}, "precision": {"at"}}[key]; has && !slices.Contains(of, name) {
				mistake([]string{name, key}, "", "is for %s", strings.Join(of, ", "))
			}
		}
	}
	for key, unit := range map[string]string{"unit": e.At.Unit, "precision": e.At.Precision} {
		if unit != "" && units[unit] == 0 {
			mistake([]string{"at", key}, "one of s, ms, us, ns", "%q is no unit", unit)
		}
	}
	return found
}

// ErrEnvelope is returned for an envelope that cannot be used.
var ErrEnvelope = errors.New("not usable as an envelope")

// Opener opens envelopes. It does not change, and is safe for concurrent use.
type Opener struct {
	envelope   Envelope
	usual      bool            // records need no opening
	spots      map[string]spot // by the name of the part
	attributes bool            // a part is an attribute of a CloudEvent
}

// NewOpener returns an error that wraps [ErrEnvelope] if the envelope cannot be used.
func NewOpener(e Envelope) (*Opener, error) {
	if m := e.Mistakes(); len(m) > 0 {
		return nil, fmt.Errorf("%w: %s: %s", ErrEnvelope, strings.Join(m[0].Path, "."), m[0].Detail)
	}
	o := &Opener{envelope: e, spots: map[string]spot{}, usual: true}
	for name, p := range e.parts() {
		s, _ := spotOf(p.From)
		o.spots[name] = s
		o.attributes = o.attributes || s.kind == spotAttribute
		usual := UsualEnvelope().parts()[name]
		o.usual = o.usual && p.From == usual.From && p.Strip == "" && p.Map == nil && p.Unit == ""
	}
	return o, nil
}
