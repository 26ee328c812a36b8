package board

import (
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

// Stream is what is known of following the stream.
type Stream struct {
	Evidence *gate.StreamEvidence // nil if nothing was ever followed
	Lag      map[int]int64        // messages, by partition
	// Stopped is since when the stream is not followed any more; zero while it is followed.
	Stopped time.Time
	// Readers are the sidecars that share the partitions; nothing if one follows them all.
	Readers []Reader
}

// Reader is the sidecar that reads a partition for the one that follows the stream.
type Reader struct {
	Partition int
	Name      string // the last that has claimed it; empty if none has
	Waiting   int64  // what it has read and was not matched yet, in parcels
}

// stoppedAfter is how long the follower of the stream may record nothing. It asks the broker each time that a settle
// window has passed, and records that even if it found nothing.
func stoppedAfter(window time.Duration) time.Duration { return max(5*window, time.Minute) }

// streamOf reports whether the stream is not followed any more, and since when. e.At is the follower's last successful
// look, by any sidecar. If nothing was ever followed, it has stopped when this process had the time to begin.
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
