package ledgertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/lease/leasetest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// Exercise checks a ledger against the contracts of leases and of verify/ports.go. open returns an empty ledger.
func Exercise(t *testing.T, open func(t *testing.T) Store) {
	leasetest.Exercise(t, func(t *testing.T) lease.Store { return open(t) })
	for _, test := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"a pass comes back as it was written", passRoundTrip},
		{"a scheduled run has one pass", scheduledOnce},
		{"a pass without a whole scan is no match", matchNeedsScan},
		{"a pass with suspects waiting is no match", matchNeedsEmptyQueue},
		{"suspects come back as they were added", suspectRoundTrip},
		{"suspects are due in key order", dueOrder},
		{"suspects that are not final go back", requeue},
		{"the last of two suspects with one key counts if anything has moved", duplicateKeys},
		{"tallies count final outcomes", tallies},
		{"counts explain what was in flight", settledGroups},
		{"counts explain what agreed before its recheck", settledBeforeRecheck},
		{"an outcome without a mismatch is no divergence", divergedNeedsMismatch},
		{"a divergence opens, renews, resolves and returns", divergenceLife},
		{"each hop keeps its own divergence", eachHop},
		{"a hop is proven while another waits", hopBeforeOthers},
		{"values are exact, NULL and absent are told apart", exactValues},
		{"an older look does not resolve", olderLook},
		{"a pass reports what it saw, oldest first", passDivergences},
		{"a pass under another fingerprint resolves nothing", otherFingerprint},
		{"passes beside do not take findings from each other", concurrentPasses},
		{"keys of open divergences are paged", openKeys},
		{"earlier full passes are known", earlierPasses},
		{"changes without an event are known", unrecordedChanges},
		{"a delta goes on from a pass that judged everything", basePass},
		{"a stale token is refused by every write", staleToken},
		{"a lease does not write to another job's pass", foreignPass},
		{"an abandoned scan ends unverified", abandonedScan},
		{"an abandoned recheck is adopted", abandonedSettling},
		{"another process goes on with ranges", rangesGoOn},
		{"processes share ranges", rangesAreShared},
		{"findings of audits are opened, renewed and resolved", auditLife},
		{"looks at audited orders overrule older ones alone", auditLooks},
		{"orders with findings of audits are paged", auditKeys},
		{"an audit counts what it has found", auditCounts},
		{"another job adopts what is abandoned", adoptForeign},
		{"a missed run is recorded once", missedOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// t0 is when the tests' passes begin. It has a nanosecond, which the ledger cannot keep.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

const longTTL = time.Minute

func micros(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func acquire(t *testing.T, s Store, job string) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), job, "test", longTTL)
	noError(t, err, "acquiring")
	return l
}

func begin(t *testing.T, s Store, l lease.Lease, kind verify.PassKind) verify.PassID {
	t.Helper()
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: kind, Trigger: "manual", Fingerprint: "f1", At: t0})
	noError(t, err, "beginning a pass")
	return id
}

func start(t *testing.T, s Store) (lease.Lease, verify.PassID) {
	t.Helper()
	l := acquire(t, s, "full")
	return l, begin(t, s, l, verify.Full)
}

func add(t *testing.T, s Store, l lease.Lease, id verify.PassID, suspects ...verify.Suspect) {
	t.Helper()
	noError(t, s.AddSuspects(t.Context(), l, id, suspects), "adding suspects")
}

func settle(t *testing.T, s Store, l lease.Lease, id verify.PassID, at time.Time, outcomes ...verify.Outcome) {
	t.Helper()
	noError(t, s.Settle(t.Context(), l, id, outcomes, at), "settling")
}

func text(s string) *order.Value { return &order.Value{Text: s} }

