package sampler

import "time"

// maxMissed limits how many missed runs are remembered. A schedule of every second and a laptop that slept for a month
// would give millions.
const maxMissed = 1000

// ticks walks through the instants of a schedule, each exactly once.
type ticks struct {
	schedule Schedule
	due      time.Time // the next one; zero if there is none
}

func newTicks(s Schedule, start time.Time) ticks {
	t := ticks{schedule: s}
	if s != nil {
		t.due = s.Next(start)
	}
	return t
}

// pass returns the ticks up to now that were not returned before, oldest first. After maxMissed it drops the rest.
func (t *ticks) pass(now time.Time) []time.Time {
	var passed []time.Time
	for !t.due.IsZero() && !t.due.After(now) {
		if len(passed) == maxMissed {
			t.due = t.schedule.Next(now)
			break
		}
		passed = append(passed, t.due)
		t.due = t.schedule.Next(t.due)
	}
	return passed
}

// every is the time between the next tick and the one after it; 0 if there are no two.
func (t *ticks) every() time.Duration {
	if t.due.IsZero() {
		return 0
	}
	after := t.schedule.Next(t.due)
	if after.IsZero() {
		return 0
	}
	return after.Sub(t.due)
}
