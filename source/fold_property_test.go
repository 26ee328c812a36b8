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
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// foldableFields are all that the fold knows of the default schema.
func foldableFields() []order.Field {
	var out []order.Field
	for _, name := range order.Foldable() {
		f := order.Field{Name: name, Type: order.Text}
		switch name {
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
	const orders = 1500
	c := eventStore(t, "CREATE INDEX ON event_store (order_id, event_id)")
	store(t, c.DSN, histories(orders))
	fold := openFold(t, source.FoldConfig{Events: c, Fields: foldableFields(), GroupBy: "status"})
	fast, slow := folds(t, fold, orders)
	status := slices.IndexFunc(foldableFields(), func(f order.Field) bool { return f.Name == "status" })
	if d := cmp.Diff(slow, fast); d != "" {
		t.Errorf("order.Fold, and the fast way:\n%s", d)
	}
	if len(slow) < orders/2 {
		t.Errorf("only %d orders exist: nothing is proven by them", len(slow))
	}
	table := tableOf(t, c.DSN, slow)
	for _, hash := range []verify.Hash{{}, {Seed: 7}, {Seed: -1 << 62}, {Seed: 7, Portable: true}} {
		want, got := digestsBy(t, table, hash), digestsBy(t, fold, hash)
		flawed := 0
		for key, row := range slow {
			id := fmt.Sprintf("%s %v", key, row.Values[status])
			if !row.Flawed {
				continue
			}
			if flawed++; want[id] == got[id] {
				t.Errorf("order %s has the digest of a row, and is flawed", key)
			}
			delete(want, id)
			delete(got, id)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v: digests of the table, and of the events:\n%.4000s", hash, d)
		}
		if len(want)+flawed != len(slow) || flawed == 0 || len(want) == 0 {
			t.Errorf("%d digests of %d orders, %d of them flawed", len(want), len(slow), flawed)
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

// histories are random, of orders 0 and up, half of them odd.
func histories(orders int) []order.RawEvent {
	var all []order.RawEvent
	for i := range orders {
		all = append(all, rapid.Custom(func(t *rapid.T) []order.RawEvent {
			return ordertest.Raw(t, order.Key(fmt.Sprint(i)), order.Position(1000*i), 8)
		}).Example(i)...)
	}
	return all
}

// tableOf puts orders into a table of legacy's kind, and opens it.
func tableOf(t *testing.T, dsn string, orders map[order.Key]order.Row) *source.Side {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var columns, names []string
	config := source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", GroupBy: "status"}
	for _, f := range foldableFields() {
		names = append(names, f.Name)
		columns = append(columns, f.Name+" "+map[order.FieldType]string{order.Integer: "bigint"}[f.Type])
		if f.Type != order.Integer {
			columns[len(columns)-1] = f.Name + " " + string(f.Type)
		}
		config.Fields = append(config.Fields, source.Field{Field: f, Expr: f.Name})
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE orders ("+strings.Join(columns, ", ")+")"); err != nil {
		t.Fatal(err)
	}
	for _, row := range orders {
		if row.ChangedAt.IsZero() { // flawed, and never created
			continue
		}
		values := map[string]*string{}
		for i, v := range row.Values {
			if !v.Null {
				values[names[i]] = &v.Text
			}
		}
		if _, err := conn.Exec(t.Context(), "INSERT INTO orders SELECT (json_populate_record(NULL::orders, $1)).*", values); err != nil {
			t.Fatal(err)
		}
	}
	table, err := source.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table
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
