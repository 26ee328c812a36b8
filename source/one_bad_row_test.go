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
	config := source.EventsConfig{DSN: dsn, Table: "public.event_store", Position: "event_id", Key: "about::bigint", Type: "event_type", At: "at", Payload: "payload::jsonb", Rules: order.Defaults()}
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

// TestARowThatCannotBeReadAgreesWithNothing: neither with the same row of the other side, nor with NULL.
func TestARowThatCannotBeReadAgreesWithNothing(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE orders (k text PRIMARY KEY, price text, note text);
		INSERT INTO orders SELECT i, i, NULL FROM generate_series(1, 300) AS i;
		INSERT INTO orders VALUES ('it''s \ "odd"', 'abc', 'x'), ('b', '-', 'y')`); err != nil {
		t.Fatal(err)
	}
	digests := map[order.Representation][]verify.Digest{}
	for _, is := range []order.Representation{order.Legacy, order.Projection} {
		side, err := source.Open(t.Context(), source.Config{
			Representation: is, DSN: dsn, Table: "(SELECT * FROM public.orders)", Key: "k", GroupBy: "note",
			Fields: []source.Field{
				{Field: order.Field{Name: "note", Type: order.Text}, Expr: "note"},
				{Field: order.Field{Name: "price", Type: order.Numeric}, Expr: "price::numeric"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer side.Close()
		n, err := side.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		// The layout has a bucket for the rows below "b", and one for the others.
		layout := verify.Layout{ByBounds: true, Bounds: []order.Key{"b"}}
		if digests[is], err = n.Digests(t.Context(), verify.DigestQuery{Layout: layout, Hash: verify.Hash{Seed: 7}}, func(int64) {}); err != nil {
			t.Fatal(err)
		}
		rows, err := n.Rows(t.Context(), []order.Key{"7", `it's \ "odd"`, "b"})
		if err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, r := range rows {
			if price := r.Values[1]; price.Failed != (r.Key != "7") || r.Values[0].Failed {
				t.Errorf("the row %q is %+v", r.Key, r.Values)
			}
		}
		scanned := 0
		if err := n.Scan(t.Context(), layout, []int64{0, 1}, func(order.Row) error { scanned++; return nil }); err != nil || scanned != 302 {
			t.Errorf("%d rows were scanned, %v", scanned, err)
		}
	}
	sums := map[order.Value]map[string]bool{}
	for _, found := range digests {
		for _, d := range found {
			if sums[d.Group] == nil {
				sums[d.Group] = map[string]bool{}
			}
			sums[d.Group][d.Sum] = true
		}
	}
	for _, group := range []order.Value{{Text: "x"}, {Text: "y"}} {
		if len(sums[group]) != 2 {
			t.Errorf("the digests of the bad row in group %q are %v: they agree", group.Text, sums[group])
		}
	}
	if len(sums[order.Null]) != 1 {
		t.Errorf("the digests of the good rows are %v: they differ", sums[order.Null])
	}
}
