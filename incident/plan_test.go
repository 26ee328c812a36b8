package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/incident"
)

var t0 = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// world stores what Plan returns, as the ledger does.
type world struct {
	known  []incident.Incident
	said   []string
	policy incident.Policy
}

func newWorld() *world {
	return &world{policy: incident.Policy{UpdateEvery: 10 * time.Minute, MinCoverage: 1}}
}

// at plans with the facts, that many minutes after the start, and returns what is newly said.
func (w *world) at(minutes int, f incident.Facts) []string {
	now := t0.Add(time.Duration(minutes) * time.Minute)
	var said []string
	for _, c := range incident.Plan(w.known, f, w.policy, now) {
		if c.Incident.ID == 0 {
			c.Incident.ID = int64(len(w.known) + 1)
			w.known = append(w.known, c.Incident)
		} else {
			w.known[c.Incident.ID-1] = c.Incident
		}
		for _, m := range c.Messages {
			said = append(said, fmt.Sprintf("#%d %s: %s", c.Incident.ID, m.Op, m.Body.Headline))
		}
	}
	w.said = append(w.said, said...)
	return said
}

func group(cause string, count int64, ids ...string) incident.Group {
	g := incident.Group{Hop: "events->projection", Cause: cause, Count: count, Oldest: t0}
	for _, id := range ids {
		g.Examples = append(g.Examples, incident.Example{OrderID: id, Kind: "differs"})
	}
	return g
}

