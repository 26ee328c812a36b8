package ledgertest

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func suspectRoundTrip(t *testing.T, s Store) {
	l, id := start(t, s)
	whole := suspect("a", t0)
	whole.Attempts, whole.InSample = 3, true
	whole.Counted = verify.Counted{Legacy: "FILLED", Projection: "OPEN", Age: verify.Old}
	bare := verify.Suspect{Observation: compare.Observation{Key: "b", LegacyState: "\x00\xff"}, Due: t0} // a state may be any bytes
	add(t, s, l, id, whole, bare)
	due, err := s.DueSuspects(t.Context(), id, t0.Add(time.Hour), "", 10)
	noError(t, err, "reading due suspects")
	same(t, due, []verify.Suspect{stored(whole), stored(bare)}, "suspects")
}

func dueOrder(t *testing.T, s Store) {
	l, id := start(t, s)
	n, due, err := s.NextDue(t.Context(), id)
	noError(t, err, "reading an empty queue")
	if n != 0 || !due.IsZero() {
		t.Errorf("empty queue: %d waiting, due %s", n, due)
	}
	late := suspect("m", t0.Add(time.Hour))
	add(t, s, l, id, suspect("é", t0), suspect("b", t0), late, suspect("B", t0), suspect("a", t0))
	same(t, dueKeys(t, s, id, t0.Add(29*time.Second), 10), []order.Key{}, "before the first is due")
	same(t, dueKeys(t, s, id, t0.Add(30*time.Second), 10), []order.Key{"B", "a", "b", "é"}, "when the first are due")
	same(t, dueKeys(t, s, id, late.Due, 2), []order.Key{"B", "a"}, "limited")
	n, due, err = s.NextDue(t.Context(), id)
	noError(t, err, "reading the queue")
	if n != 5 || !due.Equal(micros(t0.Add(30*time.Second))) {
		t.Errorf("queue: %d waiting, due %s", n, due)
	}
	noError(t, s.DropSuspects(t.Context(), l, id), "dropping the suspects")
	if n, _, err = s.NextDue(t.Context(), id); n != 0 || err != nil {
		t.Errorf("%d wait in a queue that was dropped, %v", n, err)
	}
}

func requeue(t *testing.T, s Store) {
	l, id := start(t, s)
	add(t, s, l, id, suspect("1", t0), suspect("2", t0))
	again := suspect("1", t0)
	again.Attempts, again.Due, again.Observation.LegacyState = 1, t0.Add(time.Hour), "l2"
	settle(t, s, l, id, t0, verify.Outcome{Suspect: again, Verdict: compare.Lagging})
	same(t, dueKeys(t, s, id, t0.Add(time.Minute), 10), []order.Key{"2"}, "due at first")
	due, err := s.DueSuspects(t.Context(), id, t0.Add(time.Hour), "", 1)
	noError(t, err, "reading due suspects")
	same(t, due, []verify.Suspect{stored(again)}, "due later")
	tally, err := s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{}, "tally of what is not final")
}

func duplicateKeys(t *testing.T, s Store) {
	l, id := start(t, s)
	first, second, third := suspect("1", t0), suspect("1", t0), suspect("1", t0)
	second.Attempts, third.Attempts = 1, 2
	third.Observation.EventsState = "e2"
	atRest := third
	atRest.Attempts, atRest.Due = 0, t0.Add(time.Minute)
	add(t, s, l, id, first, second)
	add(t, s, l, id, third)
	add(t, s, l, id, atRest)
	due, err := s.DueSuspects(t.Context(), id, t0.Add(time.Hour), "", 10)
	noError(t, err, "reading due suspects")
	same(t, due, []verify.Suspect{stored(third)}, "suspects")
	settle(t, s, l, id, t0, final(first, compare.Diverged), final(first, compare.Match))
	tally, err := s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{Match: 1}, "tally")
}

