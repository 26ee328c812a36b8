package gate

import (
	"strings"
	"testing"
	"time"
)

// accepted is evidence of a full pass that found seven orders, all accepted since: five filled only in legacy, and two missing.
func accepted(e *Evidence) {
	e.Accepted = 7
	f := e.Full
	f.Verdict, f.Diverged, f.Accepted = "diverged", 7, 7
	f.ProjectionRows, f.Compared = 998, 1000
	f.Counts = []GroupCount{
		{Group: "FILLED", Legacy: 900, Projection: 895, AcceptedLegacy: 5},
		{Group: "OPEN", Legacy: 100, Projection: 103, AcceptedLegacy: 2, AcceptedProjection: 5},
	}
}

// all makes a change after seven orders were accepted.
func all(change func(*Evidence)) func(*Evidence) {
	return func(e *Evidence) {
		accepted(e)
		change(e)
	}
}

func TestAcceptingIsEnough(t *testing.T) {
	d := Defaults()
	for _, c := range []Criterion{d.OpenDivergences, d.FullVerification, d.Counts, d.Coverage, d.SampleBound} {
		check(t, c, []sentence{given("seven diverged, seven accepted", accepted, Passes)})
	}
	check(t, d.FullVerification, []sentence{
		given("seven diverged, seven accepted", accepted, Passes, "7 orders diverged, 7 accepted; all others are equal"),
		given("one of them is open again", all(func(e *Evidence) {
			e.Full.Accepted, e.Accepted, e.Open = 6, 6, []OpenDivergences{{Count: 1}}
		}), Fails, "1 divergence is still open", "6 of them are accepted"),
		given("one of them is resolved", all(func(e *Evidence) { e.Full.Accepted, e.Accepted = 6, 6 }), Inconclusive,
			"It found 1 diverged order, all resolved since (6 more are accepted)", "run crosscheck verify"),
		given("an order was left unjudged beside", all(func(e *Evidence) { e.Full.Unverified = 1 }), Inconclusive, "left 1 order unjudged"),
		given("most orders were left out", all(func(e *Evidence) { e.Full.Coverage = 0.1 }), Inconclusive, "covered 10 %"),
		given("too long ago", all(func(e *Evidence) { e.Full.StartedAt = now.Add(-99 * time.Hour) }), Inconclusive, "the limit is"),
		given("more accepted than found", all(func(e *Evidence) { e.Full.Accepted = 8 }), Errored, "more of its orders are accepted"),
		given("less than none accepted", all(func(e *Evidence) { e.Full.Accepted = -1 }), Errored, "negative"),
		given("a pass that broke off counts for nothing", all(func(e *Evidence) { e.Full.Verdict = "unverified" }), Inconclusive),
	})
	check(t, d.Counts, []sentence{
		given("the rows of accepted orders explain it", accepted, Passes, "not counting 12 rows of diverged orders that are accepted"),
		given("a row more", all(func(e *Evidence) { e.Full.Counts[0].Projection--; e.Full.Counts[1].Projection++ }), Inconclusive, "differ by 2 rows"),
		given("a row more while something is open", all(func(e *Evidence) {
			e.Full.Counts[0].Projection--
			e.Full.Counts[1].Projection++
			e.Open = []OpenDivergences{{Count: 1}}
		}), Fails, "differ by 2 rows"),
		given("an accepted duplicate", all(func(e *Evidence) {
			e.Full.Counts[0].AcceptedLegacy, e.Full.AcceptedCopies = 3, 2
		}), Passes),
		given("more accepted than rows", all(func(e *Evidence) { e.Full.Counts[0].AcceptedLegacy = 901 }), Errored, "accepted than rows"),
	})
}

func TestAcceptedOrdersInSamples(t *testing.T) {
	check(t, Defaults().SampleBound, []sentence{
		given("those accepted before the draw are left out", func(e *Evidence) { e.Sampling.Accepted = 9 }, Passes, "not counting 9 that are accepted"),
		given("those accepted after it stand for others", func(e *Evidence) {
			e.Sampling.Orders, e.Sampling.Diverged, e.Sampling.AcceptedSince = 10_000, 9, 9
		}, Inconclusive, "9 are accepted after the draw", "run crosscheck verify"),
		given("more of them than were found", func(e *Evidence) { e.Sampling.AcceptedSince = 1 }, Errored, "contradict"),
	})
}

