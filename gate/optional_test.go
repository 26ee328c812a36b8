package gate

import (
	"slices"
	"testing"
	"time"
)

func TestShadowWriteCompleteness(t *testing.T) {
	c := Defaults().ShadowWriteCompleteness
	events := func(with, all int64, ago time.Duration) func(*Evidence) {
		return func(e *Evidence) { e.Events = &EventsEvidence{Legacy: all, WithEvents: with, At: now.Add(-ago)} }
	}
	check(t, c, []sentence{
		given("no event store", func(*Evidence) {}, Inconclusive, "no evidence", "configure events"),
		given("every order with its events", events(1000, 1000, time.Hour), Passes, "1,000 of 1,000 orders of legacy have events", "100 %", "1h ago"),
		given("one order without", events(999, 1000, time.Hour), Fails, "99.9 %", "the limit is 100 %", "legacy->events"),
		given("one of very many without", events(9_199_999, 9_200_000, time.Hour), Fails, "9,199,999"),
		given("no order at all", events(0, 0, time.Hour), Inconclusive, "it held no orders of legacy"),
		given("a look too long ago", events(1000, 1000, 27*time.Hour), Inconclusive, "the limit is 26h"),
		given("a bad look too long ago", events(1, 1000, 27*time.Hour), Inconclusive, "the limit is"),
		given("more orders with events than orders", events(1001, 1000, time.Hour), Errored, "impossible"),
		given("a negative number", events(-1, 1000, time.Hour), Errored, "impossible"),
		given("a look tomorrow", events(1, 1, -24*time.Hour), Errored, "clocks"),
		given("a look at no time", func(e *Evidence) { e.Events = &EventsEvidence{Legacy: 1, WithEvents: 1} }, Errored, "not recorded"),
	})
	c.Min = 0.99
	check(t, c, []sentence{given("one of a thousand without, of ten tolerated", events(999, 1000, 0), Passes)})
	c.Min, c.Changes = 1, true
	changes := func(with, all int64, ago time.Duration) func(*Evidence) {
		return func(e *Evidence) {
			events(1000, 1000, time.Hour)(e)
			e.Changes = &ChangesEvidence{Changes: all, WithEvents: with, At: now.Add(-ago)}
		}
	}
	check(t, c, []sentence{
		given("every order and every change with its event", changes(50, 50, time.Hour), Passes, "1,000 of 1,000 orders", "50 of 50 changes of sampled orders have their event, 100 %"),
		given("one change without", changes(49, 50, time.Hour), Fails, "49 of 50 changes", "98 %", "lost_shadow_write"),
		given("orders but no change counted", events(1000, 1000, time.Hour), Inconclusive, "own record of its changes has not been read", "crosscheck sample"),
		given("no change at all", changes(0, 0, time.Hour), Inconclusive, "it held no changes"),
		given("changes counted too long ago", changes(50, 50, 27*time.Hour), Inconclusive, "the limit is 26h"),
		given("more changes with events than changes", changes(51, 50, time.Hour), Errored, "impossible"),
		given("an order without, and changes that cannot be", func(e *Evidence) {
			changes(51, 50, time.Hour)(e)
			e.Events.WithEvents = 999
		}, Fails, "999 of 1,000", "impossible"),
		given("neither looked at", func(*Evidence) {}, Inconclusive, "The event store has not", "own record"),
	})
	e := good()
	changes(49, 50, time.Hour)(&e)
	e.Events.WithEvents = 999
	if r := c.Judge(e, now); r.Observed != 0.98 {
		t.Errorf("the smaller of two shares is observed, not %v", r.Observed)
	}
	c.Min = 0
	check(t, c, []sentence{given("a limit of zero", func(*Evidence) {}, Errored, "min")})
}

