package ledgertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// audit is an audit under way.
type audit struct {
	t    *testing.T
	s    Store
	held lease.Lease
	id   verify.PassID
	at   time.Time
}

// beginAudit begins an audit under a lease of its own.
func beginAudit(t *testing.T, s Store, fingerprint string, at time.Time) audit {
	t.Helper()
	held := acquire(t, s, "audit "+fingerprint+at.String())
	id, err := s.BeginPass(t.Context(), held, verify.Start{Kind: verify.Audit, Trigger: "manual", Fingerprint: fingerprint, At: at, Ranged: true})
	noError(t, err, "beginning an audit")
	return audit{t, s, held, id, at}
}

func (a audit) scanned() {
	a.t.Helper()
	facts := verify.AuditFacts{Counted: verify.AuditCounts{Orders: 10}, Tally: history.Tally{Orders: 7}}
	noError(a.t, a.s.ScanDone(a.t.Context(), a.held, a.id, verify.Scan{Compared: 10, Coverage: 1, Facts: facts}), "ending the scan")
}

// settle stores what a look has found of an order: a match if that is nothing.
func (a audit) settle(key order.Key, at time.Time, found ...verify.AuditFinding) {
	a.t.Helper()
	v := compare.Match
	if len(found) > 0 {
		v = compare.Diverged
	}
	a.store(auditOutcome(key, at, v, found...))
}

func (a audit) store(outcomes ...verify.AuditOutcome) {
	a.t.Helper()
	more := verify.AuditFacts{Tally: history.Tally{Orders: int64(len(outcomes))}}
	noError(a.t, a.s.SettleAudit(a.t.Context(), a.held, a.id, outcomes, more, a.at), "settling an audit")
}

func auditOutcome(key order.Key, at time.Time, v compare.Verdict, found ...verify.AuditFinding) verify.AuditOutcome {
	s := verify.Suspect{Observation: compare.Observation{Key: key, At: at, LegacyState: "l1"}, FirstSeen: at, Due: at}
	return verify.AuditOutcome{Outcome: verify.Outcome{Suspect: s, Verdict: v, Final: v != compare.Lagging, LookedAt: at}, Findings: found}
}

func finding(key order.Key, detail string) verify.AuditFinding {
	return verify.AuditFinding{Key: key, Part: verify.EventsPart, Kind: "event_missing", Cause: "lost_shadow_write", At: t0, Position: order.NoPosition, Detail: detail}
}

// known holds what the ledger knows, each as "order detail cause state age", the resolved ones last.
func (a audit) known(fingerprint string, want ...string) {
	a.t.Helper()
	var got []string
	for _, state := range []verify.DivergenceState{verify.Open, verify.Resolved} {
		found, err := a.s.AuditFindings(a.t.Context(), fingerprint, state, 100)
		noError(a.t, err, "reading findings")
		for _, f := range found {
			if !f.At.Equal(micros(t0)) || f.Position != order.NoPosition || f.Told != "" || (f.State == verify.Resolved) == f.ResolvedAt.IsZero() {
				a.t.Errorf("finding %+v", f)
			}
			got = append(got, strings.Join([]string{string(f.Key), f.Detail, f.Cause, string(f.State), f.LastSeen.Sub(f.FirstSeen).String()}, " "))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Errorf("the ledger knows %q, want %q", got, want)
	}
}

func auditLife(t *testing.T, s Store) {
	first := beginAudit(t, s, "f1", t0)
	first.scanned()
	first.settle("1", t0, finding("1", "a"), finding("1", "a"))
	first.settle("2", t0, finding("2", "b"), finding("2", "c"))
	first.known("f1", "1 a lost_shadow_write open 0s", "2 b lost_shadow_write open 0s", "2 c lost_shadow_write open 0s")
	first.known("f2")

	hour := t0.Add(time.Hour)
	second := beginAudit(t, s, "f1", hour)
	second.scanned()
	renewed := finding("2", "b")
	renewed.Cause = "backfill_limit"
	second.settle("2", hour, renewed)
	second.known("f1", "1 a lost_shadow_write open 0s", "2 b backfill_limit open 1h0m0s", "2 c lost_shadow_write resolved 0s")
	second.settle("1", hour)
	second.known("f1", "2 b backfill_limit open 1h0m0s", "1 a lost_shadow_write resolved 0s", "2 c lost_shadow_write resolved 0s")

	third := beginAudit(t, s, "f1", hour.Add(time.Hour))
	third.settle("1", third.at, finding("1", "a"))
	third.known("f1", "2 b backfill_limit open 1h0m0s", "1 a lost_shadow_write open 0s", "1 a lost_shadow_write resolved 0s", "2 c lost_shadow_write resolved 0s")
}

func auditLooks(t *testing.T, s Store) {
	first := beginAudit(t, s, "f1", t0)
	first.settle("1", t0.Add(time.Minute), finding("1", "a"))
	first.settle("2", t0, finding("2", "b"))
	said := finding("3", "c")
	said.Told = "40 at 10"
	first.settle("3", t0, said)

	other := beginAudit(t, s, "f1", t0.Add(time.Hour))
	other.settle("1", t0) // it was looked at earlier
	other.store(
		verify.AuditOutcome{Outcome: auditOutcome("2", other.at, compare.Diverged).Outcome, Cut: true},
		auditOutcome("1", other.at, compare.Unverified),
	)
	said.Told = "40 at 11"
	other.settle("3", other.at, said)
	other.known("f1", "2 b lost_shadow_write open 0s", "1 a lost_shadow_write open 0s", "3 c lost_shadow_write open 0s", "3 c lost_shadow_write resolved 0s")

	stranger := beginAudit(t, s, "f2", t0.Add(2*time.Hour))
	stranger.settle("1", stranger.at)
	stranger.known("f1", "2 b lost_shadow_write open 0s", "1 a lost_shadow_write open 0s", "3 c lost_shadow_write open 0s", "3 c lost_shadow_write resolved 0s")
}

func auditKeys(t *testing.T, s Store) {
	first := beginAudit(t, s, "f1", t0)
	for _, key := range []order.Key{"10", "9", "Z", "a"} {
		first.settle(key, t0, finding(key, "a"))
	}
	next := beginAudit(t, s, "f1", t0.Add(time.Hour))
	next.settle("Z", next.at, finding("Z", "a"), finding("Z", "b"))
	next.settle("9", next.at)
	keys := func(keys []order.Key, err error) string {
		t.Helper()
		noError(t, err, "reading keys")
		return fmt.Sprint(keys)
	}
	for _, test := range []struct{ what, got, want string }{
		{"found before", keys(s.AuditedBefore(t.Context(), next.id, []order.Key{"Z", "9", "none"})), "[Z]"},
		{"not found again", keys(s.UnresolvedAudits(t.Context(), next.id, "", 10)), "[10 a]"},
		{"the first", keys(s.UnresolvedAudits(t.Context(), next.id, "", 1)), "[10]"},
		{"the next", keys(s.UnresolvedAudits(t.Context(), next.id, order.Key("10").Next(), 1)), "[a]"},
		{"under another fingerprint", keys(s.UnresolvedAudits(t.Context(), beginAudit(t, s, "f2", t0).id, "", 10)), "[]"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.what, test.got, test.want)
		}
	}
}

