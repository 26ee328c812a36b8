package order

import (
	"bytes"

	"github.com/cockroachdb/apd/v3"
)

// maxDigits limits a number on each side of the decimal point. Any column of declared precision fits into it. Without
// it one event of twenty bytes (1e130000) could keep crosscheck busy for minutes.
const maxDigits = 1000

// parseDecimal reads a JSON number. Zero has only one form.
func parseDecimal(s string) (apd.Decimal, bool) {
	var d apd.Decimal
	if len(s) > 3*maxDigits || !isNumber(s) {
		return d, false
	}
	if small, ok := SmallDecimal(s); ok {
		return small, true
	}
	if _, _, err := d.SetString(s); err != nil || d.Form != apd.Finite {
		return apd.Decimal{}, false
	}
	if d.IsZero() {
		d.Negative = false
		d.Exponent = min(d.Exponent, 0)
	}
	if d.Exponent < -maxDigits || d.NumDigits()+int64(d.Exponent) > maxDigits {
		return apd.Decimal{}, false
	}
	return d, true
}

// isNumber checks text against the grammar of a JSON number. Other parsers also accept "NaN", "0x10", "1_000" or " 1".
func isNumber[T string | []byte](s T) bool {
	n := mantissa(s)
	if n == 0 || n == len(s) {
		return n > 0
	}
	if s[n] != 'e' && s[n] != 'E' {
		return false
	}
	if n++; n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	return n < len(s) && digits(s[n:]) == len(s)-n
}

// mantissa returns the length of a number up to its exponent; 0 if there is none.
func mantissa[T string | []byte](s T) int {
	n := 0
	if len(s) > 0 && s[0] == '-' {
		n = 1
	}
	whole := digits(s[n:])
	if whole == 0 || whole > 1 && s[n] == '0' {
		return 0
	}
	if n += whole; n == len(s) || s[n] != '.' {
		return n
	}
	fraction := digits(s[n+1:])
	if fraction == 0 {
		return 0
	}
	return n + 1 + fraction
}

// digits returns how many digits the text begins with.
func digits[T string | []byte](s T) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

// maxPlain is the length of a plain number. It is far below maxDigits on both sides of the point.
const maxPlain = 40

// plainNumber returns true for a JSON number of usual length without an exponent.
func plainNumber(text []byte) bool {
	return len(text) > 0 && len(text) <= maxPlain && mantissa(text) == len(text)
}

// isDecimal returns true for what parseDecimal reads.
func isDecimal(text []byte) bool {
	if plainNumber(text) {
		return true
	}
	_, ok := parseDecimal(string(text))
	return ok
}

// sameNumber returns true if two numbers that parseDecimal reads have the same value.
func sameNumber(a, b []byte) bool {
	if plainNumber(a) && plainNumber(b) && samePlain(a, b) {
		return true
	}
	x, _ := parseDecimal(string(a))
	y, _ := parseDecimal(string(b))
	return x.Cmp(&y) == 0
}

// samePlain returns true if two plain numbers differ only in zeros at their end.
func samePlain(a, b []byte) bool { return bytes.Equal(withoutZeros(a), withoutZeros(b)) }

func withoutZeros(text []byte) []byte {
	if bytes.IndexByte(text, '.') < 0 {
		return text
	}
	return bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
}
