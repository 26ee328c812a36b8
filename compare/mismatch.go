// Package compare compares the representations of one order: what differs, and whether a difference is proven or may
// still be lag.
//
// Invariant: the package is pure, without I/O and clock. A difference is decided by values alone, never by digests.
// Every result is data (a [Mismatch], a [Verdict]), never a bool.
package compare

import "github.com/nordvarg/crosscheck/order"

// Kind says how the representations of an order disagree.
type Kind string

// The kinds of mismatch; the same string in code, JSON, ledger, metric labels and docs.
const (
	Missing   Kind = "missing"   // the hop's first end has the order, but the second does not
	Phantom   Kind = "phantom"   // only the second end has the order
	Differs   Kind = "differs"   // both have it, but fields disagree
	Duplicate Kind = "duplicate" // a side has the key more than once, and the other end has different rows
	Gap       Kind = "gap"       // a sequence of events has a hole
	Disorder  Kind = "disorder"  // the events of one order come in the wrong order
)

// Kinds lists every Kind.
func Kinds() []Kind { return []Kind{Missing, Phantom, Differs, Duplicate, Gap, Disorder} }

// FieldDifference is one field that disagrees. A nil value means that the side has no such order, or was not read.
type FieldDifference struct {
	Name       string
	Legacy     *order.Value
	Events     *order.Value // according to the events
	Projection *order.Value
}

// Mismatch is a difference at one hop, seen once. It may still be lag; see [Settle.Judge]. Kind and fields are those of
// the hop's two ends, so that a fault at another hop does not change them.
type Mismatch struct {
	Key   order.Key
	Kind  Kind
	Hop   order.Hop
	Cause Cause // empty if the evidence does not tell
	// Fields are those that disagree, for Differs. At the hop to the stream, event_id names the event if events have ids.
	Fields []FieldDifference
	// Copies is how many rows each side has for the key: 0 or 1, except for Duplicate.
	LegacyCopies, ProjectionCopies int
}
