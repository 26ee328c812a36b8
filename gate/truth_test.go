package gate

import (
	"slices"
	"testing"
	"time"
)

// TestTruthTable has, for every criterion and verdict, one sentence that says when; the other tests have the rest. -v
// prints it.
func TestTruthTable(t *testing.T) {
	d := Defaults()
	open := func(e *Evidence) { e.Open = []OpenDivergences{{Kind: "differs", Count: 1}} }
	diverged := func(e *Evidence) { open(e); e.Full.Verdict, e.Full.Diverged = "diverged", 1 }
	tomorrow := func(e *Evidence) { e.Full.FinishedAt = now.Add(24 * time.Hour) }
	nothing := func(e *Evidence) { *e = Evidence{} }
	events := func(v EventsEvidence) func(*Evidence) { return func(e *Evidence) { v.At = now; e.Events = &v } }
	sequences := func(ahead int64, at time.Time) func(*Evidence) {
		return func(e *Evidence) {
			e.Sequences = &SequencesEvidence{Sequences: []SequenceAhead{{Name: "orders_seq", Legacy: "orders.id", Ahead: ahead}}, At: at}
		}
	}
	lag := func(v LagEvidence) func(*Evidence) { return func(e *Evidence) { v.At = now; e.Lag = &v } }
	stream := func(v StreamEvidence) func(*Evidence) {
		return func(e *Evidence) { v.At, v.CaughtUpAt = now, now; e.Stream = &v }
	}
	streak := func(v Streak) func(*Evidence) { return func(e *Evidence) { open(e); e.Streak = &v } }
	changes := d.ShadowWriteCompleteness
	changes.Changes = true
	recorded := func(good int64) func(*Evidence) {
		return func(e *Evidence) {
			e.Events, e.Changes = &EventsEvidence{Legacy: 9, WithEvents: 9, At: now}, &ChangesEvidence{Changes: 9, WithEvents: good, At: now}
		}
	}
	audit := func(good int64) func(*Evidence) {
		return func(e *Evidence) {
			e.History = audited()
			e.History.Numbers[0].Of = 9 - good
			e.History.Numbers[0].All = 9
		}
	}
	verified := func(ago time.Duration, newest Pass) func(*Evidence) {
		return func(e *Evidence) {
			if newest.Diverged > 0 {
				open(e)
			}
			newest.ID, newest.Kind, newest.StartedAt = 9, "delta", now
			e.Verified, e.Delta = &Watermark{Through: now.Add(-ago), Pass: 8, Kind: "delta", FinishedAt: now.Add(-ago)}, &newest
		}
	}
	rehearsed := func(took time.Duration) func(*Evidence) {
		r := slices.Repeat([]Rehearsal{{now.Add(-time.Hour), took, true}}, 3)
		return func(e *Evidence) { e.Rehearsals = &RehearsalEvidence{r, r} }
	}
	reads := func(q ReadEvidence) func(*Evidence) {
		return func(e *Evidence) {
			e.Reads = &ReadsEvidence{Pass: 9, At: now, Covered: float64(q.Agreed+q.Differing) / float64(max(q.Questions, 1)), Queries: []ReadEvidence{q}}
		}
	}
	table := []struct {
		criterion Criterion
		sentences []sentence
	}{
		{d.OpenDivergences, []sentence{
			given("nothing is open after a look", func(*Evidence) {}, Passes),
			given("nothing is open and one is accepted", func(e *Evidence) { e.Accepted = 1 }, Passes),
			given("one divergence is open", open, Fails),
			given("nobody has looked", nothing, Inconclusive),
			given("a number is negative", func(e *Evidence) { e.Open = []OpenDivergences{{Count: -1}} }, Errored),
		}},
		{d.FullVerification, []sentence{
			given("the last full pass matched", func(*Evidence) {}, Passes),
			given("it diverged and that is still open", diverged, Fails),
			given("there was none", nothing, Inconclusive),
			given("it ended tomorrow", tomorrow, Errored),
		}},
		{d.Counts, []sentence{
			given("each status has as many rows on both sides", func(*Evidence) {}, Passes),
			given("one has more in the projection", func(e *Evidence) { e.Full.Counts[0].Projection, e.Full.ProjectionRows = 901, 1001 }, Fails),
			given("rows were not counted", func(e *Evidence) { e.Full.Counts = nil }, Inconclusive),
			given("they do not add up", func(e *Evidence) { e.Full.Counts[0].Legacy++ }, Errored),
		}},
		{d.SampleBound, []sentence{
			given("12,000 orders were sampled clean", func(*Evidence) {}, Passes),
			given("100 of them are bad and open", func(e *Evidence) { open(e); e.Sampling.Diverged = 100 }, Fails),
			given("100 were sampled", func(e *Evidence) { e.Sampling.Orders = 100 }, Inconclusive),
			given("more are bad than were sampled", func(e *Evidence) { e.Sampling.Diverged = 12_001 }, Errored),
		}},
		{d.Coverage, []sentence{ // never fails: what was not looked at is not known to be wrong
			given("every status is verified at every age", func(*Evidence) {}, Passes),
			given("one order is left unjudged", func(e *Evidence) { e.Full.Unverified = 1 }, Inconclusive),
			given("one of the young orders of a status is left unjudged", func(e *Evidence) { e.Full.Strata[0].Unverified = 1 }, Inconclusive),
			given("the ages of a status do not add up to it", func(e *Evidence) { e.Full.Strata[0].Orders++ }, Errored),
			given("the pass ended tomorrow", tomorrow, Errored),
		}},
		{d.ShadowWriteCompleteness, []sentence{
			given("every order has its events", events(EventsEvidence{Legacy: 9, WithEvents: 9}), Passes),
			given("one has none", events(EventsEvidence{Legacy: 9, WithEvents: 8}), Fails),
			given("one could not be judged", events(EventsEvidence{Legacy: 9, WithEvents: 8, Unjudged: 1}), Inconclusive, "Of the rest 1 order could not be judged"),
			given("one has none and one could not be judged", events(EventsEvidence{Legacy: 9, WithEvents: 7, Unjudged: 1}), Fails),
			given("nobody has looked", nothing, Inconclusive),
			given("more have events than there are", events(EventsEvidence{Legacy: 9, WithEvents: 10}), Errored),
		}},
		{changes, []sentence{ // where legacy records its changes
			given("every order and every change has its event", recorded(9), Passes),
			given("one change has none", recorded(8), Fails),
			given("orders were counted and no change was", events(EventsEvidence{Legacy: 9, WithEvents: 9}), Inconclusive),
			given("more changes have events than there are", recorded(10), Errored),
		}},
		{d.EventGaps, []sentence{
			given("no event is missing or flawed", events(EventsEvidence{Orders: 9}), Passes),
			given("one is missing", events(EventsEvidence{Orders: 9, Gaps: 1}), Fails),
			given("there is no event", events(EventsEvidence{}), Inconclusive),
			given("a number is negative", events(EventsEvidence{Orders: 9, Gaps: -1}), Errored),
		}},
		{d.StreamCompleteness, []sentence{
			given("every stored event was in the stream", stream(StreamEvidence{Stored: 9, Seen: 9}), Passes),
			given("one was not", stream(StreamEvidence{Stored: 9, Seen: 8}), Fails),
			given("nobody has looked", nothing, Inconclusive),
			given("more were seen than stored", stream(StreamEvidence{Stored: 9, Seen: 10}), Errored),
		}},
		{d.ProjectionLag, []sentence{
			given("the projection is a second behind", lag(LagEvidence{Events: 1, Behind: time.Second}), Passes),
			given("it is an hour behind", lag(LagEvidence{Events: 1, Behind: time.Hour}), Fails),
			given("nobody has looked", nothing, Inconclusive),
			given("it is ahead", lag(LagEvidence{Behind: -time.Second}), Errored),
		}},
		{d.StreamLag, []sentence{
			given("ten messages wait", stream(StreamEvidence{LagMessages: 10}), Passes),
			given("a million wait", stream(StreamEvidence{LagMessages: 1e6}), Fails),
			given("nobody has looked", nothing, Inconclusive),
			given("less than none waits", stream(StreamEvidence{LagMessages: -1}), Errored),
		}},
		{d.CleanStreak, []sentence{
			given("24 passes matched over a day", streak(Streak{Clean: 24, Since: now.Add(-24 * time.Hour), Newest: now}), Passes),
			given("the last one diverged and that is open", streak(Streak{Broken: now}), Fails),
			given("three matched so far", streak(Streak{Clean: 3, Since: now.Add(-3 * time.Hour), Newest: now}), Inconclusive),
			given("the newest is older than the oldest", streak(Streak{Clean: 3, Since: now, Newest: now.Add(-time.Hour)}), Errored),
		}},
		{d.HistoryAccuracy, []sentence{
			given("every event is accurate", audit(9), Passes),
			given("one is not", audit(8), Fails),
			given("nobody has audited", nothing, Inconclusive),
			given("more are accurate than there are", audit(10), Errored),
		}},
		{d.Rehearsals, []sentence{
			given("three took a minute each", rehearsed(time.Minute), Passes),
			given("the last took ten", rehearsed(10*time.Minute), Fails),
			given("none took place", nothing, Inconclusive),
			given("the last took less than nothing", rehearsed(-1), Errored),
		}},
		{d.RollbackRehearsals, []sentence{
			given("the last took a minute", rehearsed(time.Minute), Passes),
			given("the last took ten", rehearsed(10*time.Minute), Fails),
			given("none took place", nothing, Inconclusive),
			given("the last took less than nothing", rehearsed(-1), Errored),
		}},
		{d.VerifiedThrough, []sentence{
			given("everything is verified up to ten seconds ago", verified(10*time.Second, Pass{}), Passes),
			given("the watermark is an hour old, because an order is open", verified(time.Hour, Pass{Verdict: "diverged", Diverged: 1}), Fails),
			given("the watermark is an hour old, because the last pass broke off", verified(time.Hour, Pass{Verdict: "unverified", Reason: "timeout"}), Inconclusive),
			given("nothing has been verified", nothing, Inconclusive),
			given("the watermark is of tomorrow", verified(-24*time.Hour, Pass{}), Errored),
		}},
		{d.Sequences, []sentence{
			given("the nearest is ahead by one", sequences(1, now), Passes),
			given("one would give the number that legacy gave last", sequences(0, now), Fails),
			given("none was read", nothing, Inconclusive),
			given("they were read tomorrow", sequences(1, now.Add(24*time.Hour)), Errored),
		}},
		{d.ReadParity, []sentence{
			given("all answers agree", reads(ReadEvidence{Questions: 9, Agreed: 9}), Passes),
			given("one differs", reads(ReadEvidence{Questions: 9, Agreed: 8, Differing: 1}), Fails),
			given("one was not given", reads(ReadEvidence{Questions: 9, Agreed: 8}), Inconclusive),
			given("nothing was asked", reads(ReadEvidence{}), Inconclusive),
			given("fewer were asked than is configured", func(e *Evidence) {
				reads(ReadEvidence{Questions: 9, Agreed: 9})(e)
				e.Reads.Fewer = true
			}, Inconclusive, "9 questions about fewer orders than reads.size"),
			given("one of these differs", func(e *Evidence) {
				reads(ReadEvidence{Questions: 9, Agreed: 8, Differing: 1})(e)
				e.Reads.Fewer = true
			}, Fails),
			given("nobody has asked", nothing, Inconclusive),
			given("other queries were asked", func(e *Evidence) { e.Reads = &ReadsEvidence{At: now, Covered: 1, Basis: "others"} }, Inconclusive),
			given("more agree than were asked", reads(ReadEvidence{Questions: 9, Agreed: 10}), Errored),
		}},
		{d.ReadLatency, []sentence{
			given("the new side is faster", reads(ReadEvidence{Ratio: 0.3, Low: 0.2, High: 0.5}), Passes),
			given("it is three times as slow", reads(ReadEvidence{Ratio: 3, Low: 2.5, High: 3.5}), Fails),
			given("it may be a little slower", reads(ReadEvidence{Ratio: 1.4, Low: 1.2, High: 1.6}), Inconclusive),
			given("too few answers were measured", reads(ReadEvidence{Ratio: 0.3, Measured: 20}), Inconclusive),
			given("nobody has asked", nothing, Inconclusive),
			given("a ratio is negative", reads(ReadEvidence{Ratio: -1}), Errored),
		}},
	}
	var names []string
	said := map[string][]Verdict{}
	for _, row := range table {
		names = append(names, row.criterion.Name())
		check(t, row.criterion, row.sentences)
		for _, s := range row.sentences {
			said[row.criterion.Name()] = append(said[row.criterion.Name()], s.says)
			t.Logf("%s: %s when %s", row.criterion.Name(), s.says, s.given)
		}
	}
	if names = slices.Compact(names); !slices.Equal(names, Names()) {
		t.Errorf("the table has %v, the gate has %v", names, Names())
	}
	for _, name := range names {
		for _, v := range []Verdict{Passes, Fails, Inconclusive, Errored} {
			never := name == d.Coverage.Name() && v == Fails
			if slices.Contains(said[name], v) == never {
				t.Errorf("no sentence says when %s is %s, or one does and it never is", name, v)
			}
		}
	}
}
