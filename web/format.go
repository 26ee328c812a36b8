package web

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// maxShown is how many characters of a value are shown; a value comes from a database and may be a megabyte.
const maxShown = 200

func short(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "…"
	}
	return s
}

func value(s *string) string {
	switch {
	case s == nil:
		return "NULL"
	case *s == "":
		return `""`
	case *s == "NULL":
		return `"NULL"` // the text, not the absence
	default:
		return short(*s)
	}
}

// number writes 9200000 as 9,200,000.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// percent never rounds up to 100 %.
func percent(share float64) string {
	return strconv.FormatFloat(math.Floor(share*1e6)/1e4, 'f', -1, 64) + " %"
}

// significant writes four significant digits without an exponent.
func significant(f float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	if err != nil {
		return "no number"
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// duration writes the two largest units.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(time.Second).String()
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
