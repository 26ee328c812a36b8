package compare_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/faulttest"
)

// TestCleanHistoriesInFlightAreNotAccused looks at orders of a system without a fault while things happen to them, as
// passes look: again when an order is due, until it is judged.
func TestCleanHistoriesInFlightAreNotAccused(t *testing.T) {
	inFlight(t, faulttest.Orders, inOrdinary(t, 40_000, 100_000))
}

func TestCleanHistoriesInAnotherLanguageAreNotAccusedInFlight(t *testing.T) {
	inFlight(t, faulttest.Desk, inAnother(t, 60_000))
}

// inOrdinary is how many are tried in an ordinary run, and how many in each round of a soak.
func inOrdinary(t *testing.T, n, inSoak uint64) uint64 {
	t.Helper()
	if rounds := soakRounds(t); rounds > 1 {
		return inSoak * rounds
	}
	return n
}

// inAnother is how many of these orders are tried in another language: a fifth, and in soak as many as in the first.
func inAnother(t *testing.T, n uint64) uint64 {
	t.Helper()
	if rounds := soakRounds(t); rounds > 1 {
		return n * rounds
	}
	return n / 5
}

func inFlight(t *testing.T, in *faulttest.Language, flights uint64) {
	t.Helper()
	var accused, suspects [64]int
	perWorker := flights / uint64(runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for worker := range min(len(accused), runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for n := range perWorker {
				suspect, why := judgedInFlight(in, perWorker*uint64(worker)+n)
				if suspect {
					suspects[worker]++
				}
				if why != "" {
					if accused[worker]++; accused[worker] <= told {
						t.Errorf("flight %d: %s", perWorker*uint64(worker)+n, why)
					}
				}
			}
		})
	}
	all.Wait()
	var sum uint64
	for _, n := range suspects {
		sum += uint64(n) //nolint:gosec // a count
	}
	t.Logf("%d orders in flight, %d of them suspects at the first look", perWorker*uint64(runtime.GOMAXPROCS(0)), sum)
	if sum < flights/20 {
		t.Error("too few were in flight")
	}
}

// onTheWay has more patience than a system in order needs.
var onTheWay = compare.Settle{Window: 6 * time.Second, Rechecks: 3, MaxLag: time.Minute}

// judgedInFlight returns why an order was accused; empty if it was not.
func judgedInFlight(in *faulttest.Language, seed uint64) (suspect bool, why string) {
	f := in.Fly(seed)
	o := compare.Oracle{Fields: f.Fields, Rules: in.Rules}
	first := f.Sometime()
	was, _ := o.Judge(f.Look(first))
	rest, due, moves := was.At, was.At.Add(onTheWay.Window), 0
	for range 60 {
		if len(was.Mismatches) == 0 {
			return suspect, ""
		}
		suspect = true
		is, d := o.Judge(f.Look(due))
		was.At = rest
		j := onTheWay.Judge(was, is, moves, first)
		if len(j.Diverged) > 0 {
			return true, string(j.Diverged[0].Hop) + " " + string(j.Diverged[0].Cause) + ": " + j.Reason + ": " + d.Reason
		}
		if j.Final {
			return true, ""
		}
		if j.Moved {
			moves++
			rest = is.At
		}
		was = is
		due = onTheWay.Again(rest, is.At, first).Add(time.Millisecond)
	}
	return true, "it is never judged"
}
