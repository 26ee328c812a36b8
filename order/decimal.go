package order

import (
	"math/big"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// exact never rounds: with precision 0, apd keeps every digit of a sum or a product.
var exact = apd.BaseContext

func exactly(_ apd.Condition, err error) bool { return err == nil }

// plain prints a decimal as PostgreSQL does: no exponent.
func plain(d apd.Decimal) string { return d.Text('f') }

// scaleOf is how many decimals PostgreSQL would keep of a number.
func scaleOf(d apd.Decimal) int { return max(0, -int(d.Exponent)) }

// quotient returns round(a / b, scale) as PostgreSQL computes it with numerics; b must not be zero. PostgreSQL rounds
// twice. The division itself has at least 16 significant digits, and at least the scale of either side. Then comes
// round. Both round half away from zero.
func quotient(a, b apd.Decimal, scale int) apd.Decimal {
	return rescale(divide(a, b, divisionScale(a, b)), scale)
}

// ratio is quotient, without big integers where the numbers fit.
func ratio(a, b apd.Decimal, scale int) apd.Decimal {
	above, fits := fixedOf(&a)
	below, fit := fixedOf(&b)
	if fits && fit {
		if n, ok := average(wide{0, above.Coefficient, above.Scale}, below, scale); ok {
			return n.decimal()
		}
	}
	return quotient(a, b, scale)
}

// divisionScale is select_div_scale of PostgreSQL's numeric.c, which counts in digits of base 10000.
func divisionScale(a, b apd.Decimal) int {
	weightA, firstA := leading(a)
	weightB, firstB := leading(b)
	weight := weightA - weightB
	if firstA <= firstB {
		weight--
	}
	return min(1000, max(16-4*weight, scaleOf(a), scaleOf(b), 0))
}

// leading returns the first digit of a number in base 10000, and that digit's weight.
func leading(d apd.Decimal) (weight int, digit int64) {
	if d.IsZero() {
		return 0, 0
	}
	top := int(d.NumDigits()) + int(d.Exponent) - 1 // weight of the first decimal digit
	weight = top / 4
	if top%4 < 0 {
		weight--
	}
	first := shifted(d, -4*weight)
	return weight, first.Int64()
}

// shifted returns |d| × 10^by, cut off to an integer.
func shifted(d apd.Decimal, by int) *big.Int {
	n := new(big.Int).Abs(d.Coeff.MathBigInt())
	switch e := int(d.Exponent) + by; {
	case e > 0:
		n.Mul(n, power(e))
	case e < 0:
		n.Quo(n, power(-e))
	}
	return n
}

// powers of ten that are needed often. They must not be changed.
var powers = func() (table [40]*big.Int) {
	for n := range table {
		table[n] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	}
	return table
}()

func power(n int) *big.Int {
	if n < len(powers) {
		return powers[n]
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// divide returns a / b to the given scale.
func divide(a, b apd.Decimal, scale int) apd.Decimal {
	n, m := a.Coeff.MathBigInt(), b.Coeff.MathBigInt()
	// a / b × 10^scale = n / m × 10^e
	if e := int(a.Exponent) - int(b.Exponent) + scale; e > 0 {
		n.Mul(n, power(e))
	} else {
		m.Mul(m, power(-e))
	}
	return decimal(roundedQuo(n, m), a.Negative != b.Negative, scale)
}

// rescale rounds a number to a scale, or pads it with zeros.
func rescale(d apd.Decimal, scale int) apd.Decimal {
	n := d.Coeff.MathBigInt()
	e := int(d.Exponent) + scale
	if e >= 0 {
		return decimal(n.Mul(n, power(e)), d.Negative, scale)
	}
	return decimal(roundedQuo(n, power(-e)), d.Negative, scale)
}

// roundedQuo returns n / m, rounded half up. Neither may be negative.
func roundedQuo(n, m *big.Int) *big.Int {
	n.Lsh(n, 1).Add(n, m)
	return n.Quo(n, new(big.Int).Lsh(m, 1))
}

func decimal(coefficient *big.Int, negative bool, scale int) apd.Decimal {
	var d apd.Decimal
	d.Coeff.SetMathBigInt(coefficient)
	d.Exponent = int32(-scale)
	d.Negative = negative && coefficient.Sign() != 0
	return d
}

// TrimScale is the text of a numeric without the zeros at the end of its decimals, as trim_scale of PostgreSQL.
func TrimScale(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// SmallDecimal reads a number without an exponent whose digits fit into an int64. It is false for any other text. Nearly all
// numbers are like this, and apd would use big integers for them.
func SmallDecimal(s string) (d apd.Decimal, ok bool) {
	const most = 18 // digits
	text, negative := strings.CutPrefix(s, "-")
	var coefficient int64
	count, scale, point := 0, int32(0), int32(0)
	for i := range len(text) {
		c := text[i]
		if c == '.' && point == 0 {
			point = 1
			continue
		}
		if count++; c < '0' || c > '9' || count > most {
			return d, false
		}
		coefficient = coefficient*10 + int64(c-'0')
		scale += point
	}
	d.Coeff.SetInt64(coefficient)
	d.Exponent, d.Negative = -scale, negative && coefficient != 0
	return d, count > 0
}