// suspect differs in its status, and was looked at when it was seen.
func suspect(key order.Key, seen time.Time) verify.Suspect {
	return verify.Suspect{
		Observation: compare.Observation{
			Key: key, At: seen, LegacyState: "l1", ProjectionState: "p1",
			Mismatches: []compare.Mismatch{{
				Key: key, Kind: compare.Differs, Hop: order.LegacyToProjection,
				Fields:       []compare.FieldDifference{{Name: "status", Legacy: text("FILLED"), Projection: text("OPEN")}},
				LegacyCopies: 1, ProjectionCopies: 1,
			}},
			LegacyChangedAt: seen.Add(-time.Minute), ProjectionReached: seen.Add(-time.Second),
		},
		FirstSeen: seen, Due: seen.Add(30 * time.Second),
	}
}

func final(s verify.Suspect, v compare.Verdict) verify.Outcome {
	if v == compare.Match {
		s.Observation.Mismatches = nil
	}
	o := verify.Outcome{Suspect: s, Verdict: v, Final: true}
	if v == compare.Diverged {
		o.Diverged = s.Observation.Mismatches
	}
	return o
}

func noError(t *testing.T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func wantError(t *testing.T, err, want error, doing string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", doing, err, want)
	}
}

// same compares deeply. An empty slice equals a nil one. Times are equal only if they are in UTC, as the ledger returns
// them.
func same(t *testing.T, got, want any, what string) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	if g.Kind() == reflect.Slice && w.Kind() == reflect.Slice && g.Len() == 0 && w.Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, shown(got), shown(want))
	}
}

// shown prints what pointers point to as well.
func shown(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(b)
}

func openOnes(t *testing.T, s Store) []verify.Divergence {
	t.Helper()
	d, err := s.Divergences(t.Context(), verify.Open, 1000)
	noError(t, err, "reading open divergences")
	return d
}

func keysOf(found []verify.Divergence) []order.Key {
	keys := make([]order.Key, len(found))
	for i, d := range found {
		keys[i] = d.Mismatch.Key
	}
	return keys
}

func newest(t *testing.T, s Store) verify.Pass {
	t.Helper()
	passes, err := s.Passes(t.Context(), 1)
	noError(t, err, "reading passes")
	if len(passes) != 1 {
		t.Fatalf("got %d passes, want the newest one", len(passes))
	}
	return passes[0]
}

func passRoundTrip(t *testing.T, s Store) {
	l := acquire(t, s, "full")
	begun := verify.Start{Kind: verify.Full, Trigger: "schedule", ScheduledAt: t0.Add(-time.Second), Fingerprint: "f1", At: t0}
	id, err := s.BeginPass(t.Context(), l, begun)
	noError(t, err, "beginning")
	want := verify.Pass{
		ID: id, Pair: verify.MainPair, Kind: verify.Full, State: verify.Scanning, Trigger: "schedule",
		ScheduledAt: micros(begun.ScheduledAt), Fingerprint: "f1", StartedAt: micros(t0),
	}
	same(t, newest(t, s), want, "scanning")

	busy := throttle.State{Side: "legacy", Reason: throttle.TooBusy, Text: "14 active sessions on legacy, limit 12", Since: micros(t0.Add(time.Minute))}
	paced := throttle.State{Side: "projection", Reason: throttle.Paced, Text: "at most 7 rows", Since: micros(t0)}
	for _, want.Slowed = range [][]throttle.State{{busy, paced}, {paced}, nil, {busy}} {
		noError(t, s.Slowed(t.Context(), l, id, want.Slowed), "noting what slows it down")
		same(t, newest(t, s), want, "slowed down")
	}

	scan := verify.Scan{
		Compared: 9_200_001, Coverage: 0.1, Reason: "why", Mismatches: 2,
		Facts: verify.FullFacts{
			Rows:    verify.Rows{Legacy: 9_200_000, Projection: 9_199_999},
			Counts:  []verify.GroupCount{{Group: "", Legacy: 1, Projection: 2}, {Group: "FILLED", Legacy: 3}},
			Changes: verify.Changes{Recorded: 7, WithEvents: 6},
		},
	}
	noError(t, s.ScanDone(t.Context(), l, id, scan), "ending the scan")
	want.State, want.Scan, want.Slowed = verify.Settling, scan, nil
	same(t, newest(t, s), want, "settling")

	result := verify.Result{Verdict: compare.Diverged, Diverged: 1, Lagging: 2, Unverified: 3, Reason: "because"}
	noError(t, s.FinishPass(t.Context(), l, id, result, t0.Add(time.Hour)), "finishing")
	want.State, want.Result, want.FinishedAt = verify.Done, result, micros(t0.Add(time.Hour))
	same(t, newest(t, s), want, "done")
	if err := s.FinishPass(t.Context(), l, id, result, t0); err == nil {
		t.Error("a done pass was finished again")
	}
}

