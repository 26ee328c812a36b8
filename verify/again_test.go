package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

var errCancelled = errors.New("canceling statement due to conflict with recovery")

// cancelling makes a standby of a side, which cancels that read the first n times.
func (w *world) cancelling(f *sourcetest.Fake, read string, n int) {
	w.Conflict = func(err error) bool { return errors.Is(err, errCancelled) }
	f.Before = func(name string) error {
		if name != read {
			return nil
		}
		if n--; n >= 0 {
			return errCancelled
		}
		return nil
	}
}

// TestAPassStartsAgainIfAStandbyCancelsIt, with nothing of the attempts before: their orders are counted no second time.
func TestAPassStartsAgainIfAStandbyCancelsIt(t *testing.T) {
	late := dense(400)
	late[7].Values[0].Text = "FILLED"
	for _, read := range []string{"begin", "digests", "scan"} {
		w := newWorld(t, dense(400), late)
		w.GroupBy = "status"
		w.cancelling(w.projection, read, 3)
		w.meanwhile = func(wait int) {
			if wait == 3 { // the lag has ended before the last attempt
				w.projection.Delete("8")
				w.projection.Add(row(8, "OPEN", "7"))
			}
		}
		pass := w.must(w.full(t.Context()))
		if pass.Result.Verdict != compare.Match || pass.Scan.Coverage != 1 || w.open() != "" {
			t.Errorf("%s: %+v", read, pass.Result)
		}
		facts := pass.Scan.Facts.(verify.FullFacts)
		if facts.Legacy != 400 || facts.Projection != 400 || pass.Scan.Compared != 400 || facts.Restarts != 3 {
			t.Errorf("%s: %d and %d rows, %d orders compared, started again %d times", read, facts.Legacy, facts.Projection, pass.Scan.Compared, facts.Restarts)
		}
	}
}

// TestAPassThatIsAlwaysCancelledIsUnverified and says what to do.
func TestAPassThatIsAlwaysCancelledIsUnverified(t *testing.T) {
	w := newWorld(t, dense(400), dense(400))
	w.cancelling(w.legacy, "digests", 1000)
	begun := w.now
	pass, err := w.full(t.Context())
	if !errors.Is(err, verify.ErrConflicts) || !errors.Is(err, errCancelled) || pass.Result.Verdict != compare.Unverified {
		t.Errorf("%v, %+v", err, pass.Result)
	}
	if reason := w.stored(pass.ID).Result.Reason; !strings.Contains(reason, "hot_standby_feedback") || !strings.Contains(reason, "5 attempts") {
		t.Errorf("the reason is %q", reason)
	}
	if waited := w.now.Sub(begun); waited != 15*time.Second {
		t.Errorf("waited %s between five attempts", waited)
	}
	w = newWorld(t, dense(400), dense(400))
	w.cancelling(w.legacy, "draw", 1000)
	w.cancelling(w.projection, "begin", 2)
	sampled := w.must(w.sample(t.Context(), 50))
	if facts := sampled.Scan.Facts.(verify.SampleFacts); facts.Restarts != 2 || sampled.Result.Verdict != compare.Match {
		t.Errorf("a sample started again %d times: %+v", facts.Restarts, sampled.Result)
	}
}

// TestAStandbyThatHasStoppedProvesNothing: equal rows of it would look like a match, and others like divergences.
func TestAStandbyThatHasStoppedProvesNothing(t *testing.T) {
	seconds := func(s float64) *float64 { return &s }
	late := dense(400)
	late[7].Values[0].Text = "FILLED"
	for _, test := range []struct {
		at   verify.Position
		want compare.Verdict
	}{
		{verify.Position{LSN: "0/1"}, compare.Match},
		{verify.Position{Standby: true, Lag: seconds(0)}, compare.Match},
		{verify.Position{Standby: true, Lag: seconds(299), Stopped: "replay is paused"}, compare.Match},
		{verify.Position{Standby: true}, compare.Match}, // a service that does not tell
		{verify.Position{Standby: true, Lag: seconds(301)}, compare.Unverified},
		{verify.Position{Standby: true, Stopped: "replay is paused"}, compare.Unverified},
	} {
		for side := range 2 {
			w := newWorld(t, dense(400), dense(400))
			[]*sourcetest.Fake{w.legacy, w.projection}[side].At = test.at
			full, err := w.full(t.Context())
			sample, sampleErr := w.sample(t.Context(), 50)
			if full.Result.Verdict != test.want || sample.Result.Verdict != test.want {
				t.Errorf("%+v: %+v and %+v", test.at, full.Result, sample.Result)
			}
			if stale := test.want == compare.Unverified; errors.Is(err, verify.ErrStale) != stale || errors.Is(sampleErr, verify.ErrStale) != stale {
				t.Errorf("%+v: %v and %v", test.at, err, sampleErr)
			}
			if at := full.Scan.Facts.(verify.FullFacts).Positions; []verify.Position{at.Legacy, at.Projection}[side] != test.at {
				t.Errorf("the pass is at %+v", at)
			}
		}
	}
	w := newWorld(t, dense(400), late)
	w.meanwhile = func(int) { w.legacy.At = verify.Position{Standby: true, Lag: seconds(3000)} } // after the scan
	if pass, err := w.full(t.Context()); pass.Result.Verdict != compare.Unverified || !errors.Is(err, verify.ErrStale) || w.open() != "" {
		t.Errorf("an order was judged by a stale row: %+v, %v, %s", pass.Result, err, w.open())
	}
}

// stopped is an event store on a standby that does not come nearer.
type stopped struct{ eventStore }

func (*stopped) Position(context.Context) (verify.Position, error) {
	return verify.Position{Standby: true, Stopped: "replay is paused"}, nil
}

// TestTheStandbyOfTheEventsIsAskedToo, also behind a throttle.
func TestTheStandbyOfTheEventsIsAskedToo(t *testing.T) {
	for _, limited := range []bool{false, true} {
		w := newWorld(t, dense(10), dense(10))
		w.Events = &stopped{}
		if limited {
			throttled(w, throttle.Limits{RowsPerSecond: 1_000_000}, func(order.Representation) throttle.Load { return throttle.Load{} })
		}
		if pass, err := w.full(t.Context()); !errors.Is(err, verify.ErrStale) || !strings.Contains(err.Error(), "events is a standby") || pass.Result.Verdict != compare.Unverified {
			t.Errorf("limited %t: %v: %+v", limited, err, pass.Result)
		}
	}
}