func TestAcceptedEvents(t *testing.T) {
	d := Defaults()
	events := func(v EventsEvidence) func(*Evidence) {
		return func(e *Evidence) { v.Legacy, v.Orders, v.At = 9, 9, now; e.Events = &v }
	}
	check(t, d.ShadowWriteCompleteness, []sentence{
		given("two lost, two accepted", events(EventsEvidence{WithEvents: 7, Accepted: 2}), Passes, "7 of 9 orders of legacy", "2 others are accepted, together 100 %"),
		given("two lost, one accepted", events(EventsEvidence{WithEvents: 7, Accepted: 1}), Fails),
		given("more accepted than lost", events(EventsEvidence{WithEvents: 7, Accepted: 3}), Errored),
	})
	check(t, d.EventGaps, []sentence{
		given("a gap and a flaw, both accepted", events(EventsEvidence{Gaps: 1, Flawed: 1, AcceptedGaps: 1, AcceptedFlawed: 1}), Passes, "2 of them are accepted"),
		given("two gaps, one accepted", events(EventsEvidence{Gaps: 2, AcceptedGaps: 1}), Fails),
		given("an accepted flaw that is none", events(EventsEvidence{Gaps: 2, AcceptedFlawed: 1}), Errored),
	})
	stream := func(v StreamEvidence) func(*Evidence) {
		return func(e *Evidence) { v.At, v.CaughtUpAt, v.Stored = now, now, 9; e.Stream = &v }
	}
	check(t, d.StreamCompleteness, []sentence{
		given("one lost and accepted, and a hole that is", stream(StreamEvidence{Seen: 8, Accepted: 1, Gaps: 1, AcceptedGaps: 1}), Passes, "1 other is accepted", "1 hole"),
		given("two lost, one accepted", stream(StreamEvidence{Seen: 7, Accepted: 1}), Fails),
		given("two holes, one accepted", stream(StreamEvidence{Seen: 9, Gaps: 2, AcceptedGaps: 1}), Fails),
	})
	changes := d.ShadowWriteCompleteness
	changes.Changes = true
	check(t, changes, []sentence{
		given("a lost change that is accepted", func(e *Evidence) {
			events(EventsEvidence{WithEvents: 9})(e)
			e.Changes = &ChangesEvidence{Changes: 9, WithEvents: 8, Accepted: 1, At: now}
		}, Passes),
	})
	streak := func(v Streak) func(*Evidence) {
		return func(e *Evidence) { v.Since, v.Newest = now.Add(-24*time.Hour), now; e.Streak = &v }
	}
	check(t, d.CleanStreak, []sentence{
		given("passes that found only what is accepted", streak(Streak{Clean: 24, Accepted: 20}), Passes, "20 with diverged orders that are all accepted"),
		given("more of them than passes", streak(Streak{Clean: 24, Accepted: 25}), Errored),
	})
}

func TestTheDecisionSaysWhatIsAccepted(t *testing.T) {
	e := good()
	accepted(&e)
	e.Acceptances = []Acceptance{{Hop: "legacy->projection", Kind: "differs", Cause: "direct_edit", Who: "Alice", Why: "OPS-7", Until: now.Add(time.Hour), Count: 7}}
	e.History = &HistoryEvidence{Found: []HistoryFound{{Accepted: 2}, {Accepted: 1}}}
	d := Evaluate([]Criterion{Defaults().FullVerification}, e, now)
	if d.Decision != Go || d.Accepted != 7 || d.AcceptedFindings != 3 || len(d.Acceptances) != 1 {
		t.Errorf("decided %+v", d)
	}
	text := strings.Join(strings.Fields(Text(d)), " ")
	for _, want := range []string{
		"accepted: 7 divergences and 3 findings of the audit; see crosscheck accept --list",
		"- 7 differs (legacy->projection) by direct_edit: Alice until 2026-11-23 09:00:00 UTC: OPS-7",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no word of %q in\n%s", want, text)
		}
	}
}
