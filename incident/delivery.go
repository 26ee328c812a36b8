package incident

import "time"

// Delivery is a message of the outbox on its way.
type Delivery struct {
	ID     int64
	Marker string // travels with the message, so that it can be found again; of no other message in the world
	Op     Op
	Body   Body
	// Channel and TS are where the parent is; empty for a parent, and where the way out does not say.
	Channel, TS string
	// LastChannel is where a parent was sent last, whichever; empty for nowhere yet.
	LastChannel string
	Attempts    int
	// AttemptedAt is when an attempt began that may have arrived; zero when there is none.
	AttemptedAt time.Time
}

// Ending is how an attempt ended.
type Ending struct {
	Outcome Outcome
	// Channel and TS are where the message is, if it was sent and the way out says so.
	Channel, TS string
	// RetryAt is when the next attempt may begin, of this message and of all others, unless it is done.
	RetryAt time.Time
	Error   string // why it was not sent
	// ParentGone is set for an edit or a reply that was refused since the parent is not there any more.
	ParentGone bool
}

// Outcome is what is known after an attempt.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"
	Refused Outcome = "refused" // will never be taken: it is given up
	NotSent Outcome = "notsent" // certainly did not arrive
	Unknown Outcome = "unknown" // may have arrived
)
