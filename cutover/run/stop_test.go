package run_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
)

var errAway = errors.New("the ledger is away")

// outcomes are those of the newest run's journal, without what was only done.
func outcomes(t *testing.T, p *player) (all []cutover.Outcome) {
	t.Helper()
	runs, err := p.Runs(t.Context())
	if err != nil || len(runs) == 0 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, r := range runs[len(runs)-1] {
		if r.Outcome != "" && r.Outcome != cutover.Done {
			all = append(all, r.Outcome)
		}
	}
	return all
}

func want(t *testing.T, p *player, s run.Status, err error, phase cutover.Phase, o ...cutover.Outcome) {
	t.Helper()
	if got := outcomes(t, p); err != nil || s.State.Phase != phase || !slices.Equal(got, o) {
		t.Errorf("%s with %v, %v; not %s with %v", s.State.Phase, got, err, phase, o)
	}
}

// TestSIGTERM at each step rolls back or finishes, and interrupts what can be interrupted.
func TestSIGTERM(t *testing.T) {
	const interrupted = true
	for _, c := range []struct {
		step  cutover.Step
		is    bool
		phase cutover.Phase
	}{
		{cutover.Preflight, interrupted, cutover.RolledBack},
		{cutover.Hold, interrupted, cutover.RolledBack},
		{cutover.Fence, interrupted, cutover.RolledBack},
		{cutover.PermanentFence, interrupted, cutover.RolledBack},
		{cutover.SwitchReads, interrupted, cutover.RolledBack},
		{cutover.SwitchWrites, interrupted, cutover.Completed}, // it was done nevertheless
		{cutover.Release, !interrupted, cutover.Completed},
		{cutover.TailCheck, !interrupted, cutover.Completed},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlayer(t, nil)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			p.during = func(ctx context.Context, a run.Attempt) *run.Result {
				if a.Step != c.step || a.Verb != cutover.Do {
					return nil
				}
				stop()
				synctest.Wait()
				if is := ctx.Err() != nil; is != c.is {
					t.Errorf("%s was interrupted: %t", a, is)
				}
				return nil
			}
			s, err := p.coordinator().Begin(ctx, name, "")
			if s.State.Phase != c.phase || err != nil {
				t.Errorf("stopped at %s, the run ends %s, %v", c.step, s.State.Phase, err)
			}
		})
	}
}

// TestARequestIsHeardOnce: what was obeyed or dropped is journalled, so the next process need not hear it. What was heard by a process that was killed
// before it could write is not.
func TestARequestIsHeardOnce(t *testing.T) {
	for name, c := range map[string]struct {
		during cutover.Action // when somebody asks
		asks   cutover.Outcome
		killed bool
		want   int64
		phase  cutover.Phase
	}{
		"obeyed":                     {cutover.Action{Verb: cutover.Do, Step: cutover.Barrier}, cutover.Abort, false, 7, cutover.RolledBack},
		"obeyed, and gone ahead":     {cutover.Action{Verb: cutover.Do, Step: cutover.TailCheck}, cutover.Reverse, false, 7, cutover.Completed},
		"dropped":                    {cutover.Action{Verb: cutover.Undo, Step: cutover.Fence}, cutover.Abort, false, 7, cutover.RolledBack},
		"heard by one that was gone": {cutover.Action{Verb: cutover.Do, Step: cutover.Barrier}, cutover.Abort, true, 0, cutover.Forward},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlayer(t, nil)
			p.lost = c.during.Verb == cutover.Undo // so it goes back by itself
			asked := false
			p.during = func(ctx context.Context, a run.Attempt) *run.Result {
				if a.Action != c.during || asked {
					return nil
				}
				asked = true
				p.accepted = c.asks == cutover.Reverse // and goes forward again
				p.asks <- run.Request{Asks: c.asks, Number: 7}
				synctest.Wait()
				if c.killed { // its outcome is stored, and the answer to the request is not
					p.records, p.before = 1, true
				}
				p.effect(a.Action, p.process)
				return &run.Result{Outcome: p.readBack(a.Action, p.process)}
			}
			_, _ = p.alive(func() (run.Status, error) { return p.coordinator().Begin(t.Context(), "orders-2026", "") })
			runs, err := p.Runs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := run.Heard(runs[0]); got != c.want || p.state.Phase != c.phase {
				t.Errorf("%s: heard up to %d, and %s; want %d and %s", name, got, p.state.Phase, c.want, c.phase)
			}
			if c.phase == cutover.Completed { // another process that has read the request before the journal
				p.asks <- run.Request{Asks: c.asks, Number: 7}
				if s, err := p.coordinator().Resume(t.Context(), "orders-2026"); err != nil || s.State.Phase != c.phase || s.Records != len(runs[0]) {
					t.Errorf("%s: the next process makes %d records more, and it is %s, %v", name, s.Records-len(runs[0]), s.State.Phase, err)
				}
			}
		})
	}
}

