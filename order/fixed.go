package order

import (
	"math/big"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
)

// Fixed is a decimal that is not negative, Coefficient × 10^-Scale. Usual quantities and prices fit into it. Numbers
// that do not fit are left to apd; nothing is rounded to fit.
type Fixed struct {
	Coefficient uint64
	Scale       int
}

const (
	fixedDigits   = 18 // so that every coefficient read is below 10^18, and a product below 10^36
	averageDigits = 18 // so that the average of a plain state needs one division
)

// pow10 are the powers of ten that fit into 64 bits.
var pow10 = func() (table [20]uint64) {
	table[0] = 1
	for i := 1; i < len(table); i++ {
		table[i] = 10 * table[i-1]
	}
	return table
}()

// Rescaled returns the coefficient of the same number at a larger scale; false if it does not fit.
func (f Fixed) Rescaled(scale int) (uint64, bool) {
	by := scale - f.Scale
	if by < 0 || by >= len(pow10) {
		return 0, false
	}
	hi, lo := bits.Mul64(f.Coefficient, pow10[by])
	return lo, hi == 0
}

// fixedOf returns a decimal as a Fixed; false if it does not fit.
func fixedOf(d *apd.Decimal) (Fixed, bool) {
	if d.Form != apd.Finite || d.Negative || d.Exponent > 0 || !d.Coeff.IsUint64() {
		return Fixed{}, false
	}
	f := Fixed{d.Coeff.Uint64(), -int(d.Exponent)}
	return f, f.Coefficient < pow10[fixedDigits] && f.Scale <= fixedDigits
}

// decimal returns the number as an apd decimal.
func (f Fixed) decimal() apd.Decimal {
	var d apd.Decimal
	d.Coeff.SetUint64(f.Coefficient)
	d.Exponent = int32(-f.Scale)
	return d
}

// plus returns the sum at the larger of the two scales.
func (f Fixed) plus(g Fixed) (Fixed, bool) {
	scale := max(f.Scale, g.Scale)
	a, okA := f.Rescaled(scale)
	b, okB := g.Rescaled(scale)
	sum, carry := bits.Add64(a, b, 0)
	return Fixed{sum, scale}, okA && okB && carry == 0
}

// minus returns the difference at the larger of the two scales; false if it is negative.
func (f Fixed) minus(g Fixed) (Fixed, bool) {
	scale := max(f.Scale, g.Scale)
	a, okA := f.Rescaled(scale)
	b, okB := g.Rescaled(scale)
	return Fixed{a - b, scale}, okA && okB && a >= b
}

// exceeds reports whether the number is larger than the other; ok is false if 64 bits are not enough to tell.
func (f Fixed) exceeds(g Fixed) (exceeds, ok bool) {
	scale := max(f.Scale, g.Scale)
	a, okA := f.Rescaled(scale)
	b, okB := g.Rescaled(scale)
	return a > b, okA && okB
}

// wide is a Fixed of 128 bits: a sum of products.
type wide struct {
	hi, lo uint64
	scale  int
}

func product(a, b Fixed) wide {
	hi, lo := bits.Mul64(a.Coefficient, b.Coefficient)
	return wide{hi, lo, a.Scale + b.Scale}
}

func (w wide) plus(x wide) (wide, bool) {
	scale := max(w.scale, x.scale)
	w, okW := w.times(scale - w.scale)
	x, okX := x.times(scale - x.scale)
	lo, carry := bits.Add64(w.lo, x.lo, 0)
	hi, overflow := bits.Add64(w.hi, x.hi, carry)
	return wide{hi, lo, scale}, okW && okX && overflow == 0
}

// minus returns the difference; false if it is negative.
func (w wide) minus(x wide) (wide, bool) {
	scale := max(w.scale, x.scale)
	w, okW := w.times(scale - w.scale)
	x, okX := x.times(scale - x.scale)
	lo, borrow := bits.Sub64(w.lo, x.lo, 0)
	hi, below := bits.Sub64(w.hi, x.hi, borrow)
	return wide{hi, lo, scale}, okW && okX && below == 0
}

