package order

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Record is a message as a broker has it.
type Record struct {
	Key, Value []byte
	Headers    []Header
	Time       time.Time
	// Converted says that the value was not in JSON, so that its payload may be JSON in a text even in the usual form.
	Converted bool
	// Unread is why the value cannot be read at all; nil if it can.
	Unread error
}

// Header is a name with a value, beside a record's key and value.
type Header struct {
	Name  string
	Value []byte
}

// Opened is a record in the usual form.
type Opened struct {
	// Value is for [DecodeMessage].
	Value []byte
	// Skip is true for a record that publishes no event.
	Skip bool
	// Problem is why the record is not as agreed; nil if it is. Value holds what could be read, without what could not.
	Problem error
}

// Open returns a record in the usual form.
func (o *Opener) Open(r Record) Opened {
	if len(r.Value) == 0 {
		return Opened{Skip: o.envelope.Tombstones}
	}
	if o.usual && r.Unread == nil && !r.Converted {
		return Opened{Value: r.Value}
	}
	p := opening{Opener: o, record: r, unread: r.Unread}
	if p.unread == nil {
		p.read()
	}
	if p.envelope.Changes && p.unread == nil {
		op, _ := p.at([]string{"op"})
		switch string(op.text) {
		case "c", "r", "u":
		case "d", "t", "m":
			return Opened{Skip: true}
		default:
			p.fail("the value is no change event of Debezium: its op is %.20q", op.text)
		}
	}
	if p.attributes {
		p.findMode()
	}
	return p.write()
}

// opening is a record that is being opened.
type opening struct {
	*Opener
	record     Record
	value      []byte              // JSON, without the schema that Kafka Connect may have put around it
	root       []member            // of the value
	objects    map[string][]member // in the root, by their path
	unread     error               // why the value is no JSON object
	structured bool                // a CloudEvent of which the value has the attributes
	foreign    bool                // of another aggregate
	problem    error
}

func (p *opening) fail(format string, args ...any) {
	if p.problem == nil {
		p.problem = fmt.Errorf(format, args...)
	}
}

// read reads the value.
func (p *opening) read() {
	p.value = withoutSchema(p.record.Value)
	var finding *SchemaError
	if p.root, finding = object(p.value, maxDepth+1); finding != nil {
		p.unread = fmt.Errorf("the value: %s", finding.Detail)
	}
}

// withoutSchema takes off {"schema": …, "payload": …}, which Kafka Connect's JSON converter writes.
func withoutSchema(data []byte) []byte {
	if !bytes.Contains(data, []byte(`"schema"`)) {
		return data
	}
	members, finding := object(data, maxDepth+1)
	if finding != nil || len(members) != 2 {
		return data
	}
	schema := slices.IndexFunc(members, func(m member) bool { return m.name == "schema" && (m.kind == jsonObject || m.kind == jsonNull) })
	payload := slices.IndexFunc(members, func(m member) bool { return m.name == "payload" })
	if schema < 0 || payload < 0 {
		return data
	}
	return members[payload].raw
}

// at walks a path of the value.
func (p *opening) at(path []string) (m member, ok bool) {
	if p.unread != nil {
		return m, false
	}
	members := p.root
	for depth, name := range path {
		is := func(m member) bool { return m.name == name }
		i := slices.IndexFunc(members, is)
		if i < 0 {
			return m, false
		}
		if slices.ContainsFunc(members[i+1:], is) {
			p.fail("the value has the key %s twice", keyName(name))
			return m, false
		}
		if m = members[i]; depth == len(path)-1 {
			return m, true
		}
		if m.kind != jsonObject {
			return m, false
		}
		members = p.inner(path[:depth+1], m.raw)
	}
	return m, false
}

// inner reads the object at a path, once.
func (p *opening) inner(path []string, data []byte) []member {
	at := strings.Join(path, "\x00")
	found, known := p.objects[at]
	if !known {
		if p.objects == nil {
			p.objects = map[string][]member{}
		}
		found, _ = object(data, maxDepth)
		p.objects[at] = found
	}
	return found
}

// header returns nil if there is none of that name.
func (p *opening) header(name string) []byte {
	is := func(h Header) bool { return h.Name == name }
	i := slices.IndexFunc(p.record.Headers, is)
	if i < 0 {
		return nil
	}
	if slices.ContainsFunc(p.record.Headers[i+1:], is) {
		p.fail("the header %s is there twice", keyName(name))
	}
	return p.record.Headers[i].Value
}

// findMode finds out how a CloudEvent is written.
func (p *opening) findMode() {
	i := slices.IndexFunc(p.record.Headers, func(h Header) bool { return strings.EqualFold(h.Name, "content-type") })
	if i >= 0 && bytes.HasPrefix(p.record.Headers[i].Value, []byte("application/cloudevents")) {
		p.structured = true
		return
	}
	if slices.ContainsFunc(p.record.Headers, func(h Header) bool { return strings.HasPrefix(h.Name, "ce_") }) {
		return
	}
	if _, p.structured = p.at([]string{"specversion"}); !p.structured {
		p.fail("the message is no CloudEvent: it has neither the header ce_specversion nor the key specversion in its value")
	}
}

// errAbsent is why a part cannot be read.
var errAbsent = errors.New("is not there")

