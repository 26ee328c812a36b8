package source_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestOneBadRowTakesNothingFromOthers has a payload that is no JSON and a key that is no number, in columns of text that the
// configuration casts.
func TestOneBadRowTakesNothingFromOthers(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE event_store (event_id bigint PRIMARY KEY, event_type text, at timestamptz, about text, payload text);
		INSERT INTO event_store SELECT i, 'OrderCreated', '2024-01-01Z', i, '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 1, "price": 2}' FROM generate_series(1, 9) AS i;
		UPDATE event_store SET payload = '{oops' WHERE event_id = 3; UPDATE event_store SET about = 'none' WHERE event_id = 5;
		UPDATE event_store SET about = '9223372036854775808' WHERE event_id = 6; UPDATE event_store SET about = '-9223372036854775808' WHERE event_id = 7`); err != nil {
		t.Fatal(err)
	}
	config := source.EventsConfig{DSN: dsn, Table: "public.event_store", Position: "event_id", Key: "about::bigint", Type: "event_type", At: "at", Payload: "payload::jsonb"}
	events, err := source.OpenEvents(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	histories, err := events.Histories(t.Context(), []order.Key{"1", "3", "5", "-9223372036854775808"})
	if err != nil || len(histories) != 3 {
		t.Fatalf("%d histories, %v", len(histories), err)
	}
	if e := histories["3"][0]; e.Schema == nil || e.Schema.Kind != order.BadJSON {
		t.Errorf("the event whose payload is no JSON is %+v", e)
	}
	if e := histories["1"][0]; e.Schema != nil {
		t.Errorf("another event is %+v", e)
	}
	rows := 0
	if err := events.Rows(t.Context(), []order.Position{3, 4, 5}, func(order.StoredRow) error { rows++; return nil }); err != nil || rows != 3 {
		t.Errorf("%d rows, %v", rows, err)
	}
	fold, err := source.OpenFold(t.Context(), source.FoldConfig{Events: config})
	if err != nil {
		t.Fatal(err)
	}
	defer fold.Close()
	n, err := fold.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	orders, keyless := int64(0), int64(0)
	found, err := n.Digests(t.Context(), verify.DigestQuery{}, func(int64) {})
	for _, d := range found {
		if d.NullKey {
			keyless += d.Rows
		} else {
			orders += d.Rows
		}
	}
	if err != nil || orders != 7 || keyless != 2 {
		t.Errorf("%d orders and %d events without one, %v", orders, keyless, err)
	}
}
