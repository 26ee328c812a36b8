package gate

import "time"

// StreamEvidence is what following the Kafka topic has shown, as of At.
type StreamEvidence struct {
	// Stored is the number of events of the event store that were looked for in the stream; Seen, how many of these it had.
	Stored, Seen int64
	// LagMessages is how many messages of the topic had not been read yet, over all partitions.
	LagMessages int64
	// Gaps is how many holes the topic has: ranges of offsets that retention took before they were read.
	Gaps int64
	// CaughtUpAt is when the follower last had read everything there was, zero when it never had. At is when all of this
	// was written down.
	CaughtUpAt, At time.Time
}
