package order

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Decode reads an event strictly, by the rule of its type. Decimals are exact, and come from JSON numbers or from strings
// that hold one. The error is a [*SchemaError]. The event is never dropped: it is returned with the error too, so that it
// keeps its place in the history. It says nothing then, unless the error is [SchemaError.Harmless].
//
// Every path of the rule must be in the payload, unless the rule says otherwise, and null is a value only where the rule
// allows it. If the payload repeats the order's key, it must be the event's.
func Decode(raw RawEvent, rules *Rules) (Event, error) {
	e := Event{Position: raw.Position, ID: raw.ID, Key: raw.Key, Type: EventType(raw.Type), At: raw.At, PerOrder: rules.perOrder}
	e.Said, e.Schema = rules.decode(raw)
	if e.Schema != nil {
		e.Schema.Position, e.Schema.Key, e.Schema.Type = raw.Position, raw.Key, raw.Type
		return e, e.Schema
	}
	return e, nil
}

func (r *Rules) decode(raw RawEvent) (*Said, *SchemaError) {
	if finding := raw.noPlace(); finding != nil {
		return nil, finding
	}
	rule := r.events[raw.Type]
	if rule == nil {
		return nil, &SchemaError{Kind: UnknownType, Detail: fmt.Sprintf("there is no rule for the event type %.60q", raw.Type)}
	}
	if rule.ignored {
		return &Said{rule: rule, named: -1}, nil
	}
	if raw.Payload == nil || string(raw.Payload) == "null" {
		if said := rule.withoutPayload(raw); said != nil {
			return said, nil
		}
	}
	if raw.Payload == nil {
		return nil, &SchemaError{Kind: NoPlace, Name: "payload", Detail: "the event has no payload"}
	}
	if len(raw.Payload) > MaxPayload {
		return nil, &SchemaError{Kind: TooLarge, Detail: fmt.Sprintf("the payload is larger than %d bytes", MaxPayload)}
	}
	if said := rule.flatly(raw); said != nil {
		return said, nil
	}
	return rule.thoroughly(raw)
}

// thoroughly reads any payload, and says what is wrong with it.
func (r *rule) thoroughly(raw RawEvent) (*Said, *SchemaError) {
	d := decoder{rule: r, raw: raw}
	if d.root = d.members(raw.Payload, maxDepth); d.finding != nil {
		d.finding.Detail = "payload: " + d.finding.Detail
		return nil, d.finding
	}
	unknown := d.unknown()
	said := d.said(unknown)
	if d.finding != nil {
		return nil, d.finding
	}
	if unknown != nil && r.strict {
		return said, &SchemaError{Kind: UnknownKey, Name: unknown.name, Detail: "the payload has a key that is not in the rule: " + keyName(unknown.name)}
	}
	return said, nil
}

// flatly reads a payload that can be read without a copy of it; nil if it cannot, or if there may be a finding.
func (r *rule) flatly(raw RawEvent) *Said {
	var flat flatValues
	if r.form == nil || !r.form.reads(raw.Payload, raw.Key, &flat) || flat.odd {
		return nil
	}
	d := decoder{rule: r, raw: raw, flat: &flat}
	if said := d.said(nil); d.finding == nil {
		return said
	}
	return nil
}

// noPlace returns a finding if a column is NULL that every event must have. The key is always there, because events are
// read by key.
func (e RawEvent) noPlace() *SchemaError {
	none := func(name, what string) *SchemaError {
		return &SchemaError{Kind: NoPlace, Name: name, Detail: "the event has no " + what}
	}
	switch {
	case e.Position == NoPosition && e.ID == "": // a message may have the id alone
		return none("event_id", "position")
	case e.Type == "":
		return none("event_type", "type")
	case e.At.IsZero():
		return none("timestamp", "time, or its time is not within the years 1 to 9999")
	}
	return nil
}

// withoutPayload is what an event says that has no payload; nil if its rule needs one.
func (r *rule) withoutPayload(raw RawEvent) *Said {
	d := decoder{rule: r, raw: raw}
	if said := d.said(nil); d.finding == nil {
		return said
	}
	return nil
}

