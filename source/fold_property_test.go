package source_test

import (
	"context"
	"fmt"
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

// folds are all orders by the fold in SQL and by the fold in Go.
func folds(t *testing.T, f *source.Fold, orders int) (inSQL, inGo map[order.Key]order.Row) {
	t.Helper()
	n := begin(t, f)
	inSQL, inGo = map[order.Key]order.Row{}, map[order.Key]order.Row{}
	everything := verify.Layout{ByBounds: true}
	err := n.Scan(t.Context(), everything, []int64{0}, func(r order.Row) error { inSQL[r.Key] = r; return nil })
	if err != nil {
		t.Fatal(err)
	}
	rows, err := n.Rows(t.Context(), keysUpTo(orders))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		inGo[r.Key] = r
	}
	return inSQL, inGo
}

func keysUpTo(orders int) []order.Key {
	keys := make([]order.Key, orders)
	for i := range keys {
		keys[i] = order.Key(fmt.Sprint(i))
	}
	return keys
}

// TestTheFoldInSQLIsTheFoldInGo loads hundreds of random histories, half of them odd in every way that is known, and
// compares every field of every order. What SQL leaves to Go is counted: it must be the exception among the odd ones, and
// must not happen to clean ones.
func TestTheFoldInSQLIsTheFoldInGo(t *testing.T) {
	const orders = 1500
	c := eventStore(t, "CREATE INDEX ON event_store (order_id, event_id)")
	var all []order.RawEvent
	problems := map[order.Key]bool{}
	for i := range orders {
		key := order.Key(fmt.Sprint(i))
		history := rapid.Custom(func(t *rapid.T) []order.RawEvent {
			return ordertest.Raw(t, key, order.Position(1000*i), 8)
		}).Example(i)
		all = append(all, history...)
	}
	store(t, c.DSN, all)
	fold := openFold(t, source.FoldConfig{Events: c, Fields: foldableFields(), GroupBy: "status"})
	inSQL, inGo := folds(t, fold, orders)
	events, err := source.OpenEvents(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	histories, err := events.Histories(t.Context(), keysUpTo(orders))
	if err != nil {
		t.Fatal(err)
	}
	odd := 0
	for key, history := range histories {
		if _, found := order.Fold(history); len(found) > 0 {
			problems[key] = true
			odd++
		}
	}
	left, fine := compareFolds(t, inSQL, inGo, problems)
	t.Logf("%d orders of %d events: %d have problems, %d of them are left to Go, and %d others", orders, len(all), odd, left, fine)
	if left < orders/50 || odd-left < orders/20 {
		t.Errorf("of %d odd orders %d are left to Go: the histories are not as odd as they should be, or SQL gives up too soon", odd, left)
	}
	if fine > orders/100 { // those with numbers that are written oddly, or far beyond what orders have
		t.Errorf("%d orders that Go has no problem with are left to it", fine)
	}
}

// compareFolds returns how many orders were left to Go, those with problems and others.
func compareFolds(t *testing.T, inSQL, inGo map[order.Key]order.Row, problems map[order.Key]bool) (left, fine int) {
	t.Helper()
	status := 6 // of order.Foldable
	for key, want := range inGo {
		if _, ok := inSQL[key]; !ok {
			t.Errorf("order %s is not there in SQL: %v", key, want)
		}
	}
	for key, got := range inSQL {
		if got.Values[status].Text == source.NotFolded {
			if problems[key] {
				left++
			} else {
				fine++
			}
			continue
		}
		want, ok := inGo[key]
		if !ok {
			t.Errorf("order %s is there in SQL, and was never created: %v", key, got)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("order %s (Go, SQL):\n%s", key, d)
		}
	}
	return left, fine
}
