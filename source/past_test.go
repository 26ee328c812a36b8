package source_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestThePastIsReadByRangesOfKeys holds that ranges have each order of the time once, with the keys of its lines.
func TestThePastIsReadByRangesOfKeys(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, s := range []string{
		`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, created_at timestamptz, updated_at timestamptz, gone boolean)`,
		`CREATE TABLE audit_log (audit_id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY, entity_id bigint, "timestamp" timestamptz, field_changed text, old_value text, new_value text)`,
		`CREATE TABLE trades (order_id bigint, executed_at timestamptz, quantity numeric, price numeric)`,
		`INSERT INTO orders SELECT n, 'OPEN', '2024-01-01Z'::timestamptz + n * interval '1 day', '2024-06-01 00:00:00.5Z', n = 9 FROM generate_series(1, 12) n`,
		`INSERT INTO audit_log (entity_id, "timestamp", field_changed) VALUES (3, '2024-01-02Z', 'status'), (4, 'infinity', 'status')`,
		`INSERT INTO trades VALUES (3, '2024-01-01Z', 1, 2)`,
	} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	day := func(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }
	p, err := source.OpenPast(t.Context(), source.PastConfig{
		Legacy: source.Config{
			Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", ChangedAt: "updated_at", Archived: "gone",
			Fields: []source.Field{{Field: order.Field{Name: "status", Type: order.Text}, Expr: "status"}},
		},
		History: source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades"}, CreatedAt: "created_at", From: day(3), To: day(12),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var keys, unreadable []order.Key
	archived := int64(0)
	for r := (verify.KeyRange{}); ; {
		if r.Below, err = p.Cut(t.Context(), verify.KeyRange{From: r.From}, 4); err != nil {
			t.Fatal(err)
		}
		page, err := p.Range(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		archived += page.Archived
		unreadable = append(unreadable, page.Unreadable...)
		for _, c := range page.Cases {
			keys = append(keys, c.Row.Key)
			n := len(keys) + 1
			if n == 3 && (len(c.Record.Audit) != 1 || c.Record.Audit[0].Key != "100" || len(c.Record.Trades) != 1 || c.Record.Trades[0].Key != "" || len(c.Row.Values) != 1 ||
				!c.Row.CreatedAt.Equal(day(4)) || c.Row.ChangedAt.Nanosecond() != 500_000_000) {
				t.Errorf("order 3 is %+v", c)
			}
		}
		if r.Below == "" {
			break
		}
		r.From = r.Below
	}
	if want := []order.Key{"2", "3", "5", "6", "7", "8", "10"}; !slices.Equal(keys, want) || !slices.Equal(unreadable, []order.Key{"4"}) || archived != 1 {
		t.Errorf("read %v, unreadable %v, %d archived; want %v, 4 and one", keys, unreadable, archived, want)
	}
}

// TestAnOrderThatIsThereTwiceIsUnreadable: legacy may be a view without a unique key. One key may have more rows than a range.
func TestAnOrderThatIsThereTwiceIsUnreadable(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE orders AS SELECT n::bigint AS order_id, 'OPEN' AS status FROM unnest('{1, 2, 2, 2, 2, 3}'::int[]) n`); err != nil {
		t.Fatal(err)
	}
	p, err := source.OpenPast(t.Context(), source.PastConfig{Legacy: source.Config{
		Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", Fields: []source.Field{{Field: order.Field{Name: "status", Type: order.Text}, Expr: "status"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if below, err := p.Cut(t.Context(), verify.KeyRange{From: "2"}, 2); err != nil || below != "3" {
		t.Errorf("the range after 2 ends at %q, %v", below, err)
	}
	page, err := p.Range(t.Context(), verify.KeyRange{})
	if err != nil || len(page.Cases) != 2 || !slices.Equal(page.Unreadable, []order.Key{"2"}) {
		t.Errorf("read %+v, %v", page, err)
	}
}

// TestARangeIsReadAsItsOrdersAre: a whole range is read without the keys of its orders, and must give what reading by key gives.
func TestARangeIsReadAsItsOrdersAre(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, s := range []string{
		`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, quantity text, created_at timestamptz)`,
		`CREATE TABLE audit_log (audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entity_id bigint, "timestamp" timestamptz, field_changed text, old_value text, new_value text)`,
		`CREATE TABLE trades (order_id bigint, executed_at timestamp, quantity numeric, price numeric)`,
		`INSERT INTO orders SELECT n, 'OPEN', CASE WHEN n = 30 THEN 'much' ELSE n::text END, '2024-01-01Z'::timestamptz + n * interval '1 day' FROM generate_series(1, 100) n WHERE n <> 50`,
		`INSERT INTO audit_log (entity_id, "timestamp", field_changed, old_value, new_value) VALUES (3, '2024-01-03Z', 'price', '2', NULL), (3, '2024-01-02Z', 'price', NULL, '2'), (4, 'infinity', 'status', NULL, NULL),
			(NULL, '2024-01-03Z', 'price', '2', NULL), (50, '2024-01-03Z', 'price', '2', NULL), (7, '2024-01-03Z', 'price', '2', '3'), (7, '2024-01-03Z', 'price', '1', '2'), (8, '2024-01-03Z', NULL, '1', '2')`,
		`INSERT INTO trades VALUES (3, '2024-01-02 00:00:00.123456', 1.50, 2), (3, '2024-01-01', 4, 2), (50, '2024-01-02', 1, 2), (9, '2024-01-02', 1, NULL), (NULL, '2024-01-02', 1, 1)`,
	} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	p, err := source.OpenPast(t.Context(), source.PastConfig{
		Legacy: source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", Fields: []source.Field{
			{Field: order.Field{Name: "status", Type: order.Text}, Expr: "status"}, {Field: order.Field{Name: "quantity", Type: order.Numeric}, Expr: "(quantity)::numeric"},
		}},
		History: source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades"}, CreatedAt: "created_at",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var keys []order.Key
	for n := range 100 {
		keys = append(keys, order.Key(strconv.Itoa(n+1)))
	}
	byKey, err := p.Orders(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	ranged, err := p.Range(t.Context(), verify.KeyRange{Below: "31"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []verify.KeyRange{{From: "31", Below: "60"}, {From: "60"}} {
		page, err := p.Range(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		ranged.Cases, ranged.Unreadable = append(ranged.Cases, page.Cases...), append(ranged.Unreadable, page.Unreadable...)
	}
	if diff := cmp.Diff(byKey.Cases, ranged.Cases, cmp.Comparer(func(a, b apd.Decimal) bool { return a.Cmp(&b) == 0 })); diff != "" || !slices.Equal(ranged.Unreadable, byKey.Unreadable) {
		t.Errorf("by key and by range: unreadable %v and %v\n%s", byKey.Unreadable, ranged.Unreadable, diff)
	}
	third, seventh := ranged.Cases[2].Record, ranged.Cases[5].Record
	if len(third.Audit) != 2 || !third.Audit[0].Old.Null || !third.Audit[1].New.Null || len(third.Trades) != 2 || third.Trades[1].At.Nanosecond() != 123_456_000 || third.Trades[1].Quantity.Text('f') != "1.50" {
		t.Errorf("the record of order 3 is %+v", third)
	}
	if len(seventh.Audit) != 2 || seventh.Audit[0].New.Text != "2" {
		t.Errorf("the record of order 7 is %+v", seventh)
	}
	if want := []order.Key{"4", "8", "9"}; len(ranged.Cases) != 96 || !slices.Equal(ranged.Unreadable, want) || !ranged.Cases[26].Row.Values[1].Failed {
		t.Errorf("%d orders, unreadable %v, order 30 has %+v", len(ranged.Cases), ranged.Unreadable, ranged.Cases[26].Row)
	}
}
