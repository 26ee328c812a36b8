package ledgertest

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// earlierPasses is what decides how a full pass compares.
func earlierPasses(t *testing.T, s Store) {
	l := acquire(t, s, "full")
	counted := verify.FullFacts{Counts: []verify.GroupCount{{Group: "OPEN", Legacy: 1, Projection: 1}}}
	byNumber := verify.FullFacts{Plan: verify.ByNumber, Events: &verify.EventsFacts{Plan: verify.ByBoth, Orders: 1}}
	first := fullAt(t, s, l, "f1", t0, counted, compare.Match)
	second := fullAt(t, s, l, "f1", t0.Add(time.Hour), byNumber, compare.Match)
	fullAt(t, s, l, "f2", t0.Add(2*time.Hour), counted, compare.Diverged)
	begin(t, s, l, verify.Sample)
	noError(t, s.Missed(t.Context(), verify.Full, t0, "nobody was there"), "recording")
	e, err := s.Earlier(t.Context(), begin(t, s, l, verify.Full))
	noError(t, err, "reading earlier passes")
	if e.Last == nil || e.Last.ID != second || e.Last.Result.Verdict != compare.Match {
		t.Fatalf("the last pass is %+v, not %d", e.Last, second)
	}
	if facts := e.Last.Scan.Facts.(verify.FullFacts); facts.Plan != verify.ByNumber || facts.Events.Plan != verify.ByBoth {
		t.Errorf("its plans are %+v", facts)
	}
	if !e.Counted.Equal(micros(t0)) {
		t.Errorf("counted at %s, by pass %d at %s", e.Counted, first, t0)
	}
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Full, Trigger: "manual", Fingerprint: "f3", At: t0})
	noError(t, err, "beginning a pass")
	if e, err := s.Earlier(t.Context(), id); err != nil || e != (verify.Earlier{}) {
		t.Errorf("before the first pass: %+v, %v", e, err)
	}
}

func fullAt(t *testing.T, s Store, l lease.Lease, fingerprint string, at time.Time, facts verify.FullFacts, v compare.Verdict) verify.PassID {
	t.Helper()
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Full, Trigger: "manual", Fingerprint: fingerprint, At: at})
	noError(t, err, "beginning a pass")
	noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{Compared: 1, Coverage: 1, Facts: facts}), "ending the scan")
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: v}, at), "finishing")
	return id
}