// NeedNoPayload are the types of which an event says all by its type.
func (r *Rules) NeedNoPayload() (types []string) {
	for name, rule := range r.events {
		if rule.ignored || rule.withoutPayload(RawEvent{}) != nil {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

// keyName is a key of a payload as findings show it. One that cannot be seen is quoted.
func keyName(name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.60q", name)
	}
	return fmt.Sprintf("%.60s", name)
}

// decoder reads one payload. It keeps the first finding.
type decoder struct {
	rule    *rule
	raw     RawEvent
	flat    *flatValues // in place of root; nil if it is not read like that
	root    []member
	objects map[string][]member // in the root, by their path
	finding *SchemaError
}

func (d *decoder) find(name string, kind SchemaKind, format string, args ...any) {
	if d.finding == nil {
		d.finding = &SchemaError{Kind: kind, Name: name, Detail: fmt.Sprintf(format, args...)}
	}
}

// members reads an object.
func (d *decoder) members(data []byte, depth int) []member {
	members, finding := object(data, depth)
	if name, again := twice(members); finding == nil && again {
		finding = &SchemaError{Kind: DuplicateKey, Name: name, Detail: fmt.Sprintf("the payload has the key %s twice", keyName(name))}
	}
	if finding == nil {
		return members
	}
	if d.finding == nil {
		d.finding = finding
	}
	return nil
}

// inner reads the object at a path, once.
func (d *decoder) inner(path []string, data []byte) []member {
	at := strings.Join(path, "\x00")
	if found, ok := d.objects[at]; ok {
		return found
	}
	if d.objects == nil {
		d.objects = map[string][]member{}
	}
	d.objects[at] = d.members(data, maxDepth-len(path))
	return d.objects[at]
}

// unknown is the first member of the payload that the rule does not have. The key of the order is looked at on the way.
func (d *decoder) unknown() *member {
	if key := d.rule.rules.key; len(key) > 0 {
		if m, ok := d.at(key); ok && string(m.text) != string(d.raw.Key) {
			name := strings.Join(key, ".")
			d.find(name, OtherOrder, "the payload names order %.40s", m.raw)
		}
	}
	for i := range d.root {
		if name := d.root[i].name; !slices.Contains(d.rule.first, name) && !slices.Contains(d.rule.keys, name) {
			return &d.root[i]
		}
	}
	return nil
}

// at walks a path.
func (d *decoder) at(path []string) (m member, ok bool) {
	members := d.root
	for depth, name := range path {
		i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
		if i < 0 {
			return m, false
		}
		if m = members[i]; depth == len(path)-1 {
			return m, true
		}
		if m.kind != jsonObject {
			return m, false
		}
		members = d.inner(path[:depth+1], m.raw)
	}
	return m, false
}

// of is the value of a source.
func (d *decoder) of(s *source) (m member, ok bool) {
	if d.flat == nil {
		return d.at(s.path)
	}
	t := d.flat.at[s.slot]
	return member{token: t}, t.kind != 0
}

func (d *decoder) said(unknown *member) *Said {
	out := &Said{rule: d.rule, values: make([]datum, len(d.rule.sources)), named: -1}
	for i := range d.rule.sources {
		if s := &d.rule.sources[i]; !s.named {
			out.values[i] = d.value(s, s.kind, s.Null, unknown)
		}
	}
	n := d.rule.named
	if n == nil || d.finding != nil {
		return out
	}
	name := d.rule.sources[n.field].name()
	register, ok := n.registers[out.values[n.field].text]
	if !ok {
		d.find(name, UnknownField, "%s: %.60q is not a field that the event can change", name, out.values[n.field].text)
		return out
	}
	out.named = register
	for _, i := range []int{n.to, n.was} {
		if i >= 0 {
			out.values[i] = d.value(&d.rule.sources[i], d.rule.rules.registers[register].kind, n.nullable[register], unknown)
		}
	}
	return out
}

// value reads one source.
func (d *decoder) value(s *source, k kind, nullable bool, unknown *member) datum {
	switch {
	case s.given:
		return s.is
	case s.Of == PartAt:
		return datum{kind: kindTime, at: d.raw.At}
	case s.Of == PartKey:
		return datum{text: string(d.raw.Key)}
	}
	m, ok := d.of(s)
	switch {
	case ok && m.kind == jsonNull && nullable:
		return datum{kind: k, null: true}
	case ok && m.kind == jsonNull:
		d.find(s.name(), NullValue, "%s: null instead of a value", s.name())
	case ok:
		return d.scalar(s, k, m)
	case s.Optional:
		return nothing
	case unknown != nil:
		d.find(s.name(), MissingKey, "the payload has no %s; it has %s, which is not in the rule; was the key renamed?", s.name(), keyName(unknown.name))
	default:
		d.find(s.name(), MissingKey, "the payload has no %s", s.name())
	}
	return nothing
}

func (d *decoder) scalar(s *source, k kind, m member) datum {
	text, number := string(m.text), m.kind == jsonNumber
	switch {
	case m.kind == jsonObject || m.kind == jsonArray || m.kind == jsonBoolean && k != kindBool && s.Map == nil:
		d.find(s.name(), WrongType, "%s: %s instead of %s", s.name(), m.kind, k)
		return nothing
	case s.Map != nil:
		if to := s.mapped(m.text); to != nil {
			return to.datum
		}
		d.find(s.name(), WrongType, "%s: the map of the rule does not have %.60q", s.name(), text)
		return nothing
	case k == kindTime && s.Unit != "":
		return d.epoch(s, m)
	case k == kindText && number:
		n, detail := datumOf(text, kindNumber)
		if detail != "" {
			d.find(s.name(), BadNumber, "%s: %s", s.name(), detail)
		}
		text = plain(n.number)
	}
	out, detail := datumOf(text, k)
	if detail == "" && k == kindNumber && s.Scale > 0 {
		out.number, detail = scaled(out.number, s.Scale)
	}
	if detail != "" {
		d.find(s.name(), map[kind]SchemaKind{kindNumber: BadNumber, kindTime: BadTimestamp, kindBool: WrongType}[k], "%s: %s", s.name(), detail)
	}
	return out
}

// mapElse is the entry of a map for all other texts.
const mapElse = "else"

// mapped returns what a text is replaced by; nil if nothing is said of it.
func (s *source) mapped(text []byte) *mapped {
	if to := s.to[string(text)]; to != nil {
		return to
	}
	return s.to[mapElse]
}

// DecodeMessage reads an event from the stream, {"event_id", "order_id", "event_type", "timestamp", "payload"}, as
// strictly as [Decode]. Ids may be numbers or strings. The event_id is the position; with [FoldRules.ByID] it is the id, and
// the message may have an event_position too.
func DecodeMessage(message []byte, rules *Rules) (Event, error) {
	raw, finding := envelope(message, rules.byID)
	if finding != nil && !finding.Harmless() {
		finding.Position, finding.Key, finding.Type = raw.Position, raw.Key, raw.Type
		return Event{Position: raw.Position, ID: raw.ID, Key: raw.Key, Type: EventType(raw.Type), At: raw.At, Schema: finding}, finding
	}
	e, err := Decode(raw, rules)
	e.Within = rules.within
	if err == nil && finding != nil {
		finding.Position, finding.Key, finding.Type = raw.Position, raw.Key, raw.Type
		e.Schema = finding
		return e, finding
	}
	return e, err
}

// ReadMessage reads all of a message but what its payload says. It is false if that is not a message.
func ReadMessage(message []byte, rules *Rules) (RawEvent, bool) {
	raw, finding := envelope(message, rules.byID)
	return raw, finding == nil || finding.Harmless()
}

// envelope reads all of a message except the payload. With a finding it returns what could be read.
func envelope(message []byte, byID bool) (raw RawEvent, finding *SchemaError) {
	raw.Position = NoPosition
	members, finding := object(message, maxDepth+1)
	if finding != nil && finding.Kind != TooLarge {
		return raw, finding
	}
	find := func(kind SchemaKind, name, detail string) {
		if finding == nil || finding.Harmless() && kind != UnknownKey {
			finding = &SchemaError{Kind: kind, Name: name, Detail: fmt.Sprintf("the message's %.60s: %s", name, detail)}
		}
	}
	if name, found := twice(members); found {
		find(DuplicateKey, name, "twice")
	}
	for _, m := range members {
		if kind, detail := raw.take(m, byID); kind != "" {
			find(kind, m.name, detail)
		}
	}
	for _, name := range []string{"event_id", "order_id", "event_type", "timestamp", "payload"} {
		if !slices.ContainsFunc(members, func(m member) bool { return m.name == name }) {
			find(MissingKey, name, "missing")
		}
	}
	return raw, finding
}

// take reads one member of a message; an empty kind is success.
func (e *RawEvent) take(m member, byID bool) (SchemaKind, string) {
	text := string(m.text)
	wrong := func() (SchemaKind, string) { return WrongType, "is " + m.kind.String() }
	name := m.name
	if byID && name == "event_position" {
		name = "event_id"
	} else if byID && name == "event_id" {
		if m.kind != jsonString && m.kind != jsonNumber || text == "" {
			return wrong()
		}
		e.ID = ID(text)
		return "", ""
	}
	switch name {
	case "event_id":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !isNumber(text) {
			return BadNumber, fmt.Sprintf("%.60s is not a 64-bit integer", m.raw)
		}
		e.Position = Position(n)
	case "order_id":
		if m.kind != jsonString && m.kind != jsonNumber || text == "" {
			return wrong()
		}
		if m.kind == jsonNumber && strings.ContainsAny(text, ".eE") {
			return BadNumber, fmt.Sprintf("%.60s is not an integer", text)
		}
		e.Key = Key(text)
	case "event_type":
		if m.kind != jsonString {
			return wrong()
		}
		e.Type = text
	case "timestamp":
		at, ok := ParseTime(text)
		if !ok || m.kind != jsonString {
			return BadTimestamp, fmt.Sprintf("%.60s is not an RFC 3339 time with a zone and at most nanoseconds", m.raw)
		}
		e.At = at
	case "payload":
		e.Payload = m.raw
	default:
		return UnknownKey, "not expected"
	}
	return "", ""
}
