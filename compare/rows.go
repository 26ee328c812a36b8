package compare

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Rows compares all rows that the two sides have for one key. It returns nil if they agree: equal rows, equally often.
// Usually that is one row on each side, or none on both. If the key is not unique, as in a view that joins, the same
// duplicates on both sides agree, as they do by digest. Any other number of rows is a Duplicate.
func Rows(fields []order.Field, key order.Key, legacy, projection []order.Row) *Mismatch {
	var found []FieldDifference
	if len(legacy) == 1 && len(projection) == 1 {
		if found = differences(fields, legacy[0].Values, projection[0].Values); len(found) == 0 {
			return nil // as most orders
		}
	}
	m := Mismatch{
		Key: key, Hop: order.LegacyToProjection, Fields: found,
		LegacyCopies: len(legacy), ProjectionCopies: len(projection),
	}
	switch {
	case len(legacy) == 0 && len(projection) == 0:
		return nil
	case len(legacy) > 1 || len(projection) > 1:
		if sameRows(fields, legacy, projection) {
			return nil
		}
		m.Kind = Duplicate
	case len(projection) == 0:
		m.Kind = Missing
	case len(legacy) == 0:
		m.Kind = Phantom
	default:
		m.Kind = Differs
	}
	return &m
}

// sameRows returns true if each row has an equal one on the other side, in any order. Sorting by text pairs all rows at
// once if the sides also print alike.
func sameRows(fields []order.Field, legacy, projection []order.Row) bool {
	if len(legacy) != len(projection) {
		return false
	}
	left := sorted(projection)
	for _, row := range sorted(legacy) {
		i := slices.IndexFunc(left, func(other order.Row) bool { return len(differences(fields, row.Values, other.Values)) == 0 })
		if i < 0 {
			return false
		}
		left[0], left[i] = left[i], left[0] // swapping keeps this linear if the first one matches
		left = left[1:]
	}
	return true
}

// sorted sorts rows by their content, so that the order in which a server returned them does not matter.
func sorted(rows []order.Row) []order.Row {
	return slices.SortedFunc(slices.Values(rows), func(a, b order.Row) int {
		return slices.Compare(shown(a), shown(b))
	})
}

func shown(r order.Row) []string {
	out := make([]string, 0, len(r.Values)+1)
	for _, v := range r.Values {
		if v.Null {
			out = append(out, "")
			continue
		}
		out = append(out, "="+v.Text)
	}
	return append(out, r.ChangedAt.UTC().Format(time.RFC3339Nano))
}

func differences(fields []order.Field, legacy, projection []order.Value) []FieldDifference {
	var out []FieldDifference
	for i, f := range fields {
		if !Equal(f, legacy[i], projection[i]) {
			out = append(out, FieldDifference{Name: f.Name, Legacy: clipped(legacy[i]), Projection: clipped(projection[i])})
		}
	}
	return out
}

// maxShown is how many bytes of a value a finding keeps. Values are compared as a whole. A finding is for people, and
// there may be a million findings.
const maxShown = 512

func clipped(v order.Value) *order.Value {
	v.Text = human.Clipped(v.Text, maxShown)
	return &v
}

// Observe reduces one look at an order, at the given time, to what the next look needs.
func Observe(fields []order.Field, key order.Key, legacy, projection []order.Row, at, reached time.Time) Observation {
	return Seen(Rows(fields, key, legacy, projection), key, legacy, projection, at, reached)
}

// Seen is [Observe] where the rows were compared already; m is nil if they agree.
func Seen(m *Mismatch, key order.Key, legacy, projection []order.Row, at, reached time.Time) Observation {
	o := Observation{
		Key: key, At: at,
		LegacyState:       state(legacy),
		ProjectionState:   state(projection),
		ProjectionReached: reached,
	}
	if m != nil {
		o.Mismatches = []Mismatch{*m}
	}
	for _, r := range legacy {
		if r.ChangedAt.After(o.LegacyChangedAt) {
			o.LegacyChangedAt = r.ChangedAt
		}
	}
	return o
}

// state fingerprints everything that a side shows of an order. Each part has its length as a prefix, so that two
// different rows never give the same text.
func state(rows []order.Row) string {
	if len(rows) == 0 {
		return ""
	}
	buf := make([]byte, 0, 256)
	part := func(s string) {
		buf = strconv.AppendInt(buf, int64(len(s)), 10)
		buf = append(buf, ':')
		buf = append(buf, s...)
	}
	if len(rows) > 1 {
		rows = sorted(rows)
	}
	for _, r := range rows {
		for _, v := range r.Values {
			if v.Null {
				buf = append(buf, 'N')
				continue
			}
			part(v.Text)
		}
		if !r.ChangedAt.IsZero() {
			buf = append(buf, '@')
			buf = strconv.AppendInt(buf, r.ChangedAt.UnixMicro(), 10)
		}
		buf = append(buf, ';')
	}
	sum := sha256.Sum256(buf)
	return string(sum[:16])
}
