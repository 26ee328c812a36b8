// Package compare holds the representations of one order against each other: what differs, and whether a
// difference is proven or may still be lag.
//
// Invariant: pure. No I/O, no clock; a difference is decided by values alone, never by digests, and every
// result is data (a [Mismatch], a [Verdict]), never a bool.
package compare

import "github.com/nordvarg/crosscheck/order"

// Kind says how the representations of an order disagree.
type Kind string

// The kinds of mismatch; the same string in code, JSON, ledger, metric labels and docs.
const (
	Missing   Kind = "missing"   // legacy has the order, the projection does not
	Phantom   Kind = "phantom"   // only the projection has the order
	Differs   Kind = "differs"   // both have it, fields disagree
	Duplicate Kind = "duplicate" // a side has the key more than once, and the other not the same rows
	Gap       Kind = "gap"       // a sequence of events has a hole
	Disorder  Kind = "disorder"  // events of one order do not come in their order
)

// Kinds lists every Kind.
func Kinds() []Kind { return []Kind{Missing, Phantom, Differs, Duplicate, Gap, Disorder} }

// Hop is the edge between two representations across which they disagree.
type Hop string

// The hops; the same string in code, JSON, ledger, metric labels and docs.
const (
	LegacyToProjection Hop = "legacy->projection" // end to end: all that two representations can tell
	LegacyToEvents     Hop = "legacy->events"     // the shadow write, or a backfill
	EventsToStream     Hop = "events->stream"     // publishing
	EventsToProjection Hop = "events->projection" // the projector
	// LegacyItself is no edge: the legacy row contradicts its own audit log or trades.
	LegacyItself Hop = "legacy"
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

// FieldDifference is one field that disagrees. A nil value means that the side has no such order, or was not asked.
type FieldDifference struct {
	Name       string
	Legacy     *order.Value
	Events     *order.Value // as the events make it
	Projection *order.Value
}

// Mismatch is a difference seen once. It may still be lag; see [Settle.Judge].
type Mismatch struct {
	Key    order.Key
	Kind   Kind
	Hop    Hop
	Cause  Cause             // empty where the evidence does not tell
	Fields []FieldDifference // for Differs the fields that disagree; for Missing and Phantom empty
	// Copies is how many rows each side has for the key: 0 or 1, except for Duplicate.
	LegacyCopies, ProjectionCopies int
}
