// Package human writes numbers, shares, times and durations for people. All pages, reports, reasons and messages use
// it, so they look the same.
package human

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Number writes 9200000 as 9,200,000.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits, sign := strings.TrimPrefix(s, "-"), ""
	if digits != s {
		sign = "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Quantity writes a number with its noun: "1 order", "2 orders".
func Quantity(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Significant writes four significant digits without an exponent.
func Significant(f float64) string { return strconv.FormatFloat(rounded(f), 'f', -1, 64) }

// Percent writes a share with four significant digits. A share below 1 is never written as 100 %.
func Percent(share float64) string {
	percent := rounded(share * 100)
	if percent == 100 && share < 1 {
		percent = math.Floor(share*1e8) / 1e6
	}
	return strconv.FormatFloat(percent, 'f', -1, 64) + " %"
}

func rounded(f float64) float64 {
	const digits = 4
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', digits, 64), 64)
	if err != nil { // rounded up beyond the largest number
		return f
	}
	return r
}

// Instant writes a time in UTC.
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Duration writes a duration with its two largest units, as in 3h 12m. Below ten seconds it has tenths, below one
// second it is in milliseconds. A negative duration is 0s.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Minute:
		return units(d/time.Second, "s", 0, "")
	case d < time.Hour:
		return units(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	case d < 48*time.Hour:
		return units(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	default:
		return units(d/(24*time.Hour), "d", d%(24*time.Hour)/time.Hour, "h")
	}
}

func units(large time.Duration, name string, rest time.Duration, restName string) string {
	if rest == 0 {
		return fmt.Sprintf("%d%s", large, name)
	}
	return fmt.Sprintf("%d%s %d%s", large, name, rest, restName)
}
