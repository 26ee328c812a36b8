package order

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Decode reads an event strictly. Decimals are exact, from JSON numbers or from strings that hold one; every key of
// the vocabulary must be there, none twice. The error is a [*SchemaError]. The event is never dropped: it is
// returned with the error too, without a body unless the error is [SchemaError.Harmless], so that it keeps its
// place in the history.
//
// Tolerated are keys that the vocabulary ignores, and those of the envelope (event_id, order_id, event_type,
// timestamp) repeated in the payload; an order_id there must be the event's. Null is a value only for the price of
// an order (a market order has none), for the old and new value of a modification of it, and for the reason of a
// cancel.
func Decode(raw RawEvent, v Vocabulary) (Event, error) {
	return decode(raw, v, json.Valid(raw.Payload))
}

// decode is Decode for a payload of which is known whether it is JSON.
func decode(raw RawEvent, v Vocabulary, valid bool) (Event, error) {
	e := Event{Position: raw.Position, Key: raw.Key, Type: EventType(raw.Type), At: raw.At}
	if t, ok := v.prepared().types[raw.Type]; ok {
		e.Type = t
	}
	e.Body, e.Schema = v.prepared().decode(raw, valid)
	if e.Schema != nil {
		e.Schema.Position, e.Schema.Key, e.Schema.Type = raw.Position, raw.Key, raw.Type
		return e, e.Schema
	}
	return e, nil
}

func (n *names) decode(raw RawEvent, valid bool) (Body, *SchemaError) {
	t, ok := n.types[raw.Type]
	if !ok {
		return nil, &SchemaError{Kind: UnknownType, Detail: fmt.Sprintf("there is no event type %q in the vocabulary", raw.Type)}
	}
	members, finding := object(raw.Payload, valid)
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
	if unknown != "" {
		finding = &SchemaError{Kind: UnknownKey, Name: unknown, Detail: "the payload has a key that is not in the vocabulary: " + unknown}
	}
	return body, finding
}

// values are a payload's values by their index in payloadKeys; a nil raw is a key that is not there.
type values [maxKeys]token

// sort puts each value in its place. It returns the first key that has none.
func (n *names) sort(t EventType, members []member, key Key) (out values, unknown string, finding *SchemaError) {
	for i, m := range members {
		for _, earlier := range members[:i] {
			if earlier.name == m.name {
				return out, "", &SchemaError{Kind: DuplicateKey, Name: m.name, Detail: "the payload has the key " + m.name + " twice"}
			}
		}
		index, known := n.keys[t][m.name]
		switch {
		case known:
			out[index] = m.value
		case m.name == "order_id" && m.value.text != string(key):
			return out, "", &SchemaError{Kind: OtherOrder, Name: m.name, Detail: fmt.Sprintf("the payload is of order %.40s", m.value.raw)}
		case !n.ignore[m.name] && unknown == "":
			unknown = m.name
		}
	}
	for i, name := range n.theirs[t] {
		if name == "" || out[i].raw != nil {
			continue
		}
		detail := "the payload has no " + name
		if unknown != "" {
			detail += "; it has " + unknown + ", which is not in the vocabulary: renamed?"
		}
		return out, "", &SchemaError{Kind: MissingKey, Name: name, Detail: detail}
	}
	return out, unknown, nil
}

// reader builds a body out of values; it keeps the first finding.
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
	default:
		return Canceled{Reason: r.value(0)}
	}
}

func (r *reader) modified() Body {
	name := r.text(0)
	field, ok := r.names.fields[name]
	if !ok {
		r.find(0, UnknownField, fmt.Sprintf("%q is no field that a modification changes", name))
		return nil
	}
	m := Modified{Field: field, New: r.fieldValue(field, 2)}
	if r.values[1].raw != nil {
		old := r.fieldValue(field, 1)
		m.Old = &old
	}
	return m
}

// fieldValue reads what a modification says of a field.
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

// text reads a string, or a number as it is written out.
func (r *reader) text(i int) string {
	t := r.values[i]
	switch t.kind {
	case jsonString:
		return t.text
	case jsonNumber:
		d := r.number(i)
		return d.Text('f')
	case jsonNull:
		r.find(i, NullValue, "null where a value must be")
	default:
		r.find(i, WrongType, t.kind.String()+" where text should be")
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

// nullNumber reads a number that may be missing, or null where the schema allows that.
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
		d, ok := parseDecimal(t.text)
		if !ok {
			r.find(i, BadNumber, fmt.Sprintf("%.60s is no decimal number of at most %d digits on each side of the point", t.raw, maxDigits))
		}
		return d
	case jsonNull:
		r.find(i, NullValue, "null where a number must be")
	default:
		r.find(i, WrongType, t.kind.String()+" where a number should be")
	}
	return apd.Decimal{}
}

