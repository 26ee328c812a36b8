package source_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// foldableFields are all that the fold knows of the default schema, but for a sum that no table has.
func foldableFields() []order.Field {
	var out []order.Field
	for _, name := range order.Defaults().Names() {
		f := order.Field{Name: name, Type: order.Text}
		switch name {
		case "notional":
			continue
		case "quantity", "price", "filled_quantity", "avg_fill_price":
			f.Type = order.Numeric
		case "created_at", "updated_at":
			f.Type = order.Timestamptz
		case "order_id":
			f.Type = order.Integer
		}
		out = append(out, f)
	}
	return out
}

func openFold(t *testing.T, c source.FoldConfig) *source.Fold {
	t.Helper()
	f, err := source.OpenFold(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func begin(t *testing.T, f *source.Fold) verify.Snapshot {
	t.Helper()
	n, err := f.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// store puts events into the table as a producer would: payloads as text that PostgreSQL reads as jsonb.
func store(t *testing.T, dsn string, events []order.RawEvent) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var position []int64
	var key, kind, payload []string
	var at []time.Time
	for _, e := range events {
		position, key, kind = append(position, int64(e.Position)), append(key, string(e.Key)), append(kind, e.Type)
		at, payload = append(at, e.At), append(payload, string(e.Payload))
	}
	const insert = `INSERT INTO event_store SELECT p, k::bigint, t, a, j::jsonb
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]) AS e(p, k, t, a, j)`
	if _, err := conn.Exec(t.Context(), insert, position, key, kind, at, payload); err != nil {
		t.Fatal(err)
	}
}

// folds are all orders by the fold that digests see, and by order.Fold.
func folds(t *testing.T, f *source.Fold, orders int) (fast, slow map[order.Key]order.Row) {
	t.Helper()
	n := begin(t, f)
	fast, slow = map[order.Key]order.Row{}, map[order.Key]order.Row{}
	everything := verify.Layout{ByBounds: true}
	err := n.Scan(t.Context(), everything, []int64{0}, func(r order.Row) error { fast[r.Key] = r; return nil })
	if err != nil {
		t.Fatal(err)
	}
	rows, err := n.Rows(t.Context(), keysUpTo(orders))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		slow[r.Key] = r
	}
	return fast, slow
}

func keysUpTo(orders int) []order.Key {
	keys := make([]order.Key, orders)
	for i := range keys {
		keys[i] = order.Key(fmt.Sprint(i))
	}
	return keys
}

// TestTheFastFoldIsTheFold loads hundreds of random histories, half of them odd in every way that is known, and compares
// every field of every order. Then the orders as order.Fold has them are put into a table, and the digests of that table
// are compared with those of the events, order by order: PostgreSQL's own against what is made of them here.
func TestTheFastFoldIsTheFold(t *testing.T) {
	t.Parallel()
	orders := 1500
	if testing.Short() {
		orders = 300
	}
	c := eventStore(t, "CREATE INDEX ON event_store (order_id, event_id)")
	store(t, c.DSN, histories(orders, func(t *rapid.T, key order.Key, above order.Position) []order.RawEvent {
		return ordertest.Raw(t, key, above, 8)
	}))
	theFastFoldIsTheFold(t, source.FoldConfig{Events: c, Fields: foldableFields(), GroupBy: "status"}, orders)
}

// TestTheFastFoldOfRulesOfAUserIsTheFold as above, with registers of other names and of every kind.
func TestTheFastFoldOfRulesOfAUserIsTheFold(t *testing.T) {
	t.Parallel()
	const orders = 600
	c := eventStore(t, "CREATE INDEX ON event_store (order_id, event_id)")
	c.Rules = ordertest.DeskRules()
	store(t, c.DSN, histories(orders, func(t *rapid.T, key order.Key, above order.Position) []order.RawEvent {
		return ordertest.DeskRaw(t, key, above, 8)
	}))
	theFastFoldIsTheFold(t, source.FoldConfig{Events: c, Fields: ordertest.DeskFields(), GroupBy: "state"}, orders)
}

func theFastFoldIsTheFold(t *testing.T, c source.FoldConfig, orders int) {
	t.Helper()
	fold := openFold(t, c)
	fast, slow := folds(t, fold, orders)
	group := slices.IndexFunc(c.Fields, func(f order.Field) bool { return f.Name == c.GroupBy })
	if d := cmp.Diff(slow, fast); d != "" {
		t.Errorf("order.Fold, and the fast way:\n%s", d)
	}
	if len(slow) < orders/2 {
		t.Errorf("only %d orders exist: nothing is proven by them", len(slow))
	}
	table, refused := tableOf(t, c, slow)
	for _, hash := range []verify.Hash{{}, {Seed: 7}, {Seed: -1 << 62}, {Seed: 7, Portable: true}, {Seed: 7, Unsigned: numericNames(c.Fields)}} {
		want, got := digestsBy(t, table, hash), digestsBy(t, fold, hash)
		out := 0
		for key, row := range slow {
			id := fmt.Sprintf("%s %v", key, row.Values[group])
			if !row.Flawed && !refused[key] {
				continue
			}
			if out++; want[id] == got[id] {
				t.Errorf("order %s has the digest of a row, and is flawed, or no table holds it", key)
			}
			delete(want, id)
			delete(got, id)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v: digests of the table, and of the events:\n%.4000s", hash, d)
		}
		if len(want)+out != len(slow) || out == 0 || len(want) == 0 {
			t.Errorf("%d digests of %d orders, %d of them flawed or refused", len(want), len(slow), out)
		}
		asked, err := table.Probe(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		known, err := fold.Probe(t.Context(), hash)
		if d := cmp.Diff(asked, known); d != "" || err != nil {
			t.Errorf("%+v: known values, as the server digests them and as we do (%v):\n%s", hash, err, d)
		}
	}
}

func numericNames(fields []order.Field) (names []string) {
	for _, f := range fields {
		if f.Type == order.Numeric {
			names = append(names, f.Name)
		}
	}
	return names
}

// histories are random, of orders 0 and up, many of them odd.
func histories(orders int, draw func(t *rapid.T, key order.Key, above order.Position) []order.RawEvent) []order.RawEvent {
	var all []order.RawEvent
	for i := range orders {
		all = append(all, rapid.Custom(func(t *rapid.T) []order.RawEvent {
			return draw(t, order.Key(fmt.Sprint(i)), order.Position(1000*i))
		}).Example(i)...)
	}
	return all
}

// tableOf puts orders into a table of legacy's kind, and opens it. It returns the orders that PostgreSQL refuses, because a value is
// none of its column's type.
func tableOf(t *testing.T, c source.FoldConfig, orders map[order.Key]order.Row) (table *source.Side, refused map[order.Key]bool) {
	t.Helper()
	dsn := c.Events.DSN
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	columns, fields := columnsOf(c.Fields)
	config := source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", GroupBy: c.GroupBy, Fields: fields}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE orders ("+strings.Join(columns, ", ")+")"); err != nil {
		t.Fatal(err)
	}
	refused = map[order.Key]bool{}
	for key, row := range orders {
		if row.ChangedAt.IsZero() { // flawed, and never created
			continue
		}
		values := map[string]string{"order_id": string(key)}
		for i, v := range row.Values {
			switch {
			case v.Null:
			case c.Fields[i].Type == order.Integer:
				values[c.Fields[i].Name] = order.TrimScale(v.Text) // 5.00 is 5
			default:
				values[c.Fields[i].Name] = v.Text
			}
		}
		_, err := conn.Exec(t.Context(), "INSERT INTO orders SELECT (json_populate_record(NULL::orders, $1)).*", values)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(pg.Code, "22") {
			refused[key] = true
		} else if err != nil {
			t.Fatal(err)
		}
	}
	table, err = source.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table, refused
}

// columnsOf are the columns of a table with these fields.
func columnsOf(fields []order.Field) (columns []string, compared []source.Field) {
	columns = []string{"order_id bigint"}
	for _, f := range fields {
		column := pgx.Identifier{f.Name}.Sanitize()
		compared = append(compared, source.Field{Field: f, Expr: column})
		switch {
		case f.Name == "order_id":
		case f.Type == order.Integer:
			columns = append(columns, column+" bigint")
		default:
			columns = append(columns, column+" "+string(f.Type))
		}
	}
	return columns, compared
}

// digestsBy are the digests of single orders.
func digestsBy(t *testing.T, side verify.Side, hash verify.Hash) map[string]string {
	t.Helper()
	n, err := side.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	digests, err := n.Digests(t.Context(), verify.DigestQuery{Hash: hash}, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range digests {
		out[fmt.Sprint(d.Bucket, d.Group)] = fmt.Sprint(d.Rows, d.Sum)
	}
	return out
}
