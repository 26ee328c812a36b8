package verify_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// inRanges lets a full pass of the world compare ranges, of a few rows first.
func (w *world) inRanges() *world {
	w.MaxSnapshot = time.Hour
	w.FirstRange(5)
	return w
}

// keyed gives rows keys of another type.
func keyed(t order.KeyType, rows []order.Row) []order.Row {
	out := slices.Clone(rows)
	for i, r := range out {
		switch t {
		case order.KeyUUID:
			out[i].Key = order.Key(fmt.Sprintf("%08s-0000-0000-0000-000000000000", strings.TrimPrefix(string(r.Key), "-")))
		case order.KeyText:
			out[i].Key = "order " + r.Key
		case order.KeyInteger:
		}
	}
	return out
}

// TestRangesFindWhatOneStatementFinds compares the two on random tables: the same divergences, counts and coverage.
func TestRangesFindWhatOneStatementFinds(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0))
		keyType := []order.KeyType{order.KeyInteger, order.KeyUUID, order.KeyText}[seed%3]
		rows := dense(200 + random.IntN(300))
		legacy, projection := table(keyed(keyType, rows)), table(keyed(keyType, rows))
		legacy.KeyType, projection.KeyType = keyType, keyType
		legacy.GroupBy, projection.GroupBy = "status", "status"
		for range random.IntN(20) {
			i, j := random.IntN(len(projection.Rows)), random.IntN(len(legacy.Rows))
			switch random.IntN(4) {
			case 0:
				projection.Rows[i].Values = []order.Value{{Text: "FILLED"}, {Text: "7"}}
			case 1:
				projection.Rows = slices.Delete(projection.Rows, i, i+1)
			case 2:
				legacy.Rows = slices.Delete(legacy.Rows, j, j+1)
			default:
				projection.Rows = append(projection.Rows, projection.Rows[i]) // twice
			}
		}
		if seed%5 == 0 {
			legacy.NoKey = 3
		}
		whole, parts := worldOf(t, legacy, projection), worldOf(t, legacy, projection).inRanges()
		whole.GroupBy, parts.GroupBy = "status", "status"
		want, got := whole.must(whole.full(t.Context())), parts.must(parts.full(t.Context()))
		if whole.open() != parts.open() {
			t.Errorf("seed %d: found %s; want %s", seed, parts.open(), whole.open())
		}
		facts := got.Scan.Facts.(verify.FullFacts)
		if facts.Ranges < 8 {
			t.Errorf("seed %d: %d ranges", seed, facts.Ranges)
		}
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

// TestAMappingMistakeIsToldInRangesToo has a field that differs everywhere, and then in one part of the keys only.
func TestAMappingMistakeIsToldInRangesToo(t *testing.T) {
	for name, test := range map[string]struct {
		from       int
		widespread bool
	}{"everywhere": {0, true}, "a third": {4000, false}} {
		t.Run(name, func(t *testing.T) {
			rows := dense(6000)
			wrong := slices.Clone(rows)
			for i := test.from; i < len(wrong); i++ {
				wrong[i].Values = []order.Value{wrong[i].Values[0], {Text: "0.5"}}
			}
			w := newWorld(t, rows, wrong).inRanges()
			w.FirstRange(300)
			pass := w.must(w.full(t.Context()))
			facts := pass.Scan.Facts.(verify.FullFacts)
			if got := len(facts.Widespread) > 0; got != test.widespread {
				t.Fatalf("widespread: %+v", facts.Widespread)
			}
			if test.widespread {
				if pass.Scan.Coverage >= 0.9 || pass.Result.Diverged != 3 || !strings.Contains(pass.Scan.Reason, "field `filled` differs in 100 % of orders") {
					t.Errorf("%+v, coverage %g: %s", pass.Result, pass.Scan.Coverage, pass.Scan.Reason)
				}
				return
			}
			if pass.Scan.Coverage != 1 || pass.Result.Diverged != 2000 || pass.Scan.Compared != 6000 {
				t.Errorf("%+v, coverage %g of %d", pass.Result, pass.Scan.Coverage, pass.Scan.Compared)
			}
		})
	}
}

