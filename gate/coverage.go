package gate

import (
	"fmt"
	"math"
	"time"
)

// CoverageCriterion asks that the last full pass verified at least the share Min of the orders of both sides, and
// of every status where rows are counted by status: one percent overlooked may be all of the open orders.
//
// Too little coverage is inconclusive and never a failure: what was not looked at is not known to be wrong.
type CoverageCriterion struct {
	Rule
	// Min is the smallest accepted share; default 1, every order.
	Min float64
	// MaxAge is how long ago the full pass may have started; default 26h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (CoverageCriterion) Name() string { return "coverage" }

func (c CoverageCriterion) validate() error {
	if math.IsNaN(c.Min) || c.Min <= 0 || c.Min > 1 {
		return fmt.Errorf("min: must be above 0 and at most 1, not %v", c.Min)
	}
	return validAge(c.MaxAge)
}

// Judge looks at the least covered part of the last full pass.
func (c CoverageCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.Min)
	if err := c.validate(); err != nil {
		return broken(limit, "correct the criterion in config.yaml", "The criterion makes no sense: %s.", err)
	}
	p, r, ok := fullPass(e, limit, c.MaxAge, now)
	if !ok {
		return r
	}
	if len(p.Counts) > 0 && p.Coverage == 1 { // a partial pass need not add up
		if why := countsContradiction(p); why != "" {
			return broken(limit, nextFull(e, now), "The counts of %s are not usable as evidence: %s.", lowerFirst(passName(p)), why)
		}
	}
	share, where := leastCovered(p)
	if r, old := stale(p, e, share, limit, c.MaxAge, now); old {
		return r
	}
	if share < c.Min {
		return inconclusive(share, limit, nextFull(e, now), "%s, and verified only %s of %s, where %s are asked for%s.",
			passWhen(p, now), percent(share), where, percent(c.Min), because(p.Reason))
	}
	if len(p.Counts) == 0 {
		return pass(share, limit, "%s, and verified %s of %s; rows were not counted by status.", passWhen(p, now), percent(share), where)
	}
	return pass(share, limit, "%s, and verified %s of the orders in the least covered of %s.", passWhen(p, now), percent(share),
		quantity(int64(len(p.Counts)), "status", "statuses"))
}

// leastCovered is the smallest verified share of all orders and of each group, and of what it is the share.
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
	return share, where
}

func ratio(part, whole int64) float64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// scalar keeps a limit that is no number out of the JSON, which has no way to write it.
func scalar(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}
