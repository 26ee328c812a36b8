package gate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// number writes 9200000 as 9,200,000.
func number(n int64) string {
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

// quantity writes a number with its noun: "1 order", "2 orders".
func quantity(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// percent writes a share with four significant digits; a share below 1 never reads as 100 %.
func percent(share float64) string {
	const digits = 4
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(share*100, 'g', digits, 64), 64)
	if err != nil {
		return "no share"
	}
	if rounded == 100 && share < 1 {
		rounded = math.Floor(share*1e8) / 1e6
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64) + " %" // no exponents for people
}

// instant writes a time for people, in UTC.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// duration writes a duration with its two largest units: 3h 12m.
func duration(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	for _, u := range []struct {
		size, next     time.Duration
		name, nextName string
	}{
		{48 * time.Hour, time.Hour, "d", "h"},
		{time.Hour, time.Minute, "h", "m"},
		{time.Minute, time.Second, "m", "s"},
	} {
		if d < u.size {
			continue
		}
		unit := min(u.size, 24*time.Hour)
		if rest := d % unit / u.next; rest > 0 {
			return fmt.Sprintf("%d%s %d%s", d/unit, u.name, rest, u.nextName)
		}
		return fmt.Sprintf("%d%s", d/unit, u.name)
	}
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// passName names a pass without a time.
func passName(p Pass) string {
	if p.Kind == "full" {
		return fmt.Sprintf("Full verification %d", p.ID)
	}
	return fmt.Sprintf("%s pass %d", strings.ToUpper(p.Kind[:min(1, len(p.Kind))])+p.Kind[min(1, len(p.Kind)):], p.ID)
}

// passWhen names a pass and says when it started.
func passWhen(p Pass, now time.Time) string {
	return fmt.Sprintf("%s started at %s, %s ago", passName(p), instant(p.StartedAt), duration(now.Sub(p.StartedAt)))
}

// because appends a reason that came from elsewhere, without its full stop.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + strings.TrimRight(plain(reason), ". ") + ")"
}

// plain makes a text from a database safe to print: control characters could drive a terminal.
func plain(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
