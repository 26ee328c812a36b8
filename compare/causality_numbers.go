package compare

import (
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// drift returns true for two numbers that are a little apart: by one percent of the right one, or by a cent.
func drift(p pair) bool {
	if p.field.Type != order.Numeric && p.field.Type != order.Integer {
		return false
	}
	a, b := number(p.row.Text), number(p.fold.Text)
	if a == nil || b == nil || p.row.Null || p.fold.Null || a.Form != apd.Finite || b.Form != apd.Finite {
		return false
	}
	percent := apd.New(1, -2)
	if within(a, b, percent) {
		return true
	}
	var difference apd.Decimal
	_, err := exact.Sub(&difference, a, b)
	return err == nil && difference.Abs(&difference).Cmp(percent) <= 0
}

// within reports whether |a - b| is at most that share of |b|.
func within(a, b, share *apd.Decimal) bool {
	var difference, limit apd.Decimal
	if _, err := exact.Sub(&difference, a, b); err != nil {
		return false
	}
	if _, err := exact.Mul(&limit, limit.Abs(b), share); err != nil {
		return false
	}
	return difference.Abs(&difference).Cmp(&limit) <= 0
}

// floatImage returns true if the bad numbers are the good ones after a conversion to a binary float. At least one must
// be exactly that; the others may be computed from such numbers, within the precision of a single-precision float. This
// is the only place that converts a number to a float, and it decides no equality.
func floatImage(pairs []pair, goodAndBad func(pair) (good, bad string)) bool {
	exactly := false
	for _, p := range pairs {
		good, bad := goodAndBad(p)
		if p.row.Null || p.fold.Null || p.field.Type != order.Numeric {
			return false
		}
		x, y := number(good), number(bad)
		if x == nil || y == nil || x.Form != apd.Finite || y.Form != apd.Finite || !within(y, x, apd.New(2, -7)) {
			return false
		}
		exactly = exactly || isFloatOf(good, bad, y)
	}
	return exactly
}

// isFloatOf returns true if bad is good after a conversion to a float and back to text. The text may be the shortest
// one that gives the same float, may have all digits, or may be rounded to bad's scale.
func isFloatOf(good, bad string, value *apd.Decimal) bool {
	x := number(good)
	if x == nil || value == nil || x.Cmp(value) == 0 {
		return false
	}
	scale := max(0, -int(value.Exponent))
	for _, bits := range []int{32, 64} {
		f, err := strconv.ParseFloat(good, bits)
		if err != nil {
			continue
		}
		printed := []string{
			strconv.FormatFloat(f, 'f', -1, bits), strconv.FormatFloat(f, 'f', -1, 64),
			strconv.FormatFloat(f, 'f', scale, 64), strconv.FormatFloat(f, 'g', 15, 64), strconv.FormatFloat(f, 'g', 17, 64),
			strconv.FormatFloat(f, 'g', 6, 64),
		}
		for _, s := range printed {
			if n := number(s); n != nil && n.Cmp(value) == 0 && s != good {
				return true
			}
		}
	}
	// A sum of double-precision floats is right to fifteen digits, and has more digits than a person would write.
	return within(value, x, apd.New(1, -14)) && len(bad) > len(good)
}

// byFloat says how sure a binary float is: only more digits than anybody wrote prove one. A last digit that is off may be a
// sum of rounded parts, or a typing error.
func byFloat(good, bad string, otherwise Cause) (Cause, Confidence, []Cause) {
	x, y := number(good), number(bad)
	x.Reduce(x)
	y.Reduce(y)
	if y.Exponent < x.Exponent {
		return FloatRounding, High, nil
	}
	return FloatRounding, Medium, []Cause{otherwise}
}

// rounded returns true if bad is good with fewer decimals: to a cent, or to six digits or more. A conversion to a
// single-precision float and a column of few decimals leave the same.
func rounded(good, bad string) bool {
	x, y := number(good), number(bad)
	if x == nil || y == nil || x.Form != apd.Finite || y.Form != apd.Finite {
		return false
	}
	x.Reduce(x)
	y.Reduce(y)
	last := min(y.Exponent, 0)
	var difference apd.Decimal
	if _, err := exact.Sub(&difference, x, y); err != nil || x.Exponent >= last {
		return false
	}
	difference.Abs(&difference)
	return difference.Cmp(apd.New(5, last-1)) <= 0 && (difference.Cmp(apd.New(5, -3)) <= 0 || within(y, x, apd.New(5, -6)))
}

// byDigits says what has rounded a number: whole cents look like a column, more decimals like a float.
func byDigits(bad string, otherwise Cause) (Cause, Confidence, []Cause) {
	n := number(bad)
	if n.Reduce(n); n.Exponent >= -2 {
		return otherwise, Medium, []Cause{FloatRounding}
	}
	return FloatRounding, Medium, []Cause{otherwise}
}