func TestEventGaps(t *testing.T) {
	c := Defaults().EventGaps
	events := func(all, flawed, gaps int64) func(*Evidence) {
		return func(e *Evidence) {
			e.Events = &EventsEvidence{Orders: all, Flawed: flawed, Gaps: gaps, At: now.Add(-time.Hour)}
		}
	}
	check(t, c, []sentence{
		given("no event store", func(*Evidence) {}, Inconclusive, "no evidence"),
		given("events without a gap", events(5000, 0, 0), Passes, "5,000 orders, with 0 gaps"),
		given("one gap", events(5000, 0, 1), Fails, "1 gap", "the limit is 0"),
		given("one event that cannot be read", events(5000, 1, 0), Fails, "1 order whose events cannot be read", "schema_drift"),
		given("an empty event store", events(0, 0, 0), Inconclusive, "held no event"),
		given("a look too long ago", func(e *Evidence) { events(1, 0, 0)(e); e.Events.At = now.Add(-27 * time.Hour) }, Inconclusive, "the limit is"),
		given("a negative number of flawed ones", events(1, -2, 0), Errored, "impossible"),
		given("a negative number", events(1, 0, -1), Errored, "impossible"),
	})
	c.Max = 2
	check(t, c, []sentence{given("two of two tolerated", events(5000, 1, 1), Passes), given("three of two tolerated", events(5000, 1, 2), Fails)})
	c.Max = -1
	check(t, c, []sentence{given("a negative limit", func(*Evidence) {}, Errored, "max")})
}

func TestProjectionLag(t *testing.T) {
	c := Defaults().ProjectionLag
	lag := func(events int64, by, ago time.Duration) func(*Evidence) {
		return func(e *Evidence) { e.Lag = &LagEvidence{Events: events, Behind: by, At: now.Add(-ago)} }
	}
	check(t, c, []sentence{
		given("no event store", func(*Evidence) {}, Inconclusive, "no evidence"),
		given("no lag", lag(0, 0, time.Minute), Passes, "had applied every event"),
		given("a lag of some seconds", lag(40, 5*time.Second, time.Minute), Passes, "40 events", "5s old"),
		given("a lag of an hour", lag(9000, time.Hour, time.Minute), Fails, "9,000 events", "the limit is 1m", "stopped_projector"),
		given("a lag measured long ago", lag(0, 0, time.Hour), Inconclusive, "the limit is 10m"),
		given("a negative lag", lag(0, -time.Second, 0), Errored, "impossible"),
		given("a lag measured tomorrow", lag(0, 0, -24*time.Hour), Errored, "clocks"),
	})
	c.Max = -1
	check(t, c, []sentence{given("a negative limit", func(*Evidence) {}, Errored, "max")})
}

func TestStreamCompleteness(t *testing.T) {
	c := Defaults().StreamCompleteness
	stream := func(seen, stored int64, change func(*StreamEvidence)) func(*Evidence) {
		return func(e *Evidence) {
			e.Stream = &StreamEvidence{Stored: stored, Seen: seen, CaughtUpAt: now.Add(-time.Minute), At: now.Add(-time.Minute)}
			change(e.Stream)
		}
	}
	as := func(*StreamEvidence) {}
	check(t, c, []sentence{
		given("no stream", func(*Evidence) {}, Inconclusive, "no evidence", "configure stream"),
		given("every event seen", stream(500, 500, as), Passes, "500 of 500 stored events were in the stream"),
		given("one event never published", stream(499, 500, as), Fails, "99.8 %", "lost_publish"),
		given("every event seen, and a hole", stream(500, 500, func(s *StreamEvidence) { s.Gaps = 1 }), Fails, "1 hole", "retention_gap"),
		given("nothing stored", stream(0, 0, as), Inconclusive, "no stored events"),
		given("a follower that never caught up", stream(500, 500, func(s *StreamEvidence) { s.CaughtUpAt = time.Time{} }), Inconclusive, "never caught up"),
		given("a follower that caught up long ago", stream(500, 500, func(s *StreamEvidence) { s.CaughtUpAt = now.Add(-2 * time.Hour) }), Inconclusive, "last caught up with the topic 2h ago"),
		given("an archive", stream(500, 500, func(s *StreamEvidence) { s.BeforeStore = 1200 }), Passes, "1,200 messages of the topic are from before the event store begins"),
		given("a topic that lost its beginning before", stream(500, 500, func(s *StreamEvidence) { s.CutAt, s.BeforeStore = new(int64(77)), 1 }), Passes, "before event 77 were not looked for", "1 message of the topic is"),
		given("one event is waited for", stream(500, 500, func(s *StreamEvidence) { s.Pending = 1 }), Inconclusive, "1 further stored event is not in the stream", "max_lag"),
		given("one lost, and one waited for", stream(499, 500, func(s *StreamEvidence) { s.Pending = 1 }), Fails, "lost_publish"),
		given("an open transaction", stream(500, 500, func(s *StreamEvidence) { s.WaitingFor, s.WaitingSince = "transaction 7", now.Add(-time.Hour) }), Passes, "not looked for", "waits for transaction 7"),
		given("a look too long ago", stream(500, 500, func(s *StreamEvidence) { s.At = now.Add(-2 * time.Hour) }), Inconclusive, "the limit is 1h"),
		given("more seen than stored", stream(501, 500, as), Errored, "impossible"),
		given("a negative number of holes", stream(500, 500, func(s *StreamEvidence) { s.Gaps = -1 }), Errored, "impossible"),
	})
	c.MaxAge = 0
	check(t, c, []sentence{given("a max_age of zero", func(*Evidence) {}, Errored, "max_age")})
}

