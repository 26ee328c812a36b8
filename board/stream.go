package board

import (
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

// Stream is what is known of following the stream.
type Stream struct {
	Evidence *gate.StreamEvidence // nil where nothing was ever followed
	Lag      map[int]int64        // messages, by partition
	// Stopped is since when nobody follows any more; zero while somebody does.
	Stopped time.Time
}

// stoppedAfter is how long the follower of the stream may write nothing down. It looks at the broker each time that a
// settle window has passed, and writes that down though it found nothing.
func stoppedAfter(window time.Duration) time.Duration { return max(5*window, time.Minute) }

// streamOf tells whether the stream is followed no more, and since when: the follower's last successful look is e.At, by
// any sidecar. Where nothing was ever followed, it has stopped when this process had the time to begin.
func streamOf(e *gate.StreamEvidence, lag map[int]int64, following, now time.Time, window time.Duration) Stream {
	s := Stream{Evidence: e, Lag: lag}
	if e != nil {
		following = e.At
	}
	if !following.IsZero() && now.Sub(following) > stoppedAfter(window) {
		s.Stopped = following
	}
	return s
}
