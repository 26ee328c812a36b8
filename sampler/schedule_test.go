package sampler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
)

func TestEveryTickRunsOncePerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore(), takes: lasting(5 * time.Second)}
		s, out := newSampler(t, c)
		var finished []verify.PassID
		s.Finished = func(p verify.Pass) { finished = append(finished, p.ID) }
		stop := begin(t, s)
		advance(0)
		if next, err := c.store.NextRun(t.Context(), verify.Sample); err != nil || !next.Equal(minute(1)) {
			t.Errorf("next run before the first is %s, want %s; error %v", next, minute(1), err)
		}
		advance(5*time.Minute + 30*time.Second)
		stop()
		want := map[int]string{1: "match", 2: "match", 3: "match", 4: "match", 5: "match"}
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
		if start := c.starts[0]; start.Trigger != "schedule" || start.Kind != verify.Sample || !start.At.Equal(minute(1)) {
			t.Errorf("start is %+v", start)
		}
		if next, every := c.store.next[verify.Sample], c.store.interval[verify.Sample]; !next.Equal(minute(6)) || every != time.Minute {
			t.Errorf("next run %s, every %s", next, every)
		}
		if len(finished) != 5 || out.count("\n") != 0 {
			t.Errorf("finished %d passes, logged %s", len(finished), &out.lines)
		}
	})
}

func TestTwoSamplersShareTheTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ticks = 300
		c := &checker{store: newStore(), takes: func(s verify.Start) time.Duration {
			return time.Duration(s.ScheduledAt.Minute()) * time.Second // longer than a retry, shorter than the interval
		}}
		a, logA := newSampler(t, c)
		b, logB := newSampler(t, c)
		stop := begin(t, a, b)
		advance(ticks*time.Minute + 59*time.Second)
		stop()
		for n, fate := range fates(t, c.store) {
			if fate != "match" {
				t.Errorf("minute %d: %s", n, fate)
			}
		}
		if n := len(c.store.passes(t)); n != ticks || len(c.starts) != ticks || c.most != 1 {
			t.Errorf("%d passes of %d runs, up to %d at once; want %d passes", n, len(c.starts), c.most, ticks)
		}
		if logA.count("\n")+logB.count("\n") != 0 {
			t.Errorf("logged %s%s", &logA.lines, &logB.lines)
		}
	})
}

func TestRunsMissedByAnOverrunAreRecorded(t *testing.T) {
	t.Run("one sampler", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { overrun(t, 1) }) })
	t.Run("two samplers", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { overrun(t, 2) }) })
}

func overrun(t *testing.T, samplers int) {
	c := &checker{store: newStore(), takes: func(s verify.Start) time.Duration {
		if s.ScheduledAt.Equal(minute(1)) {
			return 150 * time.Second
		}
		return time.Second
	}}
	a, logA := newSampler(t, c)
	b, logB := newSampler(t, c)
	stop := begin(t, []*sampler.Sampler{a, b}[:samplers]...)
	advance(3 * time.Minute)
	if !c.store.overdue(t, verify.Sample, 30*time.Second) {
		t.Error("the overrun does not show as overdue while it lasts")
	}
	advance(35 * time.Second)
	if next, err := c.store.NextRun(t.Context(), verify.Sample); err != nil || !next.Equal(minute(4)) {
		t.Errorf("after the overrun the next run is %s, error %v", next, err)
	}
	advance(2 * time.Minute)
	if c.store.overdue(t, verify.Sample, 0) {
		t.Error("overdue after the overrun")
	}
	stop()
	const missed = "unverified: the run before it had not ended"
	want := map[int]string{1: "match", 2: missed, 3: missed, 4: "match", 5: "match"}
	if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
		t.Errorf("fates (-want +got):\n%s", diff)
	}
	if c.most != 1 || logA.count("runs=2")+logB.count("runs=2") != 1 {
		t.Errorf("%d passes at once; logs:\n%s%s", c.most, &logA.lines, &logB.lines)
	}
}

