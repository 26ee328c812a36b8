package sampler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
)

// often is a sampler whose job runs every ten seconds.
func often(t *testing.T, c *checker) (*sampler.Sampler, *logged) {
	t.Helper()
	s, out := newSampler(t, c)
	s.Jobs[0].Schedule, s.Jobs[0].Interval = config.Interval(10*time.Second), true
	return s, out
}

// runs counts the passes of the store that were missed, and the others.
func (s *store) runs(t *testing.T) (made, missed int) {
	t.Helper()
	for _, p := range s.passes(t) {
		if p.Result.Verdict == "match" {
			made++
		} else {
			missed++
		}
	}
	return made, missed
}

// TestRunsDueWhileOneWorksLeaveNothing: the pass after a long one covers their time.
func TestRunsDueWhileOneWorksLeaveNothing(t *testing.T) {
	for samplers := 1; samplers <= 2; samplers++ {
		synctest.Test(t, func(t *testing.T) {
			c := &checker{store: newStore(), takes: lasting(35 * time.Second)}
			a, logA := often(t, c)
			b, logB := often(t, c)
			stop := begin(t, []*sampler.Sampler{a, b}[:samplers]...)
			advance(time.Hour)
			stop()
			made, missed := c.store.runs(t)
			if made < 80 || made > 91 || missed > 1 || c.most != 1 { // the last one may have been stopped
				t.Errorf("%d samplers: %d passes, %d missed, %d at once; want one in 40 s", samplers, made, missed, c.most)
			}
			if logA.count("\n")+logB.count("\n") > 1 {
				t.Errorf("logged %s%s", &logA.lines, &logB.lines)
			}
			last := c.store.passes(t)[made-1].ScheduledAt
			if next := c.store.next[verify.Sample]; next.Sub(last) > time.Minute || c.store.interval[verify.Sample] != 10*time.Second {
				t.Errorf("the last run was due at %s, the next at %s", last, next)
			}
		})
	}
}

// TestAnOutageOfAnIntervalIsOneRecord: a day without legacy is not 8,640 records, and the next outage is another.
func TestAnOutageOfAnIntervalIsOneRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := often(t, c)
		run := s.Jobs[0].Run
		var away atomic.Bool
		s.Jobs[0].Run = func(ctx context.Context, l lease.Lease, start verify.Start) (verify.Pass, error) {
			if away.Load() {
				return verify.Pass{}, errors.New("no route to legacy")
			}
			return run(ctx, l, start)
		}
		stop := begin(t, s)
		for day := 1; day <= 2; day++ {
			advance(time.Minute)
			away.Store(true)
			advance(24 * time.Hour)
			away.Store(false)
			advance(time.Minute)
			if made, missed := c.store.runs(t); missed != day || made < 10*day {
				t.Errorf("day %d: %d passes, %d missed", day, made, missed)
			}
		}
		stop()
		if out.count("level=WARN") != 2 {
			t.Errorf("logged:\n%.2000s", &out.lines)
		}
	})
}
