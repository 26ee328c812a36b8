package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// changedList has an order for each mark, from 1 on.
type changedList struct {
	keys      []order.Key
	forgotten int64
	// unfollowed is that the stream's follower has not begun: nothing can be marked.
	unfollowed bool
}

func (l *changedList) ChangedAfter(_ context.Context, _ string, after int64, limit int) ([]order.Key, int64, error) {
	rest := l.keys[after:]
	rest = rest[:min(limit, len(rest))]
	return slices.Clone(rest), after + int64(len(rest)), nil
}

func (l *changedList) MarkChanged(_ context.Context, _ lease.Lease, _ string, keys []order.Key, _ time.Time) (bool, error) {
	if l.unfollowed {
		return false, nil
	}
	l.keys = append(l.keys, keys...)
	return true, nil
}

func (l *changedList) ForgetChanged(_ context.Context, _ lease.Lease, _ string, upTo int64, _ time.Time) error {
	l.forgotten = upTo
	return nil
}

func TestWatchJudgesTheOrdersThatChangedAndNoOthers(t *testing.T) {
	w := newWorld(t, []order.Row{row(1, "OPEN", "0"), row(2, "OPEN", "0"), row(3, "OPEN", "0")},
		[]order.Row{row(1, "OPEN", "0"), row(2, "FILLED", "0"), row(3, "FILLED", "0")})
	marked := &changedList{keys: []order.Key{"1"}}
	w.meanwhile = func(wait int) {
		if wait == 3 {
			marked.keys = append(marked.keys, "2")
		}
	}
	start := verify.Start{Trigger: "stream", Fingerprint: "f", At: w.now}
	pass, err := w.Watch(t.Context(), w.lease, start, verify.Watching{Changed: marked, Every: time.Second, Length: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if pass.Kind != verify.StreamPass || pass.Scan.Compared != 2 || pass.Result.Verdict != compare.Diverged || pass.Result.Diverged != 1 {
		t.Errorf("the pass is %+v", pass)
	}
	found, err := w.store.PassDivergences(t.Context(), pass.ID, 10)
	if err != nil || len(found) != 1 || found[0].Mismatch.Key != "2" || marked.forgotten != 2 {
		t.Errorf("found %+v, forgotten up to %d, %v", found, marked.forgotten, err)
	}
}

func changed(r order.Row, t time.Time) order.Row {
	r.ChangedAt = t
	return r
}

func TestWatchJudgesWhatLegacyChangedThoughTheStreamSaysNothing(t *testing.T) {
	w := newWorld(t, dense(3), dense(3))
	w.meanwhile = func(wait int) {
		if wait == 3 {
			w.legacy.Put(changed(row(2, "FILLED", "1"), w.now))
		}
	}
	pass := w.must(w.watchFor(10 * time.Minute))
	if pass.Result.Diverged != 1 || w.open() != "2 differs status" {
		t.Errorf("open are %q, the pass is %+v", w.open(), pass)
	}
	if pass.Scan.Compared != 1 {
		t.Errorf("a change was looked at %d times", pass.Scan.Compared)
	}
}

func TestWatchResolvesWhatLegacyWroteAgain(t *testing.T) {
	w := newWorld(t, dense(3), dense(3))
	w.meanwhile = func(wait int) {
		switch wait {
		case 3:
			w.legacy.Put(changed(row(2, "FILLED", "1"), w.now))
		case 60:
			if w.open() != "2 differs status" {
				t.Errorf("open are %q", w.open())
			}
			w.legacy.Put(changed(row(2, "OPEN", "1"), w.now))
		}
	}
	w.must(w.watchFor(10 * time.Minute))
	if w.open() != "" {
		t.Errorf("open are %q", w.open())
	}
}

func TestWatchWithoutAnIndexOnTheTimeOfAChangeLeavesThatToOthers(t *testing.T) {
	legacy := table([]order.Row{row(1, "OPEN", "0"), changed(row(2, "FILLED", "0"), time.Date(2024, 5, 1, 11, 0, 0, 0, time.UTC))})
	legacy.Indexed = false
	w := worldOf(t, legacy, table([]order.Row{row(1, "OPEN", "0"), row(2, "OPEN", "0")}))
	pass := w.must(w.watchFor(time.Minute, "1"))
	if pass.Scan.Compared != 1 || pass.Result.Verdict != compare.Match {
		t.Errorf("the pass is %+v", pass)
	}
}

func TestAnotherWatchCanBeginWhileSuspectsSettle(t *testing.T) {
	w := newWorld(t, dense(3), dense(3))
	how := verify.Watching{Changed: &changedList{}, Every: time.Second, Length: time.Minute}
	next := how
	how.Scanned = func() {
		if _, err := w.Watch(t.Context(), w.lease, verify.Start{Trigger: "stream", At: w.now}, next); err != nil {
			t.Error(err)
		}
		if w.open() != "2 differs status" {
			t.Errorf("open are %q", w.open())
		}
	}
	w.meanwhile = func(int) {
		if is := w.now.Sub(time.Date(2024, 5, 1, 12, 0, 50, 0, time.UTC)); is == 0 {
			w.legacy.Put(changed(row(2, "FILLED", "1"), w.now))
		}
	}
	pass := w.must(w.Watch(t.Context(), w.lease, verify.Start{Trigger: "stream", At: w.now}, how))
	if pass.Result.Diverged != 1 || w.open() != "2 differs status" {
		t.Errorf("open are %q, the pass is %+v", w.open(), pass)
	}
}

// TestAnEventThatComesAgainAndAgainDoesNotPutAVerdictOff: nothing is written, the order is only looked at.
func TestAnEventThatComesAgainAndAgainDoesNotPutAVerdictOff(t *testing.T) {
	w := newWorld(t, dense(3), []order.Row{dense(3)[0], row(2, "FILLED", "1"), dense(3)[2]})
	marked := &changedList{}
	w.meanwhile = func(wait int) {
		if wait%20 == 0 {
			marked.keys = append(marked.keys, "2")
		}
		if wait == 55 && w.open() != "2 differs status" {
			t.Errorf("open are %q after %d s", w.open(), wait)
		}
	}
	how := verify.Watching{Changed: marked, Every: time.Second, Length: 2 * time.Minute}
	w.must(w.Watch(t.Context(), w.lease, verify.Start{Trigger: "stream", At: w.now}, how))
}

// TestABrokenWatchLeavesItsOrdersToTheNext though legacy has changed very many others since.
func TestABrokenWatchLeavesItsOrdersToTheNext(t *testing.T) {
	const many = 12_000
	w := newWorld(t, dense(many), dense(many))
	lost := errors.New("connection reset")
	w.meanwhile = func(wait int) {
		switch wait {
		case 5:
			w.legacy.Put(changed(row(7, "FILLED", "6"), w.now))
		case 8:
			w.projection.Before = func(string) error { return lost }
			newer := dense(many)
			for i := range newer {
				newer[i].ChangedAt = w.now
			}
			newer[6] = changed(row(7, "FILLED", "6"), w.now.Add(-3*time.Second))
			w.Legacy = sourcetest.New(order.Legacy, table(newer))
		}
	}
	marked := &changedList{}
	how := verify.Watching{Changed: marked, Every: time.Second, Length: time.Minute}
	start := verify.Start{Trigger: "stream", Fingerprint: "f", At: w.now}
	if _, err := w.Watch(t.Context(), w.lease, start, how); !errors.Is(err, lost) || w.open() != "" {
		t.Fatalf("it ended with %v, open are %q", err, w.open())
	}
	w.projection.Before = nil
	start.At = w.now
	w.must(w.Watch(t.Context(), w.lease, start, how))
	if w.open() != "7 differs status" {
		t.Errorf("open are %q", w.open())
	}
}

func TestAChangeFromBeforeTheFollowerHasBegunIsLookedAtThen(t *testing.T) {
	w := newWorld(t, []order.Row{row(1, "OPEN", "0"), changed(row(2, "FILLED", "1"), time.Date(2024, 5, 1, 11, 0, 0, 0, time.UTC))}, dense(2))
	marked := &changedList{unfollowed: true}
	w.meanwhile = func(wait int) { marked.unfollowed = wait < 5 }
	how := verify.Watching{Changed: marked, Every: time.Second, Length: time.Minute}
	w.must(w.Watch(t.Context(), w.lease, verify.Start{Trigger: "stream", At: w.now}, how))
	if w.open() != "2 differs status" {
		t.Errorf("open are %q", w.open())
	}
}

// watchFor is a Watch with a look a second at orders that the stream marked.
func (w *world) watchFor(length time.Duration, marked ...order.Key) (verify.Pass, error) {
	start := verify.Start{Trigger: "stream", Fingerprint: "f", At: w.now}
	return w.Watch(w.t.Context(), w.lease, start, verify.Watching{Changed: &changedList{keys: marked}, Every: time.Second, Length: length})
}

// turned is a side whose role is another than before a cutover.
type turned struct {
	*sourcetest.Fake

	role order.Role
}

func (t turned) Role() order.Role { return t.role }

func TestAWatchMarksWhatTheTruthChanges(t *testing.T) {
	lost := []order.Row{row(1, "OPEN", "0"), row(2, "OPEN", "1")}
	w := newWorld(t, lost, dense(2))
	w.Legacy, w.Projection = turned{w.legacy, order.Follower}, turned{w.projection, order.Truth}
	w.meanwhile = func(wait int) {
		if wait == 3 {
			w.projection.Put(changed(row(2, "FILLED", "1"), w.now))
		}
	}
	how := verify.Watching{Changed: &changedList{}, Every: time.Second, Length: time.Minute}
	w.must(w.Watch(t.Context(), w.lease, verify.Start{Trigger: "stream", At: w.now}, how))
	if w.open() != "2 differs status" {
		t.Errorf("open are %q", w.open())
	}
}
