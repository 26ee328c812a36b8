package sampler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
)

// settling leaves a pass that was scanned under a job's lease by a process that then died: the lease lives on.
func settling(t *testing.T, s *store, job string, outcomes ...verify.Outcome) verify.PassID {
	t.Helper()
	l, err := s.Acquire(t.Context(), job, "dead", 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Sample, Trigger: "manual", At: time.Now()})
	if err == nil {
		err = s.Settle(t.Context(), l, id, outcomes, time.Now())
	}
	if err == nil {
		err = s.ScanDone(t.Context(), l, id, verify.Scan{Coverage: 1, Compared: 100, Mismatches: 3})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAPassWhoseProcessDiedIsAdopted(t *testing.T) {
	for _, job := range []string{"sample", "manual sample 7"} {
		t.Run(job, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &checker{store: newStore()}
				settling(t, c.store, job)
				a, logA := newSampler(t, c)
				b, logB := newSampler(t, c)
				a.Jobs[0].Schedule, b.Jobs[0].Schedule = nil, nil // adopted all the same
				finished := 0
				a.Finished = func(verify.Pass) { finished++ }
				b.Finished = a.Finished
				stop := begin(t, a, b)
				advance(29 * time.Second)
				if p := c.store.passes(t)[0]; p.State != verify.Settling {
					t.Errorf("adopted while its lease was live: %+v", p)
				}
				advance(40 * time.Second)
				stop()
				if p := c.store.passes(t)[0]; p.State != verify.Done || p.Result.Reason != "resumed" {
					t.Errorf("pass is %+v, want it resumed", p)
				}
				if finished != 1 || logA.count("pass adopted")+logB.count("pass adopted") != 1 || logA.count("ERROR")+logB.count("ERROR") != 0 {
					t.Errorf("finished %d, logs:\n%s%s", finished, &logA.lines, &logB.lines)
				}
			})
		})
	}
}

func TestAPassThatDiedWhileScanningEndsUnverified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		l, err := c.store.Acquire(t.Context(), "sample", "dead", 30*time.Second)
		if err == nil {
			_, err = c.store.BeginPass(t.Context(), l, verify.Start{Kind: verify.Sample, ScheduledAt: minute(0), At: time.Now()})
		}
		if err != nil {
			t.Fatal(err)
		}
		s, _ := newSampler(t, c)
		stop := begin(t, s)
		advance(90 * time.Second)
		stop()
		want := map[int]string{0: "unverified: process ended during the scan", 1: "match"}
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
	})
}

// TestOrphansAreSettledBeforeARun holds even when the process dies moments before a tick.
func TestOrphansAreSettledBeforeARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		c.before = func(context.Context, lease.Lease, verify.Start) error {
			if p := c.store.passes(t)[0]; p.State != verify.Done {
				t.Errorf("a run began beside the orphan %+v", p)
			}
			return nil
		}
		s, _ := newSampler(t, c)
		s.TTL = 40 * time.Second
		stop := begin(t, s)
		advance(45 * time.Second) // from here the next look for orphans is after the tick
		l, err := c.store.Acquire(t.Context(), "sample", "dead", 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		id, err := c.store.BeginPass(t.Context(), l, verify.Start{Kind: verify.Sample, Trigger: "manual", At: time.Now()})
		if err == nil {
			err = errors.Join(c.store.ScanDone(t.Context(), l, id, verify.Scan{Coverage: 1, Compared: 1}), c.store.Release(t.Context(), l))
		}
		if err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		stop()
		if c.began() != 1 {
			t.Errorf("%d runs", c.began())
		}
	})
}

