package ledgertest

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// rangesAreShared lets others store the ranges of a pass, each once.
func rangesAreShared(t *testing.T, s Store) {
	l := acquire(t, s, "full")
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Full, Trigger: "manual", Fingerprint: "f1", At: t0, Ranged: true})
	noError(t, err, "beginning a pass")
	noError(t, s.AddRange(t.Context(), l, id, verify.Range{Number: 1, KeyRange: verify.KeyRange{Below: "10"}}, nil), "storing a range")
	planned := func(number int, from, below order.Key) verify.Planned {
		return verify.Planned{Number: number, KeyRange: verify.KeyRange{From: from, Below: below}}
	}
	wantLeft := func(all int, want ...verify.Planned) {
		t.Helper()
		left, n, err := s.Planned(t.Context(), id)
		noError(t, err, "reading the plan")
		same(t, left, want, "the ranges that are left")
		same(t, n, all, "how many were planned")
	}
	wantLeft(0)
	noError(t, s.Plan(t.Context(), l, id, []verify.Planned{planned(2, "10", "20"), planned(3, "20", "é"), planned(4, "é", "")}), "planning")
	wantLeft(3, planned(2, "10", "20"), planned(3, "20", "é"), planned(4, "é", ""))

	pass, lent, err := s.Lent(t.Context(), id)
	noError(t, err, "borrowing the lease")
	same(t, lent, l, "the lease")
	same(t, pass.Fingerprint, "f1", "the fingerprint")
	store := func(r verify.Planned, worker string, want bool, suspects ...verify.Suspect) {
		t.Helper()
		first, err := s.AddPlanned(t.Context(), lent, id, verify.Range{Number: r.Number, KeyRange: r.KeyRange, Worker: worker}, suspects)
		noError(t, err, "storing a planned range")
		same(t, first, want, "who stored it")
	}
	store(planned(3, "20", "é"), "a", true, suspect("25", t0))
	store(planned(3, "20", "é"), "b", false, suspect("26", t0))
	store(planned(7, "20", "é"), "b", false, suspect("27", t0))
	same(t, len(dueKeys(t, s, id, t0.Add(time.Hour), 10)), 1, "the queue")
	wantLeft(3, planned(2, "10", "20"), planned(4, "é", ""))

	numbers, err := s.Split(t.Context(), lent, id, planned(4, "é", ""), []order.Key{"ê", "ë"})
	noError(t, err, "splitting")
	same(t, numbers, []int{5, 6}, "the new ranges")
	for _, other := range []verify.Planned{planned(4, "é", ""), planned(3, "20", "é"), planned(9, "é", "ê")} {
		numbers, err = s.Split(t.Context(), lent, id, other, []order.Key{"êê"})
		noError(t, err, "splitting what has changed")
		same(t, len(numbers), 0, "new ranges of what has changed")
	}
	store(planned(4, "é", ""), "b", false)
	wantLeft(5, planned(2, "10", "20"), planned(4, "é", "ê"), planned(5, "ê", "ë"), planned(6, "ë", ""))
	ranges, err := s.Ranges(t.Context(), id)
	noError(t, err, "reading ranges")
	same(t, ranges, []verify.Range{{Number: 1, KeyRange: verify.KeyRange{Below: "10"}}, {Number: 3, KeyRange: verify.KeyRange{From: "20", Below: "é"}, Worker: "a"}}, "the ranges")

	noError(t, s.Release(t.Context(), l), "releasing")
	_, _, err = s.Lent(t.Context(), id)
	wantError(t, err, lease.ErrFenced, "borrowing from a process that is gone")
	_, err = s.AddPlanned(t.Context(), lent, id, verify.Range{Number: 2, KeyRange: verify.KeyRange{From: "10", Below: "20"}}, nil)
	wantError(t, err, lease.ErrFenced, "a range for a process that is gone")
	_, err = s.Split(t.Context(), lent, id, planned(2, "10", "20"), []order.Key{"15"})
	wantError(t, err, lease.ErrFenced, "splitting for a process that is gone")
	wantError(t, s.Plan(t.Context(), lent, id, nil), lease.ErrFenced, "planning of a process that is gone")

	next := acquire(t, s, "next")
	noError(t, s.Adopt(t.Context(), next, id), "adopting")
	_, lent, err = s.Lent(t.Context(), id)
	noError(t, err, "borrowing from the next")
	same(t, lent, next, "the next lease")
	store(planned(2, "10", "20"), "b", true)
	noError(t, s.ScanDone(t.Context(), next, id, verify.Scan{}), "ending the scan")
	_, _, err = s.Lent(t.Context(), id)
	wantError(t, err, verify.ErrNotScanning, "borrowing after the scan")
	noError(t, s.FinishPass(t.Context(), next, id, verify.Result{Verdict: compare.Unverified}, t0), "finishing")
	_, _, err = s.Lent(t.Context(), id)
	wantError(t, err, verify.ErrNotScanning, "borrowing after the pass")
}
