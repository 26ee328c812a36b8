package order

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads an RFC 3339 time to the nanosecond. It returns false for anything else: no zone, a fraction finer
// than nanoseconds, a comma.
func ParseTime(s string) (time.Time, bool) {
	if strings.ContainsRune(s, ',') {
		return time.Time{}, false // Go reads a comma as a point, but RFC 3339 does not
	}
	if _, fraction, ok := strings.Cut(s, "."); ok && digits(fraction) > 9 {
		return time.Time{}, false // Go cuts the rest off
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// TimestamptzText prints a time as PostgreSQL prints a timestamptz under our session settings: in UTC, without trailing
// zeros in the fraction. A timestamptz holds microseconds; see [Microseconds].
func TimestamptzText(t time.Time) string {
	t = Microseconds(t).UTC()
	if year := t.Year(); year > 0 && year <= 9999 {
		return t.Format("2006-01-02 15:04:05.999999+00")
	}
	year, era := t.Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	fraction := ""
	if us := t.Nanosecond() / 1000; us != 0 {
		fraction = "." + strings.TrimRight(fmt.Sprintf("%06d", us), "0")
	}
	return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d%s+00%s",
		year, int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), fraction, era)
}

// Microseconds rounds a time's nanoseconds as PostgreSQL does when it casts text to timestamptz. PostgreSQL reads the
// fraction as a double, so a few exact halves do not round to the even neighbour; this is the same computation. (A
// driver that sends binary timestamps cuts off instead. So a legacy row written by such a driver can be a microsecond
// behind an event that kept its nanoseconds.)
func Microseconds(t time.Time) time.Time {
	ns := t.Nanosecond()
	if ns%1000 == 0 {
		return t
	}
	fraction, err := strconv.ParseFloat(fmt.Sprintf("0.%09d", ns), 64)
	if err != nil {
		return t // cannot fail: nine digits
	}
	us := int(math.RoundToEven(fraction * 1e6))
	return t.Add(time.Duration(us*1000 - ns))
}
