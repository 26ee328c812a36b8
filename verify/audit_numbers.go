package verify

import (
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/history"
)

// AuditNumber is one number of an audit: Of out of All.
type AuditNumber struct {
	Name string `json:"name"`
	Of   int64  `json:"of"`
	All  int64  `json:"all"`
	// Excluded are in neither. Unknown are in All and not in Of, because their orders could not be audited; at most so many.
	Excluded int64 `json:"excluded"`
	Unknown  int64 `json:"unknown,omitempty"`
	// Unaudited are orders that could not be audited and of which nothing is in All, because the audit itself counts it.
	Unaudited int64 `json:"unaudited,omitempty"`

	Meaning string `json:"-"` // of Of
	Why     string `json:"-"` // something is excluded
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

// perOrder is a number of orders.
func (f AuditFacts) perOrder(name, meaning string, seen history.Share) AuditNumber {
	n := f.number(name, meaning, seen, f.Counted.Orders, f.Archived.Orders, 0)
	if !f.Created.Whole() {
		n.Excluded, n.Why = n.Excluded+f.Counted.Undated, archived+", or they have no time of creation"
	}
	return n
}

// zoneless counts the times that the audit has read.
func (f AuditFacts) zoneless() AuditNumber {
	dated := f.Counted.Orders
	if f.Created.Whole() {
		dated -= f.Counted.Undated
	}
	n := AuditNumber{Name: "zoneless_times", Meaning: "times whose column has no time zone", Excluded: f.Counted.Undated, Why: "orders without a time of creation"}
	for _, of := range []struct {
		times int64
		none  bool
	}{{dated, f.Zoneless.Orders}, {f.Counted.Trades, f.Zoneless.Trades}, {f.Counted.Lines, f.Zoneless.Lines}, {f.Tally.Coarse.All, f.Zoneless.Events}} {
		n.All += of.times
		if of.none {
			n.Of += of.times
		}
	}
	return n
}

// Numbers are the numbers of an audit, as docs/audit.md defines them. The server of legacy counts orders, trades, lines and moments:
//
//	All = counted - archived
//	Of  = what the audit has seen and found right
//
// So what could not be audited counts as not right, and so does a record without an order. All others are counted by the audit itself.
func (f AuditFacts) Numbers() []AuditNumber {
	t, c, a := f.Tally, f.Counted, f.Archived
	sound := history.Share{Of: t.Faulty.All - t.Faulty.Of, All: t.Faulty.All}
	lines := f.number("linkage_lines", "lines of the audit log that an event tells", t.LinesTold, c.LinesToTell, a.LinesToTell, 0)
	lines.Excluded, lines.Why = lines.Excluded+c.Lines-c.LinesToTell, "no event can tell of such a field, or the events are archived"
	wrong := AuditNumber{Name: "error_rate", Of: t.Errors.Of, All: t.Errors.All, Excluded: t.Excused, Meaning: "events that are missing, extra, different or disordered"}
	wrong.Why = "only a contradiction of legacy asks for them, or the store has no words for them"
	numbers := []AuditNumber{
		f.perOrder("legacy_consistency", "orders whose row agrees with its own audit log and trades", sound),
		f.perOrder("coverage", "orders whose events are all there", t.Whole),
		f.number("linkage_trades", "trades that an event tells", t.TradesTold, c.Trades, a.Trades, c.TradesAlone),
		lines,
		{Name: "linkage_events", Of: t.EventsKnown.Of, All: t.EventsKnown.All, Excluded: t.Silent, Meaning: "events that legacy's record tells", Why: "legacy has no record of their types"},
		f.perOrder("fidelity_end", "orders whose events fold to the row", t.Ends),
		f.number("fidelity_moments", "moments of the audit log at which they fold to its old value", t.Moments, c.Moments, a.Moments, 0),
		wrong,
		{Name: "coarse_times", Of: t.Coarse.Of, All: t.Coarse.All, Meaning: "events whose time has no digits below the second"},
		f.zoneless(),
		{Name: "early_times", Of: t.Early.Of, All: t.Early.All, Meaning: "events that are older than the one before"},
	}
	var deeds int64
	for _, n := range t.Evidence {
		deeds += n
	}
	for _, e := range history.Evidences() {
		numbers = append(numbers, AuditNumber{
			Name: "evidence_" + string(e), Of: t.Evidence[e], All: deeds, Excluded: t.Excused, Meaning: "of what happened is " + string(e), Why: "as in error_rate",
		})
	}
	for i := range numbers {
		if !slices.Contains(byServer, numbers[i].Name) {
			numbers[i].Unaudited = f.Unaudited
		}
	}
	return numbers
}

// byServer are the numbers whose All legacy's server counts.
var byServer = []string{"legacy_consistency", "coverage", "linkage_trades", "linkage_lines", "fidelity_end", "fidelity_moments"}

// number is one whose All legacy's server has counted. An order that moved may have more by the second look, at which it was audited:
// All is never less than what was seen.
func (f AuditFacts) number(name, meaning string, seen history.Share, counted, leftOut, alone int64) AuditNumber {
	n := AuditNumber{Name: name, Of: seen.Of, All: max(counted-leftOut, seen.All+alone), Excluded: leftOut, Meaning: meaning, Why: archived}
	if f.Unaudited > 0 {
		n.Unknown = n.All - seen.All - alone
	}
	return n
}