func TestAPassThatCannotBeResumedIsEnded(t *testing.T) {
	missing := []compare.Mismatch{{Key: "1", Kind: compare.Missing, Hop: order.LegacyToProjection}}
	other := fmt.Errorf("%w: it was begun under another configuration", sampler.ErrNotResumable)
	for _, test := range []struct {
		name     string
		resume   func() error
		outcomes []verify.Outcome
		want     verify.Result
	}{
		{"another configuration", func() error { return other }, nil, verify.Result{
			Verdict: compare.Unverified, Reason: other.Error(), Unverified: 3,
		}},
		{"a panic", func() error { panic("index out of range") }, []verify.Outcome{
			{Suspect: verify.Suspect{Observation: compare.Observation{Key: "1"}}, Verdict: compare.Diverged, Final: true, Diverged: missing},
		}, verify.Result{Verdict: compare.Diverged, Reason: "panic: index out of range", Diverged: 1, Unverified: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &checker{store: newStore()}
				settling(t, c.store, "sample", test.outcomes...)
				s, _ := newSampler(t, c)
				tries := 0
				s.Jobs[0].Resume = func(context.Context, lease.Lease, verify.Pass) (verify.Pass, error) {
					tries++
					return verify.Pass{}, test.resume()
				}
				stop := begin(t, s)
				advance(10*time.Minute + 30*time.Second)
				stop()
				if diff := cmp.Diff(test.want, c.store.passes(t)[0].Result); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
				if tries != 1 || c.began() != 10 {
					t.Errorf("resumed %d times, %d runs besides", tries, c.began())
				}
			})
		})
	}
}

// TestAResumeThatFailsDoesNotKeepRunsWaiting: it is tried again, and says so once.
func TestAResumeThatFailsDoesNotKeepRunsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		settling(t, c.store, "sample")
		s, out := newSampler(t, c)
		tries := 0
		s.Jobs[0].Resume = func(ctx context.Context, l lease.Lease, found verify.Pass) (verify.Pass, error) {
			if tries++; tries < 4 {
				return found, errors.New("the recheck queue is locked")
			}
			return c.resume(ctx, l, found)
		}
		stop := begin(t, s)
		advance(5*time.Minute + 30*time.Second)
		stop()
		if p := c.store.passes(t)[0]; p.Result.Reason != "resumed" || tries != 4 || c.began() != 5 {
			t.Errorf("pass %+v after %d tries, %d runs", p, tries, c.began())
		}
		if out.count("level=ERROR") != 1 {
			t.Errorf("log:\n%s", &out.lines)
		}
	})
}

func TestAPanicEndsThePassAndNotTheSidecar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := newSampler(t, c)
		c.before = func(_ context.Context, _ lease.Lease, start verify.Start) error {
			if start.ScheduledAt.Equal(minute(1)) {
				panic("a row without a key")
			}
			return nil
		}
		s.Jobs[0].Run = func(ctx context.Context, l lease.Lease, start verify.Start) (verify.Pass, error) {
			if start.ScheduledAt.Equal(minute(2)) {
				panic("before it began")
			}
			return c.run(ctx, l, start)
		}
		stop := begin(t, s)
		advance(time.Minute)
		if p := c.store.passes(t)[0]; p.State != verify.Done || p.Result.Verdict != compare.Unverified {
			t.Errorf("right after the panic the pass is %+v", p)
		}
		advance(2*time.Minute + 30*time.Second)
		stop()
		want := map[int]string{
			1: "unverified: process ended during the scan", 2: "unverified: it broke off: panic: before it began", 3: "match",
		}
		if diff := cmp.Diff(want, fates(t, c.store)); diff != "" {
			t.Errorf("fates (-want +got):\n%s", diff)
		}
		for _, part := range []string{"a row without a key", "before it began", "recovery_test.go"} {
			if out.count(part) == 0 {
				t.Errorf("the log does not have %q:\n%s", part, &out.lines)
			}
		}
	})
}

func TestAPanicOfATaskIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checker{store: newStore()}
		s, out := newSampler(t, c)
		s.Prune = func(context.Context) error { panic("nobody expects this") }
		stop := begin(t, s)
		advance(90 * time.Second)
		stop()
		if out.count("nobody expects this") != 1 || c.began() != 1 {
			t.Errorf("%d runs, log:\n%s", c.began(), &out.lines)
		}
		if _, err := c.store.Acquire(t.Context(), "prune", "next", time.Second); err != nil {
			t.Errorf("the lease is still held: %v", err)
		}
	})
}

// reasons are why passes ended, each on a line.
func (c *checker) reasons() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, err := range c.ended {
		fmt.Fprintln(&b, err)
	}
	return b.String()
}
