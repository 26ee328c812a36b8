package lab_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

func TestMain(m *testing.M) {
	childtest.Waiting(4) // for deals
	pgtest.Main(m)
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func number(t testing.TB, dsn, sql string) int64 {
	t.Helper()
	ctx := deadline(t)
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var n int64
	if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func wantNoDifferences(t *testing.T, legacy, events string) {
	t.Helper()
	found, err := lab.Differences(deadline(t), legacy, events)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 0 {
		t.Fatalf("%d differences on a clean system, first: %+v", len(found), found[0])
	}
}

// The legacy rows are generated; the projection is folded from generated events by the projector.
func TestGeneratedHistoryAgrees(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]lab.History{
		"folded from events": {Events: true}, "folded from events of another store": {Events: true, Store: lab.DeskStore}, "filled directly": {},
		"backfilled": {Events: true, Backfilled: 80}, "backfilled in whole seconds": {Events: true, Backfilled: 100, WholeSeconds: true},
	} {
		t.Run(name, func(t *testing.T) {
			legacy, projection := pgtest.Database(t), pgtest.Database(t)
			h.Orders, h.Seed = 5000, 7
			if err := lab.Generate(deadline(t), legacy, projection, h); err != nil {
				t.Fatal(err)
			}
			wantNoDifferences(t, legacy, projection)
			if n := number(t, legacy, "SELECT count(*) FROM orders"); n < 4750 || n > 4950 {
				t.Errorf("%d orders of 5000 ids, want a few per cent of gaps", n)
			}
			for _, status := range []string{"OPEN", "PARTIALLY_FILLED", "FILLED", "CANCELED"} {
				if n := number(t, projection, "SELECT count(*) FROM current_orders WHERE status = '"+status+"'"); n < 100 {
					t.Errorf("%d orders %s, want some hundred", n, status)
				}
			}
			if n := number(t, projection, "SELECT count(*) FROM current_orders WHERE avg_fill_price IS NULL <> (filled_quantity = 0)"); n > 0 {
				t.Errorf("%d orders whose average price does not fit their fills", n)
			}
		})
	}
}

// TestOldOrdersHaveLostRecords holds that the backfill had something to reconstruct, of each evidence.
func TestOldOrdersHaveLostRecords(t *testing.T) {
	t.Parallel()
	legacy, events := pgtest.Database(t), pgtest.Database(t)
	h := lab.History{Orders: 2000, Events: true, Backfilled: 80, WholeSeconds: true, Seed: 7}
	if err := lab.Generate(deadline(t), legacy, events, h); err != nil {
		t.Fatal(err)
	}
	for _, evidence := range []string{"exact", "derived", "approximated", "imported"} {
		const count = "SELECT count(*) FROM event_store WHERE payload -> '_backfill' ->> 'evidence' = "
		if n := number(t, events, count+"'"+evidence+"'"); n < 10 {
			t.Errorf("%d events are %s", n, evidence)
		}
	}
	const live = "SELECT count(*) FROM event_store WHERE (order_id > 1600) = (payload ? '_backfill') OR (order_id > 1600) = (timestamp = date_trunc('second', timestamp))"
	if n := number(t, events, live); n > 0 {
		t.Errorf("%d events are not what the backfill writes of old orders and live writes of new ones", n)
	}
	h.Backfilled = 70
	if err := lab.Generate(deadline(t), legacy, events, h); !errors.Is(err, lab.ErrOtherHistory) {
		t.Errorf("another share is taken for the same history: %v", err)
	}
	h.Store = lab.DeskStore
	if err := lab.Generate(deadline(t), legacy, events, h); !errors.Is(err, lab.ErrCannotBackfill) {
		t.Errorf("a store without the words was backfilled: %v", err)
	}
}

// BenchmarkGenerate makes a million orders with all that belongs to them; less than a minute is wanted.
func BenchmarkGenerate(b *testing.B) {
	h := lab.History{Orders: 1_000_000, Events: true, Seed: 1, Backfilled: 90}
	for b.Loop() {
		b.StopTimer()
		legacy, events := pgtest.Database(b), pgtest.Database(b)
		b.StartTimer()
		if err := lab.Generate(b.Context(), legacy, events, h); err != nil {
			b.Fatal(err)
		}
	}
}
