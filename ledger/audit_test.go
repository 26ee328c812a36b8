package ledger_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// auditing is one audit in a ledger.
type auditing struct {
	*testing.T
	l    *ledger.Ledger
	held lease.Lease
	id   verify.PassID
	at   time.Time
}

func beginAudit(t *testing.T, l *ledger.Ledger, at time.Time) auditing {
	t.Helper()
	return beginAuditOf(t, l, at, verify.AuditFacts{Counted: verify.AuditCounts{Orders: 10}, Tally: history.Tally{Orders: 8}})
}

func beginAuditOf(t *testing.T, l *ledger.Ledger, at time.Time, facts verify.AuditFacts) auditing {
	t.Helper()
	held, err := l.Acquire(t.Context(), fmt.Sprint("audit ", at), "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.BeginPass(t.Context(), held, verify.Start{Kind: verify.Audit, Trigger: "manual", Fingerprint: "f", At: at, Ranged: true})
	if err != nil {
		t.Fatal(err)
	}
	err = l.ScanDone(t.Context(), held, id, verify.Scan{Compared: 10, Coverage: 1, Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	return auditing{t, l, held, id, at}
}

// settle stores the findings of some orders; an order without any is a match.
func (a auditing) settle(found map[order.Key][]verify.AuditFinding) {
	a.Helper()
	var outcomes []verify.AuditOutcome
	for _, key := range slices.Sorted(maps.Keys(found)) {
		findings := found[key]
		o := verify.Outcome{Suspect: verify.Suspect{Observation: compare.Observation{Key: key, At: a.at}, FirstSeen: a.at}, Verdict: compare.Match, Final: true}
		if len(findings) > 0 {
			o.Verdict = compare.Diverged
		}
		outcomes = append(outcomes, verify.AuditOutcome{Outcome: o, Findings: findings})
	}
	if err := a.l.SettleAudit(a.Context(), a.held, a.id, outcomes, verify.AuditFacts{Tally: history.Tally{Orders: int64(len(found))}}, a.at); err != nil {
		a.Fatal(err)
	}
}

func (a auditing) finish(v compare.Verdict) verify.AuditFacts {
	a.Helper()
	if err := a.l.FinishPass(a.Context(), a.held, a.id, verify.Result{Verdict: v}, a.at); err != nil {
		a.Fatal(err)
	}
	passes, err := a.l.Passes(a.Context(), 1)
	if err != nil {
		a.Fatal(err)
	}
	return passes[0].Scan.Facts.(verify.AuditFacts)
}

func (a auditing) states() string {
	a.Helper()
	var out []string
	for _, state := range []verify.DivergenceState{verify.Open, verify.Accepted, verify.Resolved} {
		found, err := a.l.AuditFindings(a.Context(), "f", state, 100)
		if err != nil {
			a.Fatal(err)
		}
		for _, f := range found {
			out = append(out, fmt.Sprintf("%s %s %s %s %s", f.Key, f.Kind, f.Cause, f.State, f.LastSeen.Sub(f.FirstSeen)))
		}
	}
	return strings.Join(out, ", ")
}

func TestFindingsOfAuditsAreOpenedRenewedAndResolved(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	extra := verify.AuditFinding{Key: "1", Part: verify.EventsPart, Kind: "event_extra", Cause: "backfill_boundary", At: at, Position: 7, Detail: "twice"}
	missing := verify.AuditFinding{Key: "2", Part: verify.EventsPart, Kind: "event_missing", Cause: "lost_shadow_write", Position: order.NoPosition, Detail: "gone"}
	overfill := verify.AuditFinding{Key: "2", Part: verify.LegacyPart, Kind: "overfill", Position: order.NoPosition, Detail: "120 of 100 is filled"}

	first := beginAudit(t, l, at)
	first.settle(map[order.Key][]verify.AuditFinding{"1": {extra, extra}, "2": {missing, overfill}})
	facts := first.finish(compare.Diverged)
	if facts.Tally.Orders != 10 || facts.Counted.Orders != 10 || facts.Findings("") != 3 || facts.Findings(verify.LegacyPart) != 1 || len(facts.Found) != 3 {
		t.Errorf("facts %+v", facts)
	}
	if got, want := first.states(), "1 event_extra backfill_boundary open 0s, 2 event_missing lost_shadow_write open 0s, 2 overfill  open 0s"; got != want {
		t.Errorf("after the first audit: %s", got)
	}
	exec(t, connect(t, dsn), `UPDATE crosscheck.audit_finding SET state = 'accepted', accepted_by = 'ada', accepted_why = 'known', accepted_at = now(), accepted_until = now() + interval '1 day'
		WHERE kind = 'overfill'`)

	second := beginAudit(t, l, at.Add(time.Hour))
	if keys, err := l.AuditedBefore(t.Context(), second.id, []order.Key{"2", "3"}); err != nil || fmt.Sprint(keys) != "[2]" {
		t.Errorf("audited before: %v, %v", keys, err)
	}
	second.settle(map[order.Key][]verify.AuditFinding{"2": {overfill}})
	if got, want := second.states(), "1 event_extra backfill_boundary open 0s, 2 overfill  accepted 1h0m0s, 2 event_missing lost_shadow_write resolved 0s"; got != want {
		t.Errorf("after the second: %s", got)
	}
	if keys, err := l.UnresolvedAudits(t.Context(), second.id, "", 10); err != nil || fmt.Sprint(keys) != "[1]" {
		t.Errorf("not found again: %v, %v", keys, err)
	}
	second.settle(map[order.Key][]verify.AuditFinding{"1": nil})
	if open, err := l.OpenAudit(t.Context(), "f"); err != nil || len(open) > 0 {
		t.Errorf("open: %v, %v", open, err)
	}
	var listed int
	if err := l.PassAudit(t.Context(), second.id, func(verify.AuditFinding) error { listed++; return nil }); err != nil || listed != 1 {
		t.Errorf("the second pass lists %d, %v", listed, err)
	}

	overfill.Cause = "another"
	third := beginAudit(t, l, at.Add(2*time.Hour))
	third.settle(map[order.Key][]verify.AuditFinding{"2": {overfill}})
	if got, want := third.states(), "2 overfill another open 2h0m0s"; !strings.HasPrefix(got, want) {
		t.Errorf("what was accepted has another cause now: %s", got)
	}
	cut := verify.Outcome{Suspect: verify.Suspect{Observation: compare.Observation{Key: "2", At: at.Add(3 * time.Hour)}}, Verdict: compare.Diverged, Final: true}
	fourth := beginAudit(t, l, at.Add(3*time.Hour))
	if err := l.SettleAudit(t.Context(), fourth.held, fourth.id, []verify.AuditOutcome{{Outcome: cut, Cut: true}}, verify.AuditFacts{}, fourth.at); err != nil {
		t.Fatal(err)
	}
	if got, want := fourth.states(), "2 overfill another open 2h0m0s"; !strings.HasPrefix(got, want) {
		t.Errorf("a finding that was left out: %s", got)
	}
}

// TestAnAuditWithSuspectsIsNoEvidence, whoever ends it.
func TestAnAuditWithSuspectsIsNoEvidence(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held, err := l.Acquire(t.Context(), "audit", "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.BeginPass(t.Context(), held, verify.Start{Kind: verify.Audit, Trigger: "manual", Fingerprint: "f", At: t0, Ranged: true})
	if err != nil {
		t.Fatal(err)
	}
	facts := verify.AuditFacts{Counted: verify.AuditCounts{Orders: 10}}
	if err := l.AddRange(t.Context(), held, id, verify.Range{Number: 1, Found: verify.RangeFacts{Audit: &facts, Mismatches: 3}}, suspects(3)); err != nil {
		t.Fatal(err)
	}
	if err := l.ScanDone(t.Context(), held, id, verify.Scan{Compared: 10, Coverage: 1, Facts: facts}); err != nil {
		t.Fatal(err)
	}
	auditing{t, l, held, id, t0}.finish(compare.Unverified)
	if e, err := l.Evidence(t.Context(), "f", t0, 0); err != nil || e.History != nil {
		t.Errorf("evidence %+v, %v", e.History, err)
	}
}

// TestGroupsAreAcceptedTogether: a cause of divergences and of findings, a kind of findings, an order; nothing else, and nothing of
// other people.
func TestGroupsAreAcceptedTogether(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	found := outcomes(suspects(3), compare.Diverged)
	for i := range found {
		found[i].Diverged[0].Cause = []compare.Cause{compare.LostUpdate, compare.GhostEvent, compare.GhostEvent}[i]
	}
	run{verify.Full, "f", t0, verify.Scan{}, found, compare.Diverged}.in(t, l)
	finding := func(key order.Key, part verify.AuditPart, kind, cause, detail string) verify.AuditFinding {
		return verify.AuditFinding{Key: key, Part: part, Kind: kind, Cause: cause, Position: order.NoPosition, Detail: detail}
	}
	audit := beginAudit(t, l, t0)
	audit.settle(map[order.Key][]verify.AuditFinding{
		"1": {finding("1", verify.EventsPart, "event_extra", "ghost_event", "a"), finding("1", verify.EventsPart, "event_extra", "ghost_event", "b")},
		"7": {finding("7", verify.LegacyPart, "overfill", "", "c"), finding("7", verify.EventsPart, "event_extra", "backfill_twice", "d")},
	})
	audit.finish(compare.Diverged)
	all := func(s ledger.Selection, who string, dry bool) string {
		a := answered(never)
		a.Who = who
		groups, err := l.AcceptAll(t.Context(), "f", s, a, dry)
		return fmt.Sprint(groups, err)
	}
	ghosts, twice := ledger.Selection{Cause: "ghost_event"}, ledger.Selection{Kind: "event_extra"}
	const nothing = "[] answering for a group: nothing is selected"
	for _, step := range []struct{ what, got, want string }{
		{"counted", all(ghosts, "ada", true), "[{legacy->projection  missing ghost_event 2 2 <nil>} { events event_extra ghost_event 2 1 <nil>}] <nil>"},
		{"divergences alone", all(ledger.Selection{Cause: "ghost_event", Divergences: true}, "ada", true), "[{legacy->projection  missing ghost_event 2 2 <nil>}] <nil>"},
		{"an order that has findings alone", all(ledger.Selection{Key: "7", Divergences: true}, "ada", true), nothing},
		{"all divergences", all(ledger.Selection{Divergences: true}, "ada", true), "[] " + ledger.ErrNothingSelected.Error()},
		{"accepted", all(ghosts, "ada", false), "[{legacy->projection  missing ghost_event 2 2 <nil>} { events event_extra ghost_event 2 1 <nil>}] <nil>"},
		{"by another", all(ghosts, "bob", false), nothing},
		{"anew by the same", all(ledger.Selection{Cause: "ghost_event", Hop: order.LegacyToProjection}, "ada", false), "[{legacy->projection  missing ghost_event 2 2 <nil>}] <nil>"},
		{"the rest of a kind by another", all(twice, "bob", false), "[{ events event_extra backfill_twice 1 1 <nil>}] <nil>"},
		{"an order", all(ledger.Selection{Key: "7"}, "ada", false), "[{ legacy overfill  1 1 <nil>}] <nil>"},
		{"of another fingerprint", fmt.Sprint(l.WithdrawAll(t.Context(), "other", twice, false)), nothing},
		{"everything", all(ledger.Selection{}, "ada", false), "[] " + ledger.ErrNothingSelected.Error()},
	} {
		if step.got != step.want {
			t.Errorf("%s:\n got %s\nwant %s", step.what, step.got, step.want)
		}
	}
	if e, err := l.Evidence(t.Context(), "f", t0, 0); err != nil || e.Accepted != 2 || len(e.Open) != 1 || e.Open[0].Cause != string(compare.LostUpdate) {
		t.Errorf("accepted %d, open %v, %v", e.Accepted, e.Open, err)
	}
	if listed, err := l.AcceptedFindings(t.Context(), "f"); err != nil || len(listed) != 3 || listed[0].Acceptance.Who != "bob" || listed[1].Count != 2 {
		t.Errorf("listed %v, %v", listed, err)
	}
	if back, err := l.WithdrawAll(t.Context(), "f", twice, false); err != nil || len(back) != 2 {
		t.Errorf("withdrawn %v, %v", back, err)
	}
	if open, err := l.OpenAudit(t.Context(), "f"); err != nil || len(open) != 2 {
		t.Errorf("open %v, %v", open, err)
	}
}

// TestTheNewestAuditIsEvidence: of all orders, under the fingerprint, and with what has become of its findings.
func TestTheNewestAuditIsEvidence(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	said := func(fingerprint string) string {
		e, err := l.Evidence(t.Context(), fingerprint, t0, 0)
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprint(gate.Defaults().HistoryAccuracy.Judge(e, t0.Add(4*time.Hour)).Verdict)
		if h := e.History; h != nil {
			said += fmt.Sprintf(", pass %d, orders %d, found %v, open orders %d, newer %d", h.Pass, h.Orders, h.Found, h.OpenOrders, h.Newer)
		}
		if e.VoidHistory {
			said += ", void"
		}
		return said
	}
	step := func(what, want string) {
		t.Helper()
		if got := said("f"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, want)
		}
	}
	whole := func(n int64) history.Share { return history.Share{Of: n, All: n} }
	facts := func(whole history.Share) verify.AuditFacts {
		return verify.AuditFacts{Counted: verify.AuditCounts{Orders: 10}, Tally: history.Tally{
			Whole: whole, Ends: whole, Faulty: history.Share{All: whole.All}, EventsKnown: history.Share{Of: whole.Of, All: whole.Of}, Errors: history.Share{Of: whole.All - whole.Of, All: whole.All},
			Evidence: map[history.Evidence]int64{history.Exact: whole.All},
		}}
	}
	step("nothing", "inconclusive")
	clean := beginAuditOf(t, l, t0, facts(whole(10)))
	clean.finish(compare.Match)
	step("a clean audit", "pass, pass 1, orders 10, found [], open orders 0, newer 0")
	if got := said("other"); got != "inconclusive, void" {
		t.Errorf("under another fingerprint: %s", got)
	}

	missing := func(key order.Key) verify.AuditFinding {
		return verify.AuditFinding{Key: key, Part: verify.EventsPart, Kind: "event_missing", Cause: "lost_shadow_write", Position: order.NoPosition, Detail: "gone"}
	}
	found := beginAuditOf(t, l, t0.Add(time.Hour), facts(history.Share{Of: 8, All: 10}))
	found.settle(map[order.Key][]verify.AuditFinding{"1": {missing("1")}, "2": {missing("2")}})
	found.finish(compare.Diverged)
	step("two events are missing", "fail, pass 2, orders 10, found [{events event_missing lost_shadow_write 2 0 0}], open orders 2, newer 0")
	accept := func(key order.Key) {
		t.Helper()
		if _, err := l.AcceptAll(t.Context(), "f", ledger.Selection{Key: key, Kind: "event_missing"}, answered(never), false); err != nil {
			t.Fatal(err)
		}
	}
	accept("1")
	step("one is accepted", "fail, pass 2, orders 10, found [{events event_missing lost_shadow_write 1 1 0}], open orders 1, newer 0")
	accept("2")
	step("both are", "pass, pass 2, orders 10, found [{events event_missing lost_shadow_write 0 2 0}], open orders 0, newer 0")

	part := facts(whole(1))
	part.Created.From = t0
	again := beginAuditOf(t, l, t0.Add(2*time.Hour), part)
	again.settle(map[order.Key][]verify.AuditFinding{"1": {missing("1")}})
	again.finish(compare.Diverged)
	step("an audit of a part that finds one of them again", "pass, pass 2, orders 10, found [{events event_missing lost_shadow_write 0 2 0}], open orders 0, newer 0")
	more := beginAuditOf(t, l, t0.Add(3*time.Hour), part)
	more.settle(map[order.Key][]verify.AuditFinding{"3": {missing("3")}, "2": nil})
	more.finish(compare.Diverged)
	step("one that finds another, and one repaired", "inconclusive, pass 2, orders 10, found [{events event_missing lost_shadow_write 0 1 1}], open orders 0, newer 1")
}

// TestAnAcceptanceIsOfWhatTheRecordSaid: a trade that is corrected later is another one.
func TestAnAcceptanceIsOfWhatTheRecordSaid(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	at := t0
	open := func(told ...string) int {
		var found []verify.AuditFinding
		for _, what := range told {
			found = append(found, verify.AuditFinding{Key: "1", Part: verify.EventsPart, Kind: "event_missing", At: t0, Position: order.NoPosition, Detail: "no event", Told: what})
		}
		at = at.Add(2 * time.Hour)
		audit := beginAudit(t, l, at)
		audit.settle(map[order.Key][]verify.AuditFinding{"1": found})
		audit.finish(compare.Diverged)
		all, err := l.OpenAudit(t.Context(), "f")
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for _, f := range all {
			n += f.Findings
		}
		return int(n)
	}
	before := open("40 at 10", "60 at 10")
	if _, err := l.AcceptAll(t.Context(), "f", ledger.Selection{Kind: "event_missing"}, answered(never), false); err != nil {
		t.Fatal(err)
	}
	if again, changed := open("40 at 10", "60 at 10"), open("40 at 10", "60 at 11"); before != 2 || again != 0 || changed != 1 {
		t.Errorf("open %d, accepted %d, changed %d", before, again, changed)
	}
}