// TestAPassThatEndsWithATick: whether it falls due just before the end, with it, or while the lease is released.
func TestAPassThatEndsWithATick(t *testing.T) {
	for early := range 3 {
		synctest.Test(t, func(t *testing.T) {
			c := &checker{store: newStore(), takes: lasting(time.Minute - time.Duration(early)*time.Nanosecond)}
			s, _ := newSampler(t, c)
			s.Ledger = slowRelease{c.store}
			stop := begin(t, s)
			advance(20*time.Minute + time.Second)
			stop()
			if n := len(fates(t, c.store)); n != 20 {
				t.Errorf("%d of 20 runs have a fate", n)
			}
		})
	}
}

type slowRelease struct{ *store }

func (s slowRelease) Release(ctx context.Context, l lease.Lease) error {
	return errors.Join(lease.Sleep(ctx, 2*time.Nanosecond), s.store.Release(ctx, l))
}

func TestALedgerThatIsAwayCostsNoRunWhenItIsBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := newSampler(t, c)
		stop := begin(t, s)
		advance(30 * time.Second)
		c.store.fail(errAway)
		advance(55 * time.Second)
		c.store.fail(nil)
		advance(30 * time.Second)
		stop()
		if diff := cmp.Diff(map[int]string{1: "match"}, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
		if start := c.starts[0]; !start.At.After(minute(1).Add(20 * time.Second)) {
			t.Errorf("ran at %s, before the ledger was back", start.At)
		}
		if out.count("scheduled run failed") != 1 || out.count("recovering passes failed") > 1 {
			t.Errorf("an outage is logged more than once:\n%s", &out.lines)
		}
	})
}

func TestRunsMissedByALongOutageAreRecordedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := newSampler(t, c)
		stop := begin(t, s)
		advance(90 * time.Second)
		c.store.fail(errAway)
		advance(2 * time.Minute)
		c.store.fail(nil)
		advance(time.Minute)
		stop()
		missed := "unverified: it could not be begun: " + errAway.Error()
		want := map[int]string{1: "match", 2: missed, 3: "match", 4: "match"}
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
		if out.count("scheduled runs missed") != 1 {
			t.Errorf("log:\n%s", &out.lines)
		}
		if !slices.IsSortedFunc(c.store.passes(t), func(a, b verify.Pass) int { return a.ScheduledAt.Compare(b.ScheduledAt) }) {
			t.Error("a missed run is in the ledger as newer than the run after it")
		}
	})
}

func TestARunThatCouldNotBeginIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := newSampler(t, c)
		tries := 0
		s.Jobs[0].Run = func(ctx context.Context, l lease.Lease, start verify.Start) (verify.Pass, error) {
			if tries++; tries < 3 {
				return verify.Pass{}, errors.New("no route to legacy")
			}
			return c.run(ctx, l, start)
		}
		stop := begin(t, s)
		advance(90 * time.Second)
		stop()
		if diff := cmp.Diff(map[int]string{1: "match"}, fates(t, c.store)); diff != "" || out.count("level=ERROR") != 1 {
			t.Errorf("fates (-want +got):\n%s\nlog:\n%s", diff, &out.lines)
		}
	})
}

func TestAPassThatFailsIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		c.before = func(context.Context, lease.Lease, verify.Start) error { return errors.New("legacy went away") }
		s, out := newSampler(t, c)
		stop := begin(t, s)
		advance(2*time.Minute + 30*time.Second)
		stop()
		const failed = "unverified: legacy went away"
		if diff := cmp.Diff(map[int]string{1: failed, 2: failed}, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
		if len(c.starts) != 2 || out.count("level=ERROR") != 1 {
			t.Errorf("%d passes, log:\n%s", len(c.starts), &out.lines)
		}
	})
}

