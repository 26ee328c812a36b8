package compare

import (
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Equal reports whether two values of a field are the same. Text, booleans, dates and timestamps are compared as exact
// canonical text. Numbers and UUIDs are compared by value (1.0 = 1.00). NULL equals only NULL. What could not be
// read equals nothing. A tolerance is the largest absolute difference that still counts as equal.
func Equal(f order.Field, a, b order.Value) bool {
	switch {
	case a.Failed || b.Failed:
		return false
	case a.Null || b.Null:
		return a.Null && b.Null
	case a.Text == b.Text:
		return true
	case f.Type == order.UUID:
		x, okX := order.CanonicalKey(order.KeyUUID, a.Text)
		y, okY := order.CanonicalKey(order.KeyUUID, b.Text)
		return okX && okY && x == y
	case f.Type != order.Numeric && f.Type != order.Integer:
		return false
	}
	return equalNumbers(f.Tolerance, a.Text, b.Text)
}

func equalNumbers(tolerance *apd.Decimal, a, b string) bool {
	if tolerance == nil || tolerance.IsZero() {
		if x, y := decimals(a), decimals(b); x >= 0 && x == y {
			return false // they are different texts
		}
	}
	x, y := number(a), number(b)
	if x == nil || y == nil {
		return false
	}
	if x.Form != apd.Finite || y.Form != apd.Finite {
		return x.Form == y.Form && (x.Form != apd.Infinite || x.Negative == y.Negative)
	}
	if x.Cmp(y) == 0 {
		return true
	}
	if tolerance == nil || tolerance.IsZero() {
		return false
	}
	var difference apd.Decimal
	if _, err := exact.Sub(&difference, x, y); err != nil {
		return false
	}
	return difference.Abs(&difference).Cmp(tolerance) <= 0
}

// decimals is how many digits a number has after its point; -1 if it is not written in the one way in which PostgreSQL prints
// numbers with as many.
func decimals(s string) int {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !digits(whole) || len(whole) > 1 && whole[0] == '0' || fraction != "" && !digits(fraction) || s[len(s)-1] == '.' || s[0] == '-' && strings.Trim(s, "-0.") == "" {
		return -1
	}
	return len(fraction)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// exact never rounds: with precision 0, apd keeps every digit of a sum or difference.
var exact = apd.BaseContext

// number parses what PostgreSQL prints for a numeric; nil if it is not a number.
func number(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(strings.TrimSpace(s))
	if err != nil {
		return nil
	}
	return d
}

func show(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}
