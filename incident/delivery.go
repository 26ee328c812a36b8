package incident

import "time"

// Delivery is a message of the outbox that is being sent.
type Delivery struct {
	ID     int64
	Marker string // unique; travels with the message, so that it can be found again
	Op     Op
	Body   Body
	// Channel and TS say where the parent is. They are empty for a parent, and if the sender does not tell them.
	Channel, TS string
	// LastChannel is where the last parent was sent; empty if there was none.
	LastChannel string
	Attempts    int
	// AttemptedAt is when an attempt began that may have arrived; zero if there is none.
	AttemptedAt time.Time
}

// Ending is how an attempt ended.
type Ending struct {
	Outcome Outcome
	// Channel and TS say where the message is, if it was sent and the sender tells them.
	Channel, TS string
	// RetryAt is when the next attempt may begin, for this message and all others. It is not used if the message is
	// done.
	RetryAt time.Time
	Error   string // why it was not sent
	// ParentGone is set for an edit or a reply that was refused because its parent no longer exists.
	ParentGone bool
}

// Outcome is what is known after an attempt.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"
	Refused Outcome = "refused" // will never be taken: crosscheck gives it up
	NotSent Outcome = "notsent" // certainly did not arrive
	Unknown Outcome = "unknown" // may have arrived
)
