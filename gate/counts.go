package gate

import (
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// CountsCriterion asks that both sides have the same number of rows in every status, at the snapshots of the last full
// pass that counted them.
//
// # Orders in flight
//
// On a live system the two snapshots differ by the orders that are in flight, so equal counts would be luck. A
// difference is explained if it consists of orders that the pass saw differ and then proved to be lag. Their rows are
// taken off both sides first ([GroupCount.SettledLegacy], [GroupCount.SettledProjection]). What remains must be exactly
// equal. No difference is tolerated because it is small.
//
// Rows of diverged orders that are accepted are taken off too ([GroupCount.AcceptedLegacy]). A duplicate is counted in no one group:
// what its rows can explain at most is.
type CountsCriterion struct {
	Rule
	// MaxAge is how long ago the full pass may have started; default 26h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (CountsCriterion) Name() string { return "counts" }

func (c *CountsCriterion) settings(s Settings) {
	maxAgeSetting(s, &c.MaxAge)
}

func (c *CountsCriterion) byDefault() {
	*c = CountsCriterion{Rule: Rule{Enabled: true, Severity: Blocking}, MaxAge: defaultFullAge}
}

// EvidenceAt is when the pass that counted started.
func (CountsCriterion) EvidenceAt(e Evidence) time.Time { return e.Counting().started() }

// Judge compares the groups of the last full pass that counted. Observed is the number of rows by which the groups differ without an
// explanation.
func (c CountsCriterion) Judge(e Evidence, now time.Time) Result {
	const limit = int64(0)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	e.Full = e.Counting()
	p, r, ok := fullPass(e, limit, now)
	if !ok {
		return r
	}
	again := nextFull(e, now)
	if len(p.Counts) == 0 {
		return inconclusive(nil, limit, again, "%s. It did not count rows%s%s.", passWhen(p, now), e.Fields.byGroup(), because(p.Reason))
	}
	if p.Coverage < 1 {
		return inconclusive(nil, limit, again, "%s. It covered only %s%s, so its counts do not include all rows.",
			passWhen(p, now), human.Percent(p.Coverage), because(p.Reason))
	}
	if why := countsContradiction(p); why != "" {
		return broken(limit, again, "The counts of %s cannot be used as evidence: %s.", lowerFirst(passName(p)), why)
	}
	rest := unexplained(p)
	if rest.rows == 0 || p.answered() && p.Unverified == 0 && rest.rows <= p.AcceptedCopies {
		if r, old := stale(p, e, rest.rows, limit, c.MaxAge, now); old {
			return r
		}
		return pass(int64(0), limit, "%s: both sides have the same number of rows in each of %s, %s in all%s.", passWhen(p, now),
			e.Fields.groups(len(p.Counts)), human.Number(p.LegacyRows), rest.leftOut(p))
	}
	differ := fmt.Sprintf("%s: the numbers of rows%s differ by %s in sum (%s)%s", passWhen(p, now), e.Fields.byGroup(), human.Quantity(rest.rows, "row", "rows"), rest.list(), rest.leftOut(p))
	switch {
	case p.Diverged > 0 && openTotal(e) == 0:
		return inconclusive(rest.rows, limit, again, "%s; each of the %s it found has been resolved or accepted since.", differ,
			human.Quantity(p.Diverged, "diverged order", "diverged orders"))
	case p.Unverified > 0 && rest.widest <= p.Unverified && rest.rows <= 2*p.Unverified:
		// An order that has another status on each side moves two groups by one row each.
		return inconclusive(rest.rows, limit, again, "%s; the %s left unjudged may explain the difference.", differ, human.Quantity(p.Unverified, "order", "orders"))
	case p.Diverged == 0 && p.Unverified == 0:
		return fail(rest.rows, limit, again, "%s. But the pass judged every order equal: counts and comparison contradict each other.", differ)
	}
	return fail(rest.rows, limit, "repair the cause and the orders, then run crosscheck verify", "%s.", differ)
}

// difference is what remains of the groups' differences after orders in flight are taken off.
type difference struct {
	rows     int64 // sum over the groups
	widest   int64 // largest of one group
	settled  int64 // rows of orders in flight taken off, both sides
	accepted int64 // rows of accepted orders taken off, both sides
	groups   []GroupCount
}

func unexplained(p Pass) difference {
	var d difference
	for _, g := range p.Counts {
		d.settled += g.SettledLegacy + g.SettledProjection
		d.accepted += g.AcceptedLegacy + g.AcceptedProjection
		by := g.restOfLegacy() - g.restOfProjection()
		if by == 0 {
			continue
		}
		by = max(by, -by)
		d.rows += by
		d.widest = max(d.widest, by)
		d.groups = append(d.groups, g)
	}
	return d
}

// list names the first groups that differ, with the numbers that remain.
func (d difference) list() string {
	const shown = 3
	var parts []string
	for i, g := range d.groups {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %s more", human.Number(int64(len(d.groups)-shown))))
			break
		}
		parts = append(parts, fmt.Sprintf("%s: %s in legacy, %s in the projection", groupName(g.Group),
			human.Number(g.restOfLegacy()), human.Number(g.restOfProjection())))
	}
	return strings.Join(parts, "; ")
}

func groupName(g string) string {
	if g == "" {
		return "(empty)"
	}
	return plain(g)
}

// The rows that are compared between the sides.
func (g GroupCount) restOfLegacy() int64 { return g.Legacy - g.SettledLegacy - g.AcceptedLegacy }

func (g GroupCount) restOfProjection() int64 {
	return g.Projection - g.SettledProjection - g.AcceptedProjection
}

// leftOut says which rows are not compared; empty if all are.
func (d difference) leftOut(p Pass) string {
	var parts []string
	if d.settled > 0 {
		parts = append(parts, human.Quantity(d.settled, "row", "rows")+" of orders in flight that settled as match")
	}
	if rows := d.accepted + p.AcceptedCopies; rows > 0 {
		parts = append(parts, human.Quantity(rows, "row", "rows")+" of diverged orders that are accepted")
	}
	if len(parts) == 0 {
		return ""
	}
	return ", not counting " + strings.Join(parts, " and ")
}

// countsContradiction says why the groups cannot contain all rows of the pass; empty if they can.
func countsContradiction(p Pass) string {
	var legacy, projection int64
	seen := map[string]bool{} // group → already added
	for _, g := range p.Counts {
		switch {
		case seen[g.Group]:
			return fmt.Sprintf("%s is counted twice", groupName(g.Group))
		case g.Legacy < 0 || g.Projection < 0 || g.Unverified < 0:
			return fmt.Sprintf("%s has a negative count", groupName(g.Group))
		case g.SettledLegacy < 0 || g.AcceptedLegacy < 0 || g.restOfLegacy() < 0, g.SettledProjection < 0 || g.AcceptedProjection < 0 || g.restOfProjection() < 0:
			return fmt.Sprintf("%s has more rows in flight or accepted than rows", groupName(g.Group))
		}
		seen[g.Group] = true
		legacy += g.Legacy
		projection += g.Projection
	}
	if legacy != p.LegacyRows || projection != p.ProjectionRows {
		return fmt.Sprintf("the groups add up to %s rows in legacy and %s in the projection, but %s and %s were read",
			human.Number(legacy), human.Number(projection), human.Number(p.LegacyRows), human.Number(p.ProjectionRows))
	}
	return ""
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