// TestWhatOnlyPeopleCanDoEndsTheProcess after the point of no return. Before it, the run goes back. A person resumes it.
func TestWhatOnlyPeopleCanDoEndsTheProcess(t *testing.T) {
	for accepted, phase := range map[bool]cutover.Phase{true: cutover.Forward, false: cutover.RolledBack} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlayer(t, nil)
			closed := false
			p.during = func(_ context.Context, a run.Attempt) *run.Result {
				switch {
				case accepted && a.Verb == cutover.Do && a.Step == cutover.SwitchWrites && !p.accepted:
					p.accepted = true
					p.effect(a.Action, p.process)
					return &run.Result{Outcome: cutover.Accepted}
				case a.Verb == cutover.Do && !closed && (a.Step == cutover.Release || !accepted && a.Step == cutover.SwitchReads):
					return &run.Result{Outcome: cutover.Failed, ByHand: "close legacy"}
				}
				return nil
			}
			s, err := p.coordinator().Begin(t.Context(), name, "")
			if s.State.Phase != phase || errors.Is(err, run.ErrByHand) != accepted || (s.ByHand == "close legacy") != accepted {
				t.Fatalf("%+v, %v", s, err)
			}
			if !accepted {
				return
			}
			closed = true
			if s, err = p.coordinator().Resume(t.Context(), name); err != nil || s.State.Phase != cutover.Completed || s.ByHand != "" {
				t.Errorf("resumed: %+v, %v", s, err)
			}
		})
	}
}

// TestTheWayBackIsNotStopped: it has its own context.
func TestTheWayBackIsNotStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		p.lost = true
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		p.during = func(ctx context.Context, a run.Attempt) *run.Result {
			if a.Verb == cutover.Undo {
				stop()
				synctest.Wait()
				if ctx.Err() != nil {
					t.Error("the way back was interrupted")
				}
			}
			return nil
		}
		s, err := p.coordinator().Begin(ctx, name, "")
		want(t, p, s, err, cutover.RolledBack, cutover.Failed)
	})
}

// TestALedgerThatIsAway for a moment costs time only, and one that stays away ends the process, which begins nothing meanwhile.
func TestALedgerThatIsAway(t *testing.T) {
	for _, away := range []time.Duration{10 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlayer(t, nil)
			back := time.Now().Add(time.Hour)
			p.during = func(_ context.Context, a run.Attempt) *run.Result {
				switch {
				case p.Err(t.Context()) != nil:
					t.Errorf("%s was begun without an intent", a)
				case a.Step == cutover.Barrier && p.process == 2:
					p.Fail(errAway)
					back = time.Now().Add(away)
					time.AfterFunc(away, func() { p.Fail(nil) })
				}
				return nil
			}
			s, err := p.coordinator().Begin(t.Context(), name, "")
			if away < journalTimeout {
				want(t, p, s, err, cutover.Completed)
				return
			}
			if !errors.Is(err, errAway) || p.session != 0 || !time.Now().Before(back) {
				t.Fatalf("%v, and the fence is held by %d", err, p.session)
			}
			if err := lease.Sleep(t.Context(), away); err != nil {
				t.Fatal(err)
			}
			s, err = p.coordinator().Resume(t.Context(), name)
			want(t, p, s, err, cutover.RolledBack, cutover.Takeover, cutover.FenceLost)
		})
	}
}

const journalTimeout = 30 * time.Second

// TestALostReplyOfTheJournal: the record is written once more, and stored once.
func TestALostReplyOfTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, nil)
		p.loses = true
		s, err := p.coordinator().Begin(t.Context(), name, "")
		want(t, p, s, err, cutover.Completed)
		if s.Records != 20 {
			t.Errorf("%d records", s.Records)
		}
	})
}
