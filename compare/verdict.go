package compare

// Verdict is what is known of one order, or of a whole pass. It is never a bool: not knowing is an answer.
type Verdict string

// The verdicts.
const (
	Match      Verdict = "match"      // proven equal
	Lagging    Verdict = "lagging"    // different, and still moving: not proven either way
	Diverged   Verdict = "diverged"   // different, and proven not to be lag
	Unverified Verdict = "unverified" // not compared, or it never held still: nothing is known
)
