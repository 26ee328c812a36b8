package eventlog

import (
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Kept implements [backfill.Store].
func (l *Log) Kept(at time.Time) (kept time.Time, column string) {
	for i := range l.columns {
		c := &l.columns[i]
		if c.template.alone() != "at" {
			continue
		}
		if kept := c.kept(at); !kept.Equal(at) {
			return kept, c.Name
		}
	}
	return at, ""
}

// kept is what a column makes of a time. Of a type that is not known it is the time.
func (c *column) kept(at time.Time) time.Time {
	switch {
	case c.unit > 0:
		n, _ := c.time(at).(int64)
		second := int64(time.Second / c.unit)
		return time.Unix(n/second, n%second*int64(c.unit)).UTC()
	case c.Type == pgtype.TimestamptzOID:
		return rounded(at, c.TypeName)
	case c.Type == pgtype.TimestampOID:
		return second(rounded(at, c.TypeName), c.zone)
	default:
		return at
	}
}

var precision = regexp.MustCompile(`\((\d)\)`)

// rounded is a time in a type with a precision, rounded as the server does: away from its epoch.
func rounded(at time.Time, typeName string) time.Time {
	micros, step := at.UnixMicro()-epoch, int64(1)
	if digits := precision.FindStringSubmatch(typeName); digits != nil {
		n, _ := strconv.Atoi(digits[1])
		for range max(6-n, 0) {
			step *= 10
		}
	}
	half := step / 2
	if micros < 0 {
		half = -half
	}
	return time.UnixMicro((micros+half)/step*step + epoch).UTC()
}

// second is the second of two times that a clock shows alike when it is set back, as the server reads them; any other time is itself.
func second(at time.Time, zone *time.Location) time.Time {
	_, end := at.In(zone).ZoneBounds()
	if end.IsZero() {
		return at
	}
	_, before := at.In(zone).Zone()
	_, after := end.Zone()
	if again := at.Add(time.Duration(before-after) * time.Second); before > after && !again.Before(end) {
		return again
	}
	return at
}
