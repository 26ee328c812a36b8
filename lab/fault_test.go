package lab_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/lab"
)

// everything compares all four representations, hop by hop. The system must be at rest.
func everything(t *testing.T, l *lab.Lab, p readable) []lab.Planted {
	t.Helper()
	found, err := l.HopDifferences(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if p == nil { // there is no stream
		return found
	}
	return append(found, streamDifferences(t, l, p)...)
}

// said is what the comparisons by brute force can say of what was planted: not the cause, and not the pass.
var said = gocmp.Options{
	cmpopts.IgnoreFields(lab.Planted{}, "Fault", "Cause", "Pass"),
	cmpopts.SortSlices(func(a, b lab.Planted) bool {
		return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Hop, b.Hop), cmp.Compare(a.Kind, b.Kind)) < 0
	}),
	cmpopts.EquateEmpty(),
}

// broken is a live system with a stream. It refreshes seldom, and trades no faster than tests need, because both take most of
// the processors.
func broken(t *testing.T) (*lab.Lab, *topic) {
	t.Helper()
	return brokenIn(t, lab.OrdersStore, 120)
}

func brokenIn(t *testing.T, store *lab.Store, rate float64) (*lab.Lab, *topic) {
	t.Helper()
	p := &topic{}
	l := up(t, nil, lab.Options{History: lab.History{Orders: 800, Store: store}, Rate: rate, RefreshEvery: 2 * time.Second, Publisher: p, PublishHistory: 100})
	l.StartProjector()
	l.StartDesk()
	traded(t, l, 20)
	return l, p
}

func plant(t *testing.T, l *lab.Lab, name string, n int) []lab.Planted {
	t.Helper()
	planted, err := l.Plant(deadline(t), name, n)
	if err != nil {
		t.Fatal(err)
	}
	return planted
}

// stops says whether a fault is of a hop as a whole.
func stops(name string) bool {
	return slices.Contains([]string{"stopped_projector", "stopped_shadow_writer", "retention_gap"}, name)
}

func TestFaultPlantsExactlyWhatItSays(t *testing.T) {
	t.Parallel()
	l, p := broken(t)
	for _, f := range lab.AllFaults() {
		if stops(f.Name) || f.Backfill {
			continue
		}
		ok := t.Run(f.Name, func(t *testing.T) {
			planted := plant(t, l, f.Name, 4)
			if len(planted) != 4 {
				t.Errorf("planted %d orders, want 4", len(planted))
			}
			wantPlanted(t, l, p, planted)
			if f.Name == "missing_and_phantom" {
				const count = "SELECT count(*) FROM "
				if a, b := number(t, l.LegacyDSN, count+"orders"), number(t, l.EventsDSN, count+"current_orders"); a != b {
					t.Errorf("counts %d and %d give it away", a, b)
				}
			}
			wantRepaired(t, l, p)
		})
		if !ok { // the next one shall not suffer for it
			l, p = broken(t)
		}
	}
}

func TestAllFaultsTogether(t *testing.T) {
	t.Parallel()
	allFaults(t, lab.OrdersStore, 2) // what is repaired can break again
}

func TestAllFaultsTogetherInAnotherStore(t *testing.T) {
	t.Parallel()
	allFaults(t, lab.DeskStore, 1)
}

func allFaults(t *testing.T, store *lab.Store, rounds int) {
	t.Helper()
	l, p := brokenIn(t, store, 120)
	for round := range rounds {
		var planted []lab.Planted
		for _, f := range lab.AllFaults() {
			if !stops(f.Name) && !f.Backfill {
				planted = append(planted, plant(t, l, f.Name, 3+round)...)
			}
		}
		if diff := gocmp.Diff(planted, l.Planted()); diff != "" {
			t.Errorf("Planted differs from what Plant returned:\n%s", diff)
		}
		wantPlanted(t, l, p, planted)
		wantRepaired(t, l, p)
	}
}

// wantPlanted lets the desk trade on, and then compares the planted orders with what is found by brute force: between
// the ends where a full pass is to see it, and hop by hop.
func wantPlanted(t *testing.T, l *lab.Lab, p readable, planted []lab.Planted) {
	t.Helper()
	l.StartDesk()
	traded(t, l, 60)
	rest(t, l)
	hops := slices.Clone(planted)
	for i := range hops {
		if hops[i].Hop == lab.LegacyItself { // audit log and trades are not compared here
			hops[i].Hop = lab.LegacyToEvents
		}
	}
	if diff := gocmp.Diff(hops, everything(t, l, p), said); diff != "" {
		t.Fatalf("planted (-) and really there (+):\n%s", diff)
	}
	var ends []lab.Planted
	for _, x := range planted {
		if x.Pass == lab.FullPass {
			x.Hop = ""
			ends = append(ends, x)
		}
	}
	if diff := gocmp.Diff(ends, differences(t, l), said); diff != "" {
		t.Fatalf("planted (-) and really there between legacy and projection (+):\n%s", diff)
	}
}

func wantRepaired(t *testing.T, l *lab.Lab, p readable) {
	t.Helper()
	if err := l.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	wantClean(t, l, p)
	l.StartDesk()
	traded(t, l, 40)
	rest(t, l)
	wantClean(t, l, p)
}

