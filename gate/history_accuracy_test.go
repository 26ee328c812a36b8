package gate

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// audited is a clean audit of 100 orders, with 500 events.
func audited() *HistoryEvidence {
	return &HistoryEvidence{
		Pass: 7, At: now.Add(-time.Hour), Covered: 1, Orders: 100,
		Numbers: []HistoryNumber{
			{Name: "error_rate", All: 500},
			{Name: "coverage", Of: 100, All: 100},
			{Name: "linkage_trades", Of: 200, All: 200},
			{Name: "linkage_lines", Of: 80, All: 80},
			{Name: "linkage_events", Of: 500, All: 500},
			{Name: "fidelity_end", Of: 100, All: 100},
			{Name: "fidelity_moments", Of: 80, All: 80},
			{Name: "legacy_consistency", Of: 100, All: 100},
			{Name: "evidence_exact", Of: 450, All: 500},
			{Name: "evidence_derived", Of: 30, All: 500},
			{Name: "evidence_approximated", Of: 20, All: 500},
			{Name: "evidence_imported", All: 500},
		},
	}
}

// history changes a clean audit.
func history(change func(*HistoryEvidence)) func(*Evidence) {
	return func(e *Evidence) {
		e.History = audited()
		change(e.History)
	}
}

// misses takes some off a number, or adds them to the error rate.
func (e *HistoryEvidence) misses(name string, n int64) {
	for i := range e.Numbers {
		switch {
		case e.Numbers[i].Name != name:
		case name == errorRate:
			e.Numbers[i].Of += n
		default:
			e.Numbers[i].Of -= n
		}
	}
}

// lost loses events of orders: the numbers of a real audit move together.
func (e *HistoryEvidence) lost(orders int64) {
	for _, name := range []string{"error_rate", "coverage", "linkage_trades", "fidelity_end"} {
		e.misses(name, orders)
	}
	e.Found, e.OpenOrders = []HistoryFound{{Part: "events", Kind: "event_missing", Cause: "lost_shadow_write", Open: orders}}, orders
}

func (e *HistoryEvidence) accepted(n int64) {
	e.Found[0].Open, e.Found[0].Accepted, e.OpenOrders = e.Found[0].Open-n, n, e.OpenOrders-n
}

func TestHistoryAccuracy(t *testing.T) {
	c := Defaults().HistoryAccuracy
	check(t, c, []sentence{
		given("no audit", func(*Evidence) {}, Inconclusive, "No audit of all orders has finished", "run crosscheck audit"),
		given("an audit of another configuration", func(e *Evidence) { e.VoidHistory = true }, Inconclusive, "The evidence of the last audit is void"),
		given("a clean audit", history(func(*HistoryEvidence) {}), Passes, "Audit 7 started at", "over 100 orders", "coverage 100 %", "No finding is open"),
		given("an audit too long ago", history(func(e *HistoryEvidence) { e.At = now.Add(-200 * time.Hour) }), Inconclusive, "the limit is 7d"),
		given("an audit of tomorrow", history(func(e *HistoryEvidence) { e.At = now.Add(24 * time.Hour) }), Errored, "now is"),
		given("an audit of no order", history(func(e *HistoryEvidence) { e.Orders = 0 }), Inconclusive, "nothing to judge"),
		given("rows without a key", history(func(e *HistoryEvidence) { e.Covered, e.Reason = 0.99, "1 row of legacy has no key" }), Inconclusive, "covered only 99 %", "no key"),
		given("an audit that found nothing to ask for", history(func(e *HistoryEvidence) { e.Numbers[0].All = 0 }), Inconclusive, "there was no event"),
		given("an audit without one of the numbers", history(func(e *HistoryEvidence) { e.Numbers = e.Numbers[:1] }), Inconclusive, "coverage is not known"),
		given("no line of the audit log", history(func(e *HistoryEvidence) { e.Numbers[3] = HistoryNumber{Name: "linkage_lines"} }), Passes, "linkage_lines 100 %"),

		given("three lost events", history(func(e *HistoryEvidence) { e.lost(3) }), Fails,
			"error_rate is 0.6 % (3 of 500), and has to be at most 0 %", "3 findings are open: 3 event_missing by lost_shadow_write", "accept them"),
		given("an extra event", history(func(e *HistoryEvidence) { e.misses("linkage_events", 1) }), Fails, "linkage_events is 99.8 %"),
		given("a trade that no event tells", history(func(e *HistoryEvidence) { e.misses("linkage_trades", 1) }), Fails, "linkage_trades is 99.5 % (199 of 200)"),
		given("a line that no event tells", history(func(e *HistoryEvidence) { e.misses("linkage_lines", 1) }), Fails, "linkage_lines"),
		given("an order that folds to another row", history(func(e *HistoryEvidence) { e.misses("fidelity_end", 1) }), Fails, "fidelity_end is 99 %"),
		given("a moment that was different", history(func(e *HistoryEvidence) { e.misses("fidelity_moments", 1) }), Fails, "fidelity_moments"),
		given("an order without its events", history(func(e *HistoryEvidence) { e.misses("coverage", 1) }), Fails, "coverage is 99 %"),
		given("a contradiction of legacy", history(func(e *HistoryEvidence) { e.misses("legacy_consistency", 1) }), Fails, "legacy_consistency is 99 %"),
		given("a contradiction of legacy that no number counts", history(func(e *HistoryEvidence) {
			e.Found = []HistoryFound{{Part: "legacy", Kind: "overfill", Open: 1}}
		}), Fails, "legacy contradicts its own record", "1 overfill"),

		given("a newer audit of a part that found something", history(func(e *HistoryEvidence) { e.Newer = 2 }), Inconclusive, "a newer audit of a part of them has 2 open findings"),
		given("more than there is", history(func(e *HistoryEvidence) { e.Numbers[1].Of = 101 }), Errored, "coverage is 101 of 100", "impossible"),
		given("a negative number", history(func(e *HistoryEvidence) { e.OpenOrders = -1 }), Errored, "negative"),
	})
}

