package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// OpenDivergencesCriterion asks that at most Max divergences are open. "0 open" counts only after a look: without a
// finished and fresh pass that compared an order, the criterion is inconclusive.
type OpenDivergencesCriterion struct {
	Rule
	// Max is how many open divergences are tolerated; default 0.
	Max int64
	// MaxAge is how long ago the newest pass that compared an order may have started; default 26h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (OpenDivergencesCriterion) Name() string { return "open_divergences" }

func (c *OpenDivergencesCriterion) settings(s Settings) {
	mostSettings(s, &c.Max, &c.MaxAge)
}

func (c *OpenDivergencesCriterion) byDefault() {
	*c = OpenDivergencesCriterion{Rule: Rule{Enabled: true, Severity: Blocking}, MaxAge: defaultFullAge}
}

// EvidenceAt is when the newest pass that compared an order started.
func (OpenDivergencesCriterion) EvidenceAt(e Evidence) time.Time { return lookedAt(e).started() }

// Judge counts what is open. Open divergences fail even if no fresh pass confirms them.
func (c OpenDivergencesCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Max); bad {
		return r
	}
	open := openTotal(e)
	if e.Accepted < 0 {
		return broken(c.Max, "look at the table divergence in the ledger", "The ledger reports a negative number of accepted divergences.")
	}
	for _, o := range e.Open {
		if o.Count < 0 {
			return broken(c.Max, "look at the table divergence in the ledger", "The ledger reports a negative number of open divergences.")
		}
		if o.Count > 0 && o.Oldest.After(now.Add(clockTolerance)) {
			return broken(c.Max, clockHint, "The ledger holds a divergence first seen at %s, but now is %s.", human.Instant(o.Oldest), human.Instant(now))
		}
	}
	if open > c.Max {
		return fail(open, c.Max, "repair the cause and the orders, then run crosscheck verify", "%s", openReason(e, open, now))
	}
	newest := lookedAt(e)
	if newest == nil {
		reason := "No divergence is open, but no pass has compared an order yet."
		if e.Sample != nil && e.Sample.Fewer {
			reason = fmt.Sprintf("No divergence is open. But the newest pass, %s, drew fewer orders than sampler.size says.", lowerFirst(passName(*e.Sample)))
		}
		if e.VoidFull || e.VoidSample {
			reason = voidReason("pass", e) + " Nothing has been compared since."
		}
		return inconclusive(nil, c.Max, nextFull(e, now), "%s", reason)
	}
	if why := contradiction(*newest, now); why != "" {
		return broken(c.Max, clockHint, "%s cannot be used as evidence: %s.", passName(*newest), why)
	}
	if r, old := stale(*newest, e, open, c.Max, c.MaxAge, now); old {
		return r
	}
	if open > 0 {
		return pass(open, c.Max, "%s Up to %s may be open.", openReason(e, open, now), human.Number(c.Max))
	}
	if e.Accepted > 0 {
		return pass(open, c.Max, "No divergence is open, and %s by somebody until a set time. The newest pass: %s.",
			human.Quantity(e.Accepted, "is accepted", "are accepted"), lowerFirst(passWhen(*newest, now)))
	}
	return pass(open, c.Max, "No divergence is open. The newest pass: %s.", lowerFirst(passWhen(*newest, now)))
}

// lookedAt returns the newest pass that compared at least one order, and not fewer than are configured; nil if there is none.
func lookedAt(e Evidence) *Pass {
	var newest *Pass
	for _, p := range []*Pass{e.Full, e.Sample} {
		if p != nil && p.Compared > 0 && !p.Fewer && (newest == nil || p.StartedAt.After(newest.StartedAt)) {
			newest = p
		}
	}
	return newest
}

// openReason names the largest groups of open divergences and the oldest divergence.
func openReason(e Evidence, open int64, now time.Time) string {
	groups := slices.Clone(e.Open)
	slices.SortStableFunc(groups, func(a, b OpenDivergences) int { return int(min(max(b.Count-a.Count, -1), 1)) })
	const shown = 3
	var oldest time.Time
	var parts []string
	for i, g := range groups {
		if g.Count == 0 {
			continue
		}
		if !g.Oldest.IsZero() && (oldest.IsZero() || g.Oldest.Before(oldest)) {
			oldest = g.Oldest
		}
		if i < shown {
			part := fmt.Sprintf("%s %s (%s)", human.Number(g.Count), g.Kind, g.Hop)
			if g.Cause != "" {
				part += " by " + g.Cause
			}
			parts = append(parts, part)
		}
	}
	if len(groups) > shown {
		parts = append(parts, fmt.Sprintf("and %s more", human.Quantity(int64(len(groups)-shown), "group", "groups")))
	}
	s := human.Quantity(open, "divergence is open", "divergences are open") + ": " + strings.Join(parts, ", ")
	if !oldest.IsZero() {
		s += fmt.Sprintf("; the oldest was first seen at %s, %s ago", human.Instant(oldest), human.Duration(now.Sub(oldest)))
	}
	if e.Accepted > 0 {
		s += "; " + human.Quantity(e.Accepted, "more is accepted", "more are accepted")
	}
	return s + "."
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
