package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// proof is a pass over every order that ended a second after its snapshots.
type proof struct {
	kind        verify.PassKind
	fingerprint string // "now" if empty
	through     time.Time
	verdict     compare.Verdict // a match if empty
	coverage    float64         // 1 if 0
	unverified  int64
	diverged    int64
	facts       verify.Facts
	outcomes    []verify.Outcome
}

func (p proof) in(t *testing.T, l *ledger.Ledger) verify.PassID {
	t.Helper()
	if p.fingerprint == "" {
		p.fingerprint = "now"
	}
	if p.verdict == "" {
		p.verdict = compare.Match
	}
	if p.coverage == 0 {
		p.coverage = 1
	}
	ctx, lease := t.Context(), acquire(t, l, string(p.kind))
	at := p.through
	if at.IsZero() {
		at = t0
	}
	id := begin(t, l, lease, verify.Start{Kind: p.kind, Trigger: "schedule", Fingerprint: p.fingerprint, At: at})
	for _, err := range []error{
		l.ScanDone(ctx, lease, id, verify.Scan{Compared: 9, Coverage: p.coverage, Facts: p.facts, Through: p.through}),
		l.Settle(ctx, lease, id, p.outcomes, at.Add(time.Second)),
		l.FinishPass(ctx, lease, id, verify.Result{Verdict: p.verdict, Unverified: p.unverified, Diverged: p.diverged}, at.Add(time.Second)),
		l.Release(ctx, lease),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func minutes(n int) time.Time {
	return t0.Add(time.Duration(n) * time.Minute).Truncate(time.Microsecond)
}

// watermarkIs checks up to which minute everything is verified, and by which pass; a negative minute is no watermark.
func watermarkIs(t *testing.T, l *ledger.Ledger, minute int, by verify.PassID, accepted int64, when string) {
	t.Helper()
	w := evidence(t, l, minutes(60), 0).Verified
	if minute < 0 {
		if w != nil {
			t.Errorf("%s: the watermark is %+v, want none", when, *w)
		}
		return
	}
	want := &gate.Watermark{Through: minutes(minute), Pass: int64(by), FinishedAt: minutes(minute).Add(time.Second), Accepted: accepted}
	if w != nil {
		want.Kind = w.Kind
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func seen(at time.Time, v compare.Verdict) []verify.Outcome {
	found := outcomes(suspects(2), v)
	for i := range found {
		found[i].Suspect.FirstSeen, found[i].Suspect.Observation.At, found[i].LookedAt = at, at, at
	}
	return found
}

func TestTheWatermarkMovesWithCleanPassesAndNeverBack(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	watermarkIs(t, l, -1, 0, 0, "before any pass")
	proof{kind: verify.Sample}.in(t, l)
	proof{kind: verify.Full, fingerprint: "before", through: minutes(1)}.in(t, l)
	watermarkIs(t, l, -1, 0, 0, "after a full pass under another fingerprint")
	if e := evidence(t, l, minutes(60), 0); !e.VoidVerified || !e.VoidFull {
		t.Errorf("the watermark of another fingerprint is not void: %+v", e)
	}
	full := proof{kind: verify.Full, through: minutes(2)}.in(t, l)
	watermarkIs(t, l, 2, full, 0, "after a full pass")
	delta := proof{kind: verify.Delta, through: minutes(5)}.in(t, l)
	watermarkIs(t, l, 5, delta, 0, "after a delta pass")
	proof{kind: verify.Full, through: minutes(4)}.in(t, l)
	watermarkIs(t, l, 5, delta, 0, "after a full pass that began before the delta pass")
	for what, p := range map[string]proof{
		"a pass that broke off":                 {verdict: compare.Unverified},
		"a pass that left an order unjudged":    {verdict: compare.Unverified, unverified: 1},
		"a pass that did not cover all":         {verdict: compare.Unverified, coverage: 0.9},
		"a pass that says it matched and lacks": {coverage: 0.9},
		"a pass that found something":           {verdict: compare.Diverged, outcomes: seen(minutes(6), compare.Diverged)},
	} {
		p.kind, p.through = verify.Delta, minutes(6)
		p.in(t, l)
		watermarkIs(t, l, 5, delta, 0, "after "+what)
	}
	proof{kind: verify.Delta, through: minutes(7)}.in(t, l)
	watermarkIs(t, l, 5, delta, 0, "after a clean pass, while a divergence from before is open")
	delta = proof{kind: verify.Delta, through: minutes(8), outcomes: seen(minutes(8), compare.Match)}.in(t, l)
	watermarkIs(t, l, 8, delta, 0, "when it is repaired")
	if e := evidence(t, l, minutes(60), 0); e.Delta == nil || e.Delta.ID != int64(delta) || e.VoidVerified {
		t.Errorf("the newest delta pass is %+v, want %d", e.Delta, delta)
	}
	proof{kind: verify.Delta}.in(t, l)
	watermarkIs(t, l, 8, delta, 0, "after a pass whose snapshots have no known age")
}

// TestTheWatermarkNamesOldEvents at which its pass did not look.
func TestTheWatermarkNamesOldEvents(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	proof{kind: verify.Full, through: minutes(2)}.in(t, l)
	facts := verify.DeltaFacts{OldEvents: &verify.OldEvents{UpTo: 4711, LookedAt: minutes(2)}}
	proof{kind: verify.Delta, through: minutes(5), facts: facts}.in(t, l)
	if w := evidence(t, l, minutes(60), 0).Verified; w == nil || w.OldEvents != 4711 || !w.OldEventsAt.Equal(minutes(2)) {
		t.Errorf("the watermark is %+v", w)
	}
}

// TestAClockThatIsAheadStopsNothing: neither the watermark, nor that what was repaired is resolved.
func TestAClockThatIsAheadStopsNothing(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	ahead := time.Now().Add(24 * time.Hour)
	proof{kind: verify.Full, through: ahead}.in(t, l)
	watermarkIs(t, l, -1, 0, 0, "after a pass of tomorrow")
	full := proof{kind: verify.Full, through: minutes(2)}.in(t, l)
	watermarkIs(t, l, 2, full, 0, "after a full pass")
	proof{kind: verify.Delta, through: ahead, verdict: compare.Diverged, outcomes: seen(ahead, compare.Diverged)}.in(t, l)
	now := time.Now()
	delta := proof{kind: verify.Delta, through: now, outcomes: seen(now.Add(time.Second), compare.Match)}.in(t, l)
	e := evidence(t, l, now, 0)
	if len(e.Open) > 0 || e.Verified == nil || e.Verified.Pass != int64(delta) {
		t.Errorf("open are %+v, verified is %+v", e.Open, e.Verified)
	}
}

func TestTheWatermarkMovesWithWhatIsAccepted(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, conn := migrated(t, dsn), connect(t, dsn)
	diverged := func(minute int) verify.PassID {
		return proof{kind: verify.Delta, through: minutes(minute), verdict: compare.Diverged, outcomes: seen(minutes(minute), compare.Diverged)}.in(t, l)
	}
	full := proof{kind: verify.Full, through: minutes(1)}.in(t, l)
	diverged(2)
	accept(t, l, "0", order.LegacyToProjection)
	third := diverged(3)
	watermarkIs(t, l, 1, full, 0, "while one of two is accepted")
	accept(t, l, "1", order.LegacyToProjection)
	watermarkIs(t, l, 3, third, 2, "as soon as both are accepted, without another pass")
	delta := diverged(4)
	watermarkIs(t, l, 4, delta, 2, "after a pass that found both again")
	half := seen(minutes(5), compare.Diverged)
	half[1].Unproven = true
	proof{kind: verify.Delta, through: minutes(5), verdict: compare.Diverged, outcomes: half}.in(t, l)
	watermarkIs(t, l, 4, delta, 2, "while another hop of an accepted order could not be judged")
	exec(t, conn, `UPDATE crosscheck.divergence SET accepted_until = now() WHERE order_key = '1'`)
	diverged(5)
	watermarkIs(t, l, 4, delta, 2, "when the time of one acceptance is over")
}

// TestADeltaDoesNotProveWhatAFullPassLeftOut: a full pass that stopped because most orders had diverged has recorded
// examples only. Repairing these shows nothing about the others.
func TestADeltaDoesNotProveWhatAFullPassLeftOut(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	full := proof{kind: verify.Full, through: minutes(1)}.in(t, l)
	proof{
		kind: verify.Full, through: minutes(2), verdict: compare.Diverged, coverage: 0.1, outcomes: seen(minutes(2), compare.Diverged),
		facts: verify.FullFacts{Widespread: []verify.Widespread{{Share: 0.9}}},
	}.in(t, l)
	proof{kind: verify.Delta, through: minutes(3), outcomes: seen(minutes(3), compare.Match)}.in(t, l)
	watermarkIs(t, l, 1, full, 0, "after a clean delta pass")
	full = proof{kind: verify.Full, through: minutes(4)}.in(t, l)
	watermarkIs(t, l, 4, full, 0, "after a clean full pass")
	delta := proof{kind: verify.Delta, through: minutes(5)}.in(t, l)
	watermarkIs(t, l, 5, delta, 0, "after a clean delta pass after it")
}

// TestTheLedgerDoesNotGrowWithDeltas: of half a day of delta passes, an hour is kept.
func TestTheLedgerDoesNotGrowWithDeltas(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, conn := migrated(t, dsn), connect(t, dsn)
	for range 3 { // under another fingerprint, nothing proves at all
		proof{kind: verify.Delta, fingerprint: "other", through: minutes(1), verdict: compare.Unverified}.in(t, l)
	}
	full := proof{kind: verify.Full, through: minutes(1)}.in(t, l)
	first := proof{kind: verify.Delta, through: minutes(2)}.in(t, l)
	proof{kind: verify.Delta, through: minutes(3), verdict: compare.Diverged, outcomes: seen(minutes(3), compare.Diverged)}.in(t, l)
	last := minutes(3)
	for range 12 { // while it is open, nothing proves
		last = last.Add(8 * time.Minute)
		proof{kind: verify.Delta, through: last, verdict: compare.Diverged, outcomes: seen(last, compare.Diverged)}.in(t, l)
	}
	watermarkIs(t, l, 2, first, 0, "after hours of an open divergence")
	for range 12 {
		last = last.Add(8 * time.Minute)
		proof{kind: verify.Delta, through: last, outcomes: seen(last, compare.Match)}.in(t, l)
	}
	for range 14 { // a day later
		last = last.Add(3 * time.Hour)
		proof{kind: verify.Delta, through: last}.in(t, l)
	}
	var passes, sightings int
	if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM crosscheck.pass), (SELECT count(*) FROM crosscheck.sighting)`).Scan(&passes, &sightings); err != nil {
		t.Fatal(err)
	}
	if passes > 10 || sightings > 0 {
		t.Errorf("the ledger has %d passes and %d sightings, want those of an hour", passes, sightings)
	}
	listed, err := l.Passes(t.Context(), 20)
	if err != nil || len(listed) != 2 || listed[1].ID != full || listed[0].Kind != verify.Delta || !listed[0].Scan.Through.Equal(last) {
		t.Errorf("listed are %+v, error %v; want the newest delta pass and the full pass", listed, err)
	}
}

// TestPruningKeepsTheWatermark for as long as nothing moves it.
func TestPruningKeepsTheWatermark(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	full := proof{kind: verify.Full, through: minutes(1)}.in(t, l)
	proof{kind: verify.Full, through: minutes(3), verdict: compare.Unverified}.in(t, l)
	if _, err := l.Prune(t.Context(), minutes(3).AddDate(1, 0, 1), ledger.Retention{}); err != nil {
		t.Fatal(err)
	}
	watermarkIs(t, l, 1, full, 0, "after a year")
}
