package order

// ProblemKind says what is wrong with an event at its place in the history.
type ProblemKind string

// The kinds of problem; the same string in code, JSON and docs.
const (
	ProblemSchema          ProblemKind = "schema"            // could not be decoded, or has unexpected content
	ProblemDuplicate       ProblemKind = "duplicate"         // the position occurs a second time; applied once
	ProblemConflict        ProblemKind = "conflict"          // another event at a position that has one; not applied
	ProblemDisorder        ProblemKind = "disorder"          // a position below the last one; not applied
	ProblemGap             ProblemKind = "gap"               // positions before it are left out; see [FoldRules.PerOrder]
	ProblemOtherOrder      ProblemKind = "other_order"       // an event of another order; not applied
	ProblemNotCreated      ProblemKind = "not_created"       // something before the creation; not applied
	ProblemCreatedTwice    ProblemKind = "created_twice"     // a second creation; not applied
	ProblemFillAfterCancel ProblemKind = "fill_after_cancel" // a trade in a canceled order
	ProblemOverfill        ProblemKind = "overfill"          // more traded than ordered
	ProblemCancelAfterFill ProblemKind = "cancel_after_fill" // a filled order is canceled
	ProblemCanceledTwice   ProblemKind = "canceled_twice"    // a canceled order is canceled
	ProblemModifyAfterEnd  ProblemKind = "modify_after_end"  // a modification of a filled or canceled order
	ProblemIncompleteFill  ProblemKind = "incomplete_fill"   // called filled, but not all of it is
	ProblemNotPositive     ProblemKind = "not_positive"      // the quantity of an order or a trade is zero or negative
	// ProblemContradiction means that an event contradicts the history before it: in the old value of a modification,
	// or in what remains after a trade. An event between them may be lost.
	ProblemContradiction ProblemKind = "contradicts_history"
)

// Impossible returns true for problems that no system can cause in a correct history: the history itself is wrong.
// Other problems may have an explanation, such as a missing event before this one.
func (k ProblemKind) Impossible() bool {
	switch k {
	case ProblemConflict, ProblemCreatedTwice, ProblemFillAfterCancel, ProblemOverfill, ProblemCancelAfterFill:
		return true
	default:
		return false
	}
}

// Problem is a finding of the fold: an event that is impossible, or impossible at its place.
type Problem struct {
	Position Position
	Kind     ProblemKind
	Detail   string
}
