package order

// ProblemKind says what is wrong with an event at its place in the history.
type ProblemKind string

// The kinds of problem; the same string in code, JSON and docs.
const (
	ProblemSchema          ProblemKind = "schema"            // could not be decoded, or says something nobody expects
	ProblemDuplicate       ProblemKind = "duplicate"         // the position a second time; applied once
	ProblemDisorder        ProblemKind = "disorder"          // a position below the last one; not applied
	ProblemOtherOrder      ProblemKind = "other_order"       // an event of another order; not applied
	ProblemNotCreated      ProblemKind = "not_created"       // something before the creation; not applied
	ProblemCreatedTwice    ProblemKind = "created_twice"     // a second creation; not applied
	ProblemFillAfterCancel ProblemKind = "fill_after_cancel" // a trade in a canceled order
	ProblemOverfill        ProblemKind = "overfill"          // more traded than ordered
	ProblemCancelAfterFill ProblemKind = "cancel_after_fill" // the cancel of a filled order
	ProblemCanceledTwice   ProblemKind = "canceled_twice"    // the cancel of a canceled order
	ProblemModifyAfterEnd  ProblemKind = "modify_after_end"  // a modification of a filled or canceled order
	ProblemIncompleteFill  ProblemKind = "incomplete_fill"   // called filled with something left
	ProblemNotPositive     ProblemKind = "not_positive"      // an order or a trade of nothing, or less
	// ProblemContradiction is an event that says of the order before it what its history does not: the old value of
	// a modification, or what remains after a trade. An event between them may be lost.
	ProblemContradiction ProblemKind = "contradicts_history"
)

// Impossible is true for what can happen to no order, in whatever system: the history itself is wrong. The others
// may have an explanation, such as an event that is missing before this one.
func (k ProblemKind) Impossible() bool {
	switch k {
	case ProblemCreatedTwice, ProblemFillAfterCancel, ProblemOverfill, ProblemCancelAfterFill:
		return true
	default:
		return false
	}
}

// Problem is a finding of the fold: an event that cannot be, or cannot be where it is.
type Problem struct {
	Position Position
	Kind     ProblemKind
	Detail   string
}
