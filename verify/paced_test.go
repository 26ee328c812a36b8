package verify_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// throttled is a world whose passes have limits. Its paused says how long they waited for which.
func throttled(w *world, limits throttle.Limits, load func(order.Representation) throttle.Load) (paused map[throttle.Reason]time.Duration) {
	paused = map[throttle.Reason]time.Duration{}
	var mu sync.Mutex
	observe := func(is order.Representation) func(context.Context) (throttle.Load, error) {
		return func(context.Context) (throttle.Load, error) { return load(is), nil }
	}
	w.Throttle = &verify.Throttle{
		Limits: limits,
		Observe: map[order.Representation]func(context.Context) (throttle.Load, error){
			order.Legacy: observe(order.Legacy), order.Projection: observe(order.Projection),
		},
		Paused: func(_ string, r throttle.Reason, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			paused[r] += took
		},
	}
	return paused
}

func idle(order.Representation) throttle.Load { return throttle.Load{} }

// TestAPassSaysWhatItWaitsFor in the ledger, and nothing once it has ended.
func TestAPassSaysWhatItWaitsFor(t *testing.T) {
	w := newWorld(t, dense(3000), dense(3000))
	busy := w.now.Add(time.Minute)
	paused := throttled(w, throttle.Limits{MaxSessions: 12}, func(is order.Representation) throttle.Load {
		if is == order.Legacy && w.clock().Before(busy) {
			return throttle.Load{Sessions: 14}
		}
		return throttle.Load{Sessions: 3}
	})
	var noted []throttle.State
	w.meanwhile = func(int) {
		if pass := w.stored(1); len(pass.Slowed) > 0 {
			noted = append(noted, pass.Slowed...)
		}
	}
	pass := w.must(w.full(t.Context()))
	if pass.Result.Verdict != compare.Match || paused[throttle.TooBusy] != time.Minute {
		t.Errorf("%+v after %v", pass.Result, paused)
	}
	if len(noted) != 60 || noted[0].Text != "14 active sessions on legacy, limit 12" || noted[0].Reason != throttle.TooBusy || noted[0].Side != "legacy" {
		t.Errorf("noted %d times: %+v", len(noted), noted[:min(len(noted), 1)])
	}
	if left := w.stored(pass.ID).Slowed; left != nil {
		t.Errorf("a pass that is done is still slowed down by %+v", left)
	}
}

// TestEveryReadOfAFullPassKeepsTheRate: digests, and the rows and buckets behind the differences.
func TestEveryReadOfAFullPassKeepsTheRate(t *testing.T) {
	const orders, rate = 20_000, 5000
	legacy, projection := dense(orders), dense(orders)
	for i := range projection {
		if i%100 == 0 {
			projection[i].Values[0].Text = "FILLED"
		}
	}
	run := func(limits throttle.Limits) (verify.Pass, time.Duration, string) {
		w := newWorld(t, legacy, projection)
		paused := throttled(w, limits, idle)
		pass := w.must(w.full(t.Context()))
		return pass, paused[throttle.Paced], w.open()
	}
	plain, _, all := run(throttle.Limits{})
	pass, paused, found := run(throttle.Limits{RowsPerSecond: rate})
	if pass.Result != plain.Result || found != all || pass.Scan.Compared != plain.Scan.Compared {
		t.Errorf("with a rate %+v, without %+v", pass.Result, plain.Result)
	}
	// The clock moves only with pauses. Each side's rows are digested, and many are read again.
	if least := 2 * orders / rate * time.Second; paused < least || paused > 4*least {
		t.Errorf("paused for %v, at least %v", paused, least)
	}
}

func TestAPassThatIsStoppedWhileItWaitsEnds(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	throttled(w, throttle.Limits{MaxSessions: 1}, func(order.Representation) throttle.Load { return throttle.Load{Sessions: 2} })
	ctx, cancel := context.WithCancel(t.Context())
	w.meanwhile = func(wait int) {
		if wait == 3 {
			cancel()
		}
	}
	pass, err := w.full(ctx)
	if !errors.Is(err, context.Canceled) || w.waits != 3 {
		t.Errorf("%v after %d waits", err, w.waits)
	}
	if stored := w.stored(pass.ID); stored.State != verify.Done || stored.Result.Verdict != compare.Unverified || stored.Slowed != nil {
		t.Errorf("%+v", stored)
	}
}