func auditCounts(t *testing.T, s Store) {
	a := beginAudit(t, s, "f1", t0)
	facts := verify.AuditFacts{Counted: verify.AuditCounts{Orders: 10}}
	waiting := verify.Suspect{Observation: compare.Observation{Key: "1", At: t0, LegacyState: "l1"}, FirstSeen: t0, Due: t0}
	r := verify.Range{Number: 1, Found: verify.RangeFacts{Audit: &facts, Mismatches: 1}}
	noError(t, s.AddRange(t.Context(), a.held, a.id, r, []verify.Suspect{waiting}), "adding a page")
	a.scanned()
	again := auditOutcome("1", t0, compare.Lagging)
	again.Suspect.Attempts, again.Suspect.Due = 1, t0.Add(time.Minute)
	a.store(again)
	due, err := s.DueSuspects(t.Context(), a.id, t0.Add(time.Minute), "", 10)
	noError(t, err, "reading suspects")
	if len(due) != 1 || due[0].Attempts != 1 {
		t.Errorf("waiting %+v", due)
	}
	overfill := verify.AuditFinding{Key: "1", Part: verify.LegacyPart, Kind: "overfill", Position: order.NoPosition, Detail: "d"}
	a.store(auditOutcome("1", t0, compare.Diverged, finding("1", "a"), finding("1", "b"), overfill), auditOutcome("2", t0, compare.Diverged, finding("2", "a")), auditOutcome("3", t0, compare.Unverified))
	if n, _, err := s.NextDue(t.Context(), a.id); n != 0 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	noError(t, s.FinishPass(t.Context(), a.held, a.id, verify.Result{Verdict: compare.Diverged}, t0), "ending the audit")
	passes, err := s.Passes(t.Context(), 1)
	noError(t, err, "reading passes")
	got, _ := passes[0].Scan.Facts.(verify.AuditFacts)
	want := "[{legacy overfill  1 1} {events event_missing lost_shadow_write 3 2}]"
	if got.Tally.Orders != 11 || got.Counted.Orders != 10 || fmt.Sprint(got.Found) != want {
		t.Errorf("facts %+v, want found %s", got, want)
	}
	tally, err := s.Tally(t.Context(), a.id)
	noError(t, err, "reading the tally")
	if tally.Diverged != 2 || tally.Unverified != 1 || tally.Match != 0 {
		t.Errorf("tally %+v", tally)
	}
	wantError(t, s.SettleAudit(t.Context(), lease.Lease{Job: a.held.Job, Token: a.held.Token + 1}, a.id, nil, verify.AuditFacts{}, t0), lease.ErrFenced, "settling without the lease")
}
