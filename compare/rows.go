package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Rows compares all rows that the two sides have for one key, and returns nil if they agree: one row on each
// side with equal values, or none on either.
func Rows(fields []order.Field, key order.Key, legacy, projection []order.Row) *Mismatch {
	m := Mismatch{
		Key: key, Hop: LegacyToProjection,
		LegacyCopies: len(legacy), ProjectionCopies: len(projection),
	}
	switch {
	case len(legacy) == 0 && len(projection) == 0:
		return nil
	case len(legacy) > 1 || len(projection) > 1:
		m.Kind = Duplicate
	case len(projection) == 0:
		m.Kind = Missing
	case len(legacy) == 0:
		m.Kind = Phantom
	default:
		m.Kind = Differs
		m.Fields = differences(fields, legacy[0].Values, projection[0].Values)
		if len(m.Fields) == 0 {
			return nil
		}
	}
	return &m
}

func differences(fields []order.Field, legacy, projection []order.Value) []FieldDifference {
	var out []FieldDifference
	for i, f := range fields {
		if !Equal(f, legacy[i], projection[i]) {
			out = append(out, FieldDifference{Name: f.Name, Legacy: &legacy[i], Projection: &projection[i]})
		}
	}
	return out
}

// Observe reduces one look at an order, at the given time, to what the next look needs.
func Observe(fields []order.Field, key order.Key, legacy, projection []order.Row, at, reached time.Time) Observation {
	o := Observation{
		Key: key, At: at,
		LegacyState:       state(legacy),
		ProjectionState:   state(projection),
		Mismatch:          Rows(fields, key, legacy, projection),
		ProjectionReached: reached,
	}
	for _, r := range legacy {
		if r.ChangedAt.After(o.LegacyChangedAt) {
			o.LegacyChangedAt = r.ChangedAt
		}
	}
	return o
}

// state fingerprints everything that a side shows of an order. Each part is length-prefixed, so that no two
// different rows read alike.
func state(rows []order.Row) string {
	if len(rows) == 0 {
		return ""
	}
	var buf []byte
	part := func(s string) {
		buf = strconv.AppendInt(buf, int64(len(s)), 10)
		buf = append(buf, ':')
		buf = append(buf, s...)
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
	return hex.EncodeToString(sum[:16])
}
