package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// projected compares the projection with the events.
func (f *four) projected(archived ...order.Key) verify.Pass {
	f.t.Helper()
	c := verify.Projecting{
		Events: f.folded, Projection: f.Projection, Fields: foldable, Settle: f.Settle, Now: f.clock, Wait: f.wait,
		Archived: func(_ context.Context, keys []order.Key) ([]order.Key, error) {
			return slices.DeleteFunc(slices.Clone(keys), func(k order.Key) bool { return !slices.Contains(archived, k) }), nil
		},
	}
	return f.must(c.Pass(f.t.Context(), f.store, f.lease, f.start()))
}

func (f *four) ended(p verify.Pass, v compare.Verdict, reason string, want verify.ProjectedFacts) {
	f.t.Helper()
	p = f.stored(p.ID)
	if p.Result.Verdict != v || p.Result.Reason != reason || p.Scan.Facts != want {
		f.t.Errorf("ended %+v with %+v", p.Result, p.Scan.Facts)
	}
}

func flawedRow(key int64) order.Row {
	r := row(key, "", "")
	r.Flawed = true
	return r
}

func TestAnOrderWhoseEventsGiveNoStateIsNotProjectedRight(t *testing.T) {
	f := newFour(t)
	f.projection.Put(row(2, "CANCELED", "0"))
	f.ended(f.projected(), compare.Diverged, "1 order of the projection is not what its events give", verify.ProjectedFacts{Events: 10, Projection: 10})
	f.folded.Put(flawedRow(2))
	f.folded.Put(flawedRow(3))
	pass := f.projected()
	f.ended(pass, compare.Unverified, "2 orders have events that give no state, and were not judged", verify.ProjectedFacts{Events: 10, Projection: 10, Flawed: 2})
	if pass.Scan.Coverage != 0.8 || pass.Result.Unverified != 2 || f.open() != "2 differs status" {
		t.Errorf("covers %v and left %d unverified, open are %s", pass.Scan.Coverage, pass.Result.Unverified, f.open())
	}
	f.folded.Put(row(2, "CANCELED", "0"))
	f.folded.Put(row(3, "OPEN", "0"))
	f.ended(f.projected(), compare.Match, "", verify.ProjectedFacts{Events: 10, Projection: 10})
	if f.open() != "" {
		t.Errorf("open are %s", f.open())
	}
}

func TestEventsThatBecomeFlawedWhileAnOrderSettlesAreNoAgreement(t *testing.T) {
	f := newFour(t)
	f.projection.Put(row(2, "CANCELED", "0"))
	f.meanwhile = func(int) { f.folded.Put(flawedRow(2)) }
	f.ended(f.projected(), compare.Unverified, "1 order has events that give no state, and was not judged", verify.ProjectedFacts{Events: 10, Projection: 10, Flawed: 1})
}

func TestArchivedOrdersAreNotPhantomsOfTheProjection(t *testing.T) {
	f := newFour(t)
	f.folded.Delete("2")
	f.ended(f.projected("2"), compare.Match, "", verify.ProjectedFacts{Events: 9, Projection: 10, Archived: 1})
	f.meanwhile = func(int) { f.folded.Delete("3") }
	f.projection.Put(row(3, "CANCELED", "0"))
	f.ended(f.projected("2", "3"), compare.Match, "", verify.ProjectedFacts{Events: 9, Projection: 10, Archived: 2})
	f.folded.Delete("4")
	f.ended(f.projected("2", "3"), compare.Diverged, "1 order of the projection is not what its events give", verify.ProjectedFacts{Events: 7, Projection: 10, Archived: 2})
}

// TestALaggingBacklogIsNoDivergence: what is not looked at again may only lag.
func TestALaggingBacklogIsNoDivergence(t *testing.T) {
	f := newFour(t)
	const all = 10_003
	var now, late []order.Row
	for key := range int64(all) {
		now, late = append(now, row(key+1, "OPEN", "1")), append(late, row(key+1, "OPEN", "0"))
	}
	side := func(is order.Representation, rows []order.Row) *sourcetest.Fake {
		return sourcetest.New(is, sourcetest.Table{KeyType: order.KeyInteger, Fields: foldable, Indexed: true, Rows: rows})
	}
	projection := &struct{ verify.Side }{side(order.Projection, late)}
	f.folded, f.Projection = side(order.Events, now), projection
	f.meanwhile = func(int) { projection.Side = side(order.Projection, now) }
	pass := f.projected()
	f.ended(pass, compare.Unverified, "3 further orders differed, and were not looked at again", verify.ProjectedFacts{Events: all, Projection: all})
	if pass.Result.Unverified != 3 || pass.Result.Diverged != 0 {
		t.Errorf("ended %+v", pass.Result)
	}
	f.meanwhile, projection.Side = nil, side(order.Projection, late)
	pass = f.projected()
	if r := pass.Result; r.Verdict != compare.Diverged || r.Diverged != 10_000 || r.Unverified != 3 {
		t.Errorf("ended %+v", r)
	}
}

