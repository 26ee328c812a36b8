package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/verify"
)

func (w *world) delta(ctx context.Context) (verify.Pass, error) {
	return w.Delta(ctx, w.lease, w.start())
}

// TestDeltaExtendsTheLastPass, also if it has found a divergence.
func TestDeltaExtendsTheLastPass(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	first := w.must(w.delta(t.Context()))
	if first.Kind != verify.Full || first.Scan.Facts.(verify.FullFacts).Instead == "" || first.Proof().Full != first.ID {
		t.Fatalf("without a clean pass, the delta is %+v", first)
	}
	began := w.now
	w.now = w.now.Add(time.Hour)
	w.legacy.Put(row(5, "FILLED", "7"))
	bad := w.must(w.delta(t.Context()))
	if bad.Kind != verify.Delta || bad.Result.Verdict != compare.Diverged || bad.Scan.Compared != 1 || bad.Proof() != (verify.Proof{}) {
		t.Errorf("a pass with a divergence ended %+v", bad)
	}
	w.now = w.now.Add(time.Hour)
	w.projection.Put(row(5, "FILLED", "7"))
	through := w.now
	good := w.stored(w.must(w.delta(t.Context())).ID)
	want := verify.Proof{Through: through, Full: first.ID, FullAt: began}
	if good.Kind != verify.Delta || good.Proof() != want || good.Scan.Facts.(verify.DeltaFacts).Since != bad.ID || w.open() != "" {
		t.Errorf("the pass ended %+v with %+v, and %q is open", good, good.Proof(), w.open())
	}
}

// TestDeltaFindsAPhantom: no other pass has looked at an order that only the projection has.
func TestDeltaFindsAPhantom(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	w.must(w.full(t.Context()))
	w.now = w.now.Add(time.Hour)
	w.projection.Put(row(101, "OPEN", "7"))
	if pass := w.must(w.delta(t.Context())); pass.Kind != verify.Delta || pass.Result.Verdict != compare.Diverged || w.open() == "" {
		t.Errorf("a phantom ended %+v, and %q is open", pass, w.open())
	}
}

// TestDeltaReadsNoStaleStandby, like all other passes.
func TestDeltaReadsNoStaleStandby(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	w.must(w.full(t.Context()))
	w.now = w.now.Add(time.Hour)
	w.legacy.At = verify.Position{Standby: true, Stopped: "replay is paused"}
	if pass, err := w.delta(t.Context()); !errors.Is(err, verify.ErrStale) || pass.Result.Verdict != compare.Unverified {
		t.Errorf("%v: %+v", err, pass.Result)
	}
}

// TestDeltaDoesNotWaitForLag, because agreement is final at any time. A divergence is proven only after the window.
func TestDeltaDoesNotWaitForLag(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newWorld(t, dense(100), dense(100))
		w.must(w.full(t.Context()))
		w.now = w.now.Add(time.Hour)
		for key := range int64(3) {
			w.legacy.Put(row(key+1, "FILLED", "7"))
		}
		w.meanwhile = func(wait int) {
			switch { // the orders move at more looks than Rechecks
			case wait <= 2:
				w.legacy.Put(row(1, "FILLED", strings.Repeat("8", wait)))
				w.projection.Put(row(2, "FILLED", "7"))
			case wait == 3:
				w.projection.Put(row(3, "FILLED", "7"))
			case wait == 4 && !late:
				w.projection.Put(row(1, "FILLED", "88"))
			}
		}
		began := w.now
		pass := w.must(w.delta(t.Context()))
		took := w.now.Sub(began)
		switch {
		case !late && (pass.Result.Verdict != compare.Match || took > 10*time.Second):
			t.Errorf("with lag that ends, the pass ended %+v after %s", pass.Result, took)
		case late && (pass.Result.Verdict != compare.Diverged || pass.Result.Diverged != 1 || took < 30*time.Second || took > 70*time.Second):
			t.Errorf("with a difference that stays, the pass ended %+v after %s", pass.Result, took)
		}
	}
}

