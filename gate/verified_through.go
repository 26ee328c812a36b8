package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// Watermark says that everything up to Through has been verified. The pass Pass moved it there.
type Watermark struct {
	Through    time.Time
	Pass       int64
	Kind       string // "full" or "delta"
	FinishedAt time.Time
	Accepted   int64 // orders that the pass found diverged, and that were accepted
	// OldEventsAt is when additions, edits and deletions of events up to the position OldEvents were last looked for; zero if it was then too.
	OldEventsAt time.Time
	OldEvents   int64
}

func (w *Watermark) through() time.Time {
	if w == nil {
		return time.Time{}
	}
	return w.Through
}

// VerifiedThroughCriterion asks that everything has been verified up to a short time ago.
type VerifiedThroughCriterion struct {
	Rule
	// MaxAge is how old the watermark may be; default 5m.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (VerifiedThroughCriterion) Name() string { return "verified_through" }

func (c *VerifiedThroughCriterion) settings(s Settings) { maxAgeSetting(s, &c.MaxAge) }

func (c *VerifiedThroughCriterion) byDefault() {
	*c = VerifiedThroughCriterion{Rule: Rule{Severity: Blocking}, MaxAge: 5 * time.Minute}
}

// EvidenceAt is the watermark.
func (VerifiedThroughCriterion) EvidenceAt(e Evidence) time.Time { return e.Verified.through() }

// Judge looks at the age of the watermark. Observed and limit are in seconds. An old watermark is missing evidence. It
// fails only if the newest pass that could have moved it found divergences that are still open.
func (c VerifiedThroughCriterion) Judge(e Evidence, now time.Time) Result {
	limit := c.MaxAge.Seconds()
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	eta := nextDelta(e, now)
	w := e.Verified
	if w == nil {
		switch {
		case stands(e) != "":
			return inconclusive(nil, limit, eta, "Nothing has been verified completely yet. %s", stands(e))
		case e.VoidVerified:
			return inconclusive(nil, limit, eta, "%s", voidReason("complete verification", e))
		}
		return inconclusive(nil, limit, eta, "No full verification has matched yet.")
	}
	if why := w.contradiction(now); why != "" {
		return broken(limit, clockHint, "The watermark of %s pass %d cannot be used as evidence: %s.", w.Kind, w.Pass, why)
	}
	age := max(0, now.Sub(w.Through))
	said := fmt.Sprintf("Everything up to %s, %s ago, has been verified, last by %s pass %d", human.Instant(w.Through), human.Duration(age), w.Kind, w.Pass)
	if w.Accepted > 0 {
		said += fmt.Sprintf(", with %s", human.Quantity(w.Accepted, "diverged order that is accepted", "diverged orders that are accepted"))
	}
	if !w.OldEventsAt.IsZero() {
		said += fmt.Sprintf("; additions, edits and deletions of events up to position %d were last looked for at %s", w.OldEvents, human.Instant(w.OldEventsAt))
	}
	if age <= c.MaxAge {
		return pass(age.Seconds(), limit, "%s.", said)
	}
	said += fmt.Sprintf("; the limit is %s. %s", human.Duration(c.MaxAge), stands(e))
	if p := newestProof(e); p != nil && p.Verdict == "diverged" && p.ID > w.Pass && openTotal(e) > 0 {
		return fail(age.Seconds(), limit, "repair the cause and the orders; then "+eta, "%s", said)
	}
	return inconclusive(age.Seconds(), limit, eta, "%s", said)
}

func (w Watermark) contradiction(now time.Time) string {
	switch {
	case w.Through.IsZero() || w.FinishedAt.IsZero():
		return "it has no time"
	case w.FinishedAt.Before(w.Through):
		return "it is of after the end of the pass"
	case w.Accepted < 0:
		return "it holds negative numbers"
	case w.FinishedAt.After(now.Add(clockTolerance)):
		return fmt.Sprintf("it ended at %s, but now is %s", human.Instant(w.FinishedAt), human.Instant(now))
	}
	return ""
}

// newestProof is the newest pass that could have moved the watermark; nil if there is none.
func newestProof(e Evidence) *Pass {
	if e.Delta == nil || e.Full != nil && e.Full.StartedAt.After(e.Delta.StartedAt) {
		return e.Full
	}
	return e.Delta
}

// stands says in a sentence why the watermark stands; empty if no pass tells.
func stands(e Evidence) string {
	p := newestProof(e)
	switch {
	case p == nil || p.Verdict == wantMatch && e.Verified == nil:
		return ""
	case p.Verdict == wantMatch:
		return fmt.Sprintf("%s ended as a match at %s.", passName(*p), human.Instant(p.FinishedAt))
	}
	return fmt.Sprintf("%s ended %s at %s%s.", passName(*p), p.Verdict, human.Instant(p.FinishedAt), because(p.Reason))
}

// nextDelta says when the watermark may move next.
func nextDelta(e Evidence, now time.Time) string {
	switch {
	case e.NextDelta.IsZero():
		return nextFull(e, now) + "; with sampler.delta the sidecar verifies every few seconds what has changed"
	case e.NextDelta.Before(now):
		return "a delta pass is running or due; see the status page"
	}
	return fmt.Sprintf("next delta pass at %s, in %s", human.Instant(e.NextDelta), human.Duration(e.NextDelta.Sub(now)))
}
