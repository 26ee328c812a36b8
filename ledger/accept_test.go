package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// counts are how many divergences are open and accepted under the fingerprint "now".
func counts(t *testing.T, l *ledger.Ledger) [2]int64 {
	t.Helper()
	var open int64
	e := evidence(t, l, t0, 0)
	for _, o := range e.Open {
		open += o.Count
	}
	listed, all, err := l.AcceptedDivergences(t.Context(), "now", 100)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := l.OpenDivergences(t.Context(), "now", 100); err != nil || int64(len(found)) != open {
		t.Errorf("%d open divergences are counted, %d listed, error %v", open, len(found), err)
	}
	if all != e.Accepted || all != int64(len(listed)) {
		t.Errorf("%d accepted divergences are counted, %d are evidence, %d listed", all, e.Accepted, len(listed))
	}
	return [2]int64{open, all}
}

func answered(until time.Time) verify.Acceptance {
	return verify.Acceptance{Who: "Alice", Why: "a test order", At: time.Now().UTC(), Until: until}
}

var never = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)

func accept(t *testing.T, l *ledger.Ledger, key order.Key, hop order.Hop) verify.Divergence {
	t.Helper()
	d, err := l.Accept(t.Context(), "now", key, hop, answered(never))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnAcceptedDivergenceIsNotOpen(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, conn := migrated(t, dsn), connect(t, dsn)
	full := func(found []verify.Outcome) verify.PassID {
		return run{verify.Full, "now", t0, verify.Scan{}, found, compare.Diverged}.in(t, l)
	}
	full(outcomes(suspects(3), compare.Diverged))
	d := accept(t, l, "1", "")
	if d.State != verify.Accepted || d.Acceptance == nil || d.Acceptance.Who != "Alice" || d.Acceptance.Why != "a test order" || !d.Acceptance.Until.Equal(never) {
		t.Errorf("accepted %+v", d)
	}
	same(t, counts(t, l), [2]int64{2, 1}, "open and accepted")
	acceptances, err := l.Acceptances(t.Context(), "now")
	if err != nil || len(acceptances) != 1 || acceptances[0].Who != "Alice" || !acceptances[0].Until.Equal(never) || acceptances[0].Hop != d.Mismatch.Hop {
		t.Errorf("alerts hear of %+v, error %v", acceptances, err)
	}

	id := full(outcomes(suspects(3), compare.Diverged))
	same(t, counts(t, l), [2]int64{2, 1}, "after a pass that found the same")
	listed, err := l.PassDivergences(t.Context(), id, 10)
	if err != nil || len(listed) != 3 || listed[1].State != verify.Accepted {
		t.Errorf("the pass lists %+v, error %v", listed, err)
	}
	if keys, err := l.OpenKeys(t.Context(), id, "", 10); err != nil || len(keys) != 3 {
		t.Errorf("orders to look at again are %v, error %v", keys, err)
	}

	exec(t, conn, `UPDATE crosscheck.divergence SET accepted_until = now() WHERE order_key = '1'`)
	same(t, counts(t, l), [2]int64{3, 0}, "when its time is over, without anybody's doing")
	accept(t, l, "1", order.LegacyToProjection)
	same(t, counts(t, l), [2]int64{2, 1}, "accepted anew")
	full(outcomes(suspects(3), compare.Match))
	same(t, counts(t, l), [2]int64{0, 0}, "when the orders agree again")
}

func TestWhatBecomesAnotherIsOpenAgain(t *testing.T) {
	t.Parallel()
	fields := func(names ...string) []compare.FieldDifference {
		var out []compare.FieldDifference
		for _, n := range names {
			out = append(out, compare.FieldDifference{Name: n, Legacy: &order.Value{Text: n}})
		}
		return out
	}
	for name, c := range map[string]struct {
		change   func(*compare.Mismatch)
		accepted int64
	}{
		"the same":               {func(*compare.Mismatch) {}, 1},
		"another value":          {func(m *compare.Mismatch) { m.Fields[0].Legacy = &order.Value{Text: "moved"} }, 0},
		"another projection":     {func(m *compare.Mismatch) { m.Fields[0].Projection = &order.Value{Null: true} }, 0},
		"another number of rows": {func(m *compare.Mismatch) { m.LegacyCopies++ }, 0},
		"another kind":           {func(m *compare.Mismatch) { m.Kind = compare.Duplicate }, 0},
		"another cause":          {func(m *compare.Mismatch) { m.Cause = compare.LostUpdate }, 0},
		"another field":          {func(m *compare.Mismatch) { m.Fields = fields("price") }, 0},
		"a field more":           {func(m *compare.Mismatch) { m.Fields = fields("status", "price") }, 0},
		"another hop beside":     {func(m *compare.Mismatch) { m.Hop = order.LegacyToEvents }, 1},
		"no field known":         {func(m *compare.Mismatch) { m.Fields = nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := migrated(t, database(t))
			find := func(change func(*compare.Mismatch)) {
				found := outcomes(suspects(1), compare.Diverged)
				m := &found[0].Diverged[0]
				m.Kind, m.Fields = compare.Differs, fields("status")
				change(m)
				run{verify.Full, "now", t0, verify.Scan{}, found, compare.Diverged}.in(t, l)
			}
			find(func(*compare.Mismatch) {})
			accept(t, l, "0", "")
			find(c.change)
			if got := counts(t, l)[1]; got != c.accepted {
				t.Errorf("%d accepted, want %d", got, c.accepted)
			}
		})
	}
}

// TestAnAcceptanceIsOfItsHop: a fault at another hop, found or resolved, neither ends an acceptance nor profits from it.
func TestAnAcceptanceIsOfItsHop(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	value := func(text string) *order.Value { return &order.Value{Text: text} }
	lost := compare.Mismatch{
		Key: "0", Kind: compare.Differs, Hop: order.LegacyToEvents, Cause: compare.LostShadowWrite, LegacyCopies: 1, ProjectionCopies: 1,
		Fields: []compare.FieldDifference{{Name: "status", Legacy: value("FILLED"), Events: value("OPEN"), Projection: value("OPEN")}},
	}
	wrong := lost
	wrong.Hop, wrong.Cause = order.EventsToProjection, compare.WrongValue
	find := func(agreed []order.Hop, found ...compare.Mismatch) {
		t.Helper()
		out := outcomes(suspects(1), compare.Diverged)
		out[0].Suspect.Observation.Agreed, out[0].Diverged = agreed, found
		run{verify.Full, "now", t0, verify.Scan{}, out, compare.Diverged}.in(t, l)
	}
	find(nil, lost)
	accept(t, l, "0", "")
	// What the fault at the other hop does to the third representation:
	lost.Fields = []compare.FieldDifference{{Name: "status", Legacy: value("FILLED"), Events: value("OPEN"), Projection: value("CANCELED")}}
	wrong.Fields, lost.ProjectionCopies, wrong.ProjectionCopies = lost.Fields, 2, 2
	find(nil, lost, wrong)
	same(t, counts(t, l), [2]int64{1, 1}, "a second fault is open, and the first is still accepted")
	accept(t, l, "0", order.EventsToProjection)
	same(t, counts(t, l), [2]int64{0, 2}, "both accepted")
	find([]order.Hop{order.EventsToProjection}, lost)
	same(t, counts(t, l), [2]int64{0, 1}, "the second resolved")
	find(nil, lost, wrong)
	same(t, counts(t, l), [2]int64{1, 1}, "the second again, which nobody has accepted")
	lost.Cause = compare.GhostEvent
	find([]order.Hop{order.EventsToProjection}, lost)
	same(t, counts(t, l), [2]int64{1, 0}, "the second resolved, and another cause of the first, which nobody has accepted")
}

func TestAFurtherMarkOnTheStreamIsOpenAgain(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	lease := acquire(t, l, "stream")
	find := func(seen time.Time, again bool) {
		t.Helper()
		m := compare.Mismatch{Key: "7", Kind: compare.Duplicate, Hop: order.EventsToStream, Cause: compare.DuplicatePublish}
		c := follow.Commit{Fingerprint: "now", At: seen, Findings: []follow.Finding{{Mismatch: m, Seen: seen, Again: again}}}
		if err := l.CommitStream(t.Context(), lease, c); err != nil {
			t.Fatal(err)
		}
	}
	find(t0, false)
	accept(t, l, "7", "")
	same(t, counts(t, l), [2]int64{0, 1}, "accepted")
	find(time.Now().Add(time.Hour), true)
	same(t, counts(t, l), [2]int64{0, 1}, "the same finding again, by a clock that is ahead")
	find(t0, false)
	same(t, counts(t, l), [2]int64{1, 0}, "a further one, by a clock that is behind")
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	run{verify.Full, "now", t0, verify.Scan{}, outcomes(suspects(1), compare.Diverged), compare.Diverged}.in(t, l)
	for want, answer := range map[error]func() error{
		ledger.ErrNotOpen: func() error { _, err := l.Accept(t.Context(), "now", "404", "", answered(never)); return err },
		ledger.ErrAcceptance: func() error {
			_, err := l.Accept(t.Context(), "now", "0", "", answered(time.Now().Add(-time.Hour)))
			return err
		},
	} {
		if err := answer(); !errors.Is(err, want) {
			t.Errorf("error is %v, want %v", err, want)
		}
	}
	if _, err := l.Accept(t.Context(), "before", "0", "", answered(never)); !errors.Is(err, ledger.ErrNotOpen) {
		t.Errorf("accepted under another fingerprint: %v", err)
	}
	if _, err := l.Accept(t.Context(), "now", "0", order.EventsToStream, answered(never)); !errors.Is(err, ledger.ErrNotOpen) {
		t.Errorf("accepted at another hop: %v", err)
	}
	if _, err := l.Withdraw(t.Context(), "now", "0", ""); !errors.Is(err, ledger.ErrNotOpen) {
		t.Errorf("withdrew what nobody accepted: %v", err)
	}
	nobody := answered(never)
	nobody.Who = ""
	if _, err := l.Accept(t.Context(), "now", "0", "", nobody); !errors.Is(err, ledger.ErrAcceptance) {
		t.Errorf("accepted by nobody: %v", err)
	}
	blank := answered(never)
	blank.Why = " \t"
	if _, err := l.Accept(t.Context(), "now", "0", "", blank); !errors.Is(err, ledger.ErrAcceptance) {
		t.Errorf("accepted for no reason: %v", err)
	}
	same(t, counts(t, l), [2]int64{1, 0}, "open and accepted")
	accept(t, l, "0", "")
	bob := answered(never)
	bob.Who = "Bob"
	if _, err := l.Accept(t.Context(), "now", "0", "", bob); !errors.Is(err, ledger.ErrAcceptedBy) {
		t.Errorf("accepted over somebody else's head: %v", err)
	}
	accept(t, l, "0", "") // by the same, who may
	if d, err := l.Withdraw(t.Context(), "now", "0", ""); err != nil || d.State != verify.Open || d.Acceptance != nil {
		t.Errorf("withdrawn: %+v, error %v", d, err)
	}
	same(t, counts(t, l), [2]int64{1, 0}, "withdrawn")
}

// TestAFurtherLostEventIsNotAccepted: who answers for one event does not answer for those that are lost later.
func TestAFurtherLostEventIsNotAccepted(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	lease := acquire(t, l, "stream")
	lose := func(seen time.Time, again bool) {
		t.Helper()
		m := compare.Mismatch{Key: "7", Kind: compare.Missing, Hop: order.EventsToStream, Cause: compare.LostPublish}
		c := follow.Commit{Fingerprint: "now", At: seen, Findings: []follow.Finding{{Mismatch: m, Seen: seen, Again: again}}}
		if err := l.CommitStream(t.Context(), lease, c); err != nil {
			t.Fatal(err)
		}
	}
	lose(t0, false)
	accept(t, l, "7", "")
	lose(time.Now().Add(time.Hour), true)
	same(t, counts(t, l), [2]int64{0, 1}, "the same event is found to be lost again")
	lose(time.Now().Add(time.Hour), false)
	same(t, counts(t, l), [2]int64{1, 0}, "a further event of the order is lost")
}
