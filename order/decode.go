package order

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/cockroachdb/apd/v3"
)

// Decode reads an event strictly. Decimals are exact, and come from JSON numbers or from strings that hold one. Every
// key of the vocabulary must be there once. The error is a [*SchemaError]. The event is never dropped: it is returned
// with the error too, so that it keeps its place in the history. It has no body then, unless the error is
// [SchemaError.Harmless].
//
// Two kinds of further keys are tolerated: keys that the vocabulary ignores, and the envelope's keys (event_id,
// order_id, event_type, timestamp) repeated in the payload. An order_id there must be the event's. Null is a value only
// for the price of an order (a market order has none), for the old and new value when that price is modified, and for
// the reason of a cancel.
func Decode(raw RawEvent, v Vocabulary) (Event, error) {
	e := Event{Position: raw.Position, Key: raw.Key, Type: EventType(raw.Type), At: raw.At}
	if t, ok := v.prepared().types[raw.Type]; ok {
		e.Type = t
	}
	e.Body, e.Schema = v.prepared().decode(raw)
	if e.Schema != nil {
		e.Schema.Position, e.Schema.Key, e.Schema.Type = raw.Position, raw.Key, raw.Type
		return e, e.Schema
	}
	return e, nil
}

func (n *names) decode(raw RawEvent) (Body, *SchemaError) {
	if finding := raw.noPlace(); finding != nil {
		return nil, finding
	}
	t, ok := n.types[raw.Type]
	if !ok {
		return nil, &SchemaError{Kind: UnknownType, Detail: fmt.Sprintf("the vocabulary has no event type %.60q", raw.Type)}
	}
	if len(raw.Payload) > MaxPayload {
		return nil, &SchemaError{Kind: TooLarge, Detail: fmt.Sprintf("the payload is larger than %d bytes", MaxPayload)}
	}
	members, finding := object(raw.Payload, maxDepth)
	if finding != nil {
		finding.Detail = "payload: " + finding.Detail
		return nil, finding
	}
	values, unknown, finding := n.sort(t, members, raw.Key)
	if finding != nil {
		return nil, finding
	}
	r := reader{names: n, eventType: t, values: values}
	body := r.body()
	if r.finding != nil {
		return nil, r.finding
	}
	if unknown != nil {
		finding = &SchemaError{Kind: UnknownKey, Name: unknown.name, Detail: "the payload has a key that is not in the vocabulary: " + keyName(unknown.name)}
	}
	return body, finding
}

// noPlace returns a finding if a column is NULL that every event must have. The key is always there, because events are
// read by key.
func (e RawEvent) noPlace() *SchemaError {
	none := func(name, what string) *SchemaError {
		return &SchemaError{Kind: NoPlace, Name: name, Detail: "the event has no " + what}
	}
	switch {
	case e.Position == NoPosition:
		return none("event_id", "position")
	case e.Type == "":
		return none("event_type", "type")
	case e.At.IsZero():
		return none("timestamp", "time, or its time is not within the years 1 to 9999")
	case e.Payload == nil:
		return none("payload", "payload")
	}
	return nil
}

// values are a payload's values by their index in payloadKeys. A nil raw is a missing key.
type values [maxKeys]member

// sort puts each value in its place. It returns the first member that has no place.
func (n *names) sort(t EventType, members []member, key Key) (out values, unknown *member, finding *SchemaError) {
	if name, found := twice(members); found {
		return out, nil, &SchemaError{Kind: DuplicateKey, Name: name, Detail: fmt.Sprintf("the payload has the key %s twice", keyName(name))}
	}
	for i, m := range members {
		index, known := n.keys[t][m.name]
		switch {
		case known:
			out[index] = m
		case m.name == "order_id" && string(m.text) != string(key):
			return out, nil, &SchemaError{Kind: OtherOrder, Name: m.name, Detail: fmt.Sprintf("the payload names order %.40s", m.raw)}
		case !n.ignore[m.name] && unknown == nil:
			unknown = &members[i]
		}
	}
	for i, name := range n.theirs[t] {
		if name == "" || out[i].raw != nil {
			continue
		}
		detail := "the payload has no " + name
		if unknown != nil {
			detail += fmt.Sprintf("; it has %s, which is not in the vocabulary; was the key renamed?", keyName(unknown.name))
		}
		return out, nil, &SchemaError{Kind: MissingKey, Name: name, Detail: detail}
	}
	return out, unknown, nil
}

// keyName is a key of a payload as findings show it. One that cannot be seen is quoted.
func keyName(name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.60q", name)
	}
	return fmt.Sprintf("%.60s", name)
}

// reader builds a body from values. It keeps the first finding.
type reader struct {
	names     *names
	eventType EventType
	values    values
	finding   *SchemaError
}