// times returns the same number with that many more digits in the coefficient.
func (w wide) times(digits int) (wide, bool) {
	scale := w.scale + digits
	for ; digits > 0; digits -= min(digits, len(pow10)-1) {
		factor := pow10[min(digits, len(pow10)-1)]
		carry, lo := bits.Mul64(w.lo, factor)
		over, hi := bits.Mul64(w.hi, factor)
		hi, more := bits.Add64(hi, carry, 0)
		if over != 0 || more != 0 {
			return w, false
		}
		w.hi, w.lo = hi, lo
	}
	w.scale = scale
	return w, true
}

// quo returns the coefficient divided by d, cut off.
func (w wide) quo(d uint64) wide {
	hi, rest := w.hi/d, w.hi%d
	lo, _ := bits.Div64(rest, w.lo, d)
	return wide{hi, lo, w.scale}
}

// halfUp returns the coefficient divided by d, rounded half up; false if it does not fit.
func (w wide) halfUp(d uint64) (wide, bool) {
	if w.hi>>63 != 0 || d>>63 != 0 {
		return w, false
	}
	twice := wide{w.hi<<1 | w.lo>>63, w.lo << 1, w.scale}
	lo, carry := bits.Add64(twice.lo, d, 0)
	hi, overflow := bits.Add64(twice.hi, 0, carry)
	return wide{hi, lo, w.scale}.quo(2 * d), overflow == 0
}

func (w wide) isZero() bool { return w.hi == 0 && w.lo == 0 }

func (w wide) decimal() apd.Decimal {
	n := new(big.Int).SetUint64(w.hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(w.lo))
	return decimal(n, false, w.scale)
}

// digits returns how many decimal digits the coefficient has; 0 for zero.
func (w wide) digits() int {
	n := 0
	for w.hi != 0 {
		w, n = w.quo(pow10[19]), n+19
	}
	// A bit is log10(2) digits. The table says whether that gives one digit too many.
	guess := bits.Len64(w.lo) * 1233 >> 12
	if w.lo >= pow10[guess] {
		guess++
	}
	return n + guess
}

// leading returns the first digit in base 10000 and its weight, like leading in decimal.go.
func (w wide) leading() (weight int, digit uint64) {
	if w.isZero() {
		return 0, 0
	}
	top := w.digits() - w.scale - 1
	weight = top >> 2 // floors
	shift := w.scale + 4*weight
	if shift < 0 {
		return weight, w.lo * pow10[-shift] // below 10000, so it has few digits and needs only a few more
	}
	for ; shift > 0; shift -= min(shift, 19) {
		w = w.quo(pow10[min(shift, 19)])
	}
	return weight, w.lo
}

// average returns quotient(notional, filled, scale) if it can be computed in 128 bits.
func average(notional wide, filled Fixed, scale int) (Fixed, bool) {
	f := wide{0, filled.Coefficient, filled.Scale}
	weightA, firstA := notional.leading()
	weightB, firstB := f.leading()
	weight := weightA - weightB
	if firstA <= firstB {
		weight--
	}
	divided := min(1000, max(16-4*weight, notional.scale, filled.Scale, 0))
	if filled.Coefficient == 0 || divided < scale || divided-scale > averageDigits {
		return Fixed{}, false
	}
	more := divided + filled.Scale - notional.scale
	if more < 0 {
		return Fixed{}, false
	}
	n, ok := notional.times(more)
	if !ok {
		return Fixed{}, false
	}
	if n, ok = n.halfUp(filled.Coefficient); !ok {
		return Fixed{}, false
	}
	if n, ok = n.halfUp(pow10[divided-scale]); !ok || n.hi != 0 {
		return Fixed{}, false
	}
	return Fixed{n.lo, scale}, true
}

// fixed reads a JSON number without a sign and an exponent. It returns false for any other text, and for a number with
// too many digits.
func fixed(text []byte) (f Fixed, ok bool) {
	point := -1
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			f.Coefficient = 10*f.Coefficient + uint64(c-'0')
		case c == '.' && point < 0 && i > 0:
			point = i
		default:
			return f, false
		}
		if i > fixedDigits {
			return f, false
		}
	}
	whole := len(text)
	if point >= 0 {
		whole, f.Scale = point, len(text)-point-1
		if f.Scale == 0 {
			return f, false
		}
	}
	return f, whole > 0 && len(text) <= fixedDigits && (whole == 1 || text[0] != '0')
}
