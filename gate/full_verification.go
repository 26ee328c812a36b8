package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// FullVerificationCriterion asks for a fresh full verification that compared every order of both sides and found all of
// them equal, or accepted.
type FullVerificationCriterion struct {
	Rule
	// MaxAge is how long ago the full pass may have started; default 26h. The start counts, because the snapshots are
	// taken then.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (FullVerificationCriterion) Name() string { return "full_verification" }

func (c *FullVerificationCriterion) settings(s Settings) {
	maxAgeSetting(s, &c.MaxAge)
}

func (c *FullVerificationCriterion) byDefault() {
	*c = FullVerificationCriterion{Rule: Rule{Enabled: true, Severity: Blocking}, MaxAge: defaultFullAge}
}

// EvidenceAt is when the full pass started.
func (FullVerificationCriterion) EvidenceAt(e Evidence) time.Time { return e.Full.started() }

const wantMatch = "match"

// Judge looks at the last full pass.
func (c FullVerificationCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, wantMatch); bad {
		return r
	}
	p, r, ok := fullPass(e, wantMatch, now)
	if !ok {
		return r
	}
	again := nextFull(e, now)
	if (p.Verdict == "diverged" || p.Diverged > 0) && !p.answered() {
		if open := openTotal(e); open > 0 {
			return fail("diverged", wantMatch, "repair the cause and the orders, then run crosscheck verify",
				"%s. It found %s among %s compared%s; %s.%s", passWhen(p, now),
				human.Quantity(p.Diverged, "diverged order", "diverged orders"), human.Number(p.Compared), someAccepted(p, "of them"),
				human.Quantity(open, "divergence is still open", "divergences are still open"), leftOut(p))
		}
		return inconclusive("diverged", wantMatch, again,
			"%s. It found %s, all resolved since%s. Only another full verification can show that none is left; run crosscheck verify again.%s",
			passWhen(p, now), human.Quantity(p.Diverged-p.Accepted, "diverged order", "diverged orders"), someAccepted(p, "more"), leftOut(p))
	}
	if r, old := stale(p, e, p.Verdict, wantMatch, c.MaxAge, now); old {
		return r
	}
	switch {
	case p.Verdict == wantMatch, p.Verdict == "diverged" && p.answered():
	case p.Verdict == "lagging", p.Verdict == "unverified":
		return inconclusive(p.Verdict, wantMatch, again, "%s. It ended %s: %s left unjudged, coverage %s%s.",
			passWhen(p, now), p.Verdict, human.Quantity(p.Unverified, "order was", "orders were"), human.Percent(p.Coverage), because(p.Reason))
	default:
		return broken(wantMatch, again, "%s has the verdict %q; this version does not know it.", passName(p), p.Verdict)
	}
	if p.LegacyRows == 0 || p.ProjectionRows == 0 {
		return broken(wantMatch, again, "%s ended as a match, but one side was empty and the other held %s.", passName(p),
			human.Quantity(p.LegacyRows+p.ProjectionRows, "row", "rows"))
	}
	if p.Coverage < 1 || p.Unverified > 0 {
		return inconclusive("unverified", wantMatch, again, "%s. It covered %s and left %s unjudged%s.", passWhen(p, now),
			human.Percent(p.Coverage), human.Quantity(p.Unverified, "order", "orders"), because(p.Reason))
	}
	if rows := max(p.LegacyRows, p.ProjectionRows); p.Compared < rows {
		return inconclusive("unverified", wantMatch, again, "%s. It compared only %s, but one side has %s.",
			passWhen(p, now), human.Quantity(p.Compared, "order", "orders"), human.Quantity(rows, "row", "rows"))
	}
	compared := fmt.Sprintf("%s. It compared %s (%s in legacy, %s in the projection)", passWhen(p, now),
		human.Quantity(p.Compared, "order", "orders"), human.Quantity(p.LegacyRows, "row", "rows"), human.Number(p.ProjectionRows))
	if p.answered() {
		return e.Fields.named(pass("accepted", wantMatch, "%s: %s diverged, %s accepted; all others are equal.%s", compared,
			human.Quantity(p.Diverged, "order", "orders"), human.Number(p.Accepted), archived(e)))
	}
	return e.Fields.named(pass(wantMatch, wantMatch, "%s and found all of them equal.%s", compared, archived(e)))
}

// someAccepted says how many of the orders that a pass found are accepted; empty if none is.
func someAccepted(p Pass, which string) string {
	if p.Accepted == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s %s accepted)", human.Number(p.Accepted), which+plural(p.Accepted, " is", " are"))
}

// archived names orders that were not compared with the events; empty if there are none.
func archived(e Evidence) string {
	if e.Events == nil || e.Events.Archived == 0 {
		return ""
	}
	return fmt.Sprintf(" %s not compared with the events, because events.archived says that these were moved.",
		human.Quantity(e.Events.Archived, "order of legacy was", "orders of legacy were"))
}

// leftOut says that a pass with divergences did not compare everything; empty if it did.
func leftOut(p Pass) string {
	if p.Coverage >= 1 {
		return ""
	}
	return fmt.Sprintf(" It compared only %s%s.", human.Percent(p.Coverage), because(p.Reason))
}
