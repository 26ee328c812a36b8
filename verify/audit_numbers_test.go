package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/verify"
)

// audited are the facts of ten orders without a fault.
func audited() verify.AuditFacts {
	return verify.AuditFacts{
		Zoneless: verify.Zoneless{Events: true},
		Counted:  verify.AuditCounts{Orders: 10, Trades: 20, Lines: 9, LinesToTell: 8, Moments: 7},
		Tally: history.Tally{
			Orders: 10, Whole: history.Share{Of: 10, All: 10}, TradesTold: history.Share{Of: 20, All: 20}, LinesTold: history.Share{Of: 8, All: 8},
			EventsKnown: history.Share{Of: 40, All: 40}, Ends: history.Share{Of: 10, All: 10}, Moments: history.Share{Of: 7, All: 7},
			Evidence: map[history.Evidence]int64{history.Exact: 36, history.Derived: 4}, Coarse: history.Share{Of: 3, All: 40}, Early: history.Share{All: 40}, Errors: history.Share{All: 40}, Faulty: history.Share{All: 10},
		},
	}
}

// TestNumbersOfAnAudit: each fault shows in the numbers that count it, and in no other. What was not looked at counts as not right.
func TestNumbersOfAnAudit(t *testing.T) {
	said := func(f verify.AuditFacts) map[string]string {
		out := map[string]string{}
		for _, n := range f.Numbers() {
			out[n.Name] = fmt.Sprintf("%d/%d", n.Of, n.All)
			if n.Unaudited > 0 {
				out[n.Name] += fmt.Sprintf(" without %d", n.Unaudited)
			}
			if n.Excluded+n.Unknown > 0 {
				out[n.Name] += fmt.Sprintf(" -%d ?%d", n.Excluded, n.Unknown)
			}
		}
		return out
	}
	clean := said(audited())
	for _, test := range []struct {
		what   string
		change func(*verify.AuditFacts)
		want   string
	}{
		{"nothing", func(*verify.AuditFacts) {}, ""},
		{"a trade whose event is missing", func(f *verify.AuditFacts) {
			f.Tally.Whole.Of, f.Tally.TradesTold.Of, f.Tally.Errors.Of, f.Tally.Ends.Of = 9, 19, 1, 9
		}, "coverage 9/10, linkage_trades 19/20, fidelity_end 9/10, error_rate 1/40"},
		{"a trade of no order", func(f *verify.AuditFacts) { f.Counted.Trades, f.Counted.TradesAlone = 21, 1 }, "linkage_trades 20/21, zoneless_times 40/80"},
		{"a trade that the reconstruction has passed over", func(f *verify.AuditFacts) { f.Counted.Trades = 21 }, "linkage_trades 20/21, zoneless_times 40/80"},
		{"an extra event", func(f *verify.AuditFacts) {
			f.Tally.EventsKnown.All, f.Tally.Errors = 41, history.Share{Of: 1, All: 41}
		}, "linkage_events 40/41, error_rate 1/41"},
		{"an order that cannot be read", func(f *verify.AuditFacts) {
			f.Counted.Orders, f.Counted.Trades, f.Unaudited = 11, 23, 1
		}, "legacy_consistency 10/11 -0 ?1, coverage 10/11 -0 ?1, linkage_trades 20/23 -0 ?3, linkage_events 40/40 without 1, fidelity_end 10/11 -0 ?1, " +
			"error_rate 0/40 without 1, coarse_times 3/40 without 1, zoneless_times 40/83 without 1, early_times 0/40 without 1, " +
			"evidence_exact 36/40 without 1, evidence_derived 4/40 without 1, evidence_approximated 0/40 without 1, evidence_imported 0/40 without 1"},
		{"an archived order", func(f *verify.AuditFacts) {
			f.Counted.Add(verify.AuditCounts{Orders: 1, Trades: 2, Lines: 1, LinesToTell: 1, Moments: 1})
			f.Archived = verify.AuditCounts{Orders: 1, Trades: 2, Lines: 1, LinesToTell: 1, Moments: 1}
		}, "legacy_consistency 10/10 -1 ?0, coverage 10/10 -1 ?0, linkage_trades 20/20 -2 ?0, linkage_lines 8/8 -2 ?0, fidelity_end 10/10 -1 ?0, fidelity_moments 7/7 -1 ?0, zoneless_times 40/83"},
		{"an order that says nothing of its creation", func(f *verify.AuditFacts) { f.Counted.Undated = 1 }, "zoneless_times 40/78 -1 ?0"},
		{"one that is in no span", func(f *verify.AuditFacts) {
			f.Counted.Undated, f.Created.From = 1, time.Unix(0, 0)
		}, "legacy_consistency 10/10 -1 ?0, coverage 10/10 -1 ?0, fidelity_end 10/10 -1 ?0, zoneless_times 40/79 -1 ?0"},
		{"times of trades without a zone", func(f *verify.AuditFacts) { f.Zoneless = verify.Zoneless{Trades: true} }, "zoneless_times 20/79"},
		{"a trade since the order was counted, and one that no event tells", func(f *verify.AuditFacts) { f.Tally.TradesTold = history.Share{Of: 20, All: 21} }, "linkage_trades 20/21"},
		{"a contradiction of legacy that asks for an event", func(f *verify.AuditFacts) {
			f.Tally.Faulty.Of, f.Tally.Excused = 1, 1
		}, "legacy_consistency 9/10, error_rate 0/40 -1 ?0, evidence_exact 36/40 -1 ?0, evidence_derived 4/40 -1 ?0, evidence_approximated 0/40 -1 ?0, evidence_imported 0/40 -1 ?0"},
	} {
		f := audited()
		test.change(&f)
		var changed []string
		for _, n := range f.Numbers() {
			if is := said(f)[n.Name]; is != clean[n.Name] {
				changed = append(changed, n.Name+" "+is)
			}
		}
		if got := strings.Join(changed, ", "); got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
}