// TestAKilledPassGoesOnAtTheFirstRangeThatIsNotDone stops at every read in turn. In the end each range was stored once, and the
// result is that of a pass which nothing stopped.
func TestAKilledPassGoesOnAtTheFirstRangeThatIsNotDone(t *testing.T) {
	legacy := dense(100)
	projection := slices.Delete(slices.Clone(legacy), 60, 61)
	projection[20] = row(21, "FILLED", "1")
	calm := newWorld(t, legacy, projection).inRanges()
	want := calm.must(calm.full(t.Context()))
	for after := 1; ; after++ {
		w := newWorld(t, legacy, projection).inRanges()
		ctx, kill := context.WithCancel(t.Context())
		left, digested := after, 0
		w.legacy.Before = func(read string) error {
			if left--; left == 0 {
				kill()
			}
			return nil
		}
		stopped, err := w.full(ctx)
		if err == nil {
			if after < 30 {
				t.Fatalf("only %d reads", after)
			}
			return
		}
		if stopped.State == verify.Done {
			t.Fatalf("stopped at read %d: %+v", after, stopped)
		}
		before, err := w.store.Ranges(t.Context(), stopped.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.legacy.Before = func(read string) error {
			if read == "digests" {
				digested++
			}
			return nil
		}
		if err := w.store.Release(t.Context(), w.lease); err != nil {
			t.Fatal(err)
		}
		w.lease = w.acquire()
		orphans, err := w.store.Abandoned(t.Context(), verify.Full)
		if err != nil || len(orphans) != 1 {
			t.Fatalf("orphans: %v, %v", orphans, err)
		}
		if err := w.store.Adopt(t.Context(), w.lease, stopped.ID); err != nil {
			t.Fatal(err)
		}
		got := w.must(w.Resume(t.Context(), w.lease, orphans[0]))
		ranges, _ := w.store.Ranges(t.Context(), stopped.ID)
		for i, r := range before {
			if diff := cmp.Diff(r, ranges[i]); diff != "" {
				t.Errorf("stopped at read %d: range %d was compared again: %s", after, i, diff)
			}
		}
		if orphans[0].State == verify.Scanning && w.open() != calm.open() {
			t.Errorf("stopped at read %d: found %s; want %s", after, w.open(), calm.open())
		}
		if orphans[0].State == verify.Settling {
			continue
		}
		if got.Scan.Compared != want.Scan.Compared || got.Scan.Coverage != 1 || got.Result != want.Result || got.Scan.Mismatches != want.Scan.Mismatches {
			t.Errorf("stopped at read %d: %+v %+v, want %+v %+v", after, got.Scan, got.Result, want.Scan, want.Result)
		}
		facts, wanted := got.Scan.Facts.(verify.FullFacts), want.Scan.Facts.(verify.FullFacts)
		if diff := cmp.Diff(wanted.Counts, facts.Counts); diff != "" {
			t.Errorf("stopped at read %d: counts %s", after, diff)
		}
	}
}

// TestALostConnectionCostsARange loses it in each range, and then for good.
func TestALostConnectionCostsARange(t *testing.T) {
	w := newWorld(t, dense(100), dense(100)).inRanges()
	w.Passes = func(err error) bool { return errors.Is(err, errAway) }
	w.Lost = w.Passes
	digests := 0
	w.projection.Before = func(read string) error {
		if read != "digests" {
			return nil
		}
		if digests++; digests%2 == 1 {
			return errAway
		}
		return nil
	}
	pass := w.must(w.full(t.Context()))
	if facts := pass.Scan.Facts.(verify.FullFacts); pass.Result.Verdict != compare.Match || int64(digests) != 2*facts.Ranges {
		t.Errorf("%+v with %d digests of %d ranges", pass.Result, digests, facts.Ranges)
	}
	w.projection.Before = func(read string) error {
		if read == "digests" {
			return errAway
		}
		return nil
	}
	digests = 0
	pass, err := w.full(t.Context())
	if !errors.Is(err, errAway) || pass.State != verify.Scanning || w.stored(pass.ID).State != verify.Scanning {
		t.Errorf("it cannot be resumed: %+v, %v", pass, err)
	}
	w.Lost = nil // it would meet the next process too
	if pass, err = w.full(t.Context()); !errors.Is(err, errAway) || pass.State != verify.Done || pass.Result.Verdict != compare.Unverified {
		t.Errorf("an error that passes at no attempt: %+v, %v", pass, err)
	}
	w.Passes = nil
	if pass, err = w.full(t.Context()); !errors.Is(err, errAway) || pass.State != verify.Done || pass.Result.Verdict != compare.Unverified {
		t.Errorf("an error that does not pass: %+v, %v", pass, err)
	}
}

// TestARangeThatTakesTooLongIsMadeSmaller has a side that needs longer for more than 8 keys.
func TestARangeThatTakesTooLongIsMadeSmaller(t *testing.T) {
	w := newWorld(t, dense(100), dense(100)).inRanges()
	w.Projection = slow{w.projection, 8}
	w.MaxSnapshot = 50 * time.Millisecond
	pass := w.must(w.full(t.Context()))
	if facts := pass.Scan.Facts.(verify.FullFacts); pass.Result.Verdict != compare.Match || pass.Scan.Compared != 100 || facts.Ranges < 13 {
		t.Errorf("%+v, %d compared in %d ranges", pass.Result, pass.Scan.Compared, facts.Ranges)
	}
	w.Projection = slow{w.projection, 0}
	if pass, err := w.full(t.Context()); err == nil || !strings.Contains(err.Error(), "took longer than verify.max_snapshot") || pass.State != verify.Done {
		t.Errorf("%+v, %v", pass, err)
	}
}

// slow never ends a digest of more than some keys.
type slow struct {
	*sourcetest.Fake
	most int64
}

func (s slow) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := s.Fake.Begin(ctx)
	tracked, _ := n.(verify.Tracked)
	return slowSnapshot{n, tracked, s.most}, err
}

type slowSnapshot struct {
	verify.Snapshot
	verify.Tracked

	most int64
}

func (s slowSnapshot) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	found, err := s.Snapshot.Digests(ctx, q, progress)
	var rows int64
	for _, d := range found {
		rows += d.Rows
	}
	if rows > s.most {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return found, err
}

// TestRangesNeedAnIndex refuses to break the promise.
func TestRangesNeedAnIndex(t *testing.T) {
	w := newWorld(t, dense(10), dense(10)).inRanges()
	plain := table(dense(10))
	plain.Indexed = false
	w.Projection = sourcetest.New(order.Projection, plain)
	if pass, err := w.full(t.Context()); !errors.Is(err, verify.ErrNoRanges) || pass.Result.Verdict != compare.Unverified {
		t.Errorf("%+v, %v", pass, err)
	}
}
