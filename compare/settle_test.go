package compare_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

var settle = compare.Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute}

var t0 = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// seen is a look at an order that differs, some seconds after the first.
func seen(seconds int, legacy, projection string) compare.Observation {
	return compare.Observation{
		Key: "1", At: t0.Add(time.Duration(seconds) * time.Second), LegacyState: legacy, ProjectionState: projection,
		Mismatches: []compare.Mismatch{{Key: "1", Kind: compare.Differs, Hop: order.LegacyToProjection}},
	}
}

func agreed(seconds int, legacy, projection string) compare.Observation {
	o := seen(seconds, legacy, projection)
	o.Mismatches = nil
	return o
}

func wrote(o compare.Observation, legacyAt, reached int) compare.Observation {
	o.LegacyChangedAt, o.ProjectionReached = t0.Add(time.Duration(legacyAt)*time.Second), t0.Add(time.Duration(reached)*time.Second)
	return o
}

type judgeCase struct {
	name    string
	was, is compare.Observation
	moves   int
	want    compare.Verdict
	final   bool
	moved   bool
}

func judgeCases() []judgeCase {
	return []judgeCase{
		{"agrees by now", seen(0, "a", "b"), agreed(30, "a", "a"), 0, compare.Match, true, false},
		{"agrees by now, early", seen(0, "a", "b"), agreed(1, "a", "a"), 0, compare.Match, true, false},
		{"gone on both sides", seen(0, "a", ""), agreed(30, "", ""), 2, compare.Match, true, false},
		{"held still for the window", seen(0, "a", "b"), seen(30, "a", "b"), 0, compare.Diverged, true, false},
		{"held still for longer", seen(0, "a", "b"), seen(3600, "a", "b"), 2, compare.Diverged, true, false},
		{"held still, but not long enough", seen(0, "a", "b"), seen(29, "a", "b"), 0, compare.Lagging, false, false},
		{"the clock went back", seen(0, "a", "b"), seen(-30, "a", "b"), 0, compare.Lagging, false, false},
		{"legacy moved", seen(0, "a", "b"), seen(30, "c", "b"), 0, compare.Lagging, false, true},
		{"the projection moved", seen(0, "a", "b"), seen(30, "a", "c"), 1, compare.Lagging, false, true},
		{"the projection lost it", seen(0, "a", "b"), seen(30, "a", ""), 1, compare.Lagging, false, true},
		{"moved at every look", seen(0, "a", "b"), seen(30, "c", "b"), 2, compare.Unverified, true, true},
		{"moved to the same values and back", seen(0, "a", "b"), seen(30, "a", "b"), 1, compare.Diverged, true, false},
		{"the projection is behind", seen(0, "a", "b"), wrote(seen(30, "a", "b"), 0, -10), 0, compare.Lagging, false, false},
		{"the projection got there, and the write may have been committed later", seen(0, "a", "b"), wrote(seen(30, "a", "b"), 0, 0), 0, compare.Lagging, false, false},
		{"the projection is past it", seen(0, "a", "b"), wrote(seen(30, "a", "b"), 0, 1), 0, compare.Diverged, true, false},
		{"behind just less than the limit", seen(0, "a", "b"), wrote(seen(299, "a", "b"), 0, -10), 0, compare.Lagging, false, false},
		{"behind for too long", seen(0, "a", "b"), wrote(seen(300, "a", "b"), 0, -10), 0, compare.Diverged, true, false},
	}
}

func TestJudge(t *testing.T) {
	for _, test := range judgeCases() {
		t.Run(test.name, func(t *testing.T) {
			j := settle.Judge(test.was, test.is, test.moves, t0)
			if j.Verdict != test.want || j.Final != test.final || j.Moved != test.moved {
				t.Errorf("judged %+v", j)
			}
			if (j.Reason == "") != (j.Verdict == compare.Match) {
				t.Errorf("reason of %s is %q", j.Verdict, j.Reason)
			}
		})
	}
}