func tallies(t *testing.T, s Store) {
	l, id := start(t, s)
	sampled := suspect("2", t0)
	sampled.InSample = true
	add(t, s, l, id, suspect("1", t0), sampled, suspect("3", t0), suspect("4", t0), suspect("5", t0))
	settle(t, s, l, id, t0, final(suspect("1", t0), compare.Diverged), final(sampled, compare.Diverged))
	settle(t, s, l, id, t0, final(suspect("3", t0), compare.Match), final(suspect("4", t0), compare.Lagging))
	settle(t, s, l, id, t0, final(suspect("5", t0), compare.Unverified), final(suspect("never queued", t0), compare.Match))
	tally, err := s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{Match: 2, Diverged: 2, Lagging: 1, Unverified: 1, SampledDiverged: 1}, "tally")
	half := final(suspect("6", t0), compare.Diverged)
	half.Unproven = true
	settle(t, s, l, id, t0, half)
	tally, err = s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{Match: 2, Diverged: 3, Lagging: 1, Unverified: 2, SampledDiverged: 1}, "tally with an order that could not be judged at another hop")
	same(t, dueKeys(t, s, id, t0.Add(time.Hour), 10), []order.Key{}, "the queue afterwards")
}

func settledGroups(t *testing.T, s Store) {
	l, id := start(t, s)
	in := func(key order.Key, legacy, projection string) verify.Suspect {
		x := suspect(key, t0)
		x.Counted = verify.Counted{Legacy: legacy, Projection: projection, Age: verify.UnderAnHour}
		return x
	}
	moved, added, unjudged, lagging := in("1", "FILLED", "NEW"), in("2", "NEW", ""), in("3", "OPEN", "OPEN"), in("4", "FILLED", "OPEN")
	diverged, left := in("5", "NEW", "NEW"), in("6", "", "NEW")
	add(t, s, l, id, moved, added, unjudged, lagging, diverged, left)
	settle(t, s, l, id, t0, final(moved, compare.Match), final(unjudged, compare.Unverified)) // even before the scan is done
	scan := verify.Scan{Coverage: 1, Facts: verify.FullFacts{
		Counts: []verify.GroupCount{{Group: "FILLED", Legacy: 9}, {Group: "NEW"}, {Group: "OPEN"}},
		Strata: []verify.Stratum{{Group: "FILLED", Age: verify.UnderAnHour, Orders: 5}, {Group: "FILLED", Age: verify.Old, Orders: 4}},
	}}
	noError(t, s.ScanDone(t.Context(), l, id, scan), "ending the scan")
	settle(t, s, l, id, t0, final(added, compare.Match), final(lagging, compare.Lagging), final(diverged, compare.Diverged))
	settle(t, s, l, id, t0, verify.Outcome{Suspect: left, Verdict: compare.Lagging})
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Unverified}, t0), "finishing")
	facts := newest(t, s).Scan.Facts.(verify.FullFacts)
	same(t, facts.Counts, []verify.GroupCount{
		{Group: "FILLED", Legacy: 9, SettledLegacy: 1, Unverified: 1},
		{Group: "NEW", SettledLegacy: 1, SettledProjection: 1, Unverified: 1},
		{Group: "OPEN", Unverified: 2},
	}, "counts")
	same(t, facts.Strata, []verify.Stratum{
		{Group: "FILLED", Age: verify.UnderAnHour, Orders: 5, Unverified: 1},
		{Group: "FILLED", Age: verify.Old, Orders: 4},
		{Group: "NEW", Age: verify.UnderAnHour, Unverified: 1}, // only the projection has it
		{Group: "OPEN", Age: verify.UnderAnHour, Unverified: 1},
	}, "strata")
}

// settledBeforeRecheck: a pass looks again at orders with a divergence, of which some wait in its queue too.
func settledBeforeRecheck(t *testing.T, s Store) {
	l, id := start(t, s)
	waits := suspect("1", t0)
	waits.Counted = verify.Counted{Legacy: "FILLED", Projection: "NEW", Age: verify.Old}
	add(t, s, l, id, waits)
	noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{Coverage: 1, Facts: verify.FullFacts{Counts: []verify.GroupCount{{Group: "FILLED"}, {Group: "NEW"}}}}), "ending the scan")
	settle(t, s, l, id, t0, final(suspect("1", t0), compare.Match), final(suspect("2", t0), compare.Match))
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Match}, t0), "finishing")
	same(t, newest(t, s).Scan.Facts.(verify.FullFacts).Counts, []verify.GroupCount{{Group: "FILLED", SettledLegacy: 1}, {Group: "NEW", SettledProjection: 1}}, "counts")
}

