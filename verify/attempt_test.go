package verify_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestARangeThatIsReadAgainCountsAnew: suspects of the first attempt were stored, and are repaired before the second.
func TestARangeThatIsReadAgainCountsAnew(t *testing.T) {
	legacy, projection := table(dense(6000)), table(dense(6000))
	legacy.GroupBy, projection.GroupBy = "status", "status"
	for i := range 2900 {
		projection.Rows[i] = row(int64(i+1), "FILLED", "1")
	}
	w := worldOf(t, legacy, projection).inRanges()
	w.GroupBy, w.Passes = "status", func(err error) bool { return errors.Is(err, errAway) }
	w.FirstRange(6000)
	var found atomic.Int64
	var away atomic.Bool
	w.OnMismatch = func(compare.Mismatch) { found.Add(1) }
	w.projection.Before = func(string) error {
		if found.Load() < 2600 || away.Swap(true) {
			return nil
		}
		w.projection.Put(legacy.Rows[0])
		return errAway
	}
	pass := w.stored(w.must(w.full(t.Context())).ID)
	want := []verify.GroupCount{{Group: "FILLED", Projection: 2899}, {Group: "OPEN", Legacy: 6000, Projection: 3101}}
	if diff := cmp.Diff(want, pass.Scan.Facts.(verify.FullFacts).Counts); diff != "" || !away.Load() || pass.Result.Diverged != 2899 {
		t.Errorf("%+v; rows were counted (-want +got): %s", pass.Result, diff)
	}
}

// watched calls a function before a range is stored.
type watched struct {
	verify.Ledger
	store func(verify.Range)
}

func (w watched) AddRange(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Range, s []verify.Suspect) error {
	w.store(r)
	return w.Ledger.AddRange(ctx, l, id, r, s)
}

// TestASecondLookTakesPieces has a side that becomes slow when ranges that were left are read order by order.
func TestASecondLookTakesPieces(t *testing.T) {
	wrong := dense(6000)
	for i := 4000; i < len(wrong); i++ {
		wrong[i].Values = []order.Value{wrong[i].Values[0], {Text: "0.5"}}
	}
	w := newWorld(t, dense(6000), wrong).inRanges()
	w.FirstRange(300)
	side := &slow{w.projection, 6000}
	w.Projection, w.MaxSnapshot = side, 3*time.Second
	w.Ledger = watched{w.store, func(r verify.Range) {
		if r.Below == "" {
			side.most = 100
		}
	}}
	pass := w.must(w.full(t.Context()))
	facts := pass.Scan.Facts.(verify.FullFacts)
	if pass.Scan.Coverage != 1 || pass.Result.Diverged != 2000 || pass.Scan.Compared != 6000 || pass.Scan.Mismatches != 2000 || facts.Legacy != 6000 {
		t.Errorf("%+v, %+v", pass.Result, pass.Scan)
	}
}

// TestAStandbyThatAlwaysCancelsIsGivenUp, whatever it cancels. The next process would meet the same.
func TestAStandbyThatAlwaysCancelsIsGivenUp(t *testing.T) {
	for _, read := range []string{"extent", "digests", "rows"} {
		w := newWorld(t, dense(100), dense(100)).inRanges()
		w.projection.Put(row(5, "FILLED", "1"))
		w.must(w.sample(t.Context(), 100))
		w.Passes = func(err error) bool { return errors.Is(err, errCancelled) }
		w.Conflict, w.Lost = w.Passes, w.Passes
		w.projection.Before = func(r string) error {
			if r == read {
				return errCancelled
			}
			return nil
		}
		pass, err := w.full(t.Context())
		if !errors.Is(err, verify.ErrConflicts) || pass.State != verify.Done || pass.Result.Verdict != compare.Unverified {
			t.Errorf("%s: %v: %s, %+v", read, err, pass.State, pass.Result)
		}
	}
}

// TestARangedPassLeavesMarks of its first snapshot, also if another process ends it. A change of an order in a range that was read
// before is found by the next delta.
func TestARangedPassLeavesMarks(t *testing.T) {
	for _, killed := range []bool{false, true} {
		w := newWorld(t, dense(100), dense(100)).inRanges()
		began := w.now
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		stored := 0
		w.Ledger = watched{w.store, func(verify.Range) {
			if stored++; stored != 4 {
				return
			}
			w.legacy.Put(row(1, "FILLED", "1"))
			w.now = w.now.Add(time.Minute)
			if killed {
				kill()
			}
		}}
		pass, err := w.full(ctx)
		if killed {
			w.Ledger = w.store
			if err := w.store.Release(t.Context(), w.lease); err != nil {
				t.Fatal(err)
			}
			w.lease = w.acquire()
			if err := w.store.Adopt(t.Context(), w.lease, pass.ID); err != nil {
				t.Fatal(err)
			}
			pass, err = w.Resume(t.Context(), w.lease, w.stored(pass.ID))
		}
		if err != nil {
			t.Fatal(err)
		}
		pass = w.stored(pass.ID)
		facts := pass.Scan.Facts.(verify.FullFacts)
		if facts.Marks == nil || !facts.Marks.At.Equal(began) || !pass.Scan.Through.Equal(began) || pass.Result.Verdict != compare.Match {
			t.Errorf("killed %t: %+v, through %s, marks %+v", killed, pass.Result, pass.Scan.Through, facts.Marks)
		}
		if delta := w.must(w.delta(t.Context())); delta.Kind != verify.Delta || w.open() != "1 differs status filled" {
			t.Errorf("killed %t: a %s pass, open is %q", killed, delta.Kind, w.open())
		}
	}
}

// standby shows an earlier state of a side from a moment on.
type standby struct {
	*sourcetest.Fake
	from *atomic.Bool
}

func (s standby) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := s.Fake.Begin(ctx)
	if err != nil || !s.from.Load() {
		return n, err
	}
	return standbySnapshot{n, n.(verify.Tracked)}, nil
}

type standbySnapshot struct {
	verify.Snapshot
	verify.Tracked
}

func (s standbySnapshot) Mark(ctx context.Context) (verify.Mark, error) {
	m, err := s.Tracked.Mark(ctx)
	m.Oldest--
	return m, err
}

// TestARangeOfAServerThatIsBehindTakesTheMarks and the time up to which everything was verified, since it may lack what came before.
func TestARangeOfAServerThatIsBehindTakesTheMarks(t *testing.T) {
	for _, shared := range []bool{false, true} {
		w := newWorld(t, dense(300), dense(300)).inRanges()
		var behind atomic.Bool
		w.Legacy = standby{w.legacy, &behind}
		if shared {
			w.sharedBy("a")
			work := w.meanwhile
			w.meanwhile = func(wait int) { // only the other process meets it
				behind.Store(true)
				work(wait)
				behind.Store(false)
			}
		} else {
			w.Ledger = watched{w.store, func(r verify.Range) { behind.Store(r.Number == 2) }}
		}
		pass := w.must(w.full(t.Context()))
		kept := pass.Scan.Facts.(verify.FullFacts).Marks != nil && !pass.Scan.Through.IsZero()
		if pass.Result.Verdict != compare.Match || kept != shared {
			t.Errorf("shared %t: %+v, marks and time kept: %t", shared, pass.Result, kept)
		}
		if by := w.workers(pass.ID); by["a"] > 0 {
			t.Errorf("compared by %v", by)
		}
	}
}
