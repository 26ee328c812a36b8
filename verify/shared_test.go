package verify_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/jobstest"
)

// team is the processes that compare ranges of a world's passes. Each does a job whenever the holder waits.
type team struct {
	*jobstest.Fake

	helpers []*verify.Helper
	off     bool // they do nothing
}

// sharedBy has the ranges of a full pass compared by some other processes.
func (w *world) sharedBy(names ...string) *team {
	w.inRanges()
	w.LeastShared(5)
	t := &team{Fake: jobstest.New()}
	w.Jobs, w.Worker = t, "holder"
	for i, name := range names {
		h := &verify.Helper{Ledger: w.store, Log: slog.New(slog.DiscardHandler), Open: func(context.Context) (*verify.Comparison, string, func(), error) {
			c := *w.Comparison
			c.Worker, c.Random = name, rand.New(rand.NewPCG(uint64(i), 7))
			return &c, w.start().Fingerprint, func() {}, nil
		}}
		w.t.Cleanup(h.Close)
		t.helpers = append(t.helpers, h)
	}
	w.meanwhile = func(int) {
		for _, h := range t.helpers {
			if !t.off {
				t.Once(w.t.Context(), w.start().Fingerprint, h.Do)
			}
		}
	}
	return t
}

// workers are who compared the ranges of a pass; the ranges must hold every key once.
func (w *world) workers(id verify.PassID) map[string]int {
	w.t.Helper()
	ranges, err := w.store.Ranges(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	by, from := map[string]int{}, map[order.Key]order.Key{}
	for _, r := range ranges {
		by[r.Worker]++
		if _, twice := from[r.From]; twice {
			w.t.Errorf("two ranges begin at %q", r.From)
		}
		from[r.From] = r.Below
	}
	n := 0
	for at := order.Key(""); n == 0 || at != ""; n++ {
		below, ok := from[at]
		if !ok {
			w.t.Fatalf("no range begins at %q: %v", at, from)
		}
		at = below
	}
	if n != len(ranges) {
		w.t.Errorf("%d of %d ranges follow one another", n, len(ranges))
	}
	return by
}

// faulty plants faults into two tables with the same rows.
func faulty(random *rand.Rand, keyType order.KeyType, orders int) (legacy, projection []order.Row) {
	rows := dense(orders)
	legacy, projection = keyed(keyType, rows), keyed(keyType, rows)
	for range 1 + random.IntN(20) {
		i, j := random.IntN(len(projection)), random.IntN(len(legacy))
		switch random.IntN(4) {
		case 0:
			projection[i].Values = []order.Value{{Text: "FILLED"}, {Text: "7"}}
		case 1:
			projection = slices.Delete(projection, i, i+1)
		case 2:
			legacy = slices.Delete(legacy, j, j+1)
		default:
			projection = append(projection, projection[i]) // twice
		}
	}
	return legacy, projection
}

// TestSharedRangesFindWhatOneStatementFinds compares the two on random tables: the same divergences, counts and coverage, from
// ranges of which each was compared once, by two processes besides the holder.
func TestSharedRangesFindWhatOneStatementFinds(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		keyType := []order.KeyType{order.KeyInteger, order.KeyUUID, order.KeyText}[seed%3]
		l, p := faulty(random, keyType, 200+random.IntN(300))
		legacy, projection := table(l), table(p)
		legacy.KeyType, projection.KeyType = keyType, keyType
		legacy.GroupBy, projection.GroupBy = "status", "status"
		whole, parts := worldOf(t, legacy, projection), worldOf(t, legacy, projection)
		parts.sharedBy("a", "b")
		whole.GroupBy, parts.GroupBy = "status", "status"
		want, got := whole.must(whole.full(t.Context())), parts.must(parts.full(t.Context()))
		if whole.open() != parts.open() {
			t.Errorf("seed %d: found %s; want %s", seed, parts.open(), whole.open())
		}
		if by := parts.workers(got.ID); by["a"] == 0 || by["b"] == 0 || by["holder"] == 0 {
			t.Errorf("seed %d: compared by %v", seed, by)
		}
		facts := got.Scan.Facts.(verify.FullFacts)
		facts.Ranges = 0
		if diff := cmp.Diff(want.Scan.Facts, verify.Facts(facts)); diff != "" {
			t.Errorf("seed %d: facts (-want +got): %s", seed, diff)
		}
		got.Scan.Facts = want.Scan.Facts
		if diff := cmp.Diff(want.Scan, got.Scan); diff != "" || want.Result != got.Result {
			t.Errorf("seed %d: %+v, want %+v: %s", seed, got.Result, want.Result, diff)
		}
	}
}

