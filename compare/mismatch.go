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
	Hop    order.Hop
	Cause  Cause             // empty where the evidence does not tell
	Fields []FieldDifference // for Differs the fields that disagree; for Missing and Phantom empty
	// Copies is how many rows each side has for the key: 0 or 1, except for Duplicate.
	LegacyCopies, ProjectionCopies int
}
