package sampler_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
)

// startOf is a sampler that makes a pass at the start if the ledger has none.
func startOf(t *testing.T, c *checker) (*sampler.Sampler, *logged) {
	t.Helper()
	s, out := newSampler(t, c)
	s.Jobs[0].First = func(ctx context.Context) (bool, error) {
		passes, err := c.store.Passes(ctx, 1)
		return len(passes) == 0, err
	}
	return s, out
}

func TestOfSeveralSidecarsOneMakesThePassAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore(), takes: lasting(10 * time.Second)}
		a, logA := startOf(t, c)
		b, logB := startOf(t, c)
		stop := begin(t, a, b)
		advance(50 * time.Second)
		stop()
		stop = begin(t, a) // which finds it
		advance(5 * time.Second)
		stop()
		if len(c.starts) != 1 || c.starts[0].Trigger != "start" || !c.starts[0].ScheduledAt.IsZero() {
			t.Errorf("began %+v, want one pass at the start", c.starts)
		}
		if logA.count("\n")+logB.count("\n") != 0 {
			t.Errorf("log:\n%s%s", &logA.lines, &logB.lines)
		}
	})
}

// TestAPassAtTheStartCostsNoScheduledRun: it is still at work when the first run is due.
func TestAPassAtTheStartCostsNoScheduledRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		c.takes = func(s verify.Start) time.Duration {
			if s.Trigger == "start" {
				return 75 * time.Second
			}
			return 0
		}
		s, out := startOf(t, c)
		stop := begin(t, s)
		advance(2*time.Minute + time.Second)
		stop()
		if len(c.starts) != 3 || !c.starts[1].ScheduledAt.Equal(minute(1)) || !c.starts[2].ScheduledAt.Equal(minute(2)) {
			t.Errorf("began %+v, want a start and the runs of minutes 1 and 2", c.starts)
		}
		if c.most != 1 || out.count("\n") != 0 {
			t.Errorf("%d passes at a time, log:\n%s", c.most, &out.lines)
		}
	})
}

func TestAPassAtTheStartIsTriedAgainUntilItHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := startOf(t, c)
		s.Jobs[0].Schedule = schedule(t, "0 0 * * *")
		run, refused := s.Jobs[0].Run, errors.New("the database is away")
		calls := 0
		s.Jobs[0].Run = func(ctx context.Context, l lease.Lease, start verify.Start) (verify.Pass, error) {
			if calls++; calls < 3 {
				return verify.Pass{}, refused
			}
			return run(ctx, l, start)
		}
		stop := begin(t, s)
		advance(5 * time.Minute)
		stop()
		if calls != 3 || len(c.starts) != 1 {
			t.Errorf("%d calls began %d passes, want 3 and 1", calls, len(c.starts))
		}
		if out.count("level=ERROR") != 1 || out.count(refused.Error()) != 1 {
			t.Errorf("an error that repeats is logged once:\n%s", &out.lines)
		}
	})
}

// TestAPassThatBreaksOffAtTheStart is closed at once, and is not tried again.
func TestAPassThatBreaksOffAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		c.before = func(_ context.Context, _ lease.Lease, start verify.Start) error {
			if start.Trigger == "start" {
				panic("first")
			}
			return nil
		}
		s, out := startOf(t, c)
		s.Jobs[0].Schedule = schedule(t, "0 0 * * *")
		stop := begin(t, s)
		advance(time.Second)
		passes := c.store.passes(t)
		if len(passes) != 1 || passes[0].State != verify.Done || passes[0].Result.Reason == "" {
			t.Errorf("after a second: %+v", passes)
		}
		advance(5 * time.Minute)
		stop()
		if len(c.starts) != 1 || out.count("level=ERROR") != 1 {
			t.Errorf("%d passes, log:\n%s", len(c.starts), &out.lines)
		}
	})
}

func TestNoPassAtTheStartOfAJobWithoutASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, _ := startOf(t, c)
		s.Jobs[0].Schedule = nil
		stop := begin(t, s)
		advance(time.Minute)
		stop()
		if len(c.starts) != 0 {
			t.Errorf("began %+v", c.starts)
		}
	})
}
