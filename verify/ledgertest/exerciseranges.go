package ledgertest

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// rangesGoOn stores ranges with their suspects, and lets another process go on with the pass.
func rangesGoOn(t *testing.T, s Store) {
	l := acquire(t, s, "full")
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Full, Trigger: "manual", Fingerprint: "f1", At: t0, Ranged: true})
	noError(t, err, "beginning a pass")
	first := verify.Range{Number: 1, KeyRange: verify.KeyRange{Below: "10"}, Found: verify.RangeFacts{
		Rows: verify.Rows{Legacy: 9, Projection: 8}, Counts: []verify.GroupCount{{Group: "OPEN", Legacy: 9, Projection: 8}},
		Strata: []verify.Stratum{{Group: "OPEN", Age: verify.Old, Orders: 9}}, Sides: verify.Covered{Compared: 9, NullKeys: 2},
		Events: &verify.RangeEvents{Covered: verify.Covered{Compared: 9, Left: 1, Widespread: []verify.Widespread{{Symptom: verify.Symptom{Kind: "differs", Field: "a"}, Share: 0.75}}}, Orders: 9},
	}}
	second := verify.Range{Number: 2, KeyRange: verify.KeyRange{From: "10", Below: "é"}}
	noError(t, s.AddRange(t.Context(), l, id, first, []verify.Suspect{suspect("1", t0)}), "storing a range")
	noError(t, s.AddRange(t.Context(), l, id, second, nil), "storing a range")
	again := first
	again.Found.Sides.NullKeys = 0
	noError(t, s.AddRange(t.Context(), l, id, again, []verify.Suspect{suspect("1", t0)}), "storing a range again")
	stored, err := s.Ranges(t.Context(), id)
	noError(t, err, "reading ranges")
	same(t, stored, []verify.Range{again, second}, "the ranges")
	same(t, len(dueKeys(t, s, id, t0.Add(time.Hour), 10)), 1, "the queue")

	left := suspect("11", t0)
	left.Range = 2
	add(t, s, l, id, left)
	due, err := s.DueSuspects(t.Context(), id, t0.Add(time.Hour), "11", 10)
	noError(t, err, "reading due suspects")
	if len(due) != 1 || due[0].Key() != "11" || due[0].Range != 2 {
		t.Errorf("a suspect of a range came back as %+v", due)
	}
	noError(t, s.DropRange(t.Context(), l, id, 2), "dropping the suspects of a range")
	same(t, dueKeys(t, s, id, t0.Add(time.Hour), 10), []order.Key{"1"}, "the queue without those of a range")

	same(t, len(abandoned(t, s)), 0, "abandoned passes of a process that lives")
	noError(t, s.Release(t.Context(), l), "releasing")
	wantError(t, s.AddRange(t.Context(), l, id, verify.Range{Number: 3, KeyRange: verify.KeyRange{From: "é"}}, nil), lease.ErrFenced, "a range of a process that lost its lease")
	found := abandoned(t, s)
	if len(found) != 1 || found[0].ID != id || found[0].State != verify.Scanning || !found[0].Ranged {
		t.Fatalf("abandoned are %+v", found)
	}
	other := acquire(t, s, "another job")
	noError(t, s.Adopt(t.Context(), other, id), "adopting")
	if err := s.Adopt(t.Context(), acquire(t, s, "a third job"), id); err == nil {
		t.Error("a pass has two owners")
	}
	last := verify.Range{Number: 3, KeyRange: verify.KeyRange{From: "é"}}
	noError(t, s.AddRange(t.Context(), other, id, last, nil), "storing a range of an adopted pass")
	stored, err = s.Ranges(t.Context(), id)
	noError(t, err, "reading ranges")
	same(t, stored, []verify.Range{again, second, last}, "the ranges of both processes")
}

func abandoned(t *testing.T, s Store) []verify.Pass {
	t.Helper()
	found, err := s.Abandoned(t.Context(), verify.Full)
	noError(t, err, "looking for abandoned passes")
	return found
}