func divergedNeedsMismatch(t *testing.T, s Store) {
	l, id := start(t, s)
	add(t, s, l, id, suspect("1", t0), suspect("2", t0))
	bad := suspect("2", t0)
	bad.Observation.Mismatches = nil
	if err := s.Settle(t.Context(), l, id, []verify.Outcome{
		final(suspect("1", t0), compare.Diverged), {Suspect: bad, Verdict: compare.Diverged, Final: true},
	}, t0); err == nil {
		t.Error("settled a divergence without a mismatch")
	}
	if err := s.Settle(t.Context(), l, id, []verify.Outcome{{Suspect: bad, Verdict: "fine", Final: true}}, t0); err == nil {
		t.Error("settled a verdict that does not exist")
	}
	same(t, len(openOnes(t, s)), 0, "divergences after a refused batch")
	same(t, dueKeys(t, s, id, t0.Add(time.Hour), 10), []order.Key{"1", "2"}, "the queue after a refused batch")
}

func divergenceLife(t *testing.T, s Store) {
	l, id := start(t, s)
	at := func(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }
	settle(t, s, l, id, at(1), final(suspect("1", t0), compare.Diverged))
	opened := openOnes(t, s)
	same(t, opened, []verify.Divergence{{
		ID: opened[0].ID, Mismatch: suspect("1", t0).Observation.Mismatches[0], State: verify.Open,
		FirstSeen: micros(t0), LastSeen: micros(t0), FoundBy: verify.Full,
	}}, "opened")

	missing := suspect("1", at(2))
	missing.Observation.Mismatches = []compare.Mismatch{{Key: "1", Kind: compare.Missing, Hop: order.LegacyToProjection, LegacyCopies: 1}}
	sampler := acquire(t, s, "sample")
	sample := begin(t, s, sampler, verify.Sample)
	settle(t, s, sampler, sample, at(3), final(missing, compare.Diverged))
	want := opened[0]
	want.Mismatch, want.LastSeen = missing.Observation.Mismatches[0], micros(at(2))
	same(t, openOnes(t, s), []verify.Divergence{want}, "renewed by another pass: what it is now, first seen as before")

	settle(t, s, sampler, sample, at(5), final(suspect("1", at(4)), compare.Match))
	same(t, len(openOnes(t, s)), 0, "open after a match")
	want.State, want.ResolvedAt = verify.Resolved, micros(at(5))
	resolved, err := s.Divergences(t.Context(), verify.Resolved, 10)
	noError(t, err, "reading resolved divergences")
	same(t, resolved, []verify.Divergence{want}, "resolved")

	settle(t, s, l, id, at(7), final(suspect("1", at(6)), compare.Diverged))
	back := openOnes(t, s)
	if len(back) != 1 || back[0].ID == want.ID || !back[0].FirstSeen.Equal(micros(at(6))) {
		t.Errorf("one that came back is %+v, want a new one", back)
	}
}

func exactValues(t *testing.T, s Store) {
	l, id := start(t, s)
	null := order.Null
	x := suspect("1", t0)
	x.Observation.Mismatches[0].Fields = []compare.FieldDifference{
		{Name: "price", Legacy: text("12345678901234567890.10"), Projection: text("12345678901234567890.1")},
		{Name: "null and empty", Legacy: &null, Projection: text("")},
		{Name: "absent", Legacy: nil, Projection: &null},
		{Name: "null as text", Legacy: text("null"), Projection: text(`"<é\u0001>&` + "\n")},
	}
	duplicate := suspect("2", t0)
	duplicate.Observation.Mismatches = []compare.Mismatch{{
		Key: "2", Kind: compare.Duplicate, Hop: order.LegacyToProjection, LegacyCopies: 2, ProjectionCopies: 1,
	}}
	settle(t, s, l, id, t0, final(x, compare.Diverged), final(duplicate, compare.Diverged))
	var got []compare.Mismatch
	for _, d := range openOnes(t, s) {
		got = append(got, d.Mismatch)
	}
	same(t, got, []compare.Mismatch{x.Observation.Mismatches[0], duplicate.Observation.Mismatches[0]}, "as divergences")
}

