package compare

// Version is the version of the rules by which orders are judged. It is part of the fingerprint of all evidence.
// Evidence of another version is void, and everything must be verified again. Raise it with every change of this
// package or of the fold that changes an answer. The corpus in testdata shows whether an answer has changed.
const Version = "16"

// Verdict is what is known of one order, or of a whole pass. It is never a bool, because "not known" is an answer.
type Verdict string

// The verdicts.
const (
	Match      Verdict = "match"      // proven equal
	Lagging    Verdict = "lagging"    // different, but still changing: not proven either way
	Diverged   Verdict = "diverged"   // different, and proven not to be lag
	Unverified Verdict = "unverified" // not compared, or it kept changing: nothing is known
)