func TestStreamLag(t *testing.T) {
	c := Defaults().StreamLag
	lag := func(messages int64, ago time.Duration) func(*Evidence) {
		return func(e *Evidence) { e.Stream = &StreamEvidence{LagMessages: messages, At: now.Add(-ago)} }
	}
	check(t, c, []sentence{
		given("no stream", func(*Evidence) {}, Inconclusive, "no evidence"),
		given("some messages that wait", lag(1000, time.Minute), Passes, "1,000 messages had not been read yet"),
		given("too many that wait", lag(1001, time.Minute), Fails, "the limit is 1,000"),
		given("a look too long ago", lag(0, time.Hour), Inconclusive, "the limit is"),
		given("a negative number", lag(-1, time.Minute), Errored, "impossible"),
	})
	c.Max = -1
	check(t, c, []sentence{given("a negative limit", func(*Evidence) {}, Errored, "max")})
}

func TestCleanStreak(t *testing.T) {
	c := Defaults().CleanStreak
	streak := func(clean int64, over, newest time.Duration) func(*Evidence) {
		return func(e *Evidence) {
			e.Streak = &Streak{Clean: clean, Since: now.Add(-over), Newest: now.Add(-newest), Broken: now.Add(-1000 * time.Hour)}
		}
	}
	broken := func(e *Evidence) { e.Streak = &Streak{Broken: now.Add(-time.Hour)} }
	check(t, c, []sentence{
		given("no pass", func(*Evidence) {}, Inconclusive, "No pass has matched yet", "24 more clean passes, about 24h"),
		given("only passes that could not be judged", func(e *Evidence) { e.Streak = &Streak{Unjudged: 5} }, Inconclusive, "No pass has matched yet"),
		given("a day of clean passes", streak(25, 25*time.Hour, time.Hour), Passes, "25 passes have matched in a row", "25h"),
		given("a day of clean passes with one unjudged among them", func(e *Evidence) { streak(25, 25*time.Hour, time.Hour)(e); e.Streak.Unjudged = 1 }, Passes, "not counting 1 pass"),
		given("a few clean passes", streak(5, 5*time.Hour, time.Hour), Inconclusive, "5 passes", "19 more clean passes, about 19h"),
		given("many clean passes within an hour", streak(50, time.Hour, time.Minute), Inconclusive, "23h more without a divergence"),
		given("a few clean passes over many days", streak(3, 100*time.Hour, time.Hour), Inconclusive, "21 more clean passes"),
		given("a streak that nobody went on with", streak(50, 90*time.Hour, 40*time.Hour), Inconclusive, "the newest of them started 40h ago"),
		given("a newest pass that diverged, still open", func(e *Evidence) { broken(e); e.Open = []OpenDivergences{{Count: 1}} }, Fails, "diverged", "repair"),
		given("a newest pass that diverged, all resolved since", broken, Inconclusive, "resolved since"),
		given("a streak that ends before it begins", streak(3, time.Hour, 2*time.Hour), Errored, "contradict"),
		given("a streak from tomorrow", streak(3, time.Hour, -24*time.Hour), Errored, "lies in the future"),
		given("a negative number", func(e *Evidence) { streak(3, time.Hour, 0)(e); e.Streak.Unjudged = -1 }, Errored, "negative"),
	})
	c.Passes = 0
	check(t, c, []sentence{given("no pass asked for", func(*Evidence) {}, Errored, "passes")})
}

