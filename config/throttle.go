package config

import (
	"math"

	"github.com/nordvarg/crosscheck/throttle"
)

func readThrottle(o *object, l *throttle.Limits) {
	if o == nil {
		return
	}
	o.whole("rows_per_second", &l.RowsPerSecond, 0, math.MaxInt64)
	o.whole("max_sessions", &l.MaxSessions, 0, math.MaxInt64)
	o.duration("max_replica_lag", &l.MaxReplicaLag, 0)
	if s, text, ok := o.filledScalar("hours"); ok {
		hours, err := throttle.ParseHours(text)
		if err != nil {
			o.wrong(s, "must be from-to on a clock, found "+s.shown(), `such as "22:00-06:00", which is in UTC, or "22:00-06:00 Europe/Berlin"`)
		}
		l.Hours = hours
	}
	o.done()
}
