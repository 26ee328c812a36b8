package source_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// life is a history of one order in the default schema, "type payload" by line.
func life(key order.Key, above order.Position, lines ...string) []order.RawEvent {
	var out []order.RawEvent
	for i, line := range lines {
		kind, payload, _ := strings.Cut(line, " ")
		out = append(out, order.RawEvent{
			Position: above + order.Position(i), Key: key, Type: kind, Payload: []byte(payload),
			At: ordertest.Start.Add(time.Duration(above)*time.Minute + time.Duration(i)*time.Second),
		})
	}
	return out
}

const (
	createdLine = `OrderCreated {"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`
	partLine    = `OrderPartiallyFilled {"filled_quantity": 40, "remaining_quantity": 60, "price": 10.5}`
	restLine    = `OrderFilled {"quantity": 60, "price": 10.01}`
)

func statusField() order.Field   { return order.Field{Name: "status", Type: order.Text} }
func quantityField() order.Field { return order.Field{Name: "filled_quantity", Type: order.Numeric} }

// scanned are the rows of a fold by key, their values joined.
func scanned(t *testing.T, f *source.Fold) map[order.Key]string {
	t.Helper()
	out := map[order.Key]string{}
	err := begin(t, f).Scan(t.Context(), verify.Layout{ByBounds: true}, []int64{0}, func(r order.Row) error {
		var values []string
		for _, v := range r.Values {
			values = append(values, v.Text)
		}
		out[r.Key] += strings.Join(values, " ")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTwoEventsAtOnePositionCountOnce has no index that rules them out.
func TestTwoEventsAtOnePositionCountOnce(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store DROP CONSTRAINT event_store_pkey")
	events := life("1", 1, createdLine, partLine)
	twice := append(life("2", 11, createdLine, partLine), life("2", 12, partLine)...)
	store(t, c.DSN, append(events, twice...))
	f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField(), quantityField()}})
	want := map[order.Key]string{"1": "PARTIALLY_FILLED 40", "2": "PARTIALLY_FILLED 40"}
	if d := cmp.Diff(want, scanned(t, f)); d != "" {
		t.Error(d)
	}
	rows, err := begin(t, f).Rows(t.Context(), []order.Key{"2"})
	if err != nil || len(rows) != 1 || rows[0].Values[1].Text != "40" {
		t.Errorf("the second one is read as %v (%v), where a duplicate counts once", rows, err)
	}
}

// TestNamesOfTheStoreAreHonoured has types, keys and fields with names of their own, and others that are not there.
func TestNamesOfTheStoreAreHonoured(t *testing.T) {
	c := eventStore(t)
	c.Rules = ordertest.RulesWith(t, func(r *order.FoldRules) {
		price := order.Source{Path: "$.px", Null: true}
		r.Events["OrderCreated"].Set["price"] = price
		r.Events["OrderModified"].SetNamed.Was = nil
		r.Events["OrderModified"].SetNamed.Names = map[string]string{"px": "price"}
		part := r.Events["OrderPartiallyFilled"]
		part.Remaining, part.AddProduct["notional"] = nil, [2]order.Source{{Path: "$.filled_quantity"}, price}
		part.Keys = append(part.Keys, "note")
		r.Events["OrderPartiallyFilled"] = part
		filled := r.Events["OrderFilled"]
		filled.Add["filled_quantity"], filled.AddProduct["notional"] = order.Source{Path: "$.qty"}, [2]order.Source{{Path: "$.qty"}, price}
		r.Events["it's done"] = filled
		delete(r.Events, "OrderFilled")
		delete(r.Events["OrderCanceled"].Set, "reason")
	})
	created := strings.Replace(createdLine, "price", "px", 1)
	events := life("1", 1, created, `OrderModified {"field": "px", "new_value": "11.5"}`, `OrderPartiallyFilled {"filled_quantity": 40, "px": 10, "note": 1}`)
	done := life("1", 9, `x {"qty": 60, "px": 11}`)
	done[0].Type = "it's done"
	events = append(events, done...)
	events = append(events, life("2", 20, created, `OrderCanceled {}`, `OrderFilled {"quantity": 1, "price": 1}`)...)
	events = append(events, life("3", 30, created, `OrderCanceled []`)...)
	store(t, c.DSN, events)
	f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{
		statusField(), quantityField(), {Name: "price", Type: order.Numeric}, {Name: "avg_fill_price", Type: order.Numeric},
	}})
	want := map[order.Key]string{"1": "FILLED 100 11.5 10.600000", "2": "CANCELED 0 10 ", "3": "OPEN 0 10 "}
	if d := cmp.Diff(want, scanned(t, f)); d != "" {
		t.Error(d)
	}
}

