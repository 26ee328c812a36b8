package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// HistoryEvidence is what the newest audit of all orders found, and what has become of its findings since.
type HistoryEvidence struct {
	Pass    int64
	At      time.Time // when it started
	Reason  string    // why it could not look at everything; empty if it could
	Covered float64   // the share of legacy's rows that it looked at
	Orders  int64     // of legacy, counted by its server
	Numbers []HistoryNumber
	Found   []HistoryFound
	// OpenOrders are the orders that have open findings. Unlisted are findings that were counted and are not in the ledger: nobody can
	// accept them. Unsettled are orders that never held still: they have no findings.
	OpenOrders, Unlisted, Unsettled int64
	// Newer are open findings of a newer audit of a part of the orders.
	Newer int64
}

// HistoryNumber is one number of an audit: Of out of All.
type HistoryNumber struct {
	Name    string
	Of, All int64
	// Excluded are in neither. Unknown are in All, and could not be looked at.
	Excluded, Unknown int64
	// Unaudited are orders that could not be audited, and of which nothing is in All.
	Unaudited int64
	Counts    string `json:"-"` // what Of is, in words
}

// HistoryFound counts the findings of an audit, by what has become of them.
type HistoryFound struct {
	Part, Kind, Cause        string
	Open, Accepted, Resolved int64
}

func (e *HistoryEvidence) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.At
}

// Totals are the findings by what has become of them.
func (e *HistoryEvidence) Totals() (t HistoryFound) {
	for _, f := range e.Found {
		t.Open, t.Accepted, t.Resolved = t.Open+f.Open, t.Accepted+f.Accepted, t.Resolved+f.Resolved
	}
	return t
}

// openOfLegacy counts the open findings about legacy alone.
func (e *HistoryEvidence) openOfLegacy() (n int64) {
	for _, f := range e.Found {
		if f.Part == "legacy" {
			n += f.Open
		}
	}
	return n
}

// number returns a number by its name. Evidence adds up the surest two.
func (e *HistoryEvidence) number(name string) (n HistoryNumber, ok bool) {
	for _, known := range e.Numbers {
		switch {
		case known.Name == name:
			return known, true
		case name == sureEvidence && (known.Name == "evidence_exact" || known.Name == "evidence_derived"):
			of := n.Of
			n, ok = known, true
			n.Name, n.Of = name, of+known.Of
		}
	}
	return n, ok
}

// unaudited is how many of a number's orders that could not be audited are not answered for: their findings say so, one for each.
func (e *HistoryEvidence) unaudited(n HistoryNumber) int64 {
	left := n.Unaudited
	for _, f := range e.Found {
		if f.unreadable() {
			left -= f.Accepted
		}
	}
	return max(left, 0)
}

// unreadable is true for the findings of orders that cannot be audited.
func (f HistoryFound) unreadable() bool {
	return f.Kind == "unreadable_record" || f.Kind == "repeated_order"
}

// answered is how many of a number's misses have only findings that are accepted or resolved, at least. It is not known which
// finding is behind which miss, so as many as may have an open one do not count, and no more than findings can be behind.
func (e *HistoryEvidence) answered(n HistoryNumber, misses int64) int64 {
	t, most := e.Totals(), e.explained(n)
	if most == 0 {
		return 0
	}
	left := t.Open + e.Unlisted
	switch n.Name {
	case "coverage", "fidelity_end", "legacy_consistency":
		left = min(left, e.OpenOrders+e.Unlisted) + e.Unsettled
	default:
		unread := n.Unknown > 0 && (left > 0 || e.Unsettled > 0) // one order may have many of them
		if unread || n.Name == "fidelity_moments" && left > 0 {  // a moment has no finding where events have some
			return 0
		}
	}
	return min(max(misses-left, 0), most)
}

// explained is how many misses of a number the accepted and resolved findings can be behind, at most. One order that cannot be read
// may have any of those that are unknown, and one wrong event may have many moments: a moment has no finding of its own then.
func (e *HistoryEvidence) explained(n HistoryNumber) (most int64) {
	unread := int64(0)
	for _, f := range e.Found {
		switch done := f.Accepted + f.Resolved; {
		case done == 0:
		case f.unreadable():
			unread = n.Unknown
		case !f.explains(n.Name):
		case n.Name == "fidelity_moments":
			most = n.All
		default:
			most += done
		}
	}
	return most + unread
}

// explains is true if such a finding can be behind a miss of a number.
func (f HistoryFound) explains(number string) bool {
	switch number {
	case "coverage":
		return f.Kind == "event_missing"
	case errorRate:
		return f.Part == "events"
	case "linkage_events":
		return f.Kind == "event_extra"
	case "linkage_trades", "linkage_lines":
		return f.Part == "events" && f.Kind != "event_extra" || f.Kind == "record_without_order"
	case "legacy_consistency":
		return f.Part == "legacy"
	case "fidelity_end", "fidelity_moments":
		return f.Part != "legacy" || slices.Contains([]string{"filled_mismatch", "average_mismatch", "status_mismatch", "broken_chain", "time_disorder"}, f.Kind)
	}
	return false
}

// findings says which are open, the most frequent first, and how many are answered for.
func (e *HistoryEvidence) findings() string {
	const shown = 3
	t, found := e.Totals(), slices.Clone(e.Found)
	found = slices.DeleteFunc(found, func(f HistoryFound) bool { return f.Open == 0 })
	slices.SortStableFunc(found, func(a, b HistoryFound) int { return cmp.Compare(b.Open, a.Open) })
	said := "No finding is open"
	var parts []string
	for i, f := range found {
		if i == shown {
			parts = append(parts, "and "+human.Quantity(int64(len(found)-shown), "more kind", "more kinds"))
			break
		}
		part := human.Number(f.Open) + " " + f.Kind
		if f.Cause != "" {
			part += " by " + f.Cause
		}
		parts = append(parts, part)
	}
	if len(parts) > 0 {
		said = human.Quantity(t.Open, "finding is open: ", "findings are open: ") + strings.Join(parts, ", ")
	}
	if t.Accepted > 0 {
		said += "; " + human.Quantity(t.Accepted, "is accepted and counts as answered for", "are accepted and count as answered for")
	}
	if t.Resolved > 0 {
		said += "; " + human.Quantity(t.Resolved, "was resolved since", "were resolved since")
	}
	return said + "."
}

// contradiction says why the evidence cannot be true; empty if it can.
func (e *HistoryEvidence) contradiction() string {
	t := e.Totals()
	if e.Orders < 0 || e.OpenOrders < 0 || e.Unlisted < 0 || e.Unsettled < 0 || e.Newer < 0 || t.Open < 0 || t.Accepted < 0 || t.Resolved < 0 {
		return "it holds negative numbers"
	}
	if !(e.Covered >= 0 && e.Covered <= 1) {
		return fmt.Sprintf("its coverage of %v is not a share", e.Covered)
	}
	for _, n := range e.Numbers {
		if n.Of < 0 || n.Unknown < 0 || n.Excluded < 0 || n.Unaudited < 0 || n.Of+n.Unknown > n.All {
			return fmt.Sprintf("%s is %d of %d, %d of them unknown, which is impossible", n.Name, n.Of, n.All, n.Unknown)
		}
	}
	return ""
}
