package source_test

import (
	"strings"
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

// TestOneBadPayloadTakesNothingFromOthers: an expression that brings old payloads into the new form fails for one event.
func TestOneBadPayloadTakesNothingFromOthers(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE event_store (event_id bigint PRIMARY KEY, id uuid UNIQUE, event_type text, at timestamptz, about bigint, payload jsonb);
		CREATE INDEX ON event_store (about, event_id);
		INSERT INTO event_store SELECT i, md5(i::text)::uuid, 'OrderCreated', '2024-01-01Z', i, '{"trader_id": 1, "symbol": "A", "side": "BUY", "qty": "1", "price": 2}' FROM generate_series(1, 9) AS i;
		INSERT INTO event_store VALUES (10, md5('10')::uuid, 'OrderCanceled', '2024-01-02Z', 3, '{}');
		UPDATE event_store SET payload = payload || '{"qty": "one"}' WHERE event_id IN (3, 7, 10)`); err != nil {
		t.Fatal(err)
	}
	config := source.EventsConfig{
		DSN: dsn, Table: "public.event_store", Position: "event_id", Key: "about", Type: "event_type", At: "at", ID: "id", Rules: order.Defaults(),
		Payload: "payload - 'qty' || jsonb_build_object('quantity', (payload ->> 'qty')::numeric)",
	}
	events, err := source.OpenEvents(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	histories, err := events.Histories(t.Context(), []order.Key{"1", "3", "5", "7"})
	if err != nil || len(histories) != 4 {
		t.Fatalf("%d histories, %v", len(histories), err)
	}
	for key, history := range histories {
		for _, e := range history { // a cancellation too, which needs no payload
			if bad := key == "3" || key == "7"; bad != (e.Schema != nil) {
				t.Errorf("the event of order %s is %+v", key, e)
			}
		}
	}
	var ids []order.ID
	seen := map[order.Position]bool{}
	row := func(r order.StoredRow) error {
		if bad := r.Position == 3 || r.Position == 7; seen[r.Position] || bad != (string(r.Payload) == `"cannot be read"`) {
			t.Errorf("position %d again (%v), or its payload is %s", r.Position, seen[r.Position], r.Payload)
		}
		seen[r.Position] = true
		ids = append(ids, order.ID(r.ID))
		return nil
	}
	if err := events.Rows(t.Context(), []order.Position{1, 2, 3, 4, 7, 9}, row); err != nil || len(seen) != 6 {
		t.Errorf("%d rows, %v", len(seen), err)
	}
	clear(seen)
	if err := events.RowsByID(t.Context(), ids, row); err != nil || len(seen) != 6 {
		t.Errorf("%d rows by id, %v", len(seen), err)
	}
	census, err := events.Census(t.Context())
	if err != nil {
		t.Errorf("the census is %+v, %v", census, err)
	}
	foldsAround(t, config)
}

// foldsAround folds a store of nine orders, of which two cannot be read.
func foldsAround(t *testing.T, config source.EventsConfig) {
	t.Helper()
	fold, err := source.OpenFold(t.Context(), source.FoldConfig{Events: config, Fields: []order.Field{{Name: "quantity", Type: order.Numeric}}})
	if err != nil {
		t.Fatal(err)
	}
	defer fold.Close()
	fold.InRanges(2)
	n, err := fold.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	layout := verify.Layout{}
	found, err := n.Digests(t.Context(), verify.DigestQuery{Layout: layout, Hash: verify.Hash{Seed: 7}}, func(int64) {})
	var orders int64
	for _, d := range found {
		orders += d.Rows
	}
	if err != nil || orders != 9 {
		t.Errorf("%d orders, %v", orders, err)
	}
	for name, again := range map[string]bool{"the same snapshot": true, "another one": false} {
		s := n
		if !again {
			if s, err = fold.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
		}
		flawed := 0
		err := s.Scan(t.Context(), layout, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, func(r order.Row) error {
			if r.Flawed {
				flawed++
			}
			return nil
		})
		if err != nil || flawed != 2 {
			t.Errorf("%s: %d orders that cannot be read, %v", name, flawed, err)
		}
		rows, err := s.Rows(t.Context(), []order.Key{"2", "3"})
		if err != nil || len(rows) != 2 {
			t.Errorf("%s: rows %+v, %v", name, rows, err)
		}
	}
}

// TestAFieldMayFailInManyWays: a subquery gives two rows, a function or a domain refuses a value, and a number cannot be an integer.
func TestAFieldMayFailInManyWays(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE names (code int, name text); INSERT INTO names VALUES (1, 'OPEN'), (2, 'FILLED'), (2, 'DONE');
		CREATE TABLE orders (k int PRIMARY KEY, code int, n numeric, photo oid);
		INSERT INTO orders VALUES (1, 1, 1, 4711), (2, 2, -1, NULL), (3, 3, 'NaN', NULL);
		CREATE DOMAIN positive AS numeric CHECK (value > 0);
		CREATE FUNCTION name_of(c int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN SELECT name INTO STRICT r FROM public.names WHERE code = c; RETURN r; END $$`); err != nil {
		t.Fatal(err)
	}
	for expr, test := range map[string]struct {
		as  order.FieldType
		bad string // keys
	}{
		"(SELECT name FROM public.names AS x WHERE x.code = t.code)": {order.Text, "2"},
		"public.name_of(code)":         {order.Text, "23"},
		"n::public.positive":           {order.Numeric, "2"},
		"n::bigint":                    {order.Integer, "3"},
		"1 / (n + 1)":                  {order.Numeric, "2"},
		"chr(code * 1114112 / 3)":      {order.Text, "3"},
		"encode(lo_get(photo), 'hex')": {order.Text, "1"},
	} {
		side, err := source.Open(t.Context(), source.Config{
			Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "k", Fields: []source.Field{{Field: order.Field{Name: "f", Type: test.as}, Expr: expr}},
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
		rows, err := n.Rows(t.Context(), []order.Key{"1", "2", "3"})
		if err != nil || len(rows) != 3 {
			t.Errorf("%s: %d rows, %v", expr, len(rows), err)
		}
		for _, r := range rows {
			if bad := strings.Contains(test.bad, string(r.Key)); r.Values[0].Failed != bad {
				t.Errorf("%s: the row %s is %+v", expr, r.Key, r.Values)
			}
		}
	}
}