// TestHoursEndAPassWithASnapshot: it is unverified, and says why.
func TestHoursEndAPassWithASnapshot(t *testing.T) {
	w := newWorld(t, dense(10_000), dense(10_000))
	hours, err := throttle.ParseHours("22:00-22:01")
	if err != nil {
		t.Fatal(err)
	}
	paused := throttled(w, throttle.Limits{RowsPerSecond: 100, Hours: hours}, idle)
	pass, err := w.full(t.Context())
	if !errors.Is(err, throttle.ErrHours) || pass.Result.Verdict != compare.Unverified || !strings.Contains(pass.Result.Reason, "22:00-22:01 UTC") {
		t.Errorf("%v: %+v", err, pass.Result)
	}
	if paused[throttle.OutOfHours] != 10*time.Hour || paused[throttle.Paced] == 0 || w.now.Format("15:04") != "22:01" {
		t.Errorf("paused %v until %v", paused, w.now)
	}
}

// TestRechecksKeepNoHours: what was found before they end is judged.
func TestRechecksKeepNoHours(t *testing.T) {
	wrong := dense(100)
	wrong[7].Values[0].Text = "FILLED"
	for _, limit := range []int64{0, 1_000_000} {
		w := newWorld(t, dense(100), wrong)
		hours, err := throttle.ParseHours("00:00-12:01")
		if err != nil {
			t.Fatal(err)
		}
		throttled(w, throttle.Limits{RowsPerSecond: limit, Hours: hours}, idle)
		w.Settle.Window = 5 * time.Minute
		if pass := w.must(w.full(t.Context())); pass.Result.Verdict != compare.Diverged || w.open() == "" {
			t.Errorf("%+v, and %q is open", pass.Result, w.open())
		}
	}
}

// TestHoursAreWaitedForBetweenRanges, where no snapshot is held.
func TestHoursAreWaitedForBetweenRanges(t *testing.T) {
	w := newWorld(t, dense(10_000), dense(10_000))
	hours, err := throttle.ParseHours("00:00-12:10")
	if err != nil {
		t.Fatal(err)
	}
	paused := throttled(w, throttle.Limits{RowsPerSecond: 10, Hours: hours}, idle)
	w.MaxSnapshot = time.Minute
	pass := w.must(w.full(t.Context()))
	if pass.Result.Verdict != compare.Match || pass.Scan.Compared != 10_000 {
		t.Errorf("%+v, %d compared", pass.Result, pass.Scan.Compared)
	}
	if night := paused[throttle.OutOfHours]; night < 11*time.Hour || night > 12*time.Hour {
		t.Errorf("waited for the hours for %v", night)
	}
}

// TestASampleHasNoThrottle, because it reads a few orders by key.
func TestASampleHasNoThrottle(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	throttled(w, throttle.Limits{MaxSessions: 1, RowsPerSecond: 1}, func(order.Representation) throttle.Load { return throttle.Load{Sessions: 2} })
	if pass := w.must(w.sample(t.Context(), 10)); w.waits != 0 || pass.Result.Verdict != compare.Match {
		t.Errorf("%d waits: %+v", w.waits, pass.Result)
	}
}

// TestADeltaKeepsTheLimitsButNotTheHours, and stays a delta.
func TestADeltaKeepsTheLimitsButNotTheHours(t *testing.T) {
	w := newWorld(t, dense(100), dense(100))
	w.must(w.full(t.Context()))
	w.now = w.now.Add(time.Hour)
	w.legacy.Put(row(5, "FILLED", "7"))
	w.projection.Put(row(5, "FILLED", "7"))
	hours, err := throttle.ParseHours("00:00-01:00")
	if err != nil {
		t.Fatal(err)
	}
	busy := w.now.Add(30 * time.Second)
	paused := throttled(w, throttle.Limits{MaxSessions: 12, Hours: hours}, func(order.Representation) throttle.Load {
		if w.clock().Before(busy) {
			return throttle.Load{Sessions: 13}
		}
		return throttle.Load{}
	})
	pass := w.must(w.delta(t.Context()))
	if pass.Kind != verify.Delta || pass.Result.Verdict != compare.Match {
		t.Errorf("the pass ended %+v", pass)
	}
	if paused[throttle.TooBusy] != 30*time.Second || paused[throttle.OutOfHours] != 0 {
		t.Errorf("waited %v", paused)
	}
}
