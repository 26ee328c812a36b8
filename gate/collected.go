package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// collection is evidence that something other than a pass wrote down at one instant.
type collection struct {
	what string // at the start of a sentence: "The event store"
	from string // what produces it: "configure events and run crosscheck run"
	at   time.Time
}

// nothing is the result if there is no evidence of this kind.
func (c collection) nothing(limit any) Result {
	return inconclusive(nil, limit, c.from, "%s has not been read, so there is no evidence.", c.what)
}

// usable returns false, and the result that says why, if the evidence has no possible time or is older than maxAge.
func (c collection) usable(observed, limit any, maxAge time.Duration, now time.Time) (Result, bool) {
	switch {
	case c.at.IsZero():
		return broken(limit, c.from, "%s was read, but the time was not recorded.", c.what), false
	case c.at.After(now.Add(clockTolerance)):
		return broken(limit, clockHint, "%s was read at %s according to the ledger, but now is %s.", c.what, human.Instant(c.at), human.Instant(now)), false
	case now.Sub(c.at) > maxAge:
		return inconclusive(observed, limit, c.from, "%s; the limit is %s.", c.when(now), human.Duration(maxAge)), false
	}
	return Result{}, true
}

// when starts a sentence that says when the evidence was read.
func (c collection) when(now time.Time) string {
	return fmt.Sprintf("%s was read at %s, %s ago", c.what, human.Instant(c.at), human.Duration(now.Sub(c.at)))
}

// share is a part of a whole that must be at least min. Impossible numbers are an error.
type share struct {
	part, whole int64
	accepted    int64 // of the rest: somebody answers for these
	unjudged    int64 // of the rest: nothing is known of these
	min         float64
	of          string // what was counted: "orders of legacy"
	good        string // what the part did: "have their events"
	repair      string // what to do about the rest
}

func (s share) judge(c collection, maxAge time.Duration, now time.Time) Result {
	limit := scalar(s.min)
	if s.part < 0 || s.whole < 0 || s.accepted < 0 || s.part > s.whole-s.accepted {
		return broken(limit, c.from, "%s: %d of %d %s is impossible.", c.when(now), s.part, s.whole, s.of)
	}
	if s.whole == 0 {
		if r, ok := c.usable(nil, limit, maxAge, now); !ok {
			return r
		}
		return inconclusive(nil, limit, c.from, "%s, and it held no %s, so there was nothing to judge.", c.when(now), s.of)
	}
	observed := ratio(s.part+s.accepted, s.whole)
	if r, ok := c.usable(observed, limit, maxAge, now); !ok {
		return r
	}
	said := fmt.Sprintf("%s: %s of %s %s %s, %s", c.when(now), human.Number(s.part), human.Number(s.whole), s.of, s.good, human.Percent(ratio(s.part, s.whole)))
	if s.accepted > 0 {
		said += fmt.Sprintf("; %s accepted, together %s", human.Quantity(s.accepted, "other is", "others are"), human.Percent(observed))
	}
	if observed < s.min && s.unjudged > 0 && ratio(min(s.part+s.accepted+s.unjudged, s.whole), s.whole) >= s.min {
		return inconclusive(observed, limit, "run crosscheck verify", "%s; the limit is %s. Of the rest %s not be judged, so nothing is known of them.", said, human.Percent(s.min),
			human.Quantity(s.unjudged, "order could", "orders could"))
	}
	if observed < s.min {
		return fail(observed, limit, s.repair, "%s; the limit is %s.", said, human.Percent(s.min))
	}
	return pass(observed, limit, "%s.", said)
}