func TestColumnsOfTheStoreMayBeExpressions(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store RENAME COLUMN order_id TO k", "ALTER TABLE event_store RENAME COLUMN event_type TO d")
	c.Table = "(SELECT s.*, 0 AS pos FROM public.event_store AS s)"
	c.Key, c.Type, c.Position, c.Payload = "'o-' || k", "upper(d)::varchar", "event_id + 5", "payload -> 'at'"
	c.Rules = ordertest.RulesWith(t, func(r *order.FoldRules) {
		events := map[string]order.EventRule{}
		for name, e := range r.Events {
			events[strings.ToUpper(name)] = e
		}
		r.Events = events
	})
	events := life("1", 1, createdLine, partLine, restLine)
	for i := range events {
		events[i].Payload = fmt.Appendf(nil, `{"at": %s}`, events[i].Payload)
	}
	store(t, c.DSN, events)
	f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField(), quantityField()}})
	if d := cmp.Diff(map[order.Key]string{"o-1": "FILLED 100"}, scanned(t, f)); d != "" {
		t.Error(d)
	}
}

// TestAFoldOfNoFieldTellsWhichOrdersThereAre compares the digests of keys alone with a table's.
func TestAFoldOfNoFieldTellsWhichOrdersThereAre(t *testing.T) {
	c := eventStore(t, "CREATE TABLE orders AS SELECT generate_series(1, 3)::bigint AS order_id")
	for key := range 3 {
		store(t, c.DSN, life(order.Key(fmt.Sprint(key+1)), order.Position(10*key), createdLine, partLine))
	}
	hash := verify.Hash{Seed: 7}
	table := openTable(t, c.DSN)
	fold := openFold(t, source.FoldConfig{Events: c, GroupBy: "status"})
	for _, hash.Portable = range []bool{false, true} {
		if d := cmp.Diff(digestsBy(t, table, hash), digestsBy(t, fold, hash)); d != "" {
			t.Errorf("%+v: the table, and the events:\n%s", hash, d)
		}
	}
	if d := cmp.Diff(map[order.Key]string{"1": "", "2": "", "3": ""}, scanned(t, fold)); d != "" {
		t.Error(d)
	}
}

func openTable(t *testing.T, dsn string, fields ...order.Field) *source.Side {
	t.Helper()
	config := source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id"}
	for _, f := range fields {
		config.Fields = append(config.Fields, source.Field{Field: f, Expr: f.Name})
	}
	table, err := source.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table
}

