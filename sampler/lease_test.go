package sampler_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

func TestALeaseIsRenewedWhileThePassRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore(), takes: lasting(10 * time.Minute)}
		s, _ := newSampler(t, c)
		stop := begin(t, s)
		advance(time.Minute)
		for range 10 * 60 {
			if _, err := c.store.Acquire(t.Context(), "sample", "thief", time.Second); !errors.Is(err, lease.ErrHeld) {
				t.Fatalf("at %s the lease was free: %v", time.Since(minute(0)), err)
			}
			advance(time.Second - time.Millisecond)
		}
		advance(time.Second)
		stop()
		if got := fates(t, c.store)[1]; got != "match" {
			t.Errorf("the long pass ended %s", got)
		}
	})
}

func TestAFencedPassIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		var cancelled time.Duration
		c.before = func(ctx context.Context, l lease.Lease, start verify.Start) error {
			if !start.ScheduledAt.Equal(minute(1)) {
				return nil
			}
			// Somebody takes the job over: the lease ends, and another process gets the next token.
			if err := c.store.Release(ctx, l); err != nil {
				return err
			}
			if _, err := c.store.Acquire(ctx, "sample", "thief", 20*time.Second); err != nil {
				return err
			}
			<-ctx.Done()
			cancelled = time.Since(start.At)
			if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrFenced) {
				t.Errorf("cancelled because of %v", cause)
			}
			return ctx.Err()
		}
		s, out := newSampler(t, c)
		stop := begin(t, s)
		advance(2*time.Minute + 30*time.Second)
		stop()
		if cancelled != 10*time.Second {
			t.Errorf("cancelled after %s, want at the first renewal", cancelled)
		}
		want := map[int]string{1: "unverified: process ended during the scan", 2: "match"}
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
		if out.count("level=ERROR") != 1 || out.count(lease.ErrFenced.Error()) == 0 {
			t.Errorf("log:\n%s", &out.lines)
		}
	})
}

func TestAPassOutlivesAShortOutageOfTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore(), takes: lasting(50 * time.Second)}
		s, out := newSampler(t, c)
		stop := begin(t, s)
		advance(65 * time.Second)
		c.store.fail(errAway)
		advance(20 * time.Second)
		c.store.fail(nil)
		advance(30 * time.Second)
		stop()
		if diff := cmp.Diff(map[int]string{1: "match"}, fates(t, c.store)); diff != "" || out.count("level=ERROR") != 0 {
			t.Errorf("fates (-want +got):\n%s\nlog:\n%s", diff, &out.lines)
		}
	})
}

// TestAPassWithoutALedgerIsCancelledWhenItsLeaseRunsOut: not a moment later than the ledger may give it to another.
func TestAPassWithoutALedgerIsCancelledWhenItsLeaseRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		var cancelled time.Time
		c.before = func(ctx context.Context, _ lease.Lease, start verify.Start) error {
			if !start.ScheduledAt.Equal(minute(1)) {
				return nil
			}
			<-ctx.Done()
			cancelled = time.Now()
			return context.Cause(ctx)
		}
		s, out := newSampler(t, c)
		stop := begin(t, s)
		advance(75 * time.Second) // renewed at 70
		c.store.fail(errAway)
		advance(2 * time.Minute)
		c.store.fail(nil)
		advance(30 * time.Second)
		stop()
		if want := minute(1).Add(40 * time.Second); !cancelled.Equal(want) {
			t.Errorf("cancelled at %s, want %s", cancelled, want)
		}
		missed := "unverified: it could not be begun: " + errAway.Error()
		want := map[int]string{1: "unverified: process ended during the scan", 2: missed, 3: "match"}
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s\nlog:\n%s\n%s", diff, &out.lines, c.reasons())
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		c.before = func(ctx context.Context, _ lease.Lease, start verify.Start) error {
			<-ctx.Done()
			time.Sleep(45 * time.Second) //nolint:forbidigo // a pass that takes longer to end than its lease lasts
			return ctx.Err()
		}
		s, out := newSampler(t, c)
		s.Prune = func(ctx context.Context) error { return ctx.Err() }
		stop := begin(t, s)
		advance(30 * time.Second)
		began := time.Now()
		advance(45 * time.Second)
		stop()
		if took := time.Since(began); took != 90*time.Second {
			t.Errorf("stopped %s after the start, want as soon as the pass had ended", took)
		}
		want := map[int]string{1: "unverified: " + context.Canceled.Error()} // and none at minute 2
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" || len(c.starts) != 1 {
			t.Errorf("fates of %d runs (-want +got):\n%s", len(c.starts), diff)
		}
		if _, err := c.store.Acquire(t.Context(), "sample", "next", time.Second); err != nil {
			t.Errorf("the lease was not released: %v", err)
		}
		if out.count("\n") != 0 {
			t.Errorf("being stopped is no error:\n%s", &out.lines)
		}
	})
}

func TestDrainWithoutALedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore(), takes: lasting(time.Hour)}
		s, _ := newSampler(t, c)
		stop := begin(t, s)
		advance(65 * time.Second)
		c.store.fail(errAway)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

func TestDrainWhileWaitingForAJobHeldElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		if _, err := c.store.Acquire(t.Context(), "sample", "elsewhere", time.Hour); err != nil {
			t.Fatal(err)
		}
		s, _ := newSampler(t, c)
		stop := begin(t, s)
		advance(63 * time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 0 || len(c.store.passes(t)) != 0 {
			t.Errorf("stopped after %s, %d passes", took, len(c.store.passes(t)))
		}
	})
}
