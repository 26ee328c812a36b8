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

// Representations lists every Representation, in the order in which people see them: the stream last, because a part of it
// may be all that was read.
func Representations() []Representation { return []Representation{Legacy, Events, Projection, Stream} }

// Role says what a representation is in a comparison. It is not a property of the representation: a cutover swaps the
// roles.
type Role string

// The roles.
const (
	Truth    Role = "truth"    // written first, and trusted
	Follower Role = "follower" // must become equal to the truth
)

// Hop is the edge between two representations at which they disagree.
type Hop string

const to = "->"

// The hops; the same string in code, JSON, ledger, metric labels and docs.
const (
	LegacyToProjection = Hop(Legacy + to + Projection) // end to end, if there are only two representations
	LegacyToEvents     = Hop(Legacy + to + Events)     // the shadow write, or a backfill
	EventsToStream     = Hop(Events + to + Stream)     // publishing
	EventsToProjection = Hop(Events + to + Projection) // the projector
	// LegacyItself is not an edge: the legacy row contradicts its own audit log or trades.
	LegacyItself = Hop(Legacy)
)

// Hops lists every Hop, in the order of the data.
func Hops() []Hop {
	return []Hop{LegacyItself, LegacyToEvents, EventsToStream, EventsToProjection, LegacyToProjection}
}

// RowHops are the hops at which the rows of an order can disagree. One look judges them together. Each keeps its own
// divergence until the order agrees there.
func RowHops() []Hop {
	return []Hop{LegacyItself, LegacyToEvents, EventsToProjection, LegacyToProjection}
}