// TestTheNextHolderGoesOnWithTheJobs stops the holder at each of its waits. What others have compared stays, and they go on for the
// next holder, which may know nothing of jobs.
func TestTheNextHolderGoesOnWithTheJobs(t *testing.T) {
	legacy, projection := faulty(rand.New(rand.NewPCG(3, 3)), order.KeyInteger, 300)
	calm := newWorld(t, legacy, projection).inRanges()
	want := calm.must(calm.full(t.Context()))
	stoppedPasses := 0
	for at := 1; ; at += 3 {
		w := newWorld(t, legacy, projection)
		team := w.sharedBy("a", "b")
		work := w.meanwhile
		ctx, kill := context.WithCancel(t.Context())
		w.meanwhile = func(wait int) {
			if work(wait); wait == at {
				kill()
			}
		}
		stopped, err := w.full(ctx)
		if err == nil {
			break
		}
		if stopped.State == verify.Settling {
			continue
		}
		stoppedPasses++
		before, _ := w.store.Ranges(t.Context(), stopped.ID)
		if err := w.store.Release(t.Context(), w.lease); err != nil {
			t.Fatal(err)
		}
		for range 3 { // nobody stores anything now
			work(0)
		}
		between, _ := w.store.Ranges(t.Context(), stopped.ID)
		if diff := cmp.Diff(before, between); diff != "" {
			t.Errorf("stopped at wait %d: stored without a holder: %s", at, diff)
		}
		w.lease, w.meanwhile = w.acquire(), work
		if at%2 == 0 {
			w.Jobs, team.off = nil, true
		}
		orphans, err := w.store.Abandoned(t.Context(), verify.Full)
		if err != nil || len(orphans) != 1 {
			t.Fatalf("orphans: %v, %v", orphans, err)
		}
		if err := w.store.Adopt(t.Context(), w.lease, stopped.ID); err != nil {
			t.Fatal(err)
		}
		got := w.must(w.Resume(t.Context(), w.lease, orphans[0]))
		w.workers(got.ID)
		after, _ := w.store.Ranges(t.Context(), stopped.ID)
		for _, r := range before {
			if i := slices.IndexFunc(after, func(other verify.Range) bool { return other.Number == r.Number }); i < 0 || !cmp.Equal(r, after[i]) {
				t.Errorf("stopped at wait %d: range %d was compared again", at, r.Number)
			}
		}
		if w.open() != calm.open() || got.Scan.Compared != want.Scan.Compared || got.Scan.Coverage != 1 || got.Result != want.Result || got.Scan.Mismatches != want.Scan.Mismatches {
			t.Errorf("stopped at wait %d: %+v %+v, want %+v %+v", at, got.Scan, got.Result, want.Scan, want.Result)
		}
	}
	if stoppedPasses < 5 {
		t.Errorf("only %d passes were stopped while others worked", stoppedPasses)
	}
}

// TestASharedRangeThatTakesTooLongIsSplit has a side that needs longer for more than 4 keys, after the holder has seen it fast.
func TestASharedRangeThatTakesTooLongIsSplit(t *testing.T) {
	w := newWorld(t, dense(400), dense(400))
	w.sharedBy("a", "b")
	fast, work := w.Projection, w.meanwhile
	w.meanwhile = func(wait int) {
		w.Projection, w.MaxSnapshot = slow{w.projection, 4}, 50*time.Millisecond
		work(wait)
		w.Projection = fast
	}
	pass := w.must(w.full(t.Context()))
	facts := pass.Scan.Facts.(verify.FullFacts)
	if pass.Result.Verdict != compare.Match || pass.Scan.Compared != 400 || facts.Ranges < 90 {
		t.Errorf("%+v, %d compared in %d ranges", pass.Result, pass.Scan.Compared, facts.Ranges)
	}
	if by := w.workers(pass.ID); by["a"] == 0 || by["b"] == 0 {
		t.Errorf("compared by %v", by)
	}
}

// TestTheHolderDoesWhatNobodyDoes has helpers that are away from a moment on, and some that fail.
func TestTheHolderDoesWhatNobodyDoes(t *testing.T) {
	w := newWorld(t, dense(300), dense(300))
	team := w.sharedBy("a")
	w.MaxSnapshot = time.Second
	work := w.meanwhile
	w.meanwhile = func(wait int) { team.off = wait > 3; work(wait) }
	pass := w.must(w.full(t.Context()))
	if by := w.workers(pass.ID); pass.Result.Verdict != compare.Match || pass.Scan.Compared != 300 || by["a"] == 0 || by["holder"] < 15 {
		t.Errorf("helpers that are away: %+v, compared by %v", pass.Result, by)
	}
	away := errors.New("a helper's trouble")
	w = newWorld(t, dense(300), dense(300))
	w.sharedBy("a")
	w.Passes = func(err error) bool { return errors.Is(err, errAway) }
	trouble, n := error(nil), 0
	w.projection.Before = func(string) error { return trouble }
	work = w.meanwhile
	w.meanwhile = func(wait int) {
		if n++; n%3 == 0 {
			trouble = errAway
		} else if n%3 == 1 {
			trouble = away
		}
		work(wait)
		trouble = nil
	}
	pass = w.must(w.full(t.Context()))
	if by := w.workers(pass.ID); pass.Result.Verdict != compare.Match || pass.Scan.Compared != 300 || by["a"] == 0 || by["holder"] < 3 {
		t.Errorf("helpers in trouble: %+v, compared by %v", pass.Result, by)
	}
}

