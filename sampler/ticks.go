package sampler

import "time"

// maxMissed bounds what is remembered of runs that did not take place: a schedule of every second, and a laptop that
// slept for a month.
const maxMissed = 1000

// ticks walks through the instants of a schedule, each exactly once.
type ticks struct {
	schedule Schedule
	due      time.Time // the next one; zero when there is none
}

func newTicks(s Schedule, start time.Time) ticks {
	t := ticks{schedule: s}
	if s != nil {
		t.due = s.Next(start)
	}
	return t
}

// pass returns the ticks up to now that were not returned before, oldest first. Beyond maxMissed it forgets the rest.
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

// every is how far the next tick and the one after it are apart; 0 when there are no two.
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
