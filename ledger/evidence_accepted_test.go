package ledger_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestWhatAnswersForAPass: an acceptance that ends, or that is of another hop or value, does not.
func TestWhatAnswersForAPass(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, conn := migrated(t, dsn), connect(t, dsn)
	full := func(hour int, change func([]verify.Outcome)) verify.PassID {
		found := outcomes(suspects(2), compare.Diverged)
		for i := range found {
			found[i].Suspect.Counted = verify.Counted{Legacy: "FILLED", Projection: "OPEN"}
		}
		change(found)
		facts := verify.FullFacts{Rows: verify.Rows{Legacy: 9, Projection: 9}, Counts: []verify.GroupCount{
			{Group: "FILLED", Legacy: 9, Projection: 7}, {Group: "OPEN", Projection: 2},
		}}
		return proof{kind: verify.Full, through: minutes(60 * hour), verdict: compare.Diverged, diverged: 2, facts: facts, outcomes: found}.in(t, l)
	}
	want := func(when string, accepted, clean int64) gate.Evidence {
		t.Helper()
		e := evidence(t, l, minutes(0), 0)
		counted, err := l.AcceptedOrders(t.Context(), verify.PassID(e.Full.ID))
		if err != nil || e.Full.Accepted != accepted || counted != accepted || e.Streak.Clean != clean || e.Streak.Accepted != clean {
			t.Errorf("%s: %d of the last pass are accepted (%d, error %v), want %d; the streak is %+v, want %d", when, e.Full.Accepted, counted, err, accepted, *e.Streak, clean)
		}
		return e
	}
	same := func([]verify.Outcome) {}
	full(1, same)
	want("at first", 0, 0)
	accept(t, l, "0", order.LegacyToProjection)
	want("one of two", 1, 0)
	if e := evidence(t, l, minutes(0), 0); e.Verified != nil {
		t.Errorf("the watermark is %+v", e.Verified)
	}
	accept(t, l, "1", order.LegacyToProjection)
	e := want("both", 2, 1)
	if e.Verified == nil || e.Verified.Accepted != 2 || !e.Verified.Through.Equal(minutes(60)) {
		t.Errorf("the watermark is %+v", e.Verified)
	}
	if f, o := e.Full.Counts[0], e.Full.Counts[1]; f.AcceptedLegacy != 2 || f.AcceptedProjection != 0 || o.AcceptedLegacy != 0 || o.AcceptedProjection != 2 {
		t.Errorf("accepted rows by group: %+v", e.Full.Counts)
	}
	full(2, same)
	want("the next pass finds the same", 2, 2)
	if _, err := l.Prune(t.Context(), minutes(60*72), ledger.Retention{}); err != nil {
		t.Fatal(err)
	}
	want("three days later", 2, 2)

	full(3, func(found []verify.Outcome) {
		other := found[0].Diverged[0]
		other.Hop = order.LegacyToEvents
		found[0].Diverged = append(found[0].Diverged, other)
	})
	want("one is wrong at another hop too", 1, 0)
	accept(t, l, "0", order.LegacyToEvents)
	want("that is accepted too", 2, 3)

	full(4, func(found []verify.Outcome) { found[1].Diverged[0].LegacyCopies++ })
	want("one has another value", 1, 0)
	accept(t, l, "1", order.LegacyToProjection)
	want("that is accepted too", 2, 4)

	exec(t, conn, `UPDATE crosscheck.divergence SET accepted_until = now() WHERE order_key = '1'`)
	want("one acceptance ends", 1, 0)
}

func TestAcceptedDrawsAreLeftOutIfTheyStandForNoOthers(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, conn := migrated(t, dsn), connect(t, dsn)
	sample := func(minute int) {
		found := seen(minutes(minute), compare.Diverged)
		found[0].Suspect.InSample = true // the other is looked at again
		facts := verify.SampleFacts{Rows: verify.Rows{Legacy: 9, Projection: 9}, Sampled: 5}
		proof{kind: verify.Sample, through: minutes(minute), verdict: compare.Diverged, diverged: 2, facts: facts, outcomes: found}.in(t, l)
	}
	want := func(when string, orders, diverged, accepted, since int64) {
		t.Helper()
		s := evidence(t, l, minutes(60), 0).Sampling
		if s.Orders != orders || s.Diverged != diverged || s.Accepted != accepted || s.AcceptedSince != since {
			t.Errorf("%s: %+v", when, s)
		}
	}
	sample(1)
	want("at first", 5, 1, 0, 0)
	accept(t, l, "0", order.LegacyToProjection)
	exec(t, conn, `UPDATE crosscheck.divergence SET accepted_at = '`+minutes(2).Format(time.RFC3339)+`' WHERE order_key = '0'`)
	want("accepted after the draw", 5, 1, 0, 1)
	sample(3)
	want("drawn again, which was accepted before", 9, 1, 1, 1)
	proof{kind: verify.Full, through: minutes(4), verdict: compare.Diverged, diverged: 2, outcomes: seen(minutes(4), compare.Diverged)}.in(t, l)
	want("a full pass found another that is open", 9, 1, 1, 1)
	accept(t, l, "1", order.LegacyToProjection)
	want("all that a full pass found is accepted", 8, 0, 2, 0)
	exec(t, conn, `UPDATE crosscheck.divergence SET accepted_until = now() WHERE order_key = '0'`)
	want("the acceptance ends", 10, 2, 0, 0)
}

