package verify

import (
	"strings"

	"github.com/nordvarg/crosscheck/human"
)

// Covered is how much a walk, or a part of one, has compared.
type Covered struct {
	Compared int64 `json:"compared"`            // distinct orders
	Left     int64 `json:"left,omitempty"`      // orders that were not compared, because most have the same symptom
	NullKeys int64 `json:"null_keys,omitempty"` // rows without a key
	// Widespread is why orders were left; nil if none were.
	Widespread []Widespread `json:"widespread,omitempty"`
}

// share is the coverage.
func (c Covered) share() float64 {
	share := 1.0
	if c.Left > 0 {
		share = float64(c.Compared) / float64(c.Compared+c.Left)
	}
	if c.NullKeys > 0 {
		share *= float64(c.Compared) / float64(max(c.Compared, 1)+c.NullKeys)
	}
	return share
}

// reason says what was not compared.
func (c Covered) reason() string {
	var reasons []string
	if c.Left > 0 {
		reasons = append(reasons, stoppedAt(c.Widespread, "", c.Left))
	}
	if c.NullKeys > 0 {
		reasons = append(reasons, human.Quantity(c.NullKeys, "row has no key", "rows have no key"))
	}
	return strings.Join(reasons, "; ")
}

// covered sets what a full pass has covered, of the sides and of the events.
func (s *Scan) covered(sides, events Covered) {
	s.Compared, s.Coverage, s.Reason = sides.Compared, sides.share(), sides.reason()
	if share := events.share(); share < 1 {
		s.Coverage = min(s.Coverage, share)
		s.Reason = strings.TrimPrefix(s.Reason+"; legacy and events: "+events.reason(), "; ")
	}
}
