package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// storedMismatch is a mismatch in jsonb. Its names are part of the schema, so changing one needs a migration.
type storedMismatch struct {
	Kind             compare.Kind  `json:"kind"`
	Hop              order.Hop     `json:"hop"`
	Cause            compare.Cause `json:"cause,omitempty"`
	Fields           []storedField `json:"fields"`
	LegacyCopies     int           `json:"legacy_copies"`
	ProjectionCopies int           `json:"projection_copies"`
}

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

// encodeMismatches leaves out the key, which is stored in the row.
func encodeMismatches(found []compare.Mismatch) string {
	b := append(make([]byte, 0, 256), '[')
	for i, m := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"kind":`...), string(m.Kind))
		b = appendText(append(b, `,"hop":`...), string(m.Hop))
		b = appendText(append(b, `,"cause":`...), string(m.Cause))
		b = appendFields(append(b, `,"fields":`...), m.Fields)
		b = strconv.AppendInt(append(b, `,"legacy_copies":`...), int64(m.LegacyCopies), 10)
		b = strconv.AppendInt(append(b, `,"projection_copies":`...), int64(m.ProjectionCopies), 10)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

func decodeMismatches(key order.Key, text []byte) ([]compare.Mismatch, error) {
	if found, ok := readMismatches(key, text); ok {
		return found, nil
	}
	var stored []storedMismatch
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("decoding the mismatches of order %s: %w", key, err)
	}
	var found []compare.Mismatch
	for _, s := range stored {
		fields, err := decodeFields(s.Fields)
		if err != nil {
			return nil, fmt.Errorf("decoding the mismatches of order %s: %w", key, err)
		}
		found = append(found, compare.Mismatch{
			Key: key, Kind: s.Kind, Hop: s.Hop, Cause: s.Cause, Fields: fields,
			LegacyCopies: s.LegacyCopies, ProjectionCopies: s.ProjectionCopies,
		})
	}
	return found, nil
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
