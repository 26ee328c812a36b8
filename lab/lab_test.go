package lab_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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

// wantClean holds all four against each other; the system must be at rest.
func wantClean(t *testing.T, l *lab.Lab, p readable) {
	t.Helper()
	wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
	if found := everything(t, l, p); len(found) > 0 {
		t.Fatalf("%d differences on a clean system, first: %+v", len(found), found[0])
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
	t.Parallel()
	p := &topic{}
	l := up(t, nil, lab.Options{Rate: 2000, Workers: 8, RefreshEvery: 300 * time.Millisecond, Publisher: p})
	l.StartProjector()
	for range 3 { // stopping and starting must not lose anything either
		l.StartDesk()
		traded(t, l, 500)
		rest(t, l)
		wantClean(t, l, p)
	}
	for _, kind := range []string{"OrderCreated", "OrderModified", "OrderPartiallyFilled", "OrderFilled", "OrderCanceled"} {
		const recent = " AND event_id > (SELECT max(event_id) - 1500 FROM event_store)"
		if number(t, l.EventsDSN, "SELECT count(*) FROM event_store WHERE event_type = '"+kind+"'"+recent) == 0 {
			t.Errorf("the desk made no %s", kind)
		}
	}
}

func TestProjectionLagsBehindUntilRefreshed(t *testing.T) {
	t.Parallel()
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

func TestDeskSurvivesALostServer(t *testing.T) {
	t.Parallel()
	s, err := pgserver.Start(deadline(t), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	p := &topic{}
	l := up(t, s, lab.Options{Rate: 2000, Workers: 8, RefreshEvery: 200 * time.Millisecond, Publisher: p})
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
	wantClean(t, l, p)
}
