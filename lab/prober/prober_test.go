package prober_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lab/prober"
)

// wrote is an acknowledged write of register 0 that took a millisecond.
func wrote(at time.Duration, n, before int64, side string) prober.Entry {
	return prober.Entry{Did: prober.Write, Began: at - time.Millisecond, Ended: at, N: n, Before: before, Side: side}
}

func unanswered(at time.Duration, n int64) prober.Entry {
	return prober.Entry{Did: prober.Write, Began: at - time.Millisecond, Ended: at, N: n, Side: "legacy", Error: "timeout"}
}

func read(at time.Duration, n int64, side string) prober.Entry {
	return prober.Entry{Did: prober.Read, Began: at - time.Millisecond, Ended: at, N: n, Side: side}
}

const second = time.Second

func TestSeenIsWhatTheHistorySays(t *testing.T) {
	for _, c := range []struct {
		name    string
		history []prober.Entry
		want    prober.Seen
	}{
		{"writes move once, with an outage", []prober.Entry{
			wrote(1*second, 2, 1, "legacy"), wrote(2*second, 3, 2, "legacy"), wrote(5*second, 4, 3, "new"), wrote(6*second, 5, 4, "new"),
		}, prober.Seen{
			Writes:      prober.Service{Answered: 4, Outage: 3 * second, Again: 5 * second, Sides: []string{"legacy", "new"}},
			OneRegister: true,
		}},
		{"the new side misses a write", []prober.Entry{
			wrote(1*second, 2, 1, "legacy"), wrote(2*second, 3, 2, "legacy"), wrote(3*second, 4, 2, "new"),
		}, prober.Seen{
			Writes: prober.Service{Answered: 3, Outage: second, Again: 2 * second, Sides: []string{"legacy", "new"}}, Lost: 1,
		}},
		{"two sides take writes in turns", []prober.Entry{
			wrote(1*second, 2, 1, "legacy"), wrote(2*second, 3, 2, "new"), wrote(3*second, 4, 2, "legacy"), wrote(4*second, 5, 3, "new"),
		}, prober.Seen{
			Writes: prober.Service{Answered: 4, Outage: second, Again: 2 * second, Sides: []string{"legacy", "new", "legacy", "new"}}, Lost: 2,
		}},
		{"a write without an answer was written", []prober.Entry{
			wrote(1*second, 2, 1, "legacy"), unanswered(2*second, 3), wrote(3*second, 4, 3, "legacy"),
		}, prober.Seen{
			Writes: prober.Service{Answered: 2, Failed: 1, Outage: 2 * second, Again: 3 * second, Sides: []string{"legacy"}}, OneRegister: true,
		}},
		{"a write without an answer was not written", []prober.Entry{
			wrote(1*second, 2, 1, "legacy"), unanswered(2*second, 3), wrote(3*second, 4, 2, "legacy"),
		}, prober.Seen{
			Writes: prober.Service{Answered: 2, Failed: 1, Outage: 2 * second, Again: 3 * second, Sides: []string{"legacy"}}, OneRegister: true,
		}},
		{"reads move before the projection has the last write", []prober.Entry{
			wrote(1*second, 2, 1, "legacy"), read(2*second, 2, "legacy"), read(3*second, 1, "new"), read(4*second, 2, "new"),
		}, prober.Seen{
			Writes: prober.Service{Answered: 1, Sides: []string{"legacy"}},
			Reads:  prober.Service{Answered: 3, Outage: second, Again: 3 * second, Sides: []string{"legacy", "new"}}, Stale: 1, OneRegister: true,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			slices.Reverse(c.history) // answers come in any order
			if d := cmp.Diff(c.want, prober.See(c.history)); d != "" {
				t.Error(d)
			}
		})
	}
}

// slow is a register whose write of one number takes long, and whose write of another one fails.
type slow struct{ has int64 }

func (s *slow) Swap(_ context.Context, n int64) (int64, string, error) {
	<-time.After(time.Millisecond) // in a bubble
	switch n {
	case 10:
		<-time.After(second)
	case 20:
		return 0, "legacy", errors.New("no answer")
	}
	before := s.has
	s.has = n
	return before, "legacy", nil
}

func (s *slow) Read(context.Context) (int64, string, error) { return 7, "legacy", nil }

func TestAProberAsksOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 4*second-time.Nanosecond)
		defer stop()
		var lines bytes.Buffer
		o := prober.Options{Every: 20 * time.Millisecond, Patience: second, History: &lines}
		entries, err := prober.Run(ctx, o, []prober.Register{&slow{has: 1}, &slow{has: 1}})
		if err != nil {
			t.Fatal(err)
		}
		seen := prober.See(entries)
		// Each register is written 100 times but for the second that its slow write takes.
		if w := seen.Writes; w.Answered+w.Failed != 2*76 || w.Failed != 2 || w.Outage < second {
			t.Errorf("writes: %+v", w)
		}
		if r := seen.Reads; r.Answered != 200 || r.Outage != 20*time.Millisecond {
			t.Errorf("reads: %+v", r)
		}
		if !seen.OneRegister || seen.Lost > 0 {
			t.Errorf("seen: %+v", seen)
		}
		var stored []prober.Entry
		for decoder := json.NewDecoder(&lines); decoder.More(); {
			var e prober.Entry
			if err := decoder.Decode(&e); err != nil {
				t.Fatal(err)
			}
			stored = append(stored, e)
		}
		if d := cmp.Diff(entries, stored); d != "" {
			t.Error(d)
		}
	})
}
