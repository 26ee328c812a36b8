package order

import "time"

// Unit is the precision of a time, as far as its digits tell: a day, a second, a millisecond, or PostgreSQL's microsecond.
// By chance, one time in a thousand looks coarser than its system is.
func Unit(t time.Time) time.Duration {
	micros := Microseconds(t).UnixMicro()
	for _, u := range []time.Duration{24 * time.Hour, time.Second, time.Millisecond} {
		if micros%u.Microseconds() == 0 {
			return u
		}
	}
	return time.Microsecond
}

// SameTime reports whether two times may be of one moment. Each may have been cut or rounded to its own unit.
func SameTime(a, b time.Time) bool {
	return Microseconds(a).Sub(Microseconds(b)).Abs() < max(Unit(a), Unit(b))
}
