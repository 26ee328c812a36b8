package gate

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

const sequencesFrom = "name them as cutover.sequences; docs/switches.md says how"

// SequencesEvidence is how far the sequences of the new side are ahead of what legacy has given, as read at At.
type SequencesEvidence struct {
	Sequences []SequenceAhead
	At        time.Time
}

// SequenceAhead is one sequence or identity column of the new side.
type SequenceAhead struct {
	Name   string // the sequence, or table and column that it fills
	Legacy string // table and column whose largest value was read
	// Ahead is by how much the number that it gives next is above that value; math.MaxInt64 if legacy has none.
	Ahead int64
	// Behind says why it gives numbers that legacy has given; empty if it does not. Unread says why that is not known.
	Behind, Unread string `json:",omitempty"`
}

func (e *SequencesEvidence) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.At
}

// SequencesCriterion asks that each sequence of the new side gives numbers that legacy has not given.
type SequencesCriterion struct {
	Rule
	// MinAhead is by how much the next number must be above legacy's largest; default 1. More leaves room for what legacy gives until the cutover.
	MinAhead int64
	// MaxAge is how long ago the sequences may have been read; default 10m.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (SequencesCriterion) Name() string { return "sequences" }

func (c *SequencesCriterion) settings(s Settings) {
	s.Whole("min_ahead", &c.MinAhead, 1, math.MaxInt64)
	maxAgeSetting(s, &c.MaxAge)
}

func (c *SequencesCriterion) byDefault() {
	*c = SequencesCriterion{Rule: Rule{Severity: Blocking}, MinAhead: 1, MaxAge: 10 * time.Minute}
}

// EvidenceAt is when the sequences were read.
func (SequencesCriterion) EvidenceAt(e Evidence) time.Time { return e.Sequences.at() }

// Judge looks at each sequence. Observed is how far ahead the nearest one is; nil if legacy has no value.
func (c SequencesCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.MinAhead); bad {
		return r
	}
	from := collection{what: "The sequences of the new side", from: sequencesFrom, at: e.Sequences.at()}
	if e.Sequences == nil || len(e.Sequences.Sequences) == 0 {
		return inconclusive(nil, c.MinAhead, sequencesFrom, "No sequence of the new side is configured, so there is no evidence.")
	}
	if r, ok := from.usable(nil, c.MinAhead, c.MaxAge, now); !ok {
		return r
	}
	var behind, unread []string
	nearest := int64(math.MaxInt64)
	for _, s := range e.Sequences.Sequences {
		switch {
		case s.Unread != "":
			unread = append(unread, fmt.Sprintf("%s: %s", s.Name, s.Unread))
			continue
		case s.Behind != "":
			behind = append(behind, fmt.Sprintf("%s (against %s)", s.Behind, s.Legacy))
		case s.Ahead < c.MinAhead:
			behind = append(behind, fmt.Sprintf("%s is ahead of %s by %s", s.Name, s.Legacy, human.Number(s.Ahead)))
		}
		nearest = min(nearest, s.Ahead)
	}
	var observed any
	if nearest != math.MaxInt64 {
		observed = nearest
	}
	all := human.Quantity(int64(len(e.Sequences.Sequences)), "sequence", "sequences")
	switch {
	case len(behind) > 0:
		return fail(observed, c.MinAhead, "set them ahead with setval; docs/criteria/sequences.md says how", "%d of %s of the new side would give numbers that legacy has given, or are not ahead by %s: %s.",
			len(behind), all, human.Number(c.MinAhead), strings.Join(behind, "; "))
	case len(unread) > 0:
		return inconclusive(observed, c.MinAhead, "see docs/criteria/sequences.md for what the role must be able to read", "%d of %s could not be read: %s.", len(unread), all, strings.Join(unread, "; "))
	case observed == nil:
		return pass(observed, c.MinAhead, "%s of the new side can give no number that legacy has given, because legacy has given none.", all)
	}
	return pass(observed, c.MinAhead, "%s: the nearest of %s is ahead of legacy by %s.", from.when(now), all, human.Number(nearest))
}