func TestNotKnowingHowFarTheProjectionIsLeavesPatience(t *testing.T) {
	is := seen(30, "a", "b")
	is.LegacyChangedAt = t0
	if j := settle.Judge(seen(0, "a", "b"), is, 0, t0); j.Verdict != compare.Diverged {
		t.Errorf("judged %+v", j)
	}
	is.LegacyChangedAt, is.ProjectionReached = time.Time{}, t0.Add(-time.Hour)
	if j := settle.Judge(seen(0, "a", "b"), is, 0, t0); j.Verdict != compare.Diverged {
		t.Errorf("judged %+v", j)
	}
}

// TestAStoppedProjectionIsFoundInTheEnd looks again and again at an order that the projection never reaches.
func TestAStoppedProjectionIsFoundInTheEnd(t *testing.T) {
	was := wrote(seen(0, "a", "b"), 0, -10)
	for seconds := 30; seconds <= 330; seconds += 30 {
		is := wrote(seen(seconds, "a", "b"), 0, -10)
		j := settle.Judge(was, is, 0, t0)
		if late := seconds >= 300; j.Final != late || late != (j.Verdict == compare.Diverged) {
			t.Fatalf("after %d s: %+v", seconds, j)
		}
		if j.Final {
			return
		}
		was = is
		was.At = t0 // since when it has not changed
	}
	t.Error("never judged")
}

type againCase struct {
	name           string
	rest, at, seen int // seconds
	want           int
}

func againCases() []againCase {
	return []againCase{
		{"it has just moved", 40, 40, 0, 70},
		{"it will have been at rest for the window", 30, 40, 0, 60},
		{"it is at rest, and the projection is behind", 0, 31, 0, 61},
		{"the projection's excuse ends", 0, 290, 0, 300},
		{"the excuse has ended, and it has moved", 290, 310, 0, 320},
		{"a clock that was set back", 3600, 40, 3600, 70},
	}
}

func TestAgainIsWhenSomethingCanBeDecided(t *testing.T) {
	for _, test := range againCases() {
		t.Run(test.name, func(t *testing.T) {
			second := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }
			if is := settle.Again(second(test.rest), second(test.at), second(test.seen)); !is.Equal(second(test.want)) {
				t.Errorf("again after %s, not %d s", is.Sub(t0), test.want)
			}
		})
	}
}