// unread adds an order that cannot be read: it is in what legacy's server counts, and in no other number.
func (e *HistoryEvidence) unread() {
	for i := range e.Numbers {
		switch n := &e.Numbers[i]; n.Name {
		case "coverage", "fidelity_end", "legacy_consistency":
			n.All, n.Unknown = n.All+1, n.Unknown+1
		case "linkage_trades", "linkage_lines", "fidelity_moments":
		default:
			n.Unaudited++
		}
	}
	e.Orders, e.OpenOrders = e.Orders+1, e.OpenOrders+1
	e.Found = append(e.Found, HistoryFound{Part: "legacy", Kind: "unreadable_record", Open: 1})
}

// TestHistoryAccuracyDoesNotPassOnWhatWasNotAudited even if the limits leave room for the orders that could not be.
func TestHistoryAccuracyDoesNotPassOnWhatWasNotAudited(t *testing.T) {
	c := Defaults().HistoryAccuracy
	c.MinCoverage, c.MinFidelity, c.MinConsistency = 0.9, 0.9, 0.9
	check(t, c, []sentence{
		given("an order that cannot be read", history((*HistoryEvidence).unread), Inconclusive,
			"error_rate is 0 % (0 of 500), and has to be at most 0 %; it says nothing of 1 order that could not be audited"),
		given("one that is accepted", history(func(e *HistoryEvidence) { e.unread(); e.accepted(1) }), Passes, "1 is accepted"),
		given("one beside a wrong event", history(func(e *HistoryEvidence) { e.lost(1); e.unread() }), Fails, "error_rate is 0.2 % (1 of 500)"),
		given("no other order", history(func(e *HistoryEvidence) {
			for i := range e.Numbers {
				e.Numbers[i] = HistoryNumber{Name: e.Numbers[i].Name}
			}
			e.unread()
			e.Numbers[0].All = 1
		}), Inconclusive, "1 order that could not be audited"),
	})
	c.MaxErrorRate, c.MinLinkage = 0.5, 0.01
	check(t, c, []sentence{given("an order that cannot be read", history((*HistoryEvidence).unread), Inconclusive, "error_rate is 0 %")})
}

