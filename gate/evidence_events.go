package gate

import "time"

// EventsEvidence is what the comparison with the event store has shown, as of At.
type EventsEvidence struct {
	// Changes and WithEvents are the shadow-write completeness: orders of legacy looked at, and those of them whose
	// events say the same.
	Changes, WithEvents int64
	// Events is the number of events read. Flawed is how many of them could not be decoded or applied; Gaps, how many
	// holes their sequences have.
	Events, Flawed, Gaps int64
	// LagEvents is how many events the projection has not applied yet; Lag is the age of the oldest of them.
	LagEvents int64
	Lag       time.Duration
	At        time.Time
}
