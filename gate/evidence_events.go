package gate

import "time"

// EventsEvidence is what folding the whole event store has shown, in the full verification that ended at At.
type EventsEvidence struct {
	// Legacy and WithEvents are the shadow-write completeness by orders: those of legacy that were looked at, and those of
	// them whose events say the same.
	Legacy, WithEvents int64
	// Orders is the number of orders that the events give. Flawed is how many orders have an event that cannot be
	// decoded or applied; Gaps, how many have a history with a hole.
	Orders, Flawed, Gaps int64
	At                   time.Time
}

// ChangesEvidence is the shadow-write completeness by changes, of the orders that the newest pass drew, which started at At:
// the lines of legacy's audit log and its trades, and those of them that have their event.
type ChangesEvidence struct {
	Changes, WithEvents int64
	At                  time.Time
}

// LagEvidence is how far the projection was behind the event store, as measured at At.
type LagEvidence struct {
	Events int64         // that the projection has not applied yet
	Behind time.Duration // from the newest change that it shows to the newest event
	At     time.Time
}
