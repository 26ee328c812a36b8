package order

// Representation names one of the records that a system keeps of its orders.
type Representation string

// The representations; the same string in code, JSON, ledger, metric labels and docs.
const (
	Legacy     Representation = "legacy"     // the row that is changed in place
	Events     Representation = "events"     // the event store
	Stream     Representation = "stream"     // the topic that publishes the events
	Projection Representation = "projection" // the row made of the events
)

// Role says what a representation is in a comparison. It is not a property of the representation: a cutover turns the
// roles round.
type Role string

// The roles.
const (
	Truth    Role = "truth"    // written first, and believed
	Follower Role = "follower" // has to become what the truth is
)

// Hop is the edge between two representations across which they disagree.
type Hop string

const to = "->"

// The hops; the same string in code, JSON, ledger, metric labels and docs.
const (
	LegacyToProjection = Hop(Legacy + to + Projection) // end to end: all that two representations can tell
	LegacyToEvents     = Hop(Legacy + to + Events)     // the shadow write, or a backfill
	EventsToStream     = Hop(Events + to + Stream)     // publishing
	EventsToProjection = Hop(Events + to + Projection) // the projector
	// LegacyItself is no edge: the legacy row contradicts its own audit log or trades.
	LegacyItself = Hop(Legacy)
)

// Hops lists every Hop, in the order of the data.
func Hops() []Hop {
	return []Hop{LegacyItself, LegacyToEvents, EventsToStream, EventsToProjection, LegacyToProjection}
}

// RowHops are the hops across which the rows of an order can part. Whoever judges an order judges it across all of
// them: a match clears them all, and a divergence across one takes the place of one across another.
func RowHops() []Hop {
	return []Hop{LegacyItself, LegacyToEvents, EventsToProjection, LegacyToProjection}
}