// TestAProjectionThatIsOnItsWayIsNotWrong: one that is refreshed each minute shows no change of any order after the last.
func TestAProjectionThatIsOnItsWayIsNotWrong(t *testing.T) {
	at := func(r order.Row, second int) order.Row {
		r.ChangedAt = time.Date(2024, 5, 1, 12, 0, second, 0, time.UTC)
		return r
	}
	f := newFour(t)
	f.projection.Put(at(row(1, "FILLED", "10"), 1))
	f.folded.Put(at(row(2, "CANCELED", "0"), 30))
	f.meanwhile = func(waits int) {
		if waits == 3 {
			f.projection.Put(at(row(2, "CANCELED", "0"), 30))
		}
	}
	f.ended(f.projected(), compare.Match, "", verify.ProjectedFacts{Events: 10, Projection: 10})
	f.folded.Put(at(row(3, "CANCELED", "0"), 40))
	f.meanwhile = nil // it has stopped
	began := f.clock()
	f.ended(f.projected(), compare.Diverged, "1 order of the projection is not what its events give", verify.ProjectedFacts{Events: 10, Projection: 10})
	if took := f.clock().Sub(began); took < f.Settle.MaxLag {
		t.Errorf("accused after %s", took)
	}
	f.projection.Put(at(row(4, "OPEN", "0"), 50)) // it goes on, and has left an order out
	began = f.clock()
	f.ended(f.projected(), compare.Diverged, "1 order of the projection is not what its events give", verify.ProjectedFacts{Events: 10, Projection: 10})
	if took := f.clock().Sub(began); took > f.Settle.Window {
		t.Errorf("accused after %s", took)
	}
}

// TestAStandbyThatIsBehindProvesNothingOfTheProjection, and one that is a little behind has that time to follow.
func TestAStandbyThatIsBehindProvesNothingOfTheProjection(t *testing.T) {
	f := newFour(t)
	f.projection.At = verify.Position{Standby: true, Stopped: "replay is paused"}
	f.folded.Put(row(2, "CANCELED", "0"))
	c := verify.Projecting{Events: f.folded, Projection: f.Projection, Fields: foldable, Settle: f.Settle, Now: f.clock, Wait: f.wait}
	pass, err := c.Pass(t.Context(), f.store, f.lease, f.start())
	if !errors.Is(err, verify.ErrStale) || f.stored(pass.ID).Result.Verdict != compare.Unverified || f.open() != "" {
		t.Errorf("ended %+v, %v; open are %s", pass.Result, err, f.open())
	}
	lag := 60.0
	f.projection.At = verify.Position{Standby: true, Lag: &lag}
	began := f.clock()
	f.meanwhile = func(int) {
		if f.clock().Sub(began) >= time.Minute {
			f.projection.Put(row(2, "CANCELED", "0"))
		}
	}
	f.ended(f.projected(), compare.Match, "", verify.ProjectedFacts{Events: 10, Projection: 10})
}

// TestAllThatAgreesIsResolved, however many divergences are open.
func TestAllThatAgreesIsResolved(t *testing.T) {
	f := newFour(t)
	const many = 10_000 // are kept of one pass
	side := func(is order.Representation, filled string, from, through int64) *sourcetest.Fake {
		var rows []order.Row
		for key := from; key <= through; key++ {
			rows = append(rows, row(key, "OPEN", filled))
		}
		return sourcetest.New(is, sourcetest.Table{KeyType: order.KeyInteger, Fields: foldable, Indexed: true, Rows: rows})
	}
	for _, from := range []int64{4, 1} { // the second pass finds three more, before those that are known
		f.folded, f.Projection = side(order.Events, "1", from, many+3), side(order.Projection, "0", from, many+3)
		f.projected()
	}
	if pass := f.projected(); pass.Result.Diverged != many+3 {
		t.Fatalf("ended %+v", pass.Result)
	}
	f.Projection = side(order.Projection, "1", 1, many+3)
	if pass := f.projected(); pass.Result.Verdict != compare.Match || f.open() != "" {
		t.Errorf("ended %+v, open are %.100s", pass.Result, f.open())
	}
}