func TestRehearsals(t *testing.T) {
	ok := func(ago, took time.Duration) Rehearsal { return Rehearsal{now.Add(-ago), took, true} }
	failed := func(ago time.Duration) Rehearsal { return Rehearsal{now.Add(-ago), time.Minute, false} }
	const day = 24 * time.Hour
	table := func(into func(*Evidence, []Rehearsal)) []sentence {
		of := func(r ...Rehearsal) func(*Evidence) { return func(e *Evidence) { into(e, r) } }
		return []sentence{
			given("no record", func(*Evidence) {}, Inconclusive, "took place in the last 14d", "crosscheck cutover rehearse", "3 more"),
			given("three good ones", of(ok(day, time.Minute), ok(2*day, 90*time.Second), ok(3*day, time.Minute)), Passes, "slowest in 1m 30s; the limit is 2m"),
			given("two good ones", of(ok(day, time.Minute), ok(2*day, time.Minute)), Inconclusive, "asks for 3 in a row", "1 more"),
			given("two good ones after a bad one", of(ok(day, time.Minute), ok(2*day, time.Minute), failed(3*day), ok(4*day, time.Minute)), Inconclusive, "1 more"),
			given("three good ones after a bad one", of(ok(1, time.Minute), ok(2, time.Minute), ok(3, time.Minute), failed(4)), Passes),
			given("a last one that failed", of(failed(day), ok(2*day, time.Minute), ok(3*day, time.Minute), ok(4*day, time.Minute)), Fails, "failed"),
			given("a last one that was slow", of(ok(day, 121*time.Second), ok(2*day, time.Minute)), Fails, "took 2m 1s; the limit is 2m"),
			given("good ones too long ago", of(ok(15*day, time.Minute)), Inconclusive, "No rehearsal"),
			given("one tomorrow", of(ok(-day, time.Minute)), Errored, "clocks"),
			given("a record out of order", of(ok(2*day, time.Minute), ok(day, time.Minute)), Errored, "contradict"),
			given("one that took less than nothing", of(ok(day, -1)), Errored, "contradict"),
		}
	}
	check(t, RehearsalsCriterion{Count: 3, MaxDuration: 2 * time.Minute, MaxAge: 14 * day}, table(func(e *Evidence, r []Rehearsal) {
		e.Rehearsals = &RehearsalEvidence{Cutovers: r}
	}))
	check(t, RollbackRehearsalsCriterion{Count: 3, MaxDuration: 2 * time.Minute, MaxAge: 14 * day}, table(func(e *Evidence, r []Rehearsal) {
		e.Rehearsals = &RehearsalEvidence{Rollbacks: r}
	}))
	check(t, RehearsalsCriterion{MaxDuration: 1, MaxAge: 1}, []sentence{given("a count of zero", func(*Evidence) {}, Errored, "count")})
	check(t, RollbackRehearsalsCriterion{Count: 1, MaxAge: 1}, []sentence{given("no duration", func(*Evidence) {}, Errored, "max_duration")})
}

// A representation that is not there has not failed; one that is asked for and not there is not agreement either.
func TestCriteriaAreOffUntilConfigured(t *testing.T) {
	d := Policy{Criteria: Defaults()}.Decide(good(), now)
	if d.Decision != Go || len(d.Criteria) != 5 || len(d.Criteria)+len(d.NotAsked) != len(Names()) {
		t.Errorf("decided %s by %d criteria, not asked: %v", d.Decision, len(d.Criteria), d.NotAsked)
	}
	d.NotAsked = d.NotAsked[:9] // the next criterion does not change the text
	golden(t, "go-of-five.txt", Text(d))
	c := Defaults()
	c.StreamLag.Enabled = true
	d = Policy{Criteria: c}.Decide(good(), now)
	if d.Decision != Undecided || slices.Contains(d.NotAsked, "stream_lag") {
		t.Errorf("a criterion that is configured and has no evidence: decided %s", d.Decision)
	}
}