func TestAcceptedEventsAndChanges(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	lost := append(atEvents(2, compare.Differs, compare.LostShadowWrite), atEvents(3, compare.Differs, compare.SchemaDrift)[2])
	folding(t0, 10, lost).in(t, l)
	changes := verify.Changes{Recorded: 9, WithEvents: 4, Without: []verify.Unrecorded{{Key: "0", Changes: 2}, {Key: "1", Changes: 3}}}
	scan := verify.Scan{Compared: 5, Coverage: 1, Facts: verify.SampleFacts{Sampled: 5, Changes: changes}}
	run{kind: verify.Sample, fingerprint: "now", at: t0, scan: scan, verdict: compare.Match}.in(t, l)
	want := func(when string, accepted, gaps, flawed, changes int64) {
		t.Helper()
		e := evidence(t, l, t0, 0)
		if v := e.Events; v.Accepted != accepted || v.AcceptedGaps != gaps || v.AcceptedFlawed != flawed || e.Changes.Accepted != changes {
			t.Errorf("%s: %+v, %+v", when, *v, *e.Changes)
		}
	}
	want("at first", 0, 0, 0, 0)
	accept(t, l, "0", "")
	want("a lost event", 1, 1, 0, 2)
	accept(t, l, "2", "")
	want("and a flawed one", 2, 1, 1, 2)
	another := atEvents(1, compare.Differs, compare.LostShadowWrite)
	another[0].Diverged[0].LegacyCopies = 7
	run{verify.Sample, "now", t0.Add(time.Hour), verify.Scan{}, another, compare.Diverged}.in(t, l)
	want("the first has another value", 1, 0, 1, 0)
}

func TestAcceptedEventsOfTheStream(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := acquire(t, l, "stream")
	found := func(key order.Key, kind compare.Kind, cause compare.Cause, seen time.Time) follow.Finding {
		return follow.Finding{Mismatch: compare.Mismatch{Key: key, Kind: kind, Hop: order.EventsToStream, Cause: cause}, Seen: seen}
	}
	commit := func(gaps int64, findings ...follow.Finding) {
		t.Helper()
		c := follow.Commit{Fingerprint: "now", At: t0, Gaps: gaps, Findings: findings, Lost: map[int64][]follow.LostEvent{1: {{Position: 5, Key: "7"}, {Position: 6, Key: "7"}, {Position: 7, Key: "8"}}}}
		c.State.Evidence.Stored, c.State.Evidence.Seen = 9, 6
		if err := l.CommitStream(t.Context(), held, c); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, accepted, gaps int64) {
		t.Helper()
		if e := evidence(t, l, t0, 0).Stream; e.Accepted != accepted || e.AcceptedGaps != gaps {
			t.Errorf("%s: %+v", when, *e)
		}
	}
	commit(2, found("7", compare.Missing, compare.LostPublish, t0), found("8", compare.Missing, compare.LostPublish, t0),
		found("topic", compare.Gap, compare.RetentionGap, t0), found("topic 2", compare.Gap, compare.SchemaDrift, t0)) // one was deleted, one cannot be read
	want("at first", 0, 0)
	accept(t, l, "7", "")
	accept(t, l, "topic", "")
	want("one order of two, and one hole of two", 2, 0)
	accept(t, l, "8", "")
	accept(t, l, "topic 2", "")
	want("all", 3, 2)
	behind := time.Now().Add(-time.Hour) // the clock of who finds is behind that of who accepted
	commit(1, found("8", compare.Missing, compare.LostPublish, behind), found("topic", compare.Gap, compare.RetentionGap, behind))
	want("a further event of an order is lost, and there is a further hole", 2, 0)
}

// TestWhatWasKnownEndsNoAcceptance: a ghost is looked for again each minute.
func TestWhatWasKnownEndsNoAcceptance(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := acquire(t, l, "stream")
	find := func(cause compare.Cause, again bool) {
		t.Helper()
		m := compare.Mismatch{Key: "7", Kind: compare.Phantom, Hop: order.EventsToStream, Cause: cause}
		if err := l.CommitStream(t.Context(), held, follow.Commit{Fingerprint: "now", At: t0, Findings: []follow.Finding{{Mismatch: m, Seen: time.Now().Add(time.Hour), Again: again}}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, open int) {
		t.Helper()
		if e := evidence(t, l, t0, 0); len(e.Open) != open {
			t.Errorf("%s: open are %+v", when, e.Open)
		}
	}
	find(compare.DuplicatePublish, false)
	find(compare.GhostPublish, false)
	accept(t, l, "7", "")
	find(compare.GhostPublish, true)
	want("the ghost that was there when it was accepted", 0)
	find(compare.LostPublish, false)
	want("an event is lost too", 1)
}
