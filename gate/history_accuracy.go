package gate

import (
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// HistoryAccuracyCriterion asks that the numbers of the newest audit keep their limits. What is accepted counts as answered for.
type HistoryAccuracyCriterion struct {
	Rule
	// MaxErrorRate is the largest accepted share of events that do not fully and accurately reflect what happened; default 0.
	MaxErrorRate float64
	// MinCoverage is the smallest accepted share of orders whose events are all there; default 1.
	MinCoverage float64
	// MinLinkage is that of trades and lines of the audit log that an event tells, and of events that legacy's record tells;
	// default 1.
	MinLinkage float64
	// MinFidelity is that of orders, and of moments of the audit log, to which the events fold; default 1.
	MinFidelity float64
	// MinConsistency is that of orders whose row agrees with legacy's own record; default 1.
	MinConsistency float64
	// MinEvidence is that of what happened for which legacy's record is exact, or allows nothing else; default 0: any.
	MinEvidence float64
	// MaxAge is how long ago the audit may have started; default 168h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (HistoryAccuracyCriterion) Name() string { return "history_accuracy" }

func (c *HistoryAccuracyCriterion) settings(s Settings) {
	least := Range{Low: 0, High: 1, WithHigh: true}
	s.Ratio("max_error_rate", &c.MaxErrorRate, Range{Low: 0, High: 1, WithLow: true})
	s.Ratio("min_coverage", &c.MinCoverage, least)
	s.Ratio("min_linkage", &c.MinLinkage, least)
	s.Ratio("min_fidelity", &c.MinFidelity, least)
	s.Ratio("min_consistency", &c.MinConsistency, least)
	s.Ratio("min_evidence", &c.MinEvidence, Range{Low: 0, High: 1, WithLow: true, WithHigh: true})
	maxAgeSetting(s, &c.MaxAge)
}

func (c *HistoryAccuracyCriterion) byDefault() {
	*c = HistoryAccuracyCriterion{Rule: Rule{Severity: Blocking}, MinCoverage: 1, MinLinkage: 1, MinFidelity: 1, MinConsistency: 1, MaxAge: 7 * 24 * time.Hour}
}

// EvidenceAt is when the audit started.
func (HistoryAccuracyCriterion) EvidenceAt(e Evidence) time.Time { return e.History.at() }

const (
	historyFrom  = "run crosscheck audit"
	errorRate    = "error_rate"
	sureEvidence = "evidence"
)

// limitOf is the limit of a number: at most for the error rate, at least for all others.
type limitOf struct {
	name  string
	limit float64
}

func (c HistoryAccuracyCriterion) limits() []limitOf {
	return []limitOf{
		{errorRate, c.MaxErrorRate},
		{"coverage", c.MinCoverage},
		{"linkage_trades", c.MinLinkage},
		{"linkage_lines", c.MinLinkage},
		{"linkage_events", c.MinLinkage},
		{"fidelity_end", c.MinFidelity},
		{"fidelity_moments", c.MinFidelity},
		{"legacy_consistency", c.MinConsistency},
		{sureEvidence, c.MinEvidence},
	}
}

// Judge looks at the newest audit of all orders. Observed and limit are those of the first number that misses its limit, and of
// the error rate if none does.
func (c HistoryAccuracyCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.MaxErrorRate)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	h, from := e.History, collection{what: "The history", from: historyFrom, at: e.History.at()}
	switch {
	case h == nil && e.VoidHistory:
		return inconclusive(nil, limit, historyFrom, "%s", voidReason("audit", e))
	case h == nil:
		return inconclusive(nil, limit, historyFrom, "No audit of all orders has finished, so there is no evidence.")
	}
	if why := h.contradiction(); why != "" {
		return broken(limit, historyFrom, "Audit %d cannot be used as evidence: %s.", h.Pass, why)
	}
	if r, ok := from.usable(nil, limit, c.MaxAge, now); !ok {
		return r
	}
	said := fmt.Sprintf("Audit %d started at %s, %s ago, over %s", h.Pass, human.Instant(h.At), human.Duration(now.Sub(h.At)), human.Quantity(h.Orders, "order", "orders"))
	switch {
	case h.Orders == 0:
		return inconclusive(nil, limit, historyFrom, "%s, so there was nothing to judge.", said)
	case h.Covered < 1:
		return inconclusive(nil, limit, historyFrom, "%s. It covered only %s%s.", said, human.Percent(h.Covered), because(h.Reason))
	}
	return c.judge(h, said)
}

// judge compares each number with its limit.
func (c HistoryAccuracyCriterion) judge(h *HistoryEvidence, said string) Result {
	var held []string
	var worst *measured
	for _, l := range c.limits() {
		m := measure(h, l)
		if m.verdict == Passes {
			held = append(held, m.name+" "+human.Percent(m.share))
			continue
		}
		if worst == nil || worst.verdict != Fails && m.verdict == Fails {
			worst = &m
		}
	}
	const repair = "see the findings (crosscheck audit --findings FILE), repair what they name, and run crosscheck audit again; or accept them"
	switch {
	case worst != nil && worst.verdict == Fails:
		return fail(scalar(worst.share), scalar(worst.limit), repair, "%s: %s. %s", said, worst.text, h.findings())
	case worst != nil:
		return inconclusive(scalar(worst.share), scalar(worst.limit), historyFrom, "%s: %s. %s", said, worst.text, h.findings())
	case c.MinConsistency == 1 && h.openOfLegacy() > 0: // it may be of an order that no number counts, such as one whose events are archived
		return fail(scalar(1-ratio(1, h.Orders)), scalar(c.MinConsistency), repair, "%s: legacy contradicts its own record. %s", said, h.findings())
	case h.Newer > 0:
		return inconclusive(nil, scalar(c.MaxErrorRate), historyFrom, "%s, and a newer audit of a part of them has %s. Only another audit of all orders can show the rest.", said,
			human.Quantity(h.Newer, "open finding", "open findings"))
	}
	rate, _ := h.number(errorRate)
	return pass(ratio(rate.Of, rate.All), scalar(c.MaxErrorRate), "%s: %s. %s", said, strings.Join(held, ", "), h.findings())
}

// measured is a number with what its limit says of it.
type measured struct {
	limitOf

	share   float64 // as it was counted
	verdict Verdict
	text    string // if it does not pass
}

// measure judges a number twice: as if all unknown things were wrong, and as if they were right. It passes if the first keeps the
// limit, and fails if the second does not. It does not pass if orders that could not be audited are not even in it.
func measure(h *HistoryEvidence, l limitOf) measured {
	n, ok := h.number(l.name)
	m, unaudited := measured{limitOf: l, verdict: Inconclusive}, h.unaudited(n)
	unknown := fmt.Sprintf("; it says nothing of %s that could not be audited", human.Quantity(unaudited, "order", "orders"))
	switch {
	case !ok:
		m.text = l.name + " is not known: the audit is of another version"
		return m
	case n.All == 0 && l.name == errorRate:
		m.text = "there was no event, and nothing that asks for one"
		return m
	case n.All == 0 && unaudited > 0 && l.limit > 0:
		m.text = "of " + l.name + " nothing is known" + unknown
		return m
	case n.All == 0: // there is nothing of the kind
		m.share, m.verdict = 1, Passes
		return m
	}
	m.share = ratio(n.Of, n.All)
	misses := n.All - n.Of
	if l.name == errorRate {
		misses = n.Of
	}
	answered := h.answered(n, misses)
	if l.name == sureEvidence { // it is no fault
		answered = 0
	}
	left := misses - answered
	sure := left - min(n.Unknown, left)
	keeps := func(misses int64) bool {
		if l.name == errorRate {
			return ratio(misses, n.All) <= l.limit
		}
		return ratio(n.All-misses, n.All) >= l.limit
	}
	switch {
	case !keeps(sure):
		m.verdict = Fails
	case unaudited > 0 && !keeps(n.All): // they might be all wrong
	case keeps(misses), keeps(left) && h.Totals().Resolved == 0:
		m.verdict = Passes
	}
	m.text = m.said(n, answered)
	if m.verdict == Inconclusive && unaudited > 0 {
		m.text += unknown
	} else if m.verdict == Inconclusive && n.Unknown > 0 {
		m.text += fmt.Sprintf("; of %s nothing is known, because their orders could not be audited", human.Number(n.Unknown))
	} else if m.verdict == Inconclusive {
		m.text += "; what was resolved since needs another audit"
	}
	return m
}

func (m measured) said(n HistoryNumber, answered int64) string {
	bound := "at least"
	if m.name == errorRate {
		bound = "at most"
	}
	said := fmt.Sprintf("%s is %s (%s of %s), and has to be %s %s", m.name, human.Percent(m.share), human.Number(n.Of), human.Number(n.All), bound, human.Percent(m.limit))
	if answered > 0 {
		said += fmt.Sprintf("; %s for", human.Quantity(answered, "is answered", "are answered"))
	}
	return said
}
