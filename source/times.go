package source

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// The types of columns whose times are read as text or as numbers. PostgreSQL calculates with floats as it does with numerics.
var (
	textTypes  = []uint32{pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID}
	wholeTypes = []uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID}
	otherTypes = []uint32{pgtype.NumericOID, pgtype.Float8OID}
)

// readTime makes a time of another type a timestamptz: one without a zone, if the configuration names the zone, a text, and a
// number, if the configuration says its unit.
func (e *Events) readTime(ctx context.Context) error {
	c := &e.config
	switch {
	case c.AtPath != nil:
		c.At = "NULL::timestamptz"
		return nil
	case e.clock != "": // it was done before
		return nil
	}
	n, err := e.side.typeOf(ctx, c.At)
	if err == nil && c.Zone != "" {
		err = e.zoneIsKnown(ctx)
	}
	whole := slices.Contains(wholeTypes, n.oid)
	switch {
	case err != nil:
		return fmt.Errorf("events.at %s: %w", c.At, err)
	case c.Unit != "" && (whole || slices.Contains(otherTypes, n.oid)):
		e.clock, c.At = "the time is a number of "+c.Unit+" since 1970", sinceEpoch(c.At, c.Unit, whole)
	case c.Unit != "":
		return &unfitError{fmt.Sprintf("events.at %s is %s, not a number, and has no unit", c.At, n.name), "leave out events.at.unit"}
	case slices.Contains(textTypes, n.oid) && c.Zone != "":
		e.clock, c.At = "the time is text in RFC 3339, and of "+c.Zone+" where it has no zone", writtenTime(c.At, c.Zone)
	case slices.Contains(textTypes, n.oid):
		e.clock, c.At = "the time is text in RFC 3339 with its zone", writtenTime(c.At, "")
	case n.oid == pgtype.TimestampOID && c.Zone != "":
		e.zoneless = true
		e.clock, c.At = "the time has no zone, and is read as of "+c.Zone, "("+c.At+") AT TIME ZONE"+literal(c.Zone)
	}
	return nil
}

// zoneIsKnown asks for a value, because the server looks up a zone for a value only.
func (e *Events) zoneIsKnown(ctx context.Context) error {
	var known time.Time
	return e.side.pool.QueryRow(ctx, "SELECT localtimestamp AT TIME ZONE"+literal(e.config.Zone)).Scan(&known)
}

// sinceEpoch is the SQL of a time that is a number since 1970; NULL where it is none of the years 1 to 9999. Hours and
// microseconds are added apart, because an interval is multiplied by a float.
func sinceEpoch(expr, unit string, whole bool) string {
	x := "(" + expr + ")"
	micros := "round(" + x + " * 1000000)::bigint"
	zeros, more := map[string]string{"s": "", "ms": "000", "us": "000000", "ns": "000000000"}[unit], ""
	switch {
	case whole:
		more = map[string]string{"s": " * 1000000", "ms": " * 1000", "us": "", "ns": " / 1000"}[unit]
		micros = x + "::bigint" + more
	case unit != "s":
		micros = "round(" + x + map[string]string{"ms": " * 1000", "us": "", "ns": " / 1000"}[unit] + ")::bigint"
	}
	return fmt.Sprintf(`CASE WHEN %[1]s BETWEEN -62135596800%[3]s AND 253402300799%[3]s THEN timestamptz '1970-01-01 00:00:00+00'
		+ (%[2]s) / 3600000000 * interval '1 hour' + (%[2]s) %% 3600000000 * interval '1 microsecond' END`, x, micros, zeros)
}

// The parts of a time in RFC 3339, only with days that there are: the server refuses a whole query for one that is none. Also a
// space for the T, and a zone without minutes, as PostgreSQL and Python write them.
const (
	writtenDay = `(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))` +
		`|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)`
	writtenClock = `[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?`
	writtenZone  = `([Zz]|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)`
)

// writtenTime is the SQL of a time that is a text; NULL where it is none. One without a zone is of the given zone, if any.
func writtenTime(expr, zone string) string {
	is := func(more string) string {
		return "(" + expr + `)::text COLLATE "C" ~ '^` + writtenDay + writtenClock + more + "$'"
	}
	local := ""
	if zone != "" {
		local = " WHEN " + is("") + " THEN (" + expr + ")::text::timestamp AT TIME ZONE" + literal(zone)
	}
	return "CASE WHEN " + is(writtenZone) + " THEN (" + expr + ")::text::timestamptz" + local + " END"
}
