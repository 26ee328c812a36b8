package order

import (
	"math/big"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// The years of times that PostgreSQL and RFC 3339 can both write.
var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

// epoch reads a time that is a number of units since 1970. A fraction of a unit counts to the nanosecond. A text in RFC 3339,
// which a value in Avro may have become, is read too.
func (d *decoder) epoch(s *source, m member) datum {
	if at, ok := ParseTime(string(m.text)); ok && m.kind == jsonString {
		return datum{kind: kindTime, at: at}
	}
	n, detail := datumOf(string(m.text), kindNumber)
	if detail != "" {
		d.find(s.name(), BadTimestamp, "%s: %s", s.name(), detail)
		return nothing
	}
	at, ok := since1970(n.number, units[s.Unit])
	if !ok {
		d.find(s.name(), BadTimestamp, "%s: %.60s %s since 1970 is not within the years 1 to 9999, to the nanosecond", s.name(), m.text, s.Unit)
		return nothing
	}
	return datum{kind: kindTime, at: at}
}

func since1970(n apd.Decimal, unit time.Duration) (time.Time, bool) {
	var nanos apd.Decimal
	if !exactly(exact.Mul(&nanos, &n, apd.New(int64(unit), 0))) || !wholeNumber(nanos) || nanos.NumDigits()+int64(nanos.Exponent) > 21 {
		return time.Time{}, false
	}
	seconds, rest := new(big.Int).DivMod(signed(nanos), big.NewInt(int64(time.Second)), new(big.Int))
	at := time.Unix(seconds.Int64(), rest.Int64()).UTC()
	return at, !at.Before(firstMoment) && !at.After(lastMoment)
}

// signed is a whole number of few digits.
func signed(d apd.Decimal) *big.Int {
	n := shifted(d, 0)
	if d.Negative {
		n.Neg(n)
	}
	return n
}

// micros reads the usual form of such a time: whole units from 1970 to 9999, which are whole microseconds.
func (s *source) micros(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > fixedDigits || digits(text) != len(text) || !plainNumber(text) {
		return 0, false
	}
	n, _ := fixed(text)
	whole, part := n.Coefficient, uint64(1)
	switch unit := units[s.Unit]; {
	case unit >= time.Microsecond:
		whole *= uint64(unit / time.Microsecond)
	default:
		part = uint64(time.Microsecond / unit)
	}
	micros := whole / part
	return int64(micros), n.Coefficient <= uint64(lastMoment.Unix())*uint64(time.Second/units[s.Unit]) && whole%part == 0 && micros <= uint64(lastMoment.UnixMicro())
}
