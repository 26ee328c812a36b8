package verify_test

import (
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestKeysAreOfBothSides: phantoms and missing orders are asked about too, each order once, and nothing is stored.
func TestKeysAreOfBothSides(t *testing.T) {
	t.Parallel()
	all := dense(300)
	w := newWorld(t, all[:200], all[100:])
	keys, refused, err := w.Keys(t.Context(), 400)
	if err != nil || refused != "" {
		t.Fatalf("%q, %v", refused, err)
	}
	slices.Sort(keys)
	if n := len(slices.Compact(slices.Clone(keys))); n != 300 || len(keys) != 300 {
		t.Errorf("%d keys, %d of them different", len(keys), n)
	}
	keys, _, err = w.Keys(t.Context(), 50)
	phantoms := slices.ContainsFunc(keys, func(k order.Key) bool { return len(k) == 3 && k > "200" })
	if err != nil || len(keys) < 45 || len(keys) > 50 || !phantoms || slices.IsSorted(keys) {
		t.Errorf("%d keys: %v, %v", len(keys), keys, err)
	}
	empty := newWorld(t, nil, nil)
	if keys, refused, err = empty.Keys(t.Context(), 5); len(keys) != 0 || refused != "both sides are empty" || err != nil {
		t.Errorf("of nothing: %v, %q, %v", keys, refused, err)
	}
}

func TestTheVerdictOfReads(t *testing.T) {
	for _, c := range []struct {
		facts  verify.ReadsFacts
		want   compare.Verdict
		reason string
	}{
		{asked(verify.ReadQuery{Questions: 9, Agreed: 9}), compare.Match, ""},
		{asked(verify.ReadQuery{Questions: 9, Agreed: 7, Differing: 1, Failed: 1}), compare.Diverged, "1 answer differs"},
		{asked(verify.ReadQuery{Name: "q", Questions: 9, Agreed: 7, Failed: 1, Unasked: 1, Failure: "503"}), compare.Unverified, "2 questions were not answered: q: 503"},
		{asked(verify.ReadQuery{Questions: 9, Agreed: 8, Moving: 1}), compare.Unverified, "1 answer did not hold still long enough to be judged"},
		{verify.ReadsFacts{Refused: "both sides are empty"}, compare.Unverified, "nothing was asked: both sides are empty"},
		{verify.ReadsFacts{}, compare.Unverified, "nothing was asked: there is no order"},
	} {
		if r := c.facts.Result(); r.Verdict != c.want || r.Reason != c.reason {
			t.Errorf("%+v: %s, %q", c.facts, r.Verdict, r.Reason)
		}
	}
}

func asked(q verify.ReadQuery) verify.ReadsFacts {
	return verify.ReadsFacts{Queries: []verify.ReadQuery{q}}
}

// TestAReadsPassIsConcludedByItsFacts if its process ended just before it was: it has no suspects in the ledger that say so.
func TestAReadsPassIsConcludedByItsFacts(t *testing.T) {
	t.Parallel()
	for facts, want := range map[*verify.ReadsFacts]compare.Verdict{
		new(asked(verify.ReadQuery{Questions: 9, Agreed: 8, Differing: 1})): compare.Diverged,
		nil: compare.Unverified, // of a version that this one cannot read
	} {
		w := newWorld(t, nil, nil)
		s := w.start()
		s.Kind = verify.Reads
		id, err := w.store.BeginPass(t.Context(), w.lease, s)
		if err != nil {
			t.Fatal(err)
		}
		scan := verify.Scan{Compared: 9, Coverage: 1}
		if facts != nil {
			scan.Facts = *facts
		}
		if err := w.store.ScanDone(t.Context(), w.lease, id, scan); err != nil {
			t.Fatal(err)
		}
		pass, err := w.Resume(t.Context(), w.lease, verify.Pass{ID: id, Kind: verify.Reads, State: verify.Settling, Scan: scan})
		if err != nil || pass.Result.Verdict != want {
			t.Errorf("%s, %v, want %s", pass.Result.Verdict, err, want)
		}
	}
}
