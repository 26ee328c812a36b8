package ledger

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// storedField distinguishes three things: a string is the exact text of the value, null is the SQL NULL, and an absent
// name means that the side has no such order. Numbers are strings too, so that they are never rounded.
type storedField struct {
	Name       string          `json:"name"`
	Legacy     json.RawMessage `json:"legacy,omitempty"`
	Events     json.RawMessage `json:"events,omitempty"`
	Projection json.RawMessage `json:"projection,omitempty"`
}

// appendFields writes what [decodeFields] reads. It is written by hand, because there may be a million suspects.
func appendFields(b []byte, fields []compare.FieldDifference) []byte {
	b = append(b, '[')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"name":`...), f.Name)
		b = appendValue(b, `,"legacy":`, f.Legacy)
		b = appendValue(b, `,"events":`, f.Events)
		b = append(appendValue(b, `,"projection":`, f.Projection), '}')
	}
	return append(b, ']')
}

func appendValue(b []byte, name string, v *order.Value) []byte {
	switch {
	case v == nil:
		return b
	case v.Null:
		return append(append(b, name...), "null"...)
	}
	return appendText(append(b, name...), v.Text)
}

// appendText writes a string as JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			encoded, _ := json.Marshal(s) // a string has no error
			return append(b, spelt.Replace(string(encoded))...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

func decodeFields(stored []storedField) ([]compare.FieldDifference, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	fields := make([]compare.FieldDifference, len(stored))
	for i, s := range stored {
		fields[i].Name = s.Name
		for _, side := range []struct {
			raw  json.RawMessage
			into **order.Value
		}{{s.Legacy, &fields[i].Legacy}, {s.Events, &fields[i].Events}, {s.Projection, &fields[i].Projection}} {
			value, err := decodeValue(side.raw)
			if err != nil {
				return nil, fmt.Errorf("decoding field %s: %w", s.Name, err)
			}
			*side.into = value
		}
	}
	return fields, nil
}

func decodeValue(raw json.RawMessage) (*order.Value, error) {
	if raw == nil {
		return nil, nil
	}
	if string(raw) == "null" {
		null := order.Null
		return &null, nil
	}
	var v order.Value
	if err := json.Unmarshal(raw, &v.Text); err != nil {
		return nil, err
	}
	v.Text = unspell(v.Text)
	return &v, nil
}

func marshalText(v any) (*string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	text := spelt.Replace(string(b))
	return &text, nil
}

// spelt undoes the escapes that encoding/json insists on: a database in another encoding than UTF8 refuses them in jsonb.
var spelt = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd")
