package run_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
)

// TestTheWindowGoesOnInTheNextProcess: what has passed before counts.
func TestTheWindowGoesOnInTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		p.records, p.before, p.stray = 13, true, true // the switch of reads is in effect, and its outcome is not written
		if _, err := p.alive(func() (run.Status, error) { return p.coordinator().Begin(t.Context(), name, "") }); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if err := lease.Sleep(t.Context(), 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		s, err := p.coordinator().Resume(t.Context(), name)
		want(t, p, s, err, cutover.RolledBack, cutover.Takeover, cutover.NoTime)
	})
}

// TestAnAttemptHasADeadline: what hangs is ended, evicted and tried again, until the budget is spent.
func TestAnAttemptHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		begun := time.Now()
		p.during = func(ctx context.Context, a run.Attempt) *run.Result {
			if a.Step != cutover.Barrier {
				return nil
			}
			<-ctx.Done()
			return &run.Result{Outcome: cutover.Unknown}
		}
		p.budget = cutover.Budget{Total: 5 * time.Minute, Reserve: 2 * time.Minute}
		s, err := p.coordinator().Begin(t.Context(), name, "")
		took := time.Since(begun)
		if got := outcomes(t, p); err != nil || s.State.Phase != cutover.RolledBack || got[len(got)-1] != cutover.NoTime || took > 3*time.Minute+time.Second {
			t.Errorf("%s after %s with %v, %v", s.State.Phase, took, got, err)
		}
	})
}

// TestWhatCannotBeSaidOfAnActionIsUnknown: an eviction that failed has not evicted.
func TestWhatCannotBeSaidOfAnActionIsUnknown(t *testing.T) {
	for _, said := range []cutover.Outcome{"", cutover.Failed, cutover.Accepted, cutover.Abort, cutover.Takeover, "nonsense"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlayer(t, nil)
			answers := []cutover.Outcome{cutover.Unknown, said} // of preflight and of the first eviction
			p.during = func(context.Context, run.Attempt) *run.Result {
				if len(answers) == 0 {
					return nil
				}
				r := run.Result{Outcome: answers[0]}
				answers = answers[1:]
				return &r
			}
			s, err := p.coordinator().Begin(t.Context(), name, "")
			want(t, p, s, err, cutover.Completed, cutover.Unknown, cutover.Unknown)
		})
	}
}

func TestRunsComeOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		refused := func(err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%v, and not %v", err, want)
			}
		}
		_, err := p.coordinator().Resume(t.Context(), name)
		refused(err, run.ErrName)
		p.records = 5
		_, err = p.alive(func() (run.Status, error) { return p.coordinator().Begin(t.Context(), name, "ACME") })
		refused(err, errKilled)
		_, err = p.coordinator().Begin(t.Context(), "another", "")
		refused(err, run.ErrUnfinished)
		_, err = p.coordinator().Begin(t.Context(), name, "ACME")
		refused(err, run.ErrName)
		s, err := p.coordinator().Resume(t.Context(), name)
		want(t, p, s, err, cutover.RolledBack, cutover.Takeover, cutover.FenceLost)
		if s.State.Slice != "ACME" || s.Fenced == nil || s.Fenced.Before(s.Began) {
			t.Errorf("%+v", s)
		}
		_, err = p.coordinator().Begin(t.Context(), name, "ACME")
		refused(err, run.ErrName)
		p.state = cutover.Start("")
		s, err = p.coordinator().Begin(t.Context(), "another", "")
		want(t, p, s, err, cutover.Completed)
		again, err := p.coordinator().Resume(t.Context(), "another")
		want(t, p, again, err, cutover.Completed)
		if again.Records != s.Records {
			t.Error("a run that has ended was written")
		}
		p.asks <- run.Request{Asks: cutover.Reverse}
		s, err = p.coordinator().Resume(t.Context(), "another")
		want(t, p, s, err, cutover.RolledBack, cutover.Takeover, cutover.Reverse)
	})
}

// TestTheBudgetDoesNotCountBehindThePointOfNoReturn: the new side is opened again, however late it is.
func TestTheBudgetDoesNotCountBehindThePointOfNoReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		p.askAt = cutover.Release
		p.during = func(_ context.Context, a run.Attempt) *run.Result {
			if a.Verb == cutover.Undo && a.Step == cutover.SwitchWrites {
				p.accepted, p.budget.Total = true, -1
			}
			return nil
		}
		s, err := p.coordinator().Begin(t.Context(), name, "")
		want(t, p, s, err, cutover.Completed, cutover.Abort, cutover.Accepted, cutover.Accepted, cutover.Accepted, cutover.Accepted)
	})
}

// TestWhatWasEvictedIsNotEvictedAgain: each eviction would wait for the deadlines of all before it.
func TestWhatWasEvictedIsNotEvictedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		var evicted []map[cutover.Action]time.Duration
		p.during = func(_ context.Context, a run.Attempt) *run.Result {
			switch {
			case a.Verb == cutover.Evict:
				evicted = append(evicted, a.Late)
				if len(evicted) == 1 {
					p.asks <- run.Request{Asks: cutover.Abort}
				}
			case a.Step == cutover.SwitchReads && len(evicted) < 2:
				return &run.Result{Outcome: cutover.Unknown}
			}
			return nil
		}
		s, err := p.coordinator().Begin(t.Context(), name, "")
		if err != nil || s.State.Phase != cutover.RolledBack || len(evicted) < 2 {
			t.Fatalf("%s after %v, %v", s.State.Phase, evicted, err)
		}
		late := evicted[len(evicted)-1]
		if _, undo := late[cutover.Action{Verb: cutover.Undo, Step: cutover.SwitchReads}]; !undo || len(late) != 1 {
			t.Errorf("to be evicted: %v", evicted)
		}
	})
}

// TestAnEvictionLeavesTheReserve: what is waited for has ended by then.
func TestAnEvictionLeavesTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		p.budget = cutover.Budget{Total: 50 * time.Second, Reserve: 20 * time.Second}
		var left time.Duration
		unknown := true
		p.during = func(_ context.Context, a run.Attempt) *run.Result {
			switch {
			case a.Verb == cutover.Evict:
				left = a.Late[cutover.Action{Verb: cutover.Do, Step: cutover.SwitchReads}]
			case a.Step == cutover.SwitchReads && unknown:
				unknown = false
				return &run.Result{Outcome: cutover.Unknown}
			}
			return nil
		}
		s, err := p.coordinator().Begin(t.Context(), name, "")
		if err != nil || s.State.Phase != cutover.Completed || left <= 0 || left > 30*time.Second {
			t.Errorf("%s, %v: an eviction waits for %v", s.State.Phase, err, left)
		}
	})
}
