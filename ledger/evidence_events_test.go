package ledger_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// atEvents are the first n suspects, diverged between legacy and events by the cause.
func atEvents(n int, kind compare.Kind, cause compare.Cause) []verify.Outcome {
	found := outcomes(suspects(n), compare.Diverged)
	for i := range found {
		m := &found[i].Diverged[0]
		m.Hop, m.Kind, m.Cause = order.LegacyToEvents, kind, cause
	}
	return found
}

// folding is a full pass over 10 orders of legacy that folded the events.
func folding(at time.Time, events int64, found []verify.Outcome) run {
	facts := verify.FullFacts{Rows: verify.Rows{Legacy: 10, Projection: 10}, Events: &verify.EventsFacts{Orders: events}}
	scan := verify.Scan{Compared: 10, Coverage: 1, Facts: facts}
	return run{verify.Full, "now", at, scan, found, compare.Diverged}
}

func TestEventEvidenceOutlivesTheSightings(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	lost := atEvents(3, compare.Differs, compare.LostShadowWrite)
	folding(t0, 10, append(lost, atEvents(4, compare.Differs, compare.SchemaDrift)[3])).in(t, l)
	// Two of ten could not be judged (see run), and four were found without: four are left.
	want := &gate.EventsEvidence{Legacy: 10, WithEvents: 4, Unjudged: 2, Orders: 10, Flawed: 1, Gaps: 3, At: t0}
	same(t, evidence(t, l, t0, 0).Events, want, "after the pass")

	for range 2 { // pruned, and that can be repeated
		if _, err := l.Prune(t.Context(), t0.Add(72*time.Hour), ledger.Retention{}); err != nil {
			t.Fatal(err)
		}
		same(t, evidence(t, l, t0, 0).Events, want, "three days later, when the sightings are gone")
	}
	// The divergences may be at another hop by then: what the pass found stays what it found.
	moved := outcomes(suspects(4), compare.Diverged)
	run{verify.Sample, "now", t0.Add(time.Hour), verify.Scan{}, moved, compare.Diverged}.in(t, l)
	same(t, evidence(t, l, t0, 0).Events, want, "after another pass")
}

func TestAPassThatFindsNoEventIsNotPassedOver(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	folding(t0, 10, nil).in(t, l)
	if e := evidence(t, l, t0, 0).Events; e == nil || e.WithEvents != 8 {
		t.Fatalf("a pass that found the events: %+v", e)
	}
	run{kind: verify.Full, fingerprint: "now", at: t0.Add(time.Hour), scan: verify.Scan{Coverage: 1, Facts: verify.FullFacts{Rows: verify.Rows{Legacy: 10}}}, verdict: compare.Match}.in(t, l)
	if e := evidence(t, l, t0, 0).Events; e == nil || !e.At.Equal(t0) {
		t.Errorf("a pass that did not look at the events took the place of one that did: %+v", e)
	}
	broken := folding(t0.Add(2*time.Hour), 0, nil)
	broken.scan.Coverage = 0.5
	broken.in(t, l)
	if e := evidence(t, l, t0, 0).Events; e == nil || !e.At.Equal(t0) {
		t.Errorf("a pass that broke off took the place of one that did not: %+v", e)
	}
	folding(t0.Add(3*time.Hour), 0, nil).in(t, l)
	same(t, evidence(t, l, t0, 0).Events, &gate.EventsEvidence{Legacy: 10, Unjudged: 2, At: t0.Add(3 * time.Hour)}, "none of ten has events")
}

func TestChangesAreThoseOfTheNewestSampleThatFoundSome(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	sample := func(hours int, changes, with int64) run {
		scan := verify.Scan{Compared: 5, Coverage: 1, Facts: verify.SampleFacts{Sampled: 5, Changes: verify.Changes{Recorded: changes, WithEvents: with}}}
		return run{kind: verify.Sample, fingerprint: "now", at: t0.Add(time.Duration(hours) * time.Hour), scan: scan, verdict: compare.Match}
	}
	sample(0, 0, 0).in(t, l)
	if e := evidence(t, l, t0, 0).Changes; e != nil {
		t.Errorf("a sample that found no change is evidence: %+v", e)
	}
	sample(1, 9, 8).in(t, l)
	sample(2, 7, 7).in(t, l)
	sample(3, 0, 0).in(t, l)
	same(t, evidence(t, l, t0, 0).Changes, &gate.ChangesEvidence{Changes: 7, WithEvents: 7, At: t0.Add(2 * time.Hour)}, "changes")
	other := sample(4, 9, 0)
	other.fingerprint = "before"
	other.in(t, l)
	same(t, evidence(t, l, t0, 0).Changes, &gate.ChangesEvidence{Changes: 7, WithEvents: 7, At: t0.Add(2 * time.Hour)}, "changes under another fingerprint")
}