// TestARangeThatCannotBeSharedEndsThePass has the same trouble in all processes.
func TestARangeThatCannotBeSharedEndsThePass(t *testing.T) {
	w := newWorld(t, dense(300), dense(300))
	w.sharedBy("a", "b")
	broken := errors.New("the table is damaged")
	var trouble error
	w.projection.Before = func(string) error { return trouble }
	work := w.meanwhile
	w.meanwhile = func(wait int) { trouble = broken; work(wait) }
	pass, err := w.full(t.Context())
	if !errors.Is(err, broken) || pass.State != verify.Done || pass.Result.Verdict != compare.Unverified || !strings.Contains(pass.Result.Reason, "the table is damaged") {
		t.Errorf("%+v, %v", pass.Result, err)
	}
	if held, _ := w.Jobs.Held(t.Context(), pass.ID, time.Hour); len(held) > 0 {
		t.Errorf("jobs of a pass that has ended: %v", held)
	}
}

// TestAHelperThatFindsDigestsBlindEndsThePass: another process, with another seed, might not notice.
func TestAHelperThatFindsDigestsBlindEndsThePass(t *testing.T) {
	projection := dense(300)
	for i := range projection {
		projection[i].Values = []order.Value{{Text: "WRONG"}, {Text: "0"}}
	}
	w := newWorld(t, dense(300), projection)
	w.sharedBy("a")
	blind := func(is bool) { w.legacy.Blind, w.projection.Blind = is, is }
	work := w.meanwhile
	w.meanwhile = func(wait int) { blind(true); work(wait); blind(false) }
	pass, err := w.full(t.Context())
	if !errors.Is(err, verify.ErrNotScanning) {
		t.Errorf("the holder says %v", err)
	}
	all, err := w.store.Passes(t.Context(), 1)
	if err != nil || len(all) == 0 || all[0].ID != pass.ID {
		t.Fatalf("the ledger has %+v, %v", all, err)
	}
	stored := all[0]
	if stored.State != verify.Done || stored.Result.Verdict != compare.Unverified || !strings.Contains(stored.Result.Reason, "digests are equal") {
		t.Errorf("the pass ended as %+v", stored.Result)
	}
}

// TestWidespreadDifferencesAreToldBySeveral has a field that differs everywhere, and then in a third of the keys.
func TestWidespreadDifferencesAreToldBySeveral(t *testing.T) {
	for from, widespread := range map[int]bool{0: true, 4000: false} {
		rows := dense(6000)
		wrong := slices.Clone(rows)
		for i := from; i < len(wrong); i++ {
			wrong[i].Values = []order.Value{wrong[i].Values[0], {Text: "0.5"}}
		}
		w := newWorld(t, rows, wrong)
		w.sharedBy("a", "b")
		w.FirstRange(300)
		pass := w.must(w.full(t.Context()))
		facts := pass.Scan.Facts.(verify.FullFacts)
		if got := len(facts.Widespread) > 0; got != widespread {
			t.Errorf("from %d: widespread: %+v", from, facts.Widespread)
		}
		if !widespread && (pass.Scan.Coverage != 1 || pass.Result.Diverged != 2000 || pass.Scan.Compared != 6000) {
			t.Errorf("%+v, coverage %g of %d", pass.Result, pass.Scan.Coverage, pass.Scan.Compared)
		}
		if widespread && (pass.Scan.Coverage >= 0.9 || pass.Result.Diverged > 9) {
			t.Errorf("%+v, coverage %g", pass.Result, pass.Scan.Coverage)
		}
	}
}

// TestAProcessWithAWrongClockSharesNothing: the holder would look at its suspects again before the settle window has passed.
func TestAProcessWithAWrongClockSharesNothing(t *testing.T) {
	for _, off := range []time.Duration{-20 * time.Second, 20 * time.Second} {
		legacy, projection := faulty(rand.New(rand.NewPCG(3, 3)), order.KeyInteger, 300)
		w := newWorld(t, legacy, projection)
		team := w.sharedBy("a", "b")
		open := team.helpers[0].Open
		team.helpers[0].Open = func(ctx context.Context) (*verify.Comparison, string, func(), error) {
			c, fingerprint, done, err := open(ctx)
			c.Now = func() time.Time { return w.clock().Add(off) }
			return c, fingerprint, done, err
		}
		pass := w.must(w.full(t.Context()))
		if by := w.workers(pass.ID); by["a"] > 0 || by["b"] == 0 || pass.Scan.Coverage != 1 {
			t.Errorf("off by %s: compared by %v", off, by)
		}
		w = newWorld(t, legacy, projection)
		w.sharedBy("a")
		w.Now = func() time.Time { return w.clock().Add(off) }
		pass = w.must(w.full(t.Context()))
		if by := w.workers(pass.ID); by["a"] > 0 || pass.Scan.Coverage != 1 {
			t.Errorf("the holder off by %s: compared by %v", off, by)
		}
	}
}