func TestAJobHeldElsewhere(t *testing.T) {
	for _, test := range []struct {
		held time.Duration // after the first minute
		want map[int]string
		ran  time.Time // first
	}{
		{45 * time.Second, map[int]string{1: "match", 2: "match"}, minute(1).Add(49 * time.Second)},
		{
			65 * time.Second,
			map[int]string{1: "unverified: another process held the job but recorded no pass", 2: "match"},
			minute(2).Add(7 * time.Second),
		},
	} {
		t.Run(fmt.Sprint(test.held), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &checker{store: newStore()}
				s, out := newSampler(t, c)
				s.TTL = 21 * time.Second // asked again every 7
				stop := begin(t, s)
				advance(30 * time.Second)
				if _, err := c.store.Acquire(t.Context(), "sample", "elsewhere", 30*time.Second+test.held); err != nil {
					t.Fatal(err)
				}
				advance(2 * time.Minute)
				stop()
				if diff := cmp.Diff(test.want, fates(t, c.store)); diff != "" {
					t.Errorf("fates (-want +got):\n%s", diff)
				}
				if at := c.starts[0].At; !at.Equal(test.ran) {
					t.Errorf("ran first at %s, want %s", at, test.ran)
				}
				if out.count("\n") != 0 {
					t.Errorf("log:\n%s", &out.lines)
				}
			})
		})
	}
}

func TestTimeWithoutAProcessShowsAsOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, _ := newSampler(t, c)
		if err := c.store.SetSchedule(t.Context(), verify.Sample, minute(0).Add(-time.Hour), time.Hour); err != nil {
			t.Fatal(err)
		}
		stop := begin(t, s)
		advance(30 * time.Second)
		if !c.store.overdue(t, verify.Sample, time.Minute) {
			t.Error("the start of the process hides that nothing ran before it")
		}
		advance(time.Minute)
		stop()
		if c.store.overdue(t, verify.Sample, 0) {
			t.Error("overdue after a run")
		}
	})
}

func TestAScheduleThatWasSwitchedOffIsNotOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, _ := newSampler(t, c)
		s.Jobs[0].Schedule = schedule(t, "off")
		if err := c.store.SetSchedule(t.Context(), verify.Sample, minute(0).Add(-time.Hour), time.Hour); err != nil {
			t.Fatal(err)
		}
		stop := begin(t, s)
		advance(10 * time.Minute)
		stop()
		if c.store.overdue(t, verify.Sample, 0) || c.began() != 0 {
			t.Errorf("overdue, or %d passes", c.began())
		}
		if l, err := c.store.Acquire(t.Context(), "sample", "first", time.Second); err != nil || l.Token != 1 {
			t.Errorf("the lease was taken although there was nothing to do: %+v, %v", l, err)
		}
	})
}

func TestPruningOncePerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		var at []time.Duration
		s, out := newSampler(t, c)
		s.Jobs = nil
		s.Prune = func(context.Context) error {
			if _, err := c.store.Acquire(t.Context(), "prune", "other", time.Second); !errors.Is(err, lease.ErrHeld) {
				t.Errorf("pruning without a lease: %v", err)
			}
			at = append(at, time.Since(minute(0)).Truncate(time.Hour))
			if len(at) == 1 {
				return errAway
			}
			return nil
		}
		stop := begin(t, s)
		advance(50 * time.Hour)
		stop()
		if diff := cmp.Diff([]time.Duration{0, time.Hour, 25 * time.Hour, 49 * time.Hour}, at); diff != "" {
			t.Errorf("pruned at (-want +got):\n%s", diff)
		}
		if out.count("pruning the ledger failed") != 1 {
			t.Errorf("log:\n%s", &out.lines)
		}
	})
}

func TestAJobThatCannotBeScheduledEndsTheSampler(t *testing.T) {
	s := &sampler.Sampler{Ledger: newStore(), TTL: -time.Second, Jobs: []sampler.Job{{Kind: verify.Sample}}}
	if err := s.Run(t.Context()); err == nil {
		t.Error("no error")
	}
}