func TestStoppedProjectorStandsStill(t *testing.T) {
	t.Parallel()
	l, p := broken(t)
	wantWhole(t, plant(t, l, "stopped_projector", 3), "", lab.EventsToProjection)
	position := number(t, l.EventsDSN, "SELECT position FROM projector")
	traded(t, l, 100)
	rest(t, l)
	if now := number(t, l.EventsDSN, "SELECT position FROM projector"); now != position {
		t.Errorf("the projection moved from %d to %d", position, now)
	}
	found := everything(t, l, p)
	if len(found) < 3 || slices.ContainsFunc(found, func(p lab.Planted) bool { return p.Hop != lab.EventsToProjection }) {
		t.Errorf("want some orders behind, and nothing else: %+v", found)
	}
	wantRefused(t, l)
	wantRepaired(t, l, p)
}

func TestStoppedShadowWriterWritesNothing(t *testing.T) {
	t.Parallel()
	l, p := broken(t)
	wantWhole(t, plant(t, l, "stopped_shadow_writer", 3), "", lab.LegacyToEvents)
	traded(t, l, 8) // what had begun before may still be written
	const newest = "SELECT max(event_id) FROM event_store"
	last := number(t, l.EventsDSN, newest)
	traded(t, l, 100)
	rest(t, l)
	if now := number(t, l.EventsDSN, newest); now != last {
		t.Errorf("events went on from %d to %d", last, now)
	}
	found := everything(t, l, p)
	if len(found) < 3 || slices.ContainsFunc(found, func(p lab.Planted) bool { return p.Hop != lab.LegacyToEvents }) {
		t.Errorf("want some orders without their events, and nothing else: %+v", found)
	}
	wantRefused(t, l)
	wantRepaired(t, l, p)
}

func TestShadowWriterCatchesUpUnderLoad(t *testing.T) {
	t.Parallel()
	l, p := brokenIn(t, lab.OrdersStore, 500)
	plant(t, l, "stopped_shadow_writer", 3)
	traded(t, l, 200)
	if err := l.Repair(deadline(t)); err != nil { // the desk trades on meanwhile
		t.Fatal(err)
	}
	traded(t, l, 100)
	rest(t, l)
	wantClean(t, l, p)
}

func TestRetentionGap(t *testing.T) {
	t.Parallel()
	l, p := broken(t)
	wantWhole(t, plant(t, l, "retention_gap", 3), lab.Gap, lab.EventsToStream)
	traded(t, l, 100)
	rest(t, l)
	want := []lab.Planted{{Kind: lab.Gap, Hop: lab.EventsToStream}}
	if diff := gocmp.Diff(want, everything(t, l, p), said); diff != "" {
		t.Errorf("want a gap and nothing else:\n%s", diff)
	}
	wantRepaired(t, l, p)
}

func wantWhole(t *testing.T, planted []lab.Planted, kind, hop string) {
	t.Helper()
	if len(planted) != 1 || planted[0].OrderID != 0 || planted[0].Kind != kind || planted[0].Hop != hop || planted[0].Cause == "" {
		t.Errorf("want one finding of %s as a whole: %+v", hop, planted)
	}
}

func wantRefused(t *testing.T, l *lab.Lab) {
	t.Helper()
	if _, err := l.Plant(deadline(t), "stale_projection", 1); !errors.Is(err, lab.ErrStopped) {
		t.Errorf("a fault that nobody could see was planted: %v", err)
	}
}

func TestFaultsSayWhatIsToBeFound(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, f := range lab.AllFaults() {
		if names[f.Name] {
			t.Errorf("two faults are called %s", f.Name)
		}
		names[f.Name] = true
		hops := []string{lab.LegacyItself, lab.LegacyToEvents, lab.EventsToStream, lab.EventsToProjection}
		if f.About == "" || f.Cause == "" || !slices.Contains(hops, f.Hop) || (f.Pass == lab.StreamPass) != (f.Hop == lab.EventsToStream) || f.Backfill != (f.Leaves != "") {
			t.Errorf("%s does not say what is to be found: %+v", f.Name, f)
		}
	}
	if len(names) != 35 {
		t.Errorf("%d faults, want 35", len(names))
	}
	for _, f := range lab.Faults() {
		if !names[f.Name] {
			t.Errorf("%s is in the demonstration only", f.Name)
		}
	}
}

// TestTheBackfillFailsExactlyAsItSays plants the faults of the backfill one by one, and then all together.
func TestTheBackfillFailsExactlyAsItSays(t *testing.T) {
	t.Parallel()
	l := up(t, nil, lab.Options{History: lab.History{Orders: 4000, Backfilled: 90}, Rate: 120, RefreshEvery: 2 * time.Second})
	l.StartProjector()
	l.StartDesk()
	traded(t, l, 20)
	var planted []lab.Planted
	for _, f := range lab.AllFaults() {
		if f.Backfill {
			planted = append(planted, plant(t, l, f.Name, 3)...)
		}
	}
	if len(planted) != 7*3 {
		t.Errorf("planted %d orders: %+v", len(planted), planted)
	}
	wantPlanted(t, l, nil, planted)
	wantRepaired(t, l, nil)
}

func TestUnknownFault(t *testing.T) {
	t.Parallel()
	l := up(t, nil, lab.Options{})
	if _, err := l.Plant(deadline(t), "no_such_fault", 1); !errors.Is(err, lab.ErrUnknownFault) {
		t.Errorf("no error: %v", err)
	}
	if _, err := l.Plant(deadline(t), "lost_publish", 1); !errors.Is(err, lab.ErrNoStream) {
		t.Errorf("a fault of the stream was planted where there is none: %v", err)
	}
	if _, err := l.Plant(deadline(t), "backfill_twice", 1); !errors.Is(err, lab.ErrNoBackfill) {
		t.Errorf("a fault of the backfill was planted where nothing was backfilled: %v", err)
	}
	if _, err := l.Plant(deadline(t), "lost_event", 0); err == nil {
		t.Error("a fault that happens to no order was planted")
	}
}