// TestFieldsAreDigestedAsTheirTypes has values that the events write otherwise than a column of the field's type.
func TestFieldsAreDigestedAsTheirTypes(t *testing.T) {
	c := eventStore(t, `CREATE TABLE orders (order_id bigint, trader_id uuid, quantity bigint, price int, filled_quantity bigint)`,
		`INSERT INTO orders VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 100, 10, 0), (2, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 100, NULL, 40),
			(3, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 9223372036854775807, 0, 0), (4, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 100, 11, 0)`)
	created := func(quantity, price string) string {
		return fmt.Sprintf(`OrderCreated {"trader_id": "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "symbol": "A", "side": "BUY", "quantity": %s, "price": %s}`, quantity, price)
	}
	store(t, c.DSN, slices.Concat(
		life("1", 1, created("100.00", `"10.000000"`)),
		life("2", 11, created("1e2", "null"), `OrderPartiallyFilled {"filled_quantity": 40.0, "remaining_quantity": 60, "price": 1}`),
		life("3", 21, created("9223372036854775807", "0.0")),
		life("4", 31, created("100", "11.5"))))
	fields := []order.Field{
		{Name: "trader_id", Type: order.UUID},
		{Name: "quantity", Type: order.Integer},
		{Name: "price", Type: order.Integer},
		{Name: "filled_quantity", Type: order.Integer},
	}
	hash := verify.Hash{Seed: 7}
	table, fold := openTable(t, c.DSN, fields...), openFold(t, source.FoldConfig{Events: c, Fields: fields})
	for _, hash.Portable = range []bool{false, true} {
		want, got := digestsBy(t, table, hash), digestsBy(t, fold, hash)
		for key, digest := range want {
			if equal := got[key] == digest; equal != !strings.HasPrefix(key, "4") {
				t.Errorf("%+v: order %s: equal is %v", hash, key, equal)
			}
		}
	}
}

func TestAPayloadOfTypeJSONHidesNothing(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store ALTER payload TYPE json")
	conn, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	want := map[order.Key]string{"0": "FILLED 60"}
	for i, trade := range []string{
		`{"quantity": 60, "price": 10.01}`, `{"quantity": 50, "quantity": 60, "price": 10}`, `{"quantity": 60, "price": 10, "x": "\u0000"}`,
		`{"quantity": 1e999999, "price": 10}`, `"text"`, `[1]`,
	} {
		const insert = "INSERT INTO event_store VALUES ($1, $2, 'OrderCreated', now(), $3::text::json), ($1::bigint + 1, $2, 'OrderFilled', now(), $4::text::json)"
		if _, err := conn.Exec(t.Context(), insert, 10*i, i, strings.TrimPrefix(createdLine, "OrderCreated "), trade); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			want[order.Key(fmt.Sprint(i))] = "OPEN 0"
		}
	}
	f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField(), quantityField()}})
	if d := cmp.Diff(want, scanned(t, f)); d != "" {
		t.Error(d)
	}
}

// TestAFoldIsGroupedByNumbers as a table with another scale is.
func TestAFoldIsGroupedByNumbers(t *testing.T) {
	c := eventStore(t, "CREATE TABLE orders (order_id bigint, filled_quantity numeric(18,4)); INSERT INTO orders VALUES (1, 40), (2, 0)")
	store(t, c.DSN, life("1", 0, createdLine, partLine))
	store(t, c.DSN, life("2", 10, createdLine))
	config := source.Config{
		Representation: order.Legacy, DSN: c.DSN, Table: "public.orders", Key: "order_id", GroupBy: "filled_quantity",
		Fields: []source.Field{{Field: quantityField(), Expr: "filled_quantity"}},
	}
	table, err := source.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	fold := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{quantityField()}, GroupBy: "filled_quantity"})
	if d := cmp.Diff(digestsBy(t, table, verify.Hash{Seed: 7}), digestsBy(t, fold, verify.Hash{Seed: 7})); d != "" {
		t.Error(d)
	}
}

