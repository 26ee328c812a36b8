package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestTheFloorWaitsForATransactionThatHadAPositionButNoNumber at the look that saw the newest position. It takes position 1000 before
// that look, gets number 501 ten seconds after it, and runs for 45 seconds.
func TestTheFloorWaitsForATransactionThatHadAPositionButNoNumber(t *testing.T) {
	began := time.Now()
	look := func(after time.Duration, newest order.Position, begun int64) verify.TailLook {
		return verify.TailLook{At: began.Add(after), Newest: newest, Begun: begun}
	}
	tail := verify.Tail{Next: look(0, 1001, 501), Oldest: 501}
	for _, step := range []struct {
		after         time.Duration
		newest        order.Position
		begun, oldest int64
		floor         order.Position // 0 is none
	}{
		{10 * time.Second, 1001, 501, 501, 0},
		{30 * time.Second, 1002, 503, 501, 0}, // 501 is running
		{40 * time.Second, 1003, 505, 501, 0},
		{50 * time.Second, 1004, 510, 503, 1001}, // 501 and 502 have ended, 503 is running
		{70 * time.Second, 1005, 511, 511, 1001},
		{90 * time.Second, 1006, 520, 520, 1004}, // nothing is running
	} {
		var err error
		if tail, err = tail.After(verify.TailFound{Look: look(step.after, step.newest, step.begun)}, true, step.oldest); err != nil {
			t.Fatal(err)
		}
		floor := order.Position(0)
		if tail.Floor != nil {
			floor = *tail.Floor
		}
		if floor != step.floor {
			t.Errorf("after %s the floor is %d, want %d", step.after, floor, step.floor)
		}
	}
}

// straying is an event store of which a look at all of it finds an event that looks at its tail had not.
type straying struct{ *eventStore }

func (straying) Mark(context.Context, verify.EventsQuery) (verify.Mark, error) {
	return verify.Mark{Events: 11, Tail: &verify.Tail{}}, nil
}

func (s straying) Written(ctx context.Context, _ verify.Mark, q verify.EventsQuery) (verify.WrittenEvents, error) {
	now, err := s.Mark(ctx, q)
	return verify.WrittenEvents{Old: now.Events, Now: now, Between: 1, BetweenSum: "1"}, err
}

// TestAllEventsAreReadAfterSomeHadStrayed, until the next full pass, also if the pass was made in ranges or was resumed before the
// first of them.
func TestAllEventsAreReadAfterSomeHadStrayed(t *testing.T) {
	for _, how := range []string{"whole", "in ranges", "resumed"} {
		f := newFour(t)
		f.Events = straying{f.events}
		if how != "whole" {
			f.inRanges()
		}
		tail := func(pass verify.Pass) *verify.Tail {
			t.Helper()
			facts, ok := pass.Scan.Facts.(verify.FullFacts)
			if !ok || facts.Marks == nil || facts.Marks.Events == nil {
				t.Fatalf("%s: %+v has no mark of the events", how, pass)
			}
			return facts.Marks.Events.Tail
		}
		if tail(f.must(f.full(t.Context()))) == nil {
			t.Errorf("%s: a pass of which nothing is known lets no look read the tail", how)
		}
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		if how == "resumed" {
			f.projection.Before = func(read string) error {
				if read == "digests" {
					kill()
				}
				return ctx.Err()
			}
		}
		pass, err := f.delta(ctx)
		if f.projection.Before = nil; how == "resumed" {
			if err == nil || pass.State != verify.Scanning {
				t.Fatalf("%s: %+v, %v", how, pass, err)
			}
			if err := f.store.Release(t.Context(), f.lease); err != nil {
				t.Fatal(err)
			}
			f.lease = f.acquire()
			if err := f.store.Adopt(t.Context(), f.lease, pass.ID); err != nil {
				t.Fatal(err)
			}
			pass, err = f.Resume(t.Context(), f.lease, f.stored(pass.ID))
		}
		if got := tail(f.must(pass, err)); got != nil {
			t.Errorf("%s: looks after the pass may read the tail: %+v", how, got)
		}
	}
}

// TestAHoldPointIsToldWhetherAnotherLookHelps, and when.
func TestAHoldPointIsToldWhetherAnotherLookHelps(t *testing.T) {
	now, floor := time.Now(), order.Position(7)
	waits := verify.Tail{Next: verify.TailLook{At: now.Add(-10 * time.Second)}}
	for name, c := range map[string]struct {
		events *verify.Mark
		after  time.Duration
		better bool
	}{
		"no event store":              {nil, 0, false},
		"few events":                  {&verify.Mark{Events: 999_999, Tail: &waits}, 0, false},
		"no index on the position":    {&verify.Mark{Events: 5_000_000}, 0, false},
		"too soon":                    {&verify.Mark{Events: 5_000_000, Tail: &waits}, 20 * time.Second, true},
		"one more":                    {&verify.Mark{Events: 5_000_000, Tail: &verify.Tail{Next: waits.Next, Ripe: true}}, 0, true},
		"the newest events will do":   {&verify.Mark{Events: 5_000_000, Tail: &verify.Tail{Next: waits.Next, Floor: &floor}}, 0, false},
		"the look is long ago":        {&verify.Mark{Events: 5_000_000, Tail: &verify.Tail{}}, 0, true},
		"the newest will do, and few": {&verify.Mark{Events: 5, Tail: &verify.Tail{Floor: &floor}}, 0, false},
	} {
		pass := verify.Pass{Scan: verify.Scan{Facts: verify.DeltaFacts{Marks: &verify.Marks{Events: c.events}}}}
		if after, better := pass.LookAgain(now); after != c.after || better != c.better {
			t.Errorf("%s: after %s, %t", name, after, better)
		}
	}
}

// asking notes whether looks may read the tail alone, and has events of which no other look is due.
type asking struct {
	*eventStore
	tails *[]bool
}

func (asking) Mark(_ context.Context, q verify.EventsQuery) (verify.Mark, error) {
	floor := order.Position(1)
	return verify.Mark{Events: 11, Tail: &verify.Tail{Whole: verify.TailLook{At: q.At}, Floor: &floor}}, nil
}

func (a asking) Written(_ context.Context, m verify.Mark, q verify.EventsQuery) (verify.WrittenEvents, error) {
	*a.tails = append(*a.tails, q.Tail)
	return verify.WrittenEvents{Old: m.Events, Now: m, Tail: q.Tail}, nil
}

// TestADeltaThatAStandbyCancelsMayStillReadTheTail: a look at all events would take long each time.
func TestADeltaThatAStandbyCancelsMayStillReadTheTail(t *testing.T) {
	for _, read := range []string{"written", "rows"} {
		f := newFour(t)
		var tails []bool
		f.Events, f.NewestEvents = asking{f.events, &tails}, true
		f.Conflict = func(err error) bool { return errors.Is(err, errCancelled) }
		f.must(f.full(t.Context()))
		f.legacy.Put(row(5, "FILLED", "7"))
		left := 2
		f.projection.Before = func(r string) error {
			if r != read || left == 0 {
				return nil
			}
			left--
			return errCancelled
		}
		pass, err := f.delta(t.Context())
		if err != nil || pass.Kind != verify.Delta || left > 0 || len(tails) == 0 || slices.Contains(tails, false) {
			t.Errorf("%s: a pass of kind %s, %v; looks may read the tail: %v", read, pass.Kind, err, tails)
		}
	}
}