func scheduledOnce(t *testing.T, s Store) {
	l := acquire(t, s, "sampler")
	run := verify.Start{Kind: verify.Sample, Trigger: "schedule", ScheduledAt: t0, Fingerprint: "f1", At: t0}
	_, err := s.BeginPass(t.Context(), l, run)
	noError(t, err, "the first run")
	_, err = s.BeginPass(t.Context(), l, run)
	wantError(t, err, verify.ErrAlreadyRun, "the same run again")
	run.Kind = verify.Full
	_, err = s.BeginPass(t.Context(), l, run)
	noError(t, err, "another kind at the same time")
	begin(t, s, l, verify.Sample)
	begin(t, s, l, verify.Sample) // there may be any number of manual passes
}

func matchNeedsScan(t *testing.T, s Store) {
	l, id := start(t, s)
	if err := s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Match}, t0); err == nil {
		t.Error("a pass whose scan never ended became a match")
	}
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Unverified, Reason: "lost the database"}, t0),
		"ending it unverified")
}

func matchNeedsEmptyQueue(t *testing.T, s Store) {
	l, id := start(t, s)
	add(t, s, l, id, suspect("1", t0))
	noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{Coverage: 1}), "ending the scan")
	if err := s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Match}, t0); err == nil {
		t.Error("a pass with a suspect in the queue became a match")
	}
	n, _, err := s.NextDue(t.Context(), id)
	noError(t, err, "reading the queue")
	same(t, n, int64(1), "suspects after the refused end")
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Unverified}, t0), "ending it unverified")
	n, _, err = s.NextDue(t.Context(), id)
	noError(t, err, "reading the queue")
	same(t, n, int64(0), "suspects of a done pass")
	tally, err := s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{Unverified: 1}, "tally")
	same(t, newest(t, s).Result, verify.Result{Verdict: compare.Unverified, Unverified: 1}, "the result, which had forgotten the suspect")
}

func missedOnce(t *testing.T, s Store) {
	noError(t, s.Missed(t.Context(), verify.Full, t0, "nobody was there"), "recording")
	noError(t, s.Missed(t.Context(), verify.Full, t0, "nobody was there"), "recording again")
	passes, err := s.Passes(t.Context(), 10)
	noError(t, err, "reading passes")
	if len(passes) != 1 || passes[0].State != verify.Done || passes[0].Result.Verdict != compare.Unverified ||
		passes[0].Result.Reason != "nobody was there" || !passes[0].ScheduledAt.Equal(micros(t0)) {
		t.Errorf("got %+v, want one unverified pass with the reason", passes)
	}
	_, err = s.BeginPass(t.Context(), acquire(t, s, "full"),
		verify.Start{Kind: verify.Full, Trigger: "schedule", ScheduledAt: t0, At: t0})
	wantError(t, err, verify.ErrAlreadyRun, "running what was recorded as missed")
}

// dueKeys reads all that is due, in pages.
func dueKeys(t *testing.T, s Store, id verify.PassID, at time.Time, limit int) []order.Key {
	t.Helper()
	due, err := s.DueSuspects(t.Context(), id, at, "", limit)
	noError(t, err, "reading due suspects")
	keys := make([]order.Key, len(due))
	for i, d := range due {
		keys[i] = d.Key()
	}
	if !slices.IsSorted(keys) {
		t.Errorf("due suspects are not in key order: %v", keys)
	}
	return keys
}
