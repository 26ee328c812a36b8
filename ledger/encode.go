package ledger

import (
	"encoding/json"
	"fmt"
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

func encodeFields(fields []compare.FieldDifference) ([]storedField, error) {
	stored := make([]storedField, len(fields))
	for i, f := range fields {
		stored[i].Name = f.Name
		for _, side := range []struct {
			value *order.Value
			into  *json.RawMessage
		}{{f.Legacy, &stored[i].Legacy}, {f.Events, &stored[i].Events}, {f.Projection, &stored[i].Projection}} {
			raw, err := encodeValue(side.value)
			if err != nil {
				return nil, fmt.Errorf("encoding field %s: %w", f.Name, err)
			}
			*side.into = raw
		}
	}
	return stored, nil
}

func encodeValue(v *order.Value) (json.RawMessage, error) {
	switch {
	case v == nil:
		return nil, nil
	case v.Null:
		return json.RawMessage("null"), nil
	}
	return json.Marshal(v.Text)
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
	return &v, nil
}

// encodeMismatches leaves out the key, which is stored in the row.
func encodeMismatches(found []compare.Mismatch) (*string, error) {
	stored := make([]storedMismatch, len(found))
	for i, m := range found {
		fields, err := encodeFields(m.Fields)
		if err != nil {
			return nil, err
		}
		stored[i] = storedMismatch{m.Kind, m.Hop, m.Cause, fields, m.LegacyCopies, m.ProjectionCopies}
	}
	return marshalText(stored)
}

func decodeMismatches(key order.Key, text []byte) ([]compare.Mismatch, error) {
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