// TestEachHopSettlesByItself: a lost event is diverged while the projection is still late, and the other way round.
func TestEachHopSettlesByItself(t *testing.T) {
	at := func(seconds int, reached, newest int) compare.Observation {
		o := wrote(seen(seconds, "a", "b"), 0, reached)
		o.EventsState, o.EventsReached = "e", t0.Add(time.Duration(newest)*time.Second)
		o.Mismatches = []compare.Mismatch{{Hop: order.LegacyToEvents}, {Hop: order.EventsToProjection}}
		return o
	}
	impossible := func(o compare.Observation, hop order.Hop) compare.Observation {
		o.Impossible = map[order.Hop]compare.Impossible{hop: {Why: "why"}}
		return o
	}
	left := func(o compare.Observation, second int) compare.Observation {
		o.Impossible = map[order.Hop]compare.Impossible{order.EventsToProjection: {Why: "why", Left: t0.Add(time.Duration(second) * time.Second)}}
		o.EventsState = "f"
		return o
	}
	moved := func(o compare.Observation) compare.Observation { o.LegacyState = "c"; return o }
	for _, test := range []struct {
		name               string
		is                 compare.Observation
		moves              int
		events, projection compare.Verdict
		want               compare.Verdict
		final              bool
	}{
		{"both stood still", at(30, 1, 1), 0, compare.Diverged, compare.Diverged, compare.Diverged, true},
		{"the projection is late", at(30, -10, 5), 0, compare.Diverged, compare.Lagging, compare.Lagging, false},
		{"so are the events", at(30, -10, -5), 0, compare.Lagging, compare.Lagging, compare.Lagging, false},
		{"the projection has been late for too long", at(300, -10, 5), 0, compare.Diverged, compare.Diverged, compare.Diverged, true},
		{"the projection is impossible, and the events are late", impossible(at(30, -10, -5), order.EventsToProjection), 0, compare.Lagging, compare.Diverged, compare.Lagging, false},
		{"not long enough", impossible(at(29, 1, 1), order.EventsToProjection), 0, compare.Lagging, compare.Lagging, compare.Lagging, false},
		{"moved", moved(at(30, 1, 1)), 0, compare.Lagging, compare.Lagging, compare.Lagging, false},
		{"moved at every look", moved(at(30, 1, 1)), 2, compare.Unverified, compare.Unverified, compare.Unverified, true},
		{
			"moved at every look, and the projection is impossible", moved(impossible(at(30, 1, 1), order.EventsToProjection)), 2,
			compare.Unverified, compare.Diverged, compare.Diverged, true,
		},
		{
			"moved at every look, and the projection leaves out an event that is new", moved(left(at(30, 1, 1), 5)), 2,
			compare.Unverified, compare.Unverified, compare.Unverified, true,
		},
		{
			"moved at every look, and the projection leaves out an event that is old", moved(left(at(30, 1, 1), 0)), 2,
			compare.Unverified, compare.Diverged, compare.Diverged, true,
		},
	} {
		j := settle.Judge(at(0, 1, 1), test.is, test.moves, t0)
		if j.Hops[order.LegacyToEvents] != test.events || j.Hops[order.EventsToProjection] != test.projection || j.Verdict != test.want || j.Final != test.final {
			t.Errorf("%s: judged %+v", test.name, j)
		}
		if unproven := test.events == compare.Unverified || test.projection == compare.Unverified; j.Unproven() != unproven {
			t.Errorf("%s: unproven is %t", test.name, !unproven)
		}
		for _, m := range test.is.Mismatches {
			proven := slices.ContainsFunc(j.Diverged, func(d compare.Mismatch) bool { return d.Hop == m.Hop })
			if proven != (j.Hops[m.Hop] == compare.Diverged) {
				t.Errorf("%s: %s is proven: %t", test.name, m.Hop, proven)
			}
		}
	}
}

// TestAnEventThatTheFirstLookDidNotReadIsNoFault: a full verification reads rows alone at first. What the second look finds
// in the history may have happened after that look's rows were read.
func TestAnEventThatTheFirstLookDidNotReadIsNoFault(t *testing.T) {
	s := compare.Settle{Window: 5 * time.Second, Rechecks: 3, MaxLag: 20 * time.Second}
	first := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	was := compare.Observation{Key: "1", At: first, LegacyState: "l", ProjectionState: "p"}
	for name, c := range map[string]struct {
		event time.Time
		want  compare.Verdict
	}{
		"an event after the first look":    {first.Add(4 * time.Second), compare.Lagging},
		"one shortly before it":            {first.Add(-time.Second / 2), compare.Lagging},
		"an old one, which it had to show": {first.Add(-time.Minute), compare.Diverged},
	} {
		is := was
		is.At, is.EventsState, is.EventsChangedAt = first.Add(6*time.Second), "e", c.event
		is.Mismatches = []compare.Mismatch{{Key: "1", Kind: compare.Differs, Hop: order.LegacyItself}}
		if j := s.Judge(was, is, 0, first); j.Verdict != c.want {
			t.Errorf("%s: %+v, want %s", name, j, c.want)
		}
		again := is
		again.At = is.At.Add(6 * time.Second)
		if j := s.Judge(is, again, 1, first); j.Verdict != compare.Diverged {
			t.Errorf("%s, at the look after: %+v", name, j)
		}
	}
}
