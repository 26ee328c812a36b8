package source_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestFoldKeepsTheContract tells the table's rows as events.
func TestFoldKeepsTheContract(t *testing.T) {
	sourcetest.ExerciseDerived(t, func(t *testing.T, table sourcetest.Table) sourcetest.Opened {
		dsn := pgtest.Database(t)
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		keyType := map[order.KeyType]string{order.KeyInteger: "bigint", order.KeyUUID: "uuid", order.KeyText: `text COLLATE "C"`}[table.KeyType]
		statements := fmt.Sprintf("CREATE TABLE event_store (event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id %s, kind text, at timestamptz, payload jsonb);", keyType)
		if table.Indexed {
			statements += "CREATE INDEX ON event_store (order_id, event_id);"
		}
		if _, err := conn.Exec(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
		add := func(r order.Row) { tell(t, conn, r) }
		for _, r := range table.Rows {
			add(r)
		}
		if _, err := conn.Exec(t.Context(), "ANALYZE event_store"); err != nil {
			t.Fatal(err)
		}
		fold := openFold(t, source.FoldConfig{
			Events: source.EventsConfig{
				DSN: dsn, Table: "public.event_store", Position: "event_id", Key: "order_id", Type: "kind", At: "at", Payload: "payload",
				Rules: order.Defaults(),
			},
			Fields: table.Fields, GroupBy: table.GroupBy,
		})
		return sourcetest.Opened{Side: fold, Add: add}
	})
}

// tell stores the events that make an order of the row.
func tell(t *testing.T, conn *pgx.Conn, r order.Row) {
	t.Helper()
	const insert = "INSERT INTO event_store (order_id, kind, at, payload) SELECT (json_populate_record(NULL::event_store, json_build_object('order_id', $1::text))).order_id, $2, $3, $4::text::jsonb"
	events := [][2]string{{"OrderCreated", `{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`}}
	status, filled := r.Values[0].Text, r.Values[1].Text
	switch status {
	case order.StatusPartiallyFilled:
		events = append(events, [2]string{"OrderPartiallyFilled", `{"filled_quantity": ` + filled + `, "remaining_quantity": 0, "price": 1}`})
	case order.StatusFilled:
		events = append(events, [2]string{"OrderFilled", `{"quantity": ` + filled + `, "price": 1}`})
	}
	for _, e := range events {
		if _, err := conn.Exec(t.Context(), insert, string(r.Key), e[0], r.ChangedAt, e[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEventsWithoutAnOrderAreOneThatHasNoKey is about rows that a digest counts, and nothing can read.
func TestEventsWithoutAnOrderAreOneThatHasNoKey(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store ALTER order_id DROP NOT NULL", "CREATE INDEX ON event_store (order_id, event_id)",
		`INSERT INTO event_store VALUES (1, NULL, 'OrderCreated', now(), '{"trader_id": 7, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}'),
			(2, 7, 'OrderCreated', now(), '{"trader_id": 7, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}')`)
	n := begin(t, openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}}))
	digests, err := n.Digests(t.Context(), verify.DigestQuery{Layout: verify.Layout{Shift: 4}}, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[bool]int64{}
	for _, d := range digests {
		rows[d.NullKey] += d.Rows
	}
	if d := cmp.Diff(map[bool]int64{false: 1, true: 1}, rows); d != "" {
		t.Error(d)
	}
}

// TestTwoStreamsReadOneSnapshot has more orders than one statement reads, and one more event after the snapshot was taken.
func TestTwoStreamsReadOneSnapshot(t *testing.T) {
	const orders = 160_000
	c := eventStore(t, "CREATE INDEX ON event_store (order_id, event_id)", fmt.Sprintf(`INSERT INTO event_store
		SELECT i, i - 1000, 'OrderCreated', '2024-01-01Z', '{"trader_id": 7, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}' FROM generate_series(1, %d) AS i`, orders),
		"ANALYZE event_store")
	n := begin(t, openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}}))
	conn, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "UPDATE event_store SET event_type = 'x'"); err != nil {
		t.Fatal(err)
	}
	var seen []int64
	digests, err := n.Digests(t.Context(), verify.DigestQuery{Layout: verify.Layout{Shift: 12}}, func(rows int64) { seen = append(seen, rows) })
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	for _, d := range digests {
		rows += d.Rows
	}
	if rows != orders || len(seen) < 3 || seen[len(seen)-1] != orders {
		t.Errorf("%d orders of %d, progress %v", rows, orders, seen)
	}
}
