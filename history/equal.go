package history

import (
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// equal compares two values of a field by its type and tolerance, as package compare does. The audit log may write times and
// truths in another way than the row.
func (s Schema) equal(field string, a, b order.Value) bool {
	if same(a, b) {
		return true
	}
	i := slices.IndexFunc(s.Compared, func(f order.Field) bool { return f.Name == field })
	switch {
	case i < 0 || a.Null || b.Null || a.Failed || b.Failed:
		return false
	}
	switch f := s.Compared[i]; f.Type {
	case order.Numeric, order.Integer:
		return within(f.Tolerance, a, b)
	case order.Timestamptz:
		x, ok := instant(a.Text)
		y, too := instant(b.Text)
		return ok && too && sameTime(x, y)
	case order.Boolean:
		x, err := strconv.ParseBool(a.Text)
		y, wrong := strconv.ParseBool(b.Text)
		return err == nil && wrong == nil && x == y
	case order.UUID:
		x, ok := order.CanonicalKey(order.KeyUUID, a.Text)
		y, too := order.CanonicalKey(order.KeyUUID, b.Text)
		return ok && too && x == y
	default:
		return false
	}
}

// within is true for numbers that differ by no more than the tolerance.
func within(tolerance *apd.Decimal, a, b order.Value) bool {
	x, ok := number(a)
	y, too := number(b)
	if tolerance == nil || !ok || !too {
		return false
	}
	exactly(apd.BaseContext.Sub(&x, &x, &y))
	return x.Abs(&x).Cmp(tolerance) <= 0
}

// instant reads a time with its zone, as PostgreSQL or RFC 3339 write it.
func instant(text string) (at time.Time, ok bool) {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00", time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return at, false
}
