package lab_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// up sets a small system up in databases of its own.
func up(t *testing.T, s *pgserver.Server, o lab.Options) *lab.Lab {
	t.Helper()
	if s == nil {
		s = pgtest.Server(t)
		name := func() string {
			dsn := strings.TrimSuffix(pgtest.Database(t), "?sslmode=disable")
			return dsn[strings.LastIndexByte(dsn, '/')+1:]
		}
		o.LegacyDatabase, o.EventsDatabase = name(), name()
	}
	o.Server = s
	o.History.Events, o.History.Seed = true, 3
	if o.History.Orders == 0 {
		o.History.Orders = 2000
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	l, err := lab.Up(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// traded waits until the desk has made so many more deals.
func traded(t *testing.T, l *lab.Lab, more int64) {
	t.Helper()
	want := l.Desk.Deals() + more
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for l.Desk.Deals() < want {
		select {
		case <-ctx.Done():
			t.Fatalf("only %d of %d deals", l.Desk.Deals(), want)
		case <-tick.C:
		}
	}
}

// rest stops the desk and makes everything visible.
func rest(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.StopDesk(); err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

func differences(t *testing.T, l *lab.Lab) []lab.Planted {
	t.Helper()
	found, err := l.Differences(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCleanDeskAgreesUnderLoad(t *testing.T) {
	l := up(t, nil, lab.Options{Rate: 2000, Workers: 8, RefreshEvery: 300 * time.Millisecond})
	l.StartProjector()
	for range 3 { // stopping and starting must not lose anything either
		l.StartDesk()
		traded(t, l, 500)
		rest(t, l)
		wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
	}
	for _, kind := range []string{"OrderCreated", "OrderModified", "OrderPartiallyFilled", "OrderFilled", "OrderCanceled"} {
		const recent = " AND event_id > (SELECT max(event_id) - 1500 FROM event_store)"
		if number(t, l.EventsDSN, "SELECT count(*) FROM event_store WHERE event_type = '"+kind+"'"+recent) == 0 {
			t.Errorf("the desk made no %s", kind)
		}
	}
}

func TestProjectionLagsBehindUntilRefreshed(t *testing.T) {
	l := up(t, nil, lab.Options{Rate: 1000})
	l.StartDesk()
	traded(t, l, 50)
	if err := l.StopDesk(); err != nil {
		t.Fatal(err)
	}
	if len(differences(t, l)) == 0 {
		t.Fatal("no lag without a refresh: the lab would not show that lag is not divergence")
	}
	rest(t, l)
	wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
}

func TestFaultPlantsExactlyWhatItSays(t *testing.T) {
	for _, f := range lab.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			l := up(t, nil, lab.Options{Rate: 500, RefreshEvery: 200 * time.Millisecond})
			l.StartProjector()
			l.StartDesk()
			traded(t, l, 20)
			planted, err := l.Plant(deadline(t), f.Name, 4)
			if err != nil {
				t.Fatal(err)
			}
			if len(planted) != 4 {
				t.Errorf("planted %d orders, want 4", len(planted))
			}
			wantPlanted(t, l, planted)
			if f.Name == "missing_and_phantom" {
				const count = "SELECT count(*) FROM "
				if a, b := number(t, l.LegacyDSN, count+"orders"), number(t, l.EventsDSN, count+"current_orders"); a != b {
					t.Errorf("counts %d and %d give it away", a, b)
				}
			}
			wantRepaired(t, l)
		})
	}
}

func TestAllFaultsTogether(t *testing.T) {
	l := up(t, nil, lab.Options{Rate: 500, RefreshEvery: 200 * time.Millisecond})
	l.StartProjector()
	l.StartDesk()
	for round := range 2 { // what is repaired can break again
		var planted []lab.Planted
		for _, f := range lab.Faults() {
			p, err := l.Plant(deadline(t), f.Name, 3+round)
			if err != nil {
				t.Fatal(err)
			}
			planted = append(planted, p...)
		}
		if diff := cmp.Diff(planted, l.Planted()); diff != "" {
			t.Errorf("Planted differs from what Plant returned:\n%s", diff)
		}
		wantPlanted(t, l, planted)
		wantRepaired(t, l)
	}
}

// wantPlanted lets the desk trade on, and then compares the planted orders with the brute force comparison.
func wantPlanted(t *testing.T, l *lab.Lab, planted []lab.Planted) {
	t.Helper()
	l.StartDesk()
	traded(t, l, 200)
	rest(t, l)
	byOrder := cmpopts.SortSlices(func(a, b lab.Planted) bool { return a.OrderID < b.OrderID })
	if diff := cmp.Diff(planted, differences(t, l), byOrder, cmpopts.IgnoreFields(lab.Planted{}, "Fault")); diff != "" {
		t.Fatalf("planted (-) and really there (+):\n%s", diff)
	}
}

func wantRepaired(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
	l.StartDesk()
	traded(t, l, 100)
	rest(t, l)
	wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
}

func TestDeskSurvivesALostServer(t *testing.T) {
	s, err := pgserver.Start(deadline(t), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	l := up(t, s, lab.Options{Rate: 2000, Workers: 8, RefreshEvery: 200 * time.Millisecond})
	l.StartProjector()
	l.StartDesk()
	for range 3 {
		traded(t, l, 200)
		if err := s.Restart(deadline(t)); err != nil {
			t.Fatal(err)
		}
	}
	traded(t, l, 200)
	rest(t, l)
	wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
}

func TestUnknownFault(t *testing.T) {
	l := up(t, nil, lab.Options{})
	if _, err := l.Plant(deadline(t), "no_such_fault", 1); err == nil {
		t.Error("no error")
	}
}
