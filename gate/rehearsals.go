package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// Rehearsal is one rehearsed cutover or rollback.
type Rehearsal struct {
	At   time.Time // start
	Took time.Duration
	OK   bool // every check passed, up to the end
}

// RehearsalEvidence holds the rehearsals under the present fingerprint, the newest first.
type RehearsalEvidence struct {
	Cutovers, Rollbacks []Rehearsal
}

func (e *RehearsalEvidence) cutovers() rehearsals {
	if e == nil {
		return nil
	}
	return e.Cutovers
}

func (e *RehearsalEvidence) rollbacks() rehearsals {
	if e == nil {
		return nil
	}
	return e.Rollbacks
}

// rehearsals holds those of one kind, the newest first.
type rehearsals []Rehearsal

func (of rehearsals) at() time.Time {
	if len(of) == 0 {
		return time.Time{}
	}
	return of[0].At
}

func rehearsalSettings(s Settings, count *int64, maxDuration, maxAge *time.Duration) {
	const most = 1000
	s.Whole("count", count, 1, most)
	s.Duration("max_duration", maxDuration, time.Second)
	maxAgeSetting(s, maxAge)
}

// rehearsed asks that the newest Count rehearsals all succeeded within MaxDuration, and that none is older than MaxAge.
type rehearsed struct {
	Count       int64
	MaxDuration time.Duration
	MaxAge      time.Duration
}

// judge counts from the newest rehearsal backwards. Observed is how many of the newest succeeded in a row.
func (c rehearsed) judge(of rehearsals, what, command string, now time.Time) Result {
	var good int64
	var slowest time.Duration
	for i, r := range of {
		switch {
		case r.At.IsZero() || r.Took < 0 || (i > 0 && r.At.After(of[i-1].At)):
			return broken(c.Count, command, "The records of each %s contradict each other.", what)
		case r.At.After(now.Add(clockTolerance)):
			return broken(c.Count, clockHint, "A %s started at %s according to the ledger, but now is %s.", what, human.Instant(r.At), human.Instant(now))
		}
	}
	for i, r := range of {
		if now.Sub(r.At) > c.MaxAge || good == c.Count {
			break
		}
		if bad := c.flaw(r); bad != "" {
			if i == 0 {
				return fail(int64(0), c.Count, "find out why, then "+command, "The last %s, at %s, %s.", what, human.Instant(r.At), bad)
			}
			break
		}
		good++
		slowest = max(slowest, r.Took)
	}
	missing := fmt.Sprintf("%s: %s", human.Quantity(c.Count-good, "more "+what, "more "+what+"s"), command)
	switch {
	case good == 0:
		return inconclusive(nil, c.Count, missing, "No %s took place in the last %s.", what, human.Duration(c.MaxAge))
	case good < c.Count:
		return inconclusive(good, c.Count, missing, "The last %s succeeded, the slowest in %s; the criterion asks for %s in a row.",
			human.Quantity(good, what, what+"s"), human.Duration(slowest), human.Number(c.Count))
	}
	return pass(good, c.Count, "The last %s succeeded, the slowest in %s; the limit is %s.", human.Quantity(good, what, what+"s"), human.Duration(slowest), human.Duration(c.MaxDuration))
}

// flaw says what was wrong with a rehearsal; empty if nothing was.
func (c rehearsed) flaw(r Rehearsal) string {
	switch {
	case !r.OK:
		return "failed"
	case r.Took > c.MaxDuration:
		return fmt.Sprintf("took %s; the limit is %s", human.Duration(r.Took), human.Duration(c.MaxDuration))
	}
	return ""
}

// RehearsalsCriterion asks that the newest Count rehearsals of the cutover all succeeded, each within MaxDuration.
type RehearsalsCriterion struct {
	Rule
	// Count is how many must have succeeded in a row; default 3.
	Count int64
	// MaxDuration is how long each may have taken; default 5m, the window.
	MaxDuration time.Duration
	// MaxAge is how long ago each may have been; default 336h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (RehearsalsCriterion) Name() string { return "rehearsals" }

func (c *RehearsalsCriterion) settings(s Settings) {
	rehearsalSettings(s, &c.Count, &c.MaxDuration, &c.MaxAge)
}

func (c *RehearsalsCriterion) byDefault() {
	*c = RehearsalsCriterion{Rule: Rule{Severity: Blocking}, Count: 3, MaxDuration: 5 * time.Minute, MaxAge: 14 * 24 * time.Hour}
}

// EvidenceAt is when the newest rehearsal started.
func (RehearsalsCriterion) EvidenceAt(e Evidence) time.Time { return e.Rehearsals.cutovers().at() }

func (c RehearsalsCriterion) terms() rehearsed { return rehearsed{c.Count, c.MaxDuration, c.MaxAge} }

// Judge looks at the newest rehearsals of the cutover.
func (c RehearsalsCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Count); bad {
		return r
	}
	return c.terms().judge(e.Rehearsals.cutovers(), "rehearsal of the cutover", "run crosscheck cutover rehearse", now)
}

// RollbackRehearsalsCriterion asks the same as [RehearsalsCriterion], of rehearsals of the rollback.
type RollbackRehearsalsCriterion struct {
	Rule
	// Count is how many must have succeeded in a row; default 1.
	Count int64
	// MaxDuration is how long each may have taken; default 2m.
	MaxDuration time.Duration
	// MaxAge is how long ago each may have been; default 336h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (RollbackRehearsalsCriterion) Name() string { return "rollback_rehearsals" }

func (c *RollbackRehearsalsCriterion) settings(s Settings) {
	rehearsalSettings(s, &c.Count, &c.MaxDuration, &c.MaxAge)
}

func (c *RollbackRehearsalsCriterion) byDefault() {
	*c = RollbackRehearsalsCriterion{Rule: Rule{Severity: Blocking}, Count: 1, MaxDuration: 2 * time.Minute, MaxAge: 14 * 24 * time.Hour}
}

// EvidenceAt is when the newest rehearsal started.
func (RollbackRehearsalsCriterion) EvidenceAt(e Evidence) time.Time {
	return e.Rehearsals.rollbacks().at()
}

func (c RollbackRehearsalsCriterion) terms() rehearsed {
	return rehearsed{c.Count, c.MaxDuration, c.MaxAge}
}

// Judge looks at the newest rehearsals of the rollback.
func (c RollbackRehearsalsCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Count); bad {
		return r
	}
	return c.terms().judge(e.Rehearsals.rollbacks(), "rehearsal of the rollback", "run crosscheck cutover rehearse, which rolls back at its end", now)
}