func (r *reader) body() Body {
	switch r.eventType {
	case OrderCreated:
		return Created{Trader: r.text(0), Symbol: r.text(1), Side: r.text(2), Quantity: r.number(3), Price: r.nullNumber(4)}
	case OrderModified:
		return r.modified()
	case OrderPartiallyFilled:
		return PartiallyFilled{Quantity: r.number(0), Remaining: r.nullNumber(1), Price: r.number(2)}
	case OrderFilled:
		return Filled{Quantity: r.number(0), Price: r.number(1)}
	case OrderCanceled:
		return Canceled{Reason: r.value(0)}
	}
	return nil // there is no other type in a vocabulary
}

func (r *reader) modified() Body {
	name := r.text(0)
	field, ok := r.names.fields[name]
	if !ok {
		r.find(0, UnknownField, fmt.Sprintf("%q is not a field that a modification can change", name))
		return nil
	}
	m := Modified{Field: field, New: r.fieldValue(field, 2)}
	if r.values[1].raw != nil {
		old := r.fieldValue(field, 1)
		m.Old = &old
	}
	return m
}

// fieldValue reads the old or new value of a modified field.
func (r *reader) fieldValue(field string, i int) Value {
	switch {
	case field == "price" && r.values[i].kind == jsonNull:
		return Null
	case field == "price" || field == "quantity":
		d := r.number(i)
		return Value{Text: d.Text('f')}
	default:
		return Value{Text: r.text(i)}
	}
}

// text reads a string, or a number as it is written.
func (r *reader) text(i int) string {
	t := r.values[i]
	switch t.kind {
	case jsonString:
		return string(t.text)
	case jsonNumber:
		d := r.number(i)
		return d.Text('f')
	case jsonNull:
		r.find(i, NullValue, "null instead of a value")
	default:
		r.find(i, WrongType, t.kind.String()+" instead of text")
	}
	return ""
}

// value reads text that may be null or missing.
func (r *reader) value(i int) Value {
	if r.values[i].raw == nil || r.values[i].kind == jsonNull {
		return Null
	}
	return Value{Text: r.text(i)}
}

// nullNumber reads a number that may be missing. It may be null if the schema allows that.
func (r *reader) nullNumber(i int) apd.NullDecimal {
	t := r.values[i]
	if t.raw == nil || t.kind == jsonNull && payloadKeys[r.eventType][i].nullable {
		return apd.NullDecimal{}
	}
	return apd.NullDecimal{Decimal: r.number(i), Valid: true}
}

func (r *reader) number(i int) apd.Decimal {
	t := r.values[i]
	switch t.kind {
	case jsonNumber, jsonString:
		d, ok := parseDecimal(string(t.text))
		if !ok {
			r.find(i, BadNumber, fmt.Sprintf("%.60s is not a decimal number of at most %d digits on each side of the point", t.raw, maxDigits))
		}
		return d
	case jsonNull:
		r.find(i, NullValue, "null instead of a number")
	default:
		r.find(i, WrongType, t.kind.String()+" instead of a number")
	}
	return apd.Decimal{}
}

func (r *reader) find(i int, kind SchemaKind, detail string) {
	if r.finding == nil {
		name := r.names.theirs[r.eventType][i]
		r.finding = &SchemaError{Kind: kind, Name: name, Detail: name + ": " + detail}
	}
}

// DecodeMessage reads an event from the stream, {"event_id", "order_id", "event_type", "timestamp", "payload"}, as
// strictly as [Decode]. Ids may be numbers or strings.
func DecodeMessage(message []byte, v Vocabulary) (Event, error) {
	raw, finding := envelope(message)
	if finding != nil && !finding.Harmless() {
		finding.Position, finding.Key, finding.Type = raw.Position, raw.Key, raw.Type
		return Event{Position: raw.Position, Key: raw.Key, Type: EventType(raw.Type), At: raw.At, Schema: finding}, finding
	}
	e, err := Decode(raw, v)
	if err == nil && finding != nil {
		finding.Position, finding.Key, finding.Type = raw.Position, raw.Key, raw.Type
		e.Schema = finding
		return e, finding
	}
	return e, err
}

// ReadMessage reads all of a message but what its payload says. It is false if that is not a message.
func ReadMessage(message []byte) (RawEvent, bool) {
	raw, finding := envelope(message)
	return raw, finding == nil || finding.Harmless()
}

// envelope reads all of a message except the payload. With a finding it returns what could be read.
func envelope(message []byte) (raw RawEvent, finding *SchemaError) {
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
		if kind, detail := raw.take(m); kind != "" {
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
func (e *RawEvent) take(m member) (SchemaKind, string) {
	text := string(m.text)
	wrong := func() (SchemaKind, string) { return WrongType, "is " + m.kind.String() }
	switch m.name {
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
