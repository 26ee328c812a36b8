package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
)

// goes writes the journal of a run: its preflight under a fingerprint, and then one outcome after another.
func goes(t *testing.T, l *ledger.Ledger, held lease.Lease, run string, outcomes ...cutover.Outcome) {
	t.Helper()
	s := cutover.Start("")
	for i, o := range outcomes {
		r := cutover.Record{Run: run, Seq: s.Seq, Action: s.Action()}
		for _, r.Outcome = range []cutover.Outcome{"", o} {
			if r.Outcome == "" && o == cutover.Abort {
				continue // it was not begun
			}
			if i == 0 && r.Outcome != "" {
				r.Positions = map[string]string{"fingerprint": "now"}
			}
			if _, err := l.Append(t.Context(), held, r); err != nil {
				t.Fatal(err)
			}
		}
		s, _ = cutover.Next(s, cutover.Observation{Seq: s.Seq, Outcome: o})
	}
}

func TestRehearsalsAreEvidence(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := acquire(t, l, "cutover")
	evidence := func(fingerprint string) *gate.RehearsalEvidence {
		t.Helper()
		e, err := l.Evidence(t.Context(), fingerprint, time.Now(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return e.Rehearsals
	}
	const done, abort = cutover.Done, cutover.Abort
	if e := evidence("now"); e != nil {
		t.Errorf("before any: %+v", e)
	}
	goes(t, l, held, "a-rehearsal-1", done, done, done, done, done, abort, done, done)
	goes(t, l, held, "a-rehearsal-2", done, abort)                                  // nothing was closed
	goes(t, l, held, "a-3", done, done, done, done, done, abort, done, done)        // no rehearsal
	goes(t, l, held, "a-rehearsal-4", done, done, done, done, cutover.Failed, done) // a difference in the window
	if e := evidence("other"); e != nil {
		t.Errorf("under another fingerprint: %+v", e)
	}
	e := evidence("now")
	if e == nil || len(e.Cutovers) != 2 || len(e.Rollbacks) != 2 {
		t.Fatalf("two were rehearsed: %+v", e)
	}
	for i, forward := range []bool{false, true} { // the newest first
		if e.Cutovers[i].OK != forward || !e.Rollbacks[i].OK || e.Rollbacks[i].Took <= 0 || e.Cutovers[i].At.IsZero() {
			t.Errorf("rehearsal %d: %+v, %+v", i, e.Cutovers[i], e.Rollbacks[i])
		}
	}
}

// TestApprovalsAreLinksOfTheChain, and no decisions.
func TestApprovalsAreLinksOfTheChain(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	until := time.Now().Add(time.Hour)
	approve := func() (gate.Approval, error) {
		return l.Approve(t.Context(), gate.Approval{Who: "bea", OSUser: "ops@desk", Ticket: "OPS-1", Cutover: "a section", Until: until})
	}
	if _, err := approve(); !errors.Is(err, ledger.ErrNotGo) {
		t.Errorf("without a decision: %v", err)
	}
	record(t, l, gate.NoGo)
	if _, err := approve(); !errors.Is(err, ledger.ErrNotGo) {
		t.Errorf("of a NO-GO: %v", err)
	}
	decided := record(t, l, gate.Go)
	first, err := approve()
	if err != nil || first.OSUser != "ops@desk" || first.Decision != decided.Seq || first.Seq != decided.Seq+1 || first.Fingerprint != "now" {
		t.Fatalf("%+v, %v", first, err)
	}
	if read, err := l.Approval(t.Context()); err != nil || read != first {
		t.Errorf("%+v is read as %+v, %v", first, read, err)
	}
	_, flipped, err := l.RecordFlip(t.Context(), "run", gate.Decision{Decision: gate.Go, At: t0, Fingerprint: "now"}, gate.Evidence{})
	if err != nil || flipped {
		t.Errorf("an approval counts as another decision: %v", err)
	}
	second, err := approve() // of the decision, and not of the approval
	if err != nil || second.Decision != decided.Seq {
		t.Errorf("%+v, %v", second, err)
	}
	for of, want := range map[int64]error{decided.Seq: nil, decided.Seq - 1: ledger.ErrOtherDecision, second.Seq: ledger.ErrOtherDecision} {
		if _, err := l.Approve(t.Context(), gate.Approval{Who: "bea", Ticket: "OPS-1", Decision: of, Until: until}); !errors.Is(err, want) {
			t.Errorf("decision %d: %v, want %v", of, err, want)
		}
	}
	last := record(t, l, gate.NoGo)
	same(t, chain(t, l, first.Hash), ledger.Chain{Length: last.Seq, Head: last.Hash, HeadFound: true}, "the chain from the approval")
	if _, err := approve(); !errors.Is(err, ledger.ErrNotGo) {
		t.Errorf("after a NO-GO: %v", err)
	}
}

func TestRequestsReachWhoeverDrives(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	asked := func(above int64, want cutover.Outcome) int64 {
		t.Helper()
		got, newest, err := l.Asked(t.Context(), "a-1", above)
		if err != nil || got != want {
			t.Errorf("above %d: %q, %v; want %q", above, got, err, want)
		}
		return newest
	}
	asked(0, "")
	for _, run := range []string{"a-1", "a-2"} {
		if _, err := l.Ask(t.Context(), run, cutover.Abort, "adam"); err != nil {
			t.Fatal(err)
		}
	}
	newest := asked(0, cutover.Abort)
	if again := asked(newest, ""); again != newest {
		t.Errorf("the number went from %d to %d", newest, again)
	}
}
