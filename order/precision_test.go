package order_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

func TestTimesAreComparedAtTheCoarserPrecision(t *testing.T) {
	for _, c := range []struct {
		a, b string
		unit time.Duration // of a
		same bool
	}{
		{"2024-05-01T12:00:00.123456Z", "2024-05-01T12:00:00.123456Z", time.Microsecond, true},
		{"2024-05-01T12:00:00.1234561Z", "2024-05-01T12:00:00.123456Z", time.Microsecond, true}, // PostgreSQL rounds
		{"2024-05-01T12:00:00.123457Z", "2024-05-01T12:00:00.123456Z", time.Microsecond, false},
		{"2024-05-01T12:00:00.123Z", "2024-05-01T12:00:00.123999Z", time.Millisecond, true}, // cut
		{"2024-05-01T12:00:00.124Z", "2024-05-01T12:00:00.123999Z", time.Millisecond, true}, // rounded
		{"2024-05-01T12:00:00.123Z", "2024-05-01T12:00:00.124Z", time.Millisecond, false},
		{"2024-05-01T12:00:00Z", "2024-05-01T12:00:00.999999Z", time.Second, true},
		{"2024-05-01T12:00:00+02:00", "2024-05-01T10:00:01Z", time.Second, false},
		{"2024-05-01T00:00:00Z", "2024-05-01T23:59:59.9Z", 24 * time.Hour, true},
		{"2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z", 24 * time.Hour, false},
	} {
		a, _ := order.ParseTime(c.a)
		b, _ := order.ParseTime(c.b)
		if got := order.Unit(a); got != c.unit {
			t.Errorf("the unit of %s is %s, not %s", c.a, got, c.unit)
		}
		if got := order.SameTime(a, b); got != c.same || order.SameTime(b, a) != c.same {
			t.Errorf("%s and %s: the same is %t, not %t", c.a, c.b, got, c.same)
		}
	}
}
