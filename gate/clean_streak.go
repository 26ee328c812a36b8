package gate

import (
	"fmt"
	"math"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// Streak sums up the finished full and sample passes under the present fingerprint. They are read backwards from the
// newest, until one found something that is not accepted.
type Streak struct {
	// Clean is the number of passes that ended as match. Unjudged is the number that ended lagging or unverified; these
	// neither count nor end the streak.
	Clean, Unjudged int64
	// Accepted are those of Clean that found orders diverged, all of which are accepted now.
	Accepted int64 `json:",omitempty"`
	// Since is when the oldest pass that matched started, and Newest when the newest one did. Both are zero if none
	// matched.
	Since, Newest time.Time
	// Broken is when the newest pass that diverged started; zero if none diverged.
	Broken time.Time
}

func (e *Streak) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.Newest
}

// CleanStreakCriterion asks that the last Passes judged passes, full and sample, all matched, over at least Duration. A
// pass that diverged ends the streak, unless all that it found is accepted. A pass that could not be judged neither counts nor ends it.
type CleanStreakCriterion struct {
	Rule
	// Passes is how many must have matched in a row; default 24.
	Passes int64
	// Duration is how long ago the first of them must have started; default 24h.
	Duration time.Duration
	// MaxAge is how long ago the newest of them may have started; default 26h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (CleanStreakCriterion) Name() string { return "clean_streak" }

func (c *CleanStreakCriterion) settings(s Settings) {
	s.Whole("passes", &c.Passes, 1, math.MaxInt64)
	s.Duration("duration", &c.Duration, 0)
	maxAgeSetting(s, &c.MaxAge)
}

func (c *CleanStreakCriterion) byDefault() {
	*c = CleanStreakCriterion{Rule: Rule{Severity: Blocking}, Passes: 24, Duration: 24 * time.Hour, MaxAge: defaultFullAge}
}

// EvidenceAt is when the newest pass of the streak started.
func (CleanStreakCriterion) EvidenceAt(e Evidence) time.Time { return e.Streak.at() }

// Judge looks back from the newest pass. Observed is the number of passes that matched in a row. A short streak is
// inconclusive. The criterion fails if the newest judged pass diverged and divergences are still open.
func (c CleanStreakCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Passes); bad {
		return r
	}
	s := e.Streak
	if s == nil || (s.Clean == 0 && s.Broken.IsZero()) {
		return inconclusive(nil, c.Passes, c.eta(e, c.Passes, c.Duration), "No pass has matched yet.")
	}
	if why := c.contradiction(*s, now); why != "" {
		return broken(c.Passes, clockHint, "The streak of clean passes cannot be used as evidence: %s.", why)
	}
	if s.Clean == 0 {
		if openTotal(e) > 0 {
			return fail(int64(0), c.Passes, "repair the cause and the orders; then "+c.eta(e, c.Passes, c.Duration),
				"The newest judged pass started at %s and diverged.", human.Instant(s.Broken))
		}
		return inconclusive(int64(0), c.Passes, c.eta(e, c.Passes, c.Duration),
			"The newest judged pass started at %s and diverged; everything it found has been resolved since.", human.Instant(s.Broken))
	}
	held := now.Sub(s.Since)
	said := fmt.Sprintf("%s in a row since %s, %s%s", human.Quantity(s.Clean, "pass has matched", "passes have matched"), human.Instant(s.Since), human.Duration(held), s.besides())
	switch {
	case now.Sub(s.Newest) > c.MaxAge:
		return inconclusive(s.Clean, c.Passes, "run crosscheck sample or crosscheck verify",
			"%s; but the newest of them started %s ago, and the limit is %s.", said, human.Duration(now.Sub(s.Newest)), human.Duration(c.MaxAge))
	case s.Clean < c.Passes || held < c.Duration:
		return inconclusive(s.Clean, c.Passes, c.eta(e, c.Passes-s.Clean, c.Duration-held),
			"%s; the criterion asks for %s over %s.", said, human.Quantity(c.Passes, "pass", "passes"), human.Duration(c.Duration))
	}
	return pass(s.Clean, c.Passes, "%s.", said)
}

// besides says what the passes of the streak found that is accepted, and how many more could not be judged; empty if there is nothing to say.
func (s Streak) besides() (said string) {
	if s.Accepted > 0 {
		said = fmt.Sprintf(", %s with diverged orders that are all accepted", human.Number(s.Accepted))
	}
	if s.Unjudged > 0 {
		said += fmt.Sprintf(", not counting %s that could not be judged", human.Quantity(s.Unjudged, "pass", "passes"))
	}
	return said
}

func (CleanStreakCriterion) contradiction(s Streak, now time.Time) string {
	switch {
	case s.Clean < 0 || s.Unjudged < 0 || s.Accepted < 0:
		return "it holds negative numbers"
	case s.Accepted > s.Clean:
		return "more of its passes are accepted than it has"
	case s.Clean > 0 && (s.Since.IsZero() || s.Newest.Before(s.Since)):
		return "its times contradict each other"
	case s.Newest.After(now.Add(clockTolerance)) || s.Broken.After(now.Add(clockTolerance)):
		return fmt.Sprintf("it lies in the future; now is %s", human.Instant(now))
	}
	return ""
}

// eta says how many passes and how much time are missing.
func (CleanStreakCriterion) eta(e Evidence, passes int64, rest time.Duration) string {
	passes, rest = max(passes, 0), max(rest, 0)
	if e.SampleEvery > 0 {
		rest = max(rest, time.Duration(passes)*e.SampleEvery)
	}
	switch {
	case passes == 0:
		return fmt.Sprintf("%s more without a divergence", human.Duration(rest))
	case rest == 0:
		return human.Quantity(passes, "more clean pass", "more clean passes") + "; run crosscheck sample"
	}
	return fmt.Sprintf("%s, about %s", human.Quantity(passes, "more clean pass", "more clean passes"), human.Duration(rest))
}
