package sampler

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// every is a schedule of the multiples of a duration.
type every time.Duration

func (e every) Next(t time.Time) time.Time {
	return t.Truncate(time.Duration(e)).Add(time.Duration(e))
}

var start = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

func TestEachTickIsPassedOnceWheneverSomebodyLooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		walk := newTicks(every(time.Minute), start)
		now := start
		var got []time.Time
		for _, seconds := range rapid.SliceOf(rapid.IntRange(-90, 600)).Draw(t, "looks") {
			now = now.Add(time.Duration(seconds) * time.Second) // the clock may be set back
			got = append(got, walk.pass(now)...)
			if !walk.due.After(now) {
				t.Fatalf("at %s the next tick is %s", now, walk.due)
			}
		}
		want := start
		for _, at := range got {
			if want = every(time.Minute).Next(want); !at.Equal(want) {
				t.Fatalf("passed %s, want %s", at, want)
			}
		}
	})
}

func TestTicksOfALongSleepAreBounded(t *testing.T) {
	walk := newTicks(every(time.Second), start)
	now := start.Add(365 * 24 * time.Hour)
	if n := len(walk.pass(now)); n != maxMissed {
		t.Errorf("%d ticks, want %d", n, maxMissed)
	}
	if want := now.Add(time.Second); !walk.due.Equal(want) {
		t.Errorf("next is %s, want %s", walk.due, want)
	}
}

type never struct{}

func (never) Next(time.Time) time.Time { return time.Time{} }

func TestAScheduleThatIsOffHasNoTicks(t *testing.T) {
	for _, s := range []Schedule{nil, never{}} {
		walk := newTicks(s, start)
		if passed := walk.pass(start.Add(time.Hour)); len(passed) != 0 || !walk.due.IsZero() || walk.every() != 0 {
			t.Errorf("%v: passed %v, due %s", s, passed, walk.due)
		}
	}
}

func TestABellThatRingsEarlyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sampler{Ledger: alone{}, Log: slog.New(slog.DiscardHandler)}
		began := time.Now()
		var ran []time.Duration
		r := newRunner(s, Job{
			Kind: verify.Sample, Schedule: every(time.Minute),
			Run: func(_ context.Context, _ lease.Lease, start verify.Start) (verify.Pass, error) {
				ran = append(ran, start.ScheduledAt.Sub(began), time.Since(began))
				return verify.Pass{ID: 1, State: verify.Done}, nil
			},
		}, began)
		time.Sleep(57 * time.Second) //nolint:forbidigo // the bubble's clock
		r.tick(t.Context())
		if want := []time.Duration{time.Minute, time.Minute}; !slices.Equal(ran, want) {
			t.Errorf("scheduled and ran after %v, want %v", ran, want)
		}
		r.tick(t.Context()) // far too early: nothing is due, and nothing is waited for
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited until %s", waited)
		}
	})
}

// alone is a ledger of one process that never fails and remembers nothing.
type alone struct{ Ledger }

func (alone) Acquire(_ context.Context, job, _ string, _ time.Duration) (lease.Lease, error) {
	return lease.Lease{Job: job, Token: 1}, nil
}
func (alone) Renew(context.Context, lease.Lease, time.Duration) error { return nil }
func (alone) Release(context.Context, lease.Lease) error              { return nil }
func (alone) Abandoned(context.Context, ...verify.PassKind) ([]verify.Pass, error) {
	return nil, nil
}

func (alone) SetSchedule(context.Context, verify.PassKind, time.Time, time.Duration) error {
	return nil
}
