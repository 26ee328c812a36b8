package lab_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/prober"
)

// closed refuses every writer of legacy from its commit on, and waits for those before it, as a fence does.
const closed = `BEGIN; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'closed' USING ERRCODE = '25006'; END $$;
	CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON orders EXECUTE FUNCTION refuse(); COMMIT`

// TestTheSystemIsCutOverAndItsClientsOnlyWait switches reads and writes by hand, while desk and clients write.
func TestTheSystemIsCutOverAndItsClientsOnlyWait(t *testing.T) {
	t.Parallel()
	for _, store := range lab.Stores() {
		t.Run(store.Name, func(t *testing.T) {
			l := up(t, nil, lab.Options{History: lab.History{Store: store}, Rate: 100, RefreshEvery: 200 * time.Millisecond})
			probing, stop := context.WithCancel(deadline(t))
			defer stop()
			history := probe(t, probing, l)
			l.StartProjector()
			l.StartDesk()
			traded(t, l, 50)
			typeIn(t, l.LegacyDSN, closed)
			if err := l.StopProjector(); err != nil {
				t.Fatal(err)
			}
			settle(t, l)
			l.StartProjector()
			typeIn(t, l.LegacyDSN, "UPDATE app_config SET value = 'event_sourced'")
			traded(t, l, 50)
			stop()
			seen := prober.See(<-history)
			if !seen.OneRegister || seen.Lost+seen.Stale+seen.Writes.Failed+seen.Reads.Failed > 0 || len(seen.Writes.Sides) != 2 || len(seen.Reads.Sides) != 2 {
				t.Errorf("clients saw %+v", seen)
			}
			t.Logf("clients saw %+v", seen)
		})
	}
}

// probe asks by two registers until ctx ends.
func probe(t *testing.T, ctx context.Context, l *lab.Lab) <-chan []prober.Entry { //nolint:revive // t first, as everywhere here
	t.Helper()
	client, err := l.NewClient(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var registers []prober.Register
	for range 2 {
		r, err := client.Enter(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		registers = append(registers, r)
	}
	if err := l.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	history := make(chan []prober.Entry, 1)
	go func() {
		entries, err := prober.Run(ctx, prober.Options{Every: 20 * time.Millisecond, Patience: time.Minute}, registers)
		if err != nil {
			t.Error(err)
		}
		history <- entries
	}()
	return history
}

// settle waits until legacy and the projection agree. Nobody can write legacy, so what is missing is on its way.
func settle(t *testing.T, l *lab.Lab) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx := deadline(t)
	for {
		if err := l.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if len(differences(t, l)) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("legacy and projection still differ")
		case <-tick.C:
		}
	}
}

func typeIn(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(deadline(t), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(deadline(t), sql); err != nil {
		t.Fatal(err)
	}
}