func open(groups ...incident.Group) incident.Facts {
	return incident.Facts{Fingerprint: "f", Open: groups}
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestOneParentPerHopAndCauseGrowsAndIsResolved(t *testing.T) {
	w := newWorld()
	want(t, w.at(0, open(group("stale_projection", 1, "7"), group("ghost_row", 2, "8", "9"))),
		"#1 parent: 1 order diverged: stale_projection", "#2 parent: 2 orders diverged: ghost_row")
	want(t, w.at(1, open(group("stale_projection", 1, "7"), group("ghost_row", 2, "8", "9"))))
	want(t, w.at(2, open(group("stale_projection", 4, "7"), group("ghost_row", 2, "8", "9"))),
		"#1 edit: 4 orders diverged: stale_projection")
	want(t, w.at(11, open(group("stale_projection", 3, "7"), group("ghost_row", 2, "8", "9"))),
		"#1 edit: 3 orders diverged: stale_projection", "#1 reply: Now 3 orders.")
	want(t, w.at(12, open(group("ghost_row", 2, "8", "9"))),
		"#1 edit: Resolved: 3 orders diverged: stale_projection", "#1 reply: Resolved after 12m0s; at most 4 orders.")
	want(t, w.at(13, open(group("stale_projection", 1, "7"), group("ghost_row", 2, "8", "9"))),
		"#3 parent: 1 order diverged: stale_projection")
}

func TestWhatCannotBeAskedIsNotResolved(t *testing.T) {
	w := newWorld()
	w.at(0, open(group("ghost_row", 1, "7")))
	want(t, w.at(1, incident.Facts{}))
	want(t, w.at(2, incident.Facts{Fingerprint: "another"}),
		"#1 edit: Closed: 1 order diverged: ghost_row", "#1 reply: Closed because the comparison has changed after 2m0s; at most 1 order.")
	w = newWorld()
	w.at(0, open(group("ghost_row", 1, "7")))
	want(t, w.at(2, incident.Facts{Fingerprint: "another", Changed: "comparator 3 -> 4"}), "#1 edit: Closed: 1 order diverged: ghost_row",
		"#1 reply: Closed because the comparison has changed (comparator 3 -> 4) after 2m0s; at most 1 order.")
}

func TestThePagesAndOrdersOfAnIncident(t *testing.T) {
	g := group("retention_gap", 7, "1", "2", "3", "4", "5", "6")
	g.Hop = "events->stream"
	g.Examples[0].Values = []string{"status: legacy FILLED, projection OPEN"}
	changes := incident.Plan(nil, open(g), incident.Policy{Link: "https://x", Docs: "https://x/docs", System: "orders, staging"}, t0)
	if len(changes) != 1 || changes[0].Incident.Kind != incident.StreamHole {
		t.Fatalf("changes: %+v", changes)
	}
	want := incident.Body{
		Headline: "The stream has a hole: retention_gap",
		Lines: []string{
			"Messages were deleted before they were read, first seen 2026-03-02 12:00:00 UTC: 7 orders.",
			"• order 1: differs", "    status: legacy FILLED, projection OPEN", "• order 2: differs", "• order 3: differs",
			"• order 4: differs", "• order 5: differs", "and 2 more",
		},
		Context: []string{"docs/runbooks/CrosscheckStreamStopped.md", "docs/causes/retention_gap.md"}, Link: "https://x", Docs: "https://x/docs", System: "orders, staging",
		Page: "/divergences?cause=retention_gap&hop=events-%3Estream", Orders: []string{"1", "2", "3", "4", "5"},
	}
	if diff := cmp.Diff(want, changes[0].Messages[0].Body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func gateSays(decision string, failing ...string) incident.Facts {
	return incident.Facts{Fingerprint: "f", Decision: decision, Failing: failing, Reasons: failing}
}

func TestTheGateIsToldWhenItFlips(t *testing.T) {
	w := newWorld()
	want(t, w.at(0, gateSays("INCONCLUSIVE", "counts")))
	want(t, w.at(1, gateSays("GO")), "#1 parent: The gate says GO")
	want(t, w.at(2, gateSays("GO")))
	want(t, w.at(3, gateSays("NO-GO", "counts")), "#2 parent: The gate says NO-GO")
	want(t, w.at(4, gateSays("NO-GO", "counts")))
	want(t, w.at(5, incident.Facts{}))
	want(t, w.at(6, gateSays("INCONCLUSIVE", "coverage")),
		"#2 edit: The gate says INCONCLUSIVE, was NO-GO", "#2 reply: The gate says INCONCLUSIVE: coverage.")
	want(t, w.at(7, gateSays("GO")),
		"#2 edit: Resolved: The gate says INCONCLUSIVE, was NO-GO", "#2 reply: The gate says GO after 4m0s.")
	want(t, w.at(8, gateSays("INCONCLUSIVE")), "#3 parent: The gate says INCONCLUSIVE")
}

func passes(p ...incident.Pass) incident.Facts { return incident.Facts{Passes: p} }

func TestPassesThatFailLeaveOutOrAreLate(t *testing.T) {
	w := newWorld()
	ok := incident.Pass{Kind: "full", ID: 1, Coverage: 1}
	want(t, w.at(0, passes(ok, incident.Pass{Kind: "sample"})))
	want(t, w.at(1, passes(incident.Pass{Kind: "full", ID: 2, Coverage: 1, Unverified: true, Reason: "timeout"})),
		"#1 parent: The full pass could not judge everything")
	want(t, w.at(2, passes(incident.Pass{Kind: "full", ID: 3, Coverage: 0.5, Unverified: true, Reason: "timeout"})),
		"#2 parent: The full pass left orders out",
		"#1 edit: Resolved: The full pass could not judge everything", "#1 reply: Resolved after 1m0s.")
	ok.Overdue, ok.Due = true, t0
	want(t, w.at(3, passes(ok)), "#3 parent: The full pass is overdue",
		"#2 edit: Resolved: The full pass left orders out", "#2 reply: Resolved after 1m0s.")
	ok.Overdue = false
	want(t, w.at(4, passes(ok)), "#3 edit: Resolved: The full pass is overdue", "#3 reply: Resolved after 1m0s.")
	want(t, w.at(5, passes(incident.Pass{Kind: "reads", ID: 4, Coverage: 0.5})), "#4 parent: The reads pass left questions out")
}

// TestWhatMostOrdersHaveIsOneMessage: that of its examples, which are few.
func TestWhatMostOrdersHaveIsOneMessage(t *testing.T) {
	w := newWorld()
	f := open(group("", 3, "1", "2", "3"))
	f.Passes = []incident.Pass{{Kind: "full", ID: 1, Coverage: 0.002, Widespread: "field `side` differs in 99.8 % of orders: mapping?"}}
	want(t, w.at(0, f), "#1 parent: 3 orders diverged: unknown cause: field `side` differs in 99.8 % of orders: mapping?")
	f.Passes[0].ID, f.Passes[0].Coverage, f.Passes[0].Widespread, f.Open = 2, 1, "", nil
	want(t, w.at(1, f), "#1 edit: Resolved: 3 orders diverged: unknown cause: field `side` differs in 99.8 % of orders: mapping?",
		"#1 reply: Resolved after 1m0s; at most 3 orders.")
}

func TestQuietHoursHoldWarningsOnly(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := incident.Quiet{From: 22 * time.Hour, To: 7 * time.Hour, Zone: berlin}
	for at, until := range map[string]string{
		"2026-03-02T20:59:59Z": "", "2026-03-02T21:00:00Z": "2026-03-03T06:00:00Z",
		"2026-03-03T05:59:59Z": "2026-03-03T06:00:00Z", "2026-03-03T06:00:00Z": "",
		"2026-03-29T00:30:00Z": "2026-03-29T05:00:00Z", // the night in which the clocks go forward
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if end := night.Until(when); !end.IsZero() {
			got = end.Format(time.RFC3339)
		}
		if got != until {
			t.Errorf("%s: quiet until %q, want %q", at, got, until)
		}
	}
	f := open(group("ghost_row", 1))
	f.Passes = []incident.Pass{{Kind: "full", ID: 1, Unverified: true, Coverage: 1}}
	for _, c := range incident.Plan(nil, f, incident.Policy{Quiet: night, MinCoverage: 1}, t0.Add(11*time.Hour)) {
		if held := !c.Messages[0].NotBefore.IsZero(); held != (c.Incident.Severity == incident.Warning) {
			t.Errorf("%s (%s): held %v", c.Incident.Kind, c.Incident.Severity, held)
		}
	}
}

// TestAnyHistoryEndsWithOneThreadPerIncident lets divergences come and go at random, with looks that see nothing.
func TestAnyHistoryEndsWithOneThreadPerIncident(t *testing.T) {
	causes := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for minute := range rapid.IntRange(1, 60).Draw(t, "minutes") {
			f := incident.Facts{}
			if rapid.Bool().Draw(t, "asked") {
				f.Fingerprint = "f"
				for _, c := range causes {
					if n := rapid.Int64Range(0, 3).Draw(t, c); n > 0 {
						f.Open = append(f.Open, group(c, n))
					}
				}
			}
			w.at(minute, f)
			if again := w.at(minute, f); len(again) > 0 {
				t.Fatalf("the same facts at the same time are told again: %v", again)
			}
		}
		w.at(100, open())
		for i, inc := range w.known {
			if inc.Open {
				t.Fatalf("%v is still open", inc.Key)
			}
			of := func(op string) int {
				return len(slices.DeleteFunc(slices.Clone(w.said), func(s string) bool {
					return !strings.HasPrefix(s, fmt.Sprintf("#%d %s", i+1, op))
				}))
			}
			if of("parent") != 1 || of("edit: Resolved") != 1 || of("reply: Resolved") != 1 {
				t.Fatalf("incident %d: %v", i+1, w.said)
			}
		}
	})
}

func TestAnAbandonedCutoverIsToldUntilSomebodyDrivesIt(t *testing.T) {
	w := newWorld()
	f := incident.Facts{Cutover: &incident.AbandonedRun{Run: "orders-2026-1", Step: "barrier", Since: t0}} // the databases cannot be read
	want(t, w.at(3, f), "#1 parent: Nobody drives the cutover orders-2026-1")
	f.Cutover = &incident.AbandonedRun{Run: "orders-2026-1", Step: "switch-reads", Stranded: true, Since: t0}
	want(t, w.at(4, f), "#1 edit: Nobody drives the cutover orders-2026-1, and no side may take writes")
	want(t, w.at(9, incident.Facts{}), "#1 edit: Resolved: Nobody drives the cutover orders-2026-1, and no side may take writes", "#1 reply: Resolved after 6m0s.")
}

func TestFindingsOfAnAuditAreToldUntilTheyAreAnswered(t *testing.T) {
	w := newWorld()
	f := open()
	f.Audit = &incident.Audited{Pass: 12, Orders: 3, Open: []incident.Finding{{Kind: "missing", Count: 2, Migration: true}, {Kind: "broken_chain", Count: 1}}}
	want(t, w.at(3, f), "#1 parent: The audit found 3 orders with an inconsistent history")
	if lines := strings.Join(w.known[0].Body.Lines, "\n"); lines != "The events: missing 2.\nLegacy's own records: broken_chain 1.\nPass 12; crosscheck audit --findings FILE lists them." {
		t.Error(lines)
	}
	want(t, w.at(4, f))
	away := f
	away.Fingerprint, away.Audit = "", nil
	want(t, w.at(5, away))
	f.Audit = &incident.Audited{Pass: 12, Accepted: 3}
	want(t, w.at(6, f), "#1 edit: Accepted, not repaired: The audit found 3 orders with an inconsistent history",
		"#1 reply: 3 findings accepted, not repaired, after 3m0s; at most 3 orders.")
	f.Audit = &incident.Audited{Pass: 13, Orders: 1, Open: []incident.Finding{{Kind: "missing", Count: 1, Migration: true}}}
	want(t, w.at(7, f), "#2 parent: The audit found 1 order with an inconsistent history")
	f.Audit = &incident.Audited{Pass: 14}
	want(t, w.at(8, f), "#2 edit: Resolved: The audit found 1 order with an inconsistent history", "#2 reply: Resolved after 1m0s; at most 1 order.")
}

func TestAStoppedStreamIsToldUntilItGoesOn(t *testing.T) {
	w := newWorld()
	f := open()
	f.StreamStopped = t0
	want(t, w.at(3, f), "#1 parent: The stream is not being read")
	want(t, w.at(4, f))
	unknown := open()
	unknown.Fingerprint = ""
	want(t, w.at(5, unknown))
	want(t, w.at(6, open()), "#1 edit: Resolved: The stream is not being read", "#1 reply: Resolved after 3m0s.")
}
