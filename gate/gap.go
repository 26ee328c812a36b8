package gate

import "time"

// Gap is a part of the system that cannot be read now, or not all of it. The evidence is judged as it is, but a decision
// with a gap is not GO.
type Gap struct {
	Name, Reason, Hint string
	// Partial is true if most of the part can be read. What cannot be read is a finding about its order then, and the gap
	// is advisory.
	Partial bool
	At      time.Time // when it was looked at
}

func (g Gap) result() Result {
	r := inconclusive(nil, nil, g.Hint, "%s", g.Reason)
	r.Name, r.Advisory, r.EvidenceAt = g.Name, g.Partial, g.At.UTC()
	return r
}