// TestAKeyIsFoldedThroughTheIndex is about cost: what is asked of some orders reads the events of those orders.
func TestAKeyIsFoldedThroughTheIndex(t *testing.T) {
	for index, want := range map[string]bool{
		"CREATE INDEX ON event_store (order_id, event_id)": true,
		"CREATE INDEX ON event_store (order_id)":           true,
		"CREATE INDEX ON event_store (event_type)":         false,
	} {
		c := eventStore(t, index)
		var events []order.RawEvent
		for i := range 400 {
			events = append(events, life(order.Key(fmt.Sprint(i)), order.Position(10*i), createdLine, partLine)...)
		}
		store(t, c.DSN, events)
		f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField(), quantityField()}, GroupBy: "status"})
		n := begin(t, f)
		e, err := n.Extent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Indexed != want || e.Min != "0" || e.Max != "399" || e.Empty || e.Rows < 100 || e.Rows > 1000 {
			t.Errorf("%s: extent is %+v", index, e)
		}
		parent, l := verify.Layout{Shift: 5}, verify.Layout{Shift: 1}
		digests, err := n.Digests(t.Context(), verify.DigestQuery{Layout: l, Hash: verify.Hash{Seed: 1}, Buckets: []int64{2, 4}, Parent: parent}, func(int64) {})
		if err != nil || len(digests) != 32 || digests[0].Rows != 2 || digests[0].Group.Text != "PARTIALLY_FILLED" {
			t.Errorf("%s: digests of two buckets: %v, %v", index, digests, err)
		}
		if d, err := n.Draws(t.Context()); err != nil || d.NoAddress == "" {
			t.Errorf("a fold lets rows be drawn by address: %+v, %v", d, err)
		}
	}
}

// TestNumbersBeyondAllBoundsAreNoTrades has trades that order.Decode refuses, while PostgreSQL adds them up.
func TestNumbersBeyondAllBoundsAreNoTrades(t *testing.T) {
	c := eventStore(t)
	var events []order.RawEvent
	want := map[order.Key]string{}
	for i, trade := range []string{
		`{"quantity": 1e1200, "price": 0}`, `{"quantity": -1e1200, "price": 1}`, `{"quantity": 1, "price": 1e1200}`,
		`{"quantity": 1e-1200, "price": 1}`, `{"quantity": 1, "price": 1e-1200}`,
	} {
		key := order.Key(fmt.Sprint(i))
		events = append(events, life(key, order.Position(10*i), createdLine, "OrderFilled "+trade)...)
		want[key] = order.StatusOpen
	}
	store(t, c.DSN, events)
	f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}})
	if d := cmp.Diff(want, scanned(t, f)); d != "" {
		t.Error(d)
	}
	rows, err := begin(t, f).Rows(t.Context(), keysUpTo(len(want)))
	if err != nil || len(rows) != len(want) {
		t.Fatalf("Go folds %d of %d: %v", len(rows), len(want), err)
	}
	for _, r := range rows {
		if r.Values[0].Text != order.StatusOpen {
			t.Errorf("Go takes the trade of order %s for one: %v", r.Key, r.Values)
		}
	}
}

// TestAFoldIsReadInRangesThoughTheKeysLookFew: of keys that stand in neighbouring rows ANALYZE sees far too few, and a range
// that is too wide is read by a scan of everything, for each range anew.
func TestAFoldIsReadInRangesThoughTheKeysLookFew(t *testing.T) {
	c := eventStore(t, `INSERT INTO event_store SELECT n, n / 2, CASE n % 2 WHEN 0 THEN 'OrderCreated' ELSE 'OrderCanceled' END, '2024-01-01 00:00:00+00',
			CASE n % 2 WHEN 0 THEN '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1.10}' ELSE '{"reason": "x"}' END::jsonb
		FROM generate_series(0, 239999) AS n`,
		"CREATE INDEX ON event_store (order_id, event_id)", "ALTER TABLE event_store ALTER order_id SET (n_distinct = 100)", "ANALYZE event_store")
	f := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}})
	var told []int64
	got, err := begin(t, f).Digests(t.Context(), verify.DigestQuery{Layout: verify.Layout{Shift: 40}, Hash: verify.Hash{Seed: 1}}, func(rows int64) { told = append(told, rows) })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Rows != 120_000 || len(told) < 3 || told[len(told)-1] != 120_000 {
		t.Errorf("digests are %+v, told was %v", got, told)
	}
}
