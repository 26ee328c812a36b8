package order_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
)

// TestFoldGivesWhatTheLabsRowsHold folds a generated history and holds every order against the legacy row, as text but
// for the scale of numbers, which events keep as they were written.
func TestFoldGivesWhatTheLabsRowsHold(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	legacyDSN, eventsDSN := pgtest.Database(t), pgtest.Database(t)
	if err := lab.Generate(ctx, legacyDSN, eventsDSN, lab.History{Orders: 3000, Events: true, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	folded := foldStore(ctx, t, eventsDSN)
	rows, wrong := 0, 0
	const read = `SELECT order_id::text, trader_id::text, symbol, side, quantity::text, price::text, status,
		filled_quantity::numeric::text, avg_fill_price::text, created_at::text, updated_at::text FROM orders`
	each(ctx, t, legacyDSN, read, func(row pgx.CollectableRow) error {
		rows++
		var want [11]*string
		if err := row.Scan(&want[0], &want[1], &want[2], &want[3], &want[4], &want[5], &want[6], &want[7], &want[8], &want[9], &want[10]); err != nil {
			return err
		}
		state := folded[order.Key(*want[0])]
		if state == nil {
			return fmt.Errorf("order %s has no events", *want[0])
		}
		for i, field := range fieldNames {
			got, ok := state.Value(field)
			if !ok || got.Null != (want[i] == nil) || !got.Null && got.Text != *want[i] && (field != "filled_quantity" || got.Text != "0") {
				wrong++
				t.Logf("order %s, %s: got %+v, legacy has %v", *want[0], field, got, want[i])
			}
		}
		return nil
	})
	if rows < 2500 || wrong > 0 {
		t.Errorf("%d rows, %d values wrong", rows, wrong)
	}
}

// foldStore folds all events of a store.
func foldStore(ctx context.Context, t *testing.T, dsn string) map[order.Key]*order.State {
	t.Helper()
	states := map[order.Key]*order.State{}
	const read = "SELECT event_id, order_id::text, event_type, timestamp, payload::text FROM event_store ORDER BY order_id, event_id"
	each(ctx, t, dsn, read, func(row pgx.CollectableRow) error {
		var raw order.RawEvent
		if err := row.Scan(&raw.Position, &raw.Key, &raw.Type, &raw.At, &raw.Payload); err != nil {
			return err
		}
		e, err := order.Decode(raw, order.Defaults())
		if err != nil {
			return err
		}
		if states[e.Key] == nil {
			states[e.Key] = &order.State{}
		}
		if problems := states[e.Key].Apply(e); len(problems) > 0 {
			return fmt.Errorf("order %s: %v", e.Key, problems)
		}
		return nil
	})
	return states
}

func each(ctx context.Context, t *testing.T, dsn, query string, row func(pgx.CollectableRow) error) {
	t.Helper()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
