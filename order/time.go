package order

import "time"

// The valid times of an event are those that RFC 3339 can express, in microseconds since 1970. The zero time is none.
var (
	FirstTime = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC).UnixMicro()
	LastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
)

// Tellable is true for a time that an event may have. An event with another one is not read again.
func Tellable(at time.Time) bool {
	micros := at.UnixMicro()
	return FirstTime <= micros && micros <= LastTime
}
