package human

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Number(0), "0"},
		{Number(999), "999"},
		{Number(1000), "1,000"},
		{Number(9_200_000), "9,200,000"},
		{Number(-1234), "-1,234"},
		{Number(math.MinInt64), "-9,223,372,036,854,775,808"},
		{Quantity(1, "order", "orders"), "1 order"},
		{Quantity(1000, "order", "orders"), "1,000 orders"},
		{Clipped("short", 5), "short"},
		{Clipped("longer", 5), "longe… (6 bytes, SHA-256 73834add…)"},
		{Significant(0), "0"},
		{Significant(12345.6), "12350"},
		{Significant(1.23456e-7), "0.0000001235"},
		{Percent(1), "100 %"},
		{Percent(0.5), "50 %"},
		{Percent(0.99995), "99.995 %"},
		{Percent(1 - 1e-12), "99.999999 %"},
		{Percent(1e-9), "0.0000001 %"},
		{Percent(0), "0 %"},
		{Percent(0.000299528), "0.02995 %"},
		{Instant(time.Date(2026, 11, 23, 9, 0, 0, 0, time.FixedZone("", 3600))), "2026-11-23 08:00:00 UTC"},
		{Duration(-1), "0s"},
		{Duration(0), "0s"},
		{Duration(1500 * time.Microsecond), "2ms"},
		{Duration(1234 * time.Millisecond), "1.2s"},
		{Duration(5 * time.Second), "5s"},
		{Duration(59*time.Second + 900*time.Millisecond), "59s"},
		{Duration(61 * time.Second), "1m 1s"},
		{Duration(26 * time.Hour), "26h"},
		{Duration(49*time.Hour + time.Minute), "2d 1h"},
		{Duration(168 * time.Hour), "7d"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestInColumn(t *testing.T) {
	long := strings.Repeat("a", 40) + strings.Repeat("-", 1940) + strings.Repeat("b", 20)
	for text, want := range map[string]string{
		"":                      `""`,
		"7":                     "7",
		strings.Repeat("ü", 80): strings.Repeat("ü", 80),
		long:                    strings.Repeat("a", 40) + "…1,940 more…" + strings.Repeat("b", 20),
	} {
		if got := InColumn(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
