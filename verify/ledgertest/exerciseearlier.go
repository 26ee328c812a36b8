package ledgertest

import (
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
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

// unrecordedChanges are known until a pass that counted changes of all its orders finds their events.
func unrecordedChanges(t *testing.T, s Store) {
	l := acquire(t, s, "sample")
	counts := func(fingerprint string, coverage float64, recorded int64, without ...order.Key) {
		t.Helper()
		c := verify.Changes{Recorded: recorded, WithEvents: recorded - int64(len(without))}
		for _, k := range without {
			c.Without = append(c.Without, verify.Unrecorded{Key: k, Changes: 1})
		}
		id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Sample, Trigger: "manual", Fingerprint: fingerprint, At: t0})
		noError(t, err, "beginning a pass")
		noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{Compared: 1, Coverage: coverage, Facts: verify.SampleFacts{Changes: c}}), "ending the scan")
		noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Unverified}, t0), "finishing")
	}
	want := func(when string, keys ...order.Key) {
		t.Helper()
		got, err := s.Unrecorded(t.Context(), begin(t, s, l, verify.Sample))
		noError(t, err, "reading changes without an event")
		if !slices.Equal(got, keys) {
			t.Errorf("%s: %v, want %v", when, got, keys)
		}
	}
	fingerprint := "f1"
	want("at first")
	counts(fingerprint, 1, 9, "b", "a")
	counts("f2", 1, 9, "x")
	want("after a pass that found two", "a", "b")
	counts(fingerprint, 1, 0)
	want("after one that counted no change", "a", "b")
	counts(fingerprint, 0.5, 9, "B", "a")
	want("after one that broke off", "B", "a", "b")
	counts(fingerprint, 1, 9, "c")
	want("after one that found another", "c")
	counts(fingerprint, 1, 9)
	want("after one that found all events")
}