func TestDeltaOfEmptySidesProvesNothing(t *testing.T) {
	w := newWorld(t, dense(2), dense(2))
	w.must(w.full(t.Context()))
	w.legacy.Delete("1")
	w.legacy.Delete("2")
	w.projection.Delete("1")
	w.projection.Delete("2")
	if pass := w.must(w.delta(t.Context())); pass.Result.Verdict != compare.Unverified {
		t.Errorf("the pass ended %+v", pass.Result)
	}
}

func TestDeltaThatCannotReadIsUnverified(t *testing.T) {
	w := newWorld(t, dense(10), dense(10))
	w.must(w.full(t.Context()))
	broken := errors.New("broken")
	w.projection.Before = func(read string) error {
		if read == "written" {
			return broken
		}
		return nil
	}
	pass, err := w.delta(t.Context())
	if !errors.Is(err, broken) || pass.Kind != verify.Delta || w.stored(pass.ID).Result.Verdict != compare.Unverified {
		t.Errorf("the pass ended %+v with %v", pass, err)
	}
}

// TestDeltaLooksAtOpenDivergences that no write has touched since.
func TestDeltaLooksAtOpenDivergences(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	w.must(w.full(t.Context()))
	w.legacy.Put(row(5, "FILLED", "7"))
	w.must(w.sample(t.Context(), 100))
	if w.open() != "5 differs filled status" && w.open() != "5 differs status filled" {
		t.Fatalf("open is %q", w.open())
	}
	w.projection.Put(row(5, "FILLED", "7"))
	if pass := w.must(w.delta(t.Context())); pass.Result.Verdict != compare.Match || w.open() != "" {
		t.Errorf("the pass ended %+v, and %q is open", pass.Result, w.open())
	}
}

// TestDeltaStartsAgainIfAStandbyCancelsIt, while it looks for what was written and while it compares.
func TestDeltaStartsAgainIfAStandbyCancelsIt(t *testing.T) {
	for _, read := range []string{"mark", "written", "rows"} {
		for _, times := range []int{1, 4, 5} {
			w := newWorld(t, dense(100), dense(100))
			w.Conflict = func(err error) bool { return errors.Is(err, errCancelled) }
			w.must(w.full(t.Context()))
			w.legacy.Put(row(5, "FILLED", "7"))
			left := times
			w.projection.Before = func(r string) error {
				if r != read || left == 0 {
					return nil
				}
				if left--; left == 0 { // what is written meanwhile is in the new snapshots
					w.projection.Put(row(5, "FILLED", "7"))
					w.legacy.Put(row(6, "FILLED", "7"))
				}
				return errCancelled
			}
			pass, err := w.delta(t.Context())
			if times == 5 {
				if !errors.Is(err, verify.ErrConflicts) || pass.Result.Verdict != compare.Unverified {
					t.Errorf("%s: %v: %+v", read, err, pass.Result)
				}
				continue
			}
			if err != nil || pass.Kind != verify.Delta || w.open() != "6 differs status filled" || pass.Result.Diverged != 1 {
				t.Errorf("%s, %d times: %v: %s %+v, open is %q", read, times, err, pass.Kind, pass.Result, w.open())
			}
		}
	}
}

// TestADeltaSeesByOneNumberWhatNobodyHasWritten: what it otherwise has to believe of the pass before.
func TestADeltaSeesByOneNumberWhatNobodyHasWritten(t *testing.T) {
	for _, whole := range []bool{false, true} {
		w := newWorld(t, dense(100), dense(100))
		w.must(w.full(t.Context()))
		w.now = w.now.Add(time.Hour)
		w.Whole = whole
		if pass := w.must(w.delta(t.Context())); pass.Kind != verify.Delta || pass.Result.Verdict != compare.Match || pass.Scan.Facts.(verify.DeltaFacts).Whole != whole {
			t.Errorf("whole %t: %+v", whole, pass)
		}
		w.projection.Damage(row(5, "FILLED", "7"))
		w.legacy.Put(row(6, "FILLED", "7"))
		w.projection.Put(row(6, "FILLED", "7"))
		if pass := w.must(w.delta(t.Context())); pass.Result.Verdict != compare.Match || pass.Scan.Compared != 1 || pass.Scan.Facts.(verify.DeltaFacts).Whole {
			t.Errorf("whole %t, a damaged row: %+v", whole, pass)
		}
	}
}
