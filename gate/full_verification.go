package gate

import (
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// FullVerificationCriterion asks that the last full verification compared every order of both sides, found all of
// them equal, and is fresh.
type FullVerificationCriterion struct {
	Rule
	// MaxAge is how long ago the full pass may have started; default 26h. The start counts, because it is when the
	// snapshots were taken.
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
	if p.Verdict == "diverged" || p.Diverged > 0 {
		if open := openTotal(e); open > 0 {
			return fail("diverged", wantMatch, "repair the orders, or their cause, and run crosscheck verify",
				"%s, and found %s among %s compared; %s.", passWhen(p, now),
				human.Quantity(p.Diverged, "diverged order", "diverged orders"), human.Number(p.Compared),
				human.Quantity(open, "divergence is still open", "divergences are still open"))
		}
		if e.Accepted > 0 { // a pass judges orders as they are
			return inconclusive("diverged", wantMatch, "wait until they are repaired, or waive this criterion for as long as they are accepted; or, if they were resolved, "+again,
				"%s, and found %s; each of them has been resolved or accepted since, and %s.", passWhen(p, now),
				human.Quantity(p.Diverged, "diverged order", "diverged orders"), human.Quantity(e.Accepted, "divergence is accepted", "divergences are accepted"))
		}
		return inconclusive("diverged", wantMatch, again,
			"%s, and found %s, all resolved since; only another full verification can show that nothing is left: run verify again.",
			passWhen(p, now), human.Quantity(p.Diverged, "diverged order", "diverged orders"))
	}
	if r, old := stale(p, e, p.Verdict, wantMatch, c.MaxAge, now); old {
		return r
	}
	switch p.Verdict {
	case wantMatch:
	case "lagging", "unverified":
		return inconclusive(p.Verdict, wantMatch, again, "%s, and ended %s: %s left unjudged at a coverage of %s%s.",
			passWhen(p, now), p.Verdict, human.Quantity(p.Unverified, "order was", "orders were"), human.Percent(p.Coverage), because(p.Reason))
	default:
		return broken(wantMatch, again, "%s has the verdict %q, which this version does not know.", passName(p), p.Verdict)
	}
	if p.LegacyRows == 0 || p.ProjectionRows == 0 {
		return broken(wantMatch, again, "%s calls it a match although one side was empty and the other held %s.", passName(p),
			human.Quantity(p.LegacyRows+p.ProjectionRows, "row", "rows"))
	}
	if p.Coverage < 1 || p.Unverified > 0 {
		return inconclusive("unverified", wantMatch, again, "%s, covered %s and left %s unjudged%s.", passWhen(p, now),
			human.Percent(p.Coverage), human.Quantity(p.Unverified, "order", "orders"), because(p.Reason))
	}
	if rows := max(p.LegacyRows, p.ProjectionRows); p.Compared < rows {
		return inconclusive("unverified", wantMatch, again, "%s, and compared only %s where one side has %s.",
			passWhen(p, now), human.Quantity(p.Compared, "order", "orders"), human.Quantity(rows, "row", "rows"))
	}
	r = pass(wantMatch, wantMatch, "%s, compared %s (%s in legacy, %s in the projection) and found all of them equal.",
		passWhen(p, now), human.Quantity(p.Compared, "order", "orders"), human.Quantity(p.LegacyRows, "row", "rows"), human.Number(p.ProjectionRows))
	return e.Fields.named(r)
}
