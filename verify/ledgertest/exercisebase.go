package ledgertest

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// ended is a pass that has ended, and what it says about the orders.
type ended struct {
	kind        verify.PassKind
	fingerprint string
	verdict     compare.Verdict
	coverage    float64
	marks       *verify.Marks
	outcomes    []verify.Outcome
}

func (e ended) in(t *testing.T, s Store, l lease.Lease) verify.PassID {
	t.Helper()
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: e.kind, Trigger: "manual", Fingerprint: e.fingerprint, At: t0})
	noError(t, err, "beginning a pass")
	facts := verify.Facts(verify.FullFacts{Marks: e.marks})
	if e.kind == verify.Delta {
		facts = verify.DeltaFacts{Marks: e.marks}
	}
	noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{Compared: 1, Coverage: e.coverage, Facts: facts}), "ending the scan")
	settle(t, s, l, id, t0, e.outcomes...)
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: e.verdict}, t0.Add(time.Minute)), "finishing")
	return id
}

// basePass: a delta goes on from the newest pass that judged every order, and of these from one with marks.
func basePass(t *testing.T, s Store) {
	l := acquire(t, s, "full")
	is := func(want verify.PassID, when string) {
		t.Helper()
		p, err := s.Base(t.Context(), "f1")
		noError(t, err, "looking for the base")
		if p.ID != want {
			t.Errorf("%s: the base is pass %d, want %d", when, p.ID, want)
		}
	}
	marks := &verify.Marks{At: micros(t0), Legacy: verify.Mark{Oldest: 7}}
	is(0, "without a pass")
	noError(t, s.Missed(t.Context(), verify.Full, t0, "nobody was there"), "recording")
	ended{verify.Full, "f2", compare.Match, 1, marks, nil}.in(t, s, l)
	is(0, "with passes of others")
	is(ended{verify.Full, "f1", compare.Match, 1, nil, nil}.in(t, s, l), "with a pass without marks")
	diverged := []verify.Outcome{final(suspect("1", t0), compare.Diverged)}
	base := ended{verify.Full, "f1", compare.Diverged, 1, marks, diverged}.in(t, s, l)
	is(base, "with a divergence")
	ended{verify.Full, "f1", compare.Match, 1, nil, nil}.in(t, s, l)
	is(base, "with a newer pass without marks")
	half := final(suspect("2", t0), compare.Diverged)
	half.Unproven = true
	for name, e := range map[string]ended{
		"an order that could not be judged":                {verify.Delta, "f1", compare.Unverified, 1, marks, []verify.Outcome{final(suspect("2", t0), compare.Unverified)}},
		"an order that could not be judged beside another": {verify.Delta, "f1", compare.Diverged, 1, marks, []verify.Outcome{final(suspect("2", t0), compare.Unverified), diverged[0]}},
		"a hop that could not be judged":                   {verify.Delta, "f1", compare.Diverged, 1, marks, []verify.Outcome{half}},
		"orders left out":                                  {verify.Delta, "f1", compare.Diverged, 0.9, marks, diverged},
	} {
		e.in(t, s, l)
		is(base, "after a pass with "+name)
	}
	is(ended{verify.Delta, "f1", compare.Diverged, 1, marks, diverged}.in(t, s, l), "with a delta")
	p, err := s.Base(t.Context(), "f1")
	noError(t, err, "looking for the base")
	same(t, p.Scan.Facts, verify.Facts(verify.DeltaFacts{Marks: marks}), "facts of the base")
}