func olderLook(t *testing.T, s Store) {
	l, id := start(t, s)
	settle(t, s, l, id, t0.Add(2*time.Minute), final(suspect("1", t0.Add(time.Minute)), compare.Diverged))
	settle(t, s, l, id, t0.Add(3*time.Minute), final(suspect("1", t0), compare.Match))
	same(t, len(openOnes(t, s)), 1, "open after a match that was seen before the divergence")
	settle(t, s, l, id, t0.Add(3*time.Minute), final(suspect("1", time.Time{}), compare.Match))
	same(t, len(openOnes(t, s)), 0, "open after a match without a time, settled later")
}

func passDivergences(t *testing.T, s Store) {
	l, id := start(t, s)
	settle(t, s, l, id, t0, final(suspect("9", t0.Add(-time.Hour)), compare.Diverged),
		final(suspect("2", t0), compare.Diverged), final(suspect("10", t0), compare.Diverged), final(suspect("3", t0), compare.Diverged))
	settle(t, s, l, id, t0, final(suspect("3", t0), compare.Match))
	found, err := s.PassDivergences(t.Context(), id, 10)
	noError(t, err, "reading the pass's divergences")
	same(t, keysOf(found), []order.Key{"9", "2", "10"}, "oldest first, then by key; resolved ones left out")
	found, err = s.PassDivergences(t.Context(), id, 2)
	noError(t, err, "reading the pass's divergences")
	same(t, keysOf(found), []order.Key{"9", "2"}, "limited")
}

func concurrentPasses(t *testing.T, s Store) {
	l, full := start(t, s)
	sampler := acquire(t, s, "sample")
	sample := begin(t, s, sampler, verify.Sample)
	earlier := begin(t, s, l, verify.Full)
	settle(t, s, l, earlier, t0, final(suspect("1", t0), compare.Diverged))
	settle(t, s, l, full, t0, final(suspect("1", t0), compare.Diverged))
	settle(t, s, sampler, sample, t0, final(suspect("1", t0), compare.Diverged))
	for _, id := range []verify.PassID{earlier, full, sample} {
		found, err := s.PassDivergences(t.Context(), id, 10)
		noError(t, err, "reading the pass's divergences")
		same(t, keysOf(found), []order.Key{"1"}, "what each pass saw")
	}
	same(t, len(openOnes(t, s)), 1, "rows of one divergence")
}

func openKeys(t *testing.T, s Store) {
	l, id := start(t, s)
	settle(t, s, l, id, t0, final(suspect("b", t0), compare.Diverged), final(suspect("a", t0), compare.Diverged),
		final(suspect("B", t0), compare.Diverged), final(suspect("c", t0), compare.Diverged), final(suspect("", t0), compare.Diverged))
	settle(t, s, l, id, t0, final(suspect("c", t0), compare.Match))
	var all []order.Key
	for from := order.Key(""); ; {
		page, err := s.OpenKeys(t.Context(), id, from, 1)
		noError(t, err, "reading a page")
		if len(page) == 0 {
			break
		}
		all, from = append(all, page...), page[0].Next()
	}
	same(t, all, []order.Key{"", "B", "a", "b"}, "keys of open divergences")
}

// otherFingerprint is a configuration that compares less: what it sees as a match says nothing of what others found.
func otherFingerprint(t *testing.T, s Store) {
	l, id := start(t, s)
	settle(t, s, l, id, t0, final(suspect("1", t0), compare.Diverged))
	other, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Full, Trigger: "manual", Fingerprint: "f2", At: t0})
	noError(t, err, "beginning a pass")
	keys, err := s.OpenKeys(t.Context(), other, "", 10)
	noError(t, err, "reading a page")
	same(t, len(keys), 0, "open keys under the other fingerprint")
	settle(t, s, l, other, t0.Add(time.Hour), final(suspect("1", t0.Add(time.Hour)), compare.Match))
	same(t, keysOf(openOnes(t, s)), []order.Key{"1"}, "what is still open")
	settle(t, s, l, other, t0.Add(time.Hour), final(suspect("1", t0.Add(time.Hour)), compare.Diverged))
	same(t, len(openOnes(t, s)), 2, "divergences, one for each fingerprint")
}