// part reads a part as a scalar.
func (p *opening) part(s spot) (t token, err error) {
	switch {
	case s.kind == spotHeader:
		return scalarIn(p.header(s.name))
	case s.kind == spotKey:
		return scalarIn(p.record.Key)
	case s.kind == spotAttribute && !p.structured:
		return scalarIn(p.header("ce_" + s.name))
	case s.kind == spotAttribute:
		s.path = []string{s.name}
	}
	m, ok := p.at(s.path)
	switch {
	case p.unread != nil:
		return t, p.unread
	case !ok:
		return t, errAbsent
	case m.kind != jsonString && m.kind != jsonNumber:
		return t, fmt.Errorf("is %s", m.kind)
	}
	return m.token, nil
}

// scalarIn reads the bytes of a key or a header: text, or a JSON value as Kafka Connect writes it.
func scalarIn(data []byte) (token, error) {
	if len(data) == 0 {
		return token{}, errAbsent
	}
	if data[0] == '"' || data[0] == '{' {
		s := scanner{data: withoutSchema(data)}
		if t, ok := s.scalar(); ok && s.ended() && t.kind != jsonNull {
			return t, nil
		}
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return token{}, errors.New("is not text")
	}
	return token{kind: jsonString, text: data}, nil
}

// write writes the parts in the usual form.
func (p *opening) write() Opened {
	out := []byte{'{'}
	add := func(name string, value []byte) {
		if value == nil {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(append(out, '"'), name...), `":`...), value...)
	}
	add("event_id", p.named("id", p.envelope.ID))
	if p.envelope.Position.From != "" {
		add("event_position", p.named("position", p.envelope.Position))
	}
	add("order_id", p.named("key", p.envelope.Key))
	eventType := p.named("type", p.envelope.Type)
	add("event_type", eventType)
	add("timestamp", p.time())
	add("payload", p.payload())
	if p.foreign {
		return Opened{Skip: true}
	}
	if eventType == nil && p.unread != nil { // what nobody can read belongs to nobody else
		return Opened{Value: p.record.Value, Problem: p.problem}
	}
	return Opened{Value: append(out, '}'), Problem: p.problem}
}

// named is an id, a key or a type as JSON; nil if it is not there.
func (p *opening) named(name string, part EnvelopePart) []byte {
	t, err := p.part(p.spots[name])
	if err != nil {
		p.fail("the %s, %s: %w", name, part.From, err)
		return nil
	}
	if t.kind == jsonNumber && part.Strip == "" && name != "type" {
		return t.text
	}
	text, ok := strings.CutPrefix(string(t.text), part.Strip)
	switch {
	case !ok && name == "key":
		p.foreign = true
	case !ok && name == "id":
		p.fail("the id, %s: %.60q does not begin with %q", part.From, text, part.Strip)
		return nil
	}
	if to, found := part.Map[text]; found {
		text = to
	}
	return quoted(text)
}

func quoted(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // of a text
	}
	return out
}

// time is the time as JSON; nil if it is not there.
func (p *opening) time() []byte {
	part, s := p.envelope.At, p.spots["at"]
	if s.kind == spotTime || s.kind == spotNone {
		at := p.record.Time.UTC()
		if !at.After(firstMoment) || at.After(lastMoment) {
			at = time.Unix(0, 0).UTC()
		}
		return quoted(at.Format(time.RFC3339Nano))
	}
	t, err := p.part(s)
	switch {
	case err != nil:
		p.fail("the time, %s: %w", part.From, err)
		return nil
	case part.Unit == "" && t.kind == jsonNumber:
		p.fail("the time, %s: %.40s is a number, and the configuration does not say its unit", part.From, t.text)
		return nil
	case part.Unit == "":
		return quoted(string(t.text))
	}
	if _, ok := ParseTime(string(t.text)); ok && t.kind == jsonString { // as a value in Avro may have become
		return quoted(string(t.text))
	}
	n, detail := datumOf(string(t.text), kindNumber)
	at, ok := time.Time{}, false
	if detail == "" {
		at, ok = since1970(n.number, units[part.Unit])
	}
	if !ok {
		p.fail("the time, %s: %.40q is no time in %s since 1970", part.From, t.text, part.Unit)
		return nil
	}
	return quoted(at.Format(time.RFC3339Nano))
}

// payload is the payload as JSON; nil if there is none.
func (p *opening) payload() []byte {
	s, from := p.spots["payload"], p.envelope.Payload.From
	raw, encoded := p.value, false
	switch {
	case s.kind == spotPath:
		m, _ := p.at(s.path)
		raw = m.raw
	case s.kind == spotAttribute && p.structured:
		m, ok := p.at([]string{"data"})
		if !ok {
			m, encoded = p.at([]string{"data_base64"})
		}
		raw = m.raw
	}
	if raw == nil {
		err := errAbsent
		if p.unread != nil {
			err = p.unread
		}
		p.fail("the payload, %s: %w", from, err)
		return nil
	}
	text := scanner{data: raw}
	if inner, ok := text.text(); ok && text.ended() { // JSON in a text, as Debezium has the column of a table
		raw = inner
		if bytesOf := fromBase64(inner); encoded || bytesOf != nil { // as Debezium has a column of bytes
			raw = bytesOf
		}
	}
	if _, finding := object(raw, maxDepth); finding != nil && finding.Kind != TooLarge {
		p.fail("the payload, %s: %s", from, finding.Detail)
		return nil
	}
	return raw
}

// fromBase64 reads base64; nil if it is none.
func fromBase64(text []byte) []byte {
	out, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil
	}
	return out
}
