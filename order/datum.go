package order

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// datum is a value of an event or of a register.
type datum struct {
	kind   kind
	null   bool
	absent bool // the event does not say it; of a register, it was never set
	text   string
	number apd.Decimal
	at     time.Time
}

// Both are only read.
var (
	nothing = datum{absent: true}
	none    = datum{kind: kindNumber} // zero
)

// units are those of a time that is a number.
var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": 1}

// datumOf reads a text as a value of a kind. The detail says why it is none.
func datumOf(text string, k kind) (d datum, detail string) {
	d = datum{kind: k}
	var ok bool
	switch k {
	case kindNumber:
		if d.number, ok = parseDecimal(text); !ok {
			detail = fmt.Sprintf("%.60q is not a decimal number of at most %d digits on each side of the point", text, maxDigits)
		}
	case kindTime:
		if d.at, ok = ParseTime(text); !ok {
			detail = fmt.Sprintf("%.60q is not an RFC 3339 time with a zone and at most nanoseconds", text)
		}
	case kindBool:
		if d.text = text; text != "true" && text != "false" {
			detail = fmt.Sprintf("%.60q is neither true nor false", text)
		}
	default:
		d.text = text
	}
	return d, detail
}

// value prints a value as PostgreSQL would.
func (d *datum) value() Value {
	switch {
	case d.null || d.absent:
		return Null
	case d.kind == kindNumber:
		return Value{Text: plain(d.number)}
	case d.kind == kindTime:
		return Value{Text: TimestamptzText(d.at)}
	}
	return Value{Text: d.text}
}

// same tells whether two values are equal, however they are written: 1.0 is 1.00.
func (d *datum) same(other *datum) bool {
	switch {
	case d.kind != other.kind || d.null != other.null || d.absent != other.absent:
		return false
	case d.null || d.absent:
		return true
	case d.kind == kindNumber:
		return d.number.Cmp(&other.number) == 0
	case d.kind == kindTime:
		return Microseconds(d.at).Equal(Microseconds(other.at))
	}
	return d.text == other.text
}

// scaled reads a whole number as units of 10^-scale.
func scaled(d apd.Decimal, scale int) (apd.Decimal, string) {
	if d.Exponent < 0 && !wholeNumber(d) {
		return d, fmt.Sprintf("%s is not a whole number of units", plain(d))
	}
	d = rescale(d, 0)
	d.Exponent -= int32(scale)
	return d, ""
}

func wholeNumber(d apd.Decimal) bool {
	whole := rescale(d, 0)
	return whole.Cmp(&d) == 0
}

// constant is a value for a replay; false if it does not fit.
func (d datum) constant() (v PlainValue, ok bool) {
	if d.null {
		return PlainValue{Null: true}, true
	}
	switch d.kind {
	case kindNumber:
		v.Number, ok = fixed([]byte(plain(d.number)))
		return v, ok
	case kindTime:
		v.Micros = d.at.UnixMicro()
		return v, d.at.Nanosecond()%1000 == 0
	default:
		v.Text = []byte(d.text)
		return v, true
	}
}