func TestHistoryAccuracyCountsWhatIsAcceptedAsAnswered(t *testing.T) {
	c := Defaults().HistoryAccuracy
	check(t, c, []sentence{
		given("three lost events, all accepted", history(func(e *HistoryEvidence) { e.lost(3); e.accepted(3) }), Passes, "No finding is open; 3 are accepted and count as answered for"),
		given("all but one", history(func(e *HistoryEvidence) { e.lost(3); e.accepted(2) }), Fails, "2 are answered for", "1 finding is open", "2 are accepted"),
		given("all, and others that the ledger does not list", history(func(e *HistoryEvidence) { e.lost(3); e.accepted(3); e.Unlisted = 1 }), Fails),
		given("all, and moments that follow from them", history(func(e *HistoryEvidence) { e.lost(3); e.misses("fidelity_moments", 20); e.accepted(3) }), Passes),
		given("all but one, and moments that may follow from it", history(func(e *HistoryEvidence) {
			e.lost(3)
			e.misses("fidelity_moments", 20)
			e.accepted(2)
			for i := range e.Numbers {
				if e.Numbers[i].Name != "fidelity_moments" {
					e.Numbers[i] = audited().Numbers[i]
				}
			}
		}), Fails, "fidelity_moments is 75 %"),
		given("an actor that is missing, and moments that have another fault", history(func(e *HistoryEvidence) {
			e.misses("legacy_consistency", 1)
			e.misses("fidelity_moments", 20)
			e.Found = []HistoryFound{{Part: "legacy", Kind: "actor_missing", Accepted: 1}}
		}), Fails, "fidelity_moments is 75 %"),
		given("one end, and another one that has no finding", history(func(e *HistoryEvidence) {
			e.misses("fidelity_end", 2)
			e.Found = []HistoryFound{{Part: "fold", Kind: "end_differs", Accepted: 1}}
		}), Fails, "fidelity_end is 98 %", "1 is answered for"),
		given("three that were resolved since", history(func(e *HistoryEvidence) { e.lost(3); e.Found[0].Open, e.Found[0].Resolved, e.OpenOrders = 0, 3, 0 }), Inconclusive,
			"3 were resolved since", "needs another audit"),
		given("an order that never held still", history(func(e *HistoryEvidence) {
			for _, i := range []int{1, 5, 7} {
				e.Numbers[i].Of, e.Numbers[i].Unknown = 99, 1
			}
			e.Unsettled = 1
		}), Inconclusive, "coverage is 99 %", "of 1 nothing is known"),
		given("a disorder of times that folds to another time, accepted", history(func(e *HistoryEvidence) {
			e.misses("legacy_consistency", 1)
			e.misses("fidelity_end", 1)
			e.Found = []HistoryFound{{Part: "legacy", Kind: "time_disorder", Accepted: 1}}
		}), Passes),
		given("an order that cannot be read, accepted", history(func(e *HistoryEvidence) {
			for _, i := range []int{1, 2, 5, 7} {
				e.Numbers[i].Of, e.Numbers[i].Unknown = e.Numbers[i].Of-1, 1
			}
			e.Found = []HistoryFound{{Part: "legacy", Kind: "unreadable_record", Accepted: 1}}
		}), Passes, "1 is accepted and counts as answered for"),
	})
}

func TestHistoryAccuracyHasALimitForEachNumber(t *testing.T) {
	c := Defaults().HistoryAccuracy
	c.MaxErrorRate, c.MinCoverage, c.MinLinkage, c.MinFidelity, c.MinEvidence = 0.003, 0.99, 0.99, 0.9, 0.96
	someAccepted := []HistoryFound{{Part: "events", Kind: "event_extra", Open: 1, Accepted: 9}}
	check(t, c, []sentence{
		given("moments that may follow from the one finding that is open", history(func(e *HistoryEvidence) {
			e.Found, e.OpenOrders = someAccepted, 1
			e.misses("fidelity_moments", 20)
		}), Fails, "fidelity_moments is 75 %"),
		given("trades of an order that was not read, while a finding is open", history(func(e *HistoryEvidence) {
			e.Found, e.OpenOrders = someAccepted, 1
			e.Numbers[2].Of, e.Numbers[2].Unknown = 150, 50
		}), Inconclusive, "linkage_trades is 75 %", "of 50 nothing is known"),
		given("the accuracy of 99.7 %", history(func(e *HistoryEvidence) {
			for i := range e.Numbers {
				e.Numbers[i].Of, e.Numbers[i].All = e.Numbers[i].Of*10, e.Numbers[i].All*10
			}
			e.misses(errorRate, 15)
		}), Passes, "error_rate 0.3 %", "evidence 96 %"),
		given("a worse one", history(func(e *HistoryEvidence) { e.misses(errorRate, 2) }), Fails, "error_rate is 0.4 % (2 of 500), and has to be at most 0.3 %"),
		given("too much that is approximated", history(func(e *HistoryEvidence) { e.misses("evidence_exact", 1) }), Fails, "evidence is 95.8 % (479 of 500)"),
		given("too much that is approximated, whatever is accepted", history(func(e *HistoryEvidence) {
			e.misses("evidence_exact", 1)
			e.Found = []HistoryFound{{Kind: "overfill", Accepted: 9}}
		}), Fails, "evidence is 95.8 %"),
	})
	c.MinLinkage = 2
	check(t, c, []sentence{given("a limit above one", func(*Evidence) {}, Errored, "min_linkage")})
}