func (r *reader) find(i int, kind SchemaKind, detail string) {
	if r.finding == nil {
		name := r.names.theirs[r.eventType][i]
		r.finding = &SchemaError{Kind: kind, Name: name, Detail: name + ": " + detail}
	}
}

// maxDigits bounds a number on each side of the decimal point: as much as any column of declared precision holds.
// Beyond it one event of twenty bytes (1e130000) could keep us busy for minutes.
const maxDigits = 1000

// parseDecimal reads a number as JSON writes it. There is one zero.
func parseDecimal(s string) (apd.Decimal, bool) {
	var d apd.Decimal
	if len(s) > 3*maxDigits || !isNumber(s) {
		return d, false
	}
	if small, ok := smallDecimal(s); ok {
		return small, true
	}
	if _, _, err := d.SetString(s); err != nil || d.Form != apd.Finite {
		return apd.Decimal{}, false
	}
	if d.IsZero() {
		d.Negative = false
		d.Exponent = min(d.Exponent, 0)
	}
	if d.Exponent < -maxDigits || d.NumDigits()+int64(d.Exponent) > maxDigits {
		return apd.Decimal{}, false
	}
	return d, true
}

// isNumber holds a string to the grammar of a JSON number. Others read "NaN", "0x10", "1_000" or " 1" as numbers too.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if rest, ok := strings.CutPrefix(s, "."); ok {
		n := digits(rest)
		if n == 0 {
			return false
		}
		s = rest[n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && digits(s) == len(s)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// DecodeMessage reads an event from the stream, {"event_id", "order_id", "event_type", "timestamp", "payload"}, as
// strictly as [Decode]. Ids may be numbers or strings.
func DecodeMessage(message []byte, v Vocabulary) (Event, error) {
	raw, finding := envelope(message)
	if finding != nil && !finding.Harmless() {
		finding.Position, finding.Key, finding.Type = raw.Position, raw.Key, raw.Type
		return Event{Position: raw.Position, Key: raw.Key, Type: EventType(raw.Type), At: raw.At, Schema: finding}, finding
	}
	e, err := decode(raw, v, true) // a part of valid JSON is
	if err == nil && finding != nil {
		finding.Position, finding.Key, finding.Type = raw.Position, raw.Key, raw.Type
		e.Schema = finding
		return e, finding
	}
	return e, err
}

// envelope reads all of a message but the payload. With a finding it returns what could be read.
func envelope(message []byte) (raw RawEvent, finding *SchemaError) {
	members, finding := object(message, json.Valid(message))
	if finding != nil {
		return raw, finding
	}
	find := func(kind SchemaKind, name, detail string) {
		if finding == nil || finding.Harmless() && kind != UnknownKey {
			finding = &SchemaError{Kind: kind, Name: name, Detail: "the message's " + name + ": " + detail}
		}
	}
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.name] {
			find(DuplicateKey, m.name, "twice")
		}
		seen[m.name] = true
		if kind, detail := raw.take(m); kind != "" {
			find(kind, m.name, detail)
		}
	}
	for _, name := range []string{"event_id", "order_id", "event_type", "timestamp", "payload"} {
		if !seen[name] {
			find(MissingKey, name, "missing")
		}
	}
	return raw, finding
}

// take reads one member of a message; an empty kind is success.
func (e *RawEvent) take(m member) (SchemaKind, string) {
	text := m.value.text
	wrong := func() (SchemaKind, string) { return WrongType, "is " + m.value.kind.String() }
	switch m.name {
	case "event_id":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !isNumber(text) {
			return BadNumber, fmt.Sprintf("%.60s is no 64-bit integer", m.value.raw)
		}
		e.Position = Position(n)
	case "order_id":
		if m.value.kind != jsonString && m.value.kind != jsonNumber || text == "" {
			return wrong()
		}
		if m.value.kind == jsonNumber && strings.ContainsAny(text, ".eE") {
			return BadNumber, text + " is no integer"
		}
		e.Key = Key(text)
	case "event_type":
		if m.value.kind != jsonString {
			return wrong()
		}
		e.Type = text
	case "timestamp":
		at, ok := ParseTime(text)
		if !ok || m.value.kind != jsonString {
			return BadTimestamp, fmt.Sprintf("%.60s is no RFC 3339 time with a zone and at most nanoseconds", m.value.raw)
		}
		e.At = at
	case "payload":
		e.Payload = m.value.raw
	default:
		return UnknownKey, "not expected"
	}
	return "", ""
}
