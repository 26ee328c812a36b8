package main

import (
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

// streamStoppedAfter is how long the follower of the stream may write nothing down. It looks at the broker each time that a
// settle window has passed, and writes that down though it found nothing.
func streamStoppedAfter(window time.Duration) time.Duration { return max(5*window, time.Minute) }

// streamStopped tells whether the stream is followed no more, and since when: the follower's last successful look is e.At,
// by any sidecar. Where nothing was ever followed, e is nil, it has stopped when this process had the time to begin.
func streamStopped(e *gate.StreamEvidence, started, now time.Time, window time.Duration) (since time.Time, stopped bool) {
	if e != nil {
		started = e.At
	}
	return started, !started.IsZero() && now.Sub(started) > streamStoppedAfter(window)
}