// anyAudit draws orders with faults, and counts them as an audit and the ledger do. It returns whether a fault is left that nobody has
// answered for.
func anyAudit(t *rapid.T) (e *HistoryEvidence, left bool) {
	e = &HistoryEvidence{Pass: 7, At: now.Add(-time.Hour), Covered: 1}
	count := map[string]*HistoryNumber{}
	for _, n := range audited().Numbers {
		e.Numbers = append(e.Numbers, HistoryNumber{Name: n.Name})
	}
	for i := range e.Numbers {
		count[e.Numbers[i].Name] = &e.Numbers[i]
	}
	add := func(name string, of, all int64) {
		count[name].Of, count[name].All = count[name].Of+of, count[name].All+all
	}
	upTo := func(most int64, label string) int64 { return rapid.Int64Range(0, most).Draw(t, label) }
	for range rapid.IntRange(1, 8).Draw(t, "orders") {
		e.Orders++
		trades, moments := upTo(3, "trades"), upTo(3, "moments")
		add("evidence_exact", trades, trades)
		add("evidence_derived", 0, trades)
		open := int64(0)
		found := func(part, kind string, n int64) {
			accepted := upTo(n, "accepted")
			e.Found = append(e.Found, HistoryFound{Part: part, Kind: kind, Open: n - accepted, Accepted: accepted})
			open += n - accepted
		}
		state := rapid.SampledFrom([]string{"right", "right", "right", "wrong", "contradiction", "unreadable", "restless"}).Draw(t, "state")
		lost, extra, moved := int64(0), int64(0), int64(0)
		switch state {
		case "unreadable", "restless":
			for _, name := range []string{"coverage", "fidelity_end", "legacy_consistency"} {
				add(name, 0, 1)
				count[name].Unknown++
			}
			for _, name := range []string{errorRate, "linkage_events", "evidence_exact", "evidence_derived"} {
				count[name].Unaudited++
			}
			add("linkage_trades", 0, trades)
			count["linkage_trades"].Unknown += trades
			if state == "restless" {
				e.Unsettled++
				left = true
				continue
			}
			found("legacy", "unreadable_record", 1)
		case "contradiction":
			found("legacy", "filled_mismatch", 1)
		case "wrong":
			lost, extra, moved = upTo(trades, "lost"), 1+upTo(2, "extra"), upTo(moments, "moved")
			found("events", "event_missing", lost)
			found("events", "event_extra", extra)
		}
		if state != "unreadable" {
			whole, sound := int64(1), int64(1)
			if lost > 0 {
				whole = 0
			}
			if state == "contradiction" {
				sound = 0
			}
			add("coverage", whole, 1)
			add("fidelity_end", whole, 1)
			add("legacy_consistency", sound, 1)
			add("linkage_trades", trades-lost, trades)
			add("linkage_events", 1+trades-lost, 1+trades-lost+extra)
			add("fidelity_moments", moments-moved, moments)
			add("error_rate", lost+extra, 1+trades+extra)
		}
		if open > 0 {
			e.OpenOrders++
			left = true
		}
	}
	return e, left
}

// TestOnlyWhatIsAnsweredForPasses: an audit passes if, and only if, each of its faults is accepted and each order was audited.
func TestOnlyWhatIsAnsweredForPasses(t *testing.T) {
	seen := map[Verdict]int{}
	rapid.Check(t, func(t *rapid.T) {
		h, left := anyAudit(t)
		r := Defaults().HistoryAccuracy.Judge(Evidence{History: h}, now)
		seen[r.Verdict]++
		rate, _ := h.number(errorRate)
		if left == (r.Verdict == Passes) && rate.All > 0 || r.Verdict == Errored {
			t.Fatalf("left %v: %s, %s\n%+v", left, r.Verdict, r.Reason, h)
		}
	})
	if seen[Passes] == 0 || seen[Fails] == 0 || seen[Inconclusive] == 0 {
		t.Errorf("the generator only reaches %v", seen)
	}
}
