package verify

import (
	"strings"

	"github.com/nordvarg/crosscheck/history"
)

// AuditNumber is one number of an audit: a share, and what is in none of its two parts.
type AuditNumber struct {
	Name     string `json:"name"`
	Of       int64  `json:"of"`
	All      int64  `json:"all"`
	Excluded int64  `json:"excluded"`
	Meaning  string `json:"-"` // of Of
	Why      string `json:"-"` // something is excluded
}

// Share is Of out of All; 1 if there is nothing, and for rates of errors 0.
func (n AuditNumber) Share() float64 {
	switch {
	case n.All > 0:
		return float64(n.Of) / float64(n.All)
	case strings.HasPrefix(n.Name, "error") || strings.HasSuffix(n.Name, "_times"):
		return 0
	}
	return 1
}

const archived = "their events are archived"

// Numbers are the numbers of an audit. Orders, trades, lines and moments are counted by legacy's server: what could not be audited
// counts as not accurate.
func (f AuditFacts) Numbers() []AuditNumber {
	t, c, a := f.Tally, f.Counted, f.Archived
	orders := c.Orders - a.Orders
	numbers := []AuditNumber{
		{"legacy_consistency", t.Faulty.All - t.Faulty.Of, orders, a.Orders, "orders whose row agrees with its own audit log and trades", archived},
		{"coverage", t.Whole.Of, orders, a.Orders, "orders whose events are all there", archived},
		{"linkage_trades", t.TradesTold.Of, c.Trades - a.Trades, a.Trades, "trades that an event tells", archived},
		{"linkage_lines", t.LinesTold.Of, c.LinesToTell - a.LinesToTell, a.LinesToTell + c.Lines - c.LinesToTell, "lines of the audit log that an event tells", "no event can tell of such a field, or the events are archived"},
		{"linkage_events", t.EventsKnown.Of, t.EventsKnown.All, 0, "events that legacy's record tells", ""},
		{"fidelity_end", t.Ends.Of, orders, a.Orders, "orders whose events fold to the row", archived},
		{"fidelity_moments", t.Moments.Of, c.Moments - a.Moments, a.Moments, "moments of the audit log at which they fold to its old value", archived},
		{"error_rate", t.Errors.Of, t.Errors.All, t.Excused, "events that are missing, extra, different or disordered", "only a contradiction of legacy asks for them, or the store has no words for them"},
		{"coarse_times", t.Coarse.Of, t.Coarse.All, 0, "events whose time has no digits below the second", ""},
		{"early_times", t.Early.Of, t.Early.All, 0, "events that are older than the one before", ""},
	}
	var deeds int64
	for _, n := range t.Evidence {
		deeds += n
	}
	for _, e := range history.Evidences() {
		numbers = append(numbers, AuditNumber{"evidence_" + string(e), t.Evidence[e], deeds, t.Excused, "of what happened is " + string(e), "as in error_rate"})
	}
	return numbers
}
