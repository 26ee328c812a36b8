package gate

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// CoverageCriterion asks that the last full pass verified at least the share Min of the orders of both sides. The same
// share is asked of every status, if rows are counted by status, and of every age in every status, if the time of the
// last change has an index. Without that, one percent left out could be all open orders, or all orders of the last
// hour.
//
// Too little coverage is inconclusive and never a failure: an order that was not looked at is not known to be wrong.
type CoverageCriterion struct {
	Rule
	// Min is the smallest accepted share; default 1, every order.
	Min float64
	// MaxAge is how long ago the full pass may have started; default 26h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (CoverageCriterion) Name() string { return "coverage" }

func (c *CoverageCriterion) settings(s Settings) {
	shareSettings(s, &c.Min, &c.MaxAge)
}

func (c *CoverageCriterion) byDefault() {
	*c = CoverageCriterion{Rule: Rule{Enabled: true, Severity: Blocking}, Min: 1, MaxAge: defaultFullAge}
}

// EvidenceAt is when the full pass started.
func (CoverageCriterion) EvidenceAt(e Evidence) time.Time { return e.Full.started() }

// Judge looks at the least covered part of the last full pass.
func (c CoverageCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.Min)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	p, r, ok := fullPass(e, limit, now)
	if !ok {
		return r
	}
	if len(p.Counts) > 0 && p.Coverage == 1 { // the parts of a partial pass need not add up
		if why := countsContradiction(p); why != "" {
			return broken(limit, nextFull(e, now), "The counts of %s cannot be used as evidence: %s.", lowerFirst(passName(p)), why)
		}
	}
	if why := strataContradiction(p); why != "" {
		return broken(limit, nextFull(e, now), "The strata of %s cannot be used as evidence: %s.", lowerFirst(passName(p)), why)
	}
	share, where := leastCovered(p)
	if r, old := stale(p, e, share, limit, c.MaxAge, now); old {
		return r
	}
	if share < c.Min {
		return inconclusive(share, limit, nextFull(e, now), "%s. It verified only %s of %s; the limit is %s%s.",
			passWhen(p, now), human.Percent(share), where, human.Percent(c.Min), because(p.Reason))
	}
	said := fmt.Sprintf("%s. It verified %s of", passWhen(p, now), human.Percent(share))
	switch {
	case share < 1 && e.Counted != nil:
		return inconclusive(share, limit, nextFull(e, now), "%s %s. It did not count rows%s: the rest may be all orders of one %s.",
			said, where, e.Fields.byGroup(), cmp.Or(e.Fields.grouping(), "group"))
	case share < 1 && p.Strata == nil: // an unknown part must not look better than a known one
		return inconclusive(share, limit, "create an index on legacy.changed_at and configure compare.group_by, then run crosscheck verify",
			"%s %s. Coverage%s and age is not known: the rest may be all orders of one %s or age.", said, where, cmp.Or(e.Fields.byGroup(), " by group"), cmp.Or(e.Fields.grouping(), "group"))
	case len(p.Counts) == 0:
		return pass(share, limit, "%s %s; rows were not counted%s.", said, where, e.Fields.byGroup())
	case p.Strata == nil:
		return pass(share, limit, "%s the orders in the least covered of %s. Coverage by age is not known; it needs an index on legacy.changed_at.",
			said, e.Fields.groups(len(p.Counts)))
	}
	return pass(share, limit, "%s the orders in the least covered of %s, and of %s%s and age.", said,
		e.Fields.groups(len(p.Counts)), human.Quantity(int64(len(p.Strata)), "part", "parts"), cmp.Or(e.Fields.byGroup(), " by group"))
}

// Share is the verified share of the stratum's orders. A stratum that holds only unjudged orders that legacy does not
// have is not verified at all.
func (s Stratum) Share() float64 {
	if s.Orders == 0 && s.Unverified == 0 {
		return 1
	}
	return ratio(s.Orders-s.Unverified, s.Orders)
}

// strataContradiction says why the strata do not match the pass's statuses; empty if they do.
func strataContradiction(p Pass) string {
	sums := map[string]int64{} // status → orders
	for _, s := range p.Strata {
		if s.Orders < 0 || s.Unverified < 0 {
			return fmt.Sprintf("%s has a negative count among the orders of age %q", groupName(s.Group), plain(s.Age))
		}
		sums[s.Group] += s.Orders
	}
	for _, g := range p.Counts {
		if p.Strata != nil && sums[g.Group] != g.Legacy {
			return fmt.Sprintf("the ages of %s add up to %s, but legacy has %s", groupName(g.Group), human.Quantity(sums[g.Group], "order", "orders"), human.Number(g.Legacy))
		}
	}
	return ""
}

// leastCovered returns the smallest verified share among all orders, each group, and each age in a group. It also says
// which part has that share.
func leastCovered(p Pass) (share float64, where string) {
	orders := max(p.Compared, p.LegacyRows, p.ProjectionRows)
	share = p.Coverage * ratio(p.Compared-p.Unverified, orders)
	where = "all orders"
	for _, g := range p.Counts {
		if size := max(g.Legacy, g.Projection); size > 0 {
			if s := ratio(size-g.Unverified, size); s < share {
				share, where = s, "the orders in "+groupName(g.Group)
			}
		}
	}
	for _, g := range p.Strata {
		if s := g.Share(); s < share {
			share, where = s, fmt.Sprintf("the %s in %s of age %q", human.Quantity(g.Orders, "order", "orders"), groupName(g.Group), plain(g.Age))
			if g.Orders == 0 {
				where = fmt.Sprintf("the orders in %s that legacy does not have", groupName(g.Group))
			}
		}
	}
	return share, where
}

func ratio(part, whole int64) float64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// scalar keeps a limit that is not a number out of the JSON, which cannot represent it.
func scalar(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}
