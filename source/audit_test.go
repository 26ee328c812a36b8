package source_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// audited is a snapshot of legacy with some rows and records. The times of trades have no zone.
func audited(t *testing.T, inserts string) verify.AuditSnapshot {
	t.Helper()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `
		CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, price numeric, created_at timestamptz, gone boolean NOT NULL DEFAULT false);
		CREATE TABLE audit_log (entity_id bigint, "timestamp" timestamptz, field_changed text, old_value text, new_value text);
		CREATE TABLE trades (order_id bigint, executed_at timestamp, quantity numeric, price numeric);`+inserts)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := order.NewRules(order.Orders(), []order.Field{{Name: "status", Type: order.Text}, {Name: "price", Type: order.Numeric}})
	if err != nil {
		t.Fatal(err)
	}
	c := source.Config{
		Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", Where: "NOT gone",
		Fields: []source.Field{{Field: order.Field{Name: "price", Type: order.Numeric}, Expr: "price"}},
	}
	a, err := source.OpenAudits(t.Context(), c, source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades", CreatedAt: "created_at"}, rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if got := a.Zoneless(); got != (verify.Zoneless{Trades: true}) {
		t.Errorf("times without a zone: %+v", got)
	}
	n, err := a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// TestAuditsKnowRecordsOfNoOrder: those that name none, those of none, and those of orders outside the filter, which are not looked for.
func TestAuditsKnowRecordsOfNoOrder(t *testing.T) {
	n := audited(t, `
		INSERT INTO orders (order_id, status, created_at, gone) VALUES (1, 'OPEN', '2024-01-01Z', false), (2, 'OPEN', '2024-01-01Z', true);
		INSERT INTO trades VALUES (2, '2024-01-01', 1, 1), (3, '2024-01-01', 1, 1), (NULL, '2024-01-01', 1, 1), (NULL, '2024-01-01', 1, 1)`)
	page, err := n.Page(t.Context(), "", verify.Span{}, 10)
	if err != nil || len(page.Orders) != 1 || page.Counted.Trades != 3 || page.Counted.TradesAlone != 3 || len(page.Alone) != 2 || page.Alone[0].Key != "3" ||
		len(page.Alone[0].Record.Trades) != 1 || page.Alone[1].Key != "" || page.Alone[1].Nameless.Trades != 2 {
		t.Errorf("page %+v, %v", page, err)
	}
	got, err := n.Orders(t.Context(), []order.Key{"", "1", "2", "3"}, verify.Span{})
	if err != nil || len(got) != 4 || got[0].Nameless.Trades != 2 || got[1].Rows != 1 || !got[2].Elsewhere || got[3].Elsewhere || got[3].Rows != 0 {
		t.Errorf("orders %+v, %v", got, err)
	}
}

// TestAuditsCountWhatCannotBeRead: the records of such an order are counted for itself too, so that they can be taken off the counts of
// its page.
func TestAuditsCountWhatCannotBeRead(t *testing.T) {
	n := audited(t, `
		INSERT INTO orders (order_id, status, created_at) VALUES (1, 'OPEN', '2024-01-01Z'), (2, 'OPEN', '2024-01-01Z'), (3, 'OPEN', NULL);
		INSERT INTO trades VALUES (1, '2024-01-02', 1, 1), (2, '2024-01-02', 1, NULL), (2, '2024-01-03', 1, 1), (9, '2024-01-02', 1, NULL), (9, '2023-01-02', 1, 1);
		INSERT INTO audit_log VALUES (2, '2024-01-02Z', 'price', '1', '2'), (2, '2024-01-02Z', 'price', '2', '3'), (2, '2024-01-02Z', 'colour', 'a', 'b'),
			(2, '2024-01-04Z', 'status', 'OPEN', 'CANCELED'), (1, '2024-01-04Z', 'price', '1', '2')`)
	for _, test := range []struct {
		created             verify.Span
		page, second, ninth verify.AuditCounts
	}{
		{
			verify.Span{},
			verify.AuditCounts{Orders: 3, Trades: 5, TradesAlone: 2, Lines: 5, LinesToTell: 4, Moments: 2, Undated: 1},
			verify.AuditCounts{Trades: 2, Lines: 4, LinesToTell: 3, Moments: 1},
			verify.AuditCounts{Trades: 2, TradesAlone: 2},
		}, {
			verify.Span{From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)},
			verify.AuditCounts{Orders: 2, Trades: 4, TradesAlone: 1, Lines: 5, LinesToTell: 4, Moments: 2, Undated: 1},
			verify.AuditCounts{Trades: 2, Lines: 4, LinesToTell: 3, Moments: 1},
			verify.AuditCounts{Trades: 1, TradesAlone: 1},
		},
	} {
		page, err := n.Page(t.Context(), "", test.created, 10)
		if err != nil || page.Counted != test.page || len(page.Alone) != 1 {
			t.Fatalf("page %+v, %v; want %+v", page, err, test.page)
		}
		again, err := n.Orders(t.Context(), []order.Key{"1", "2", "9"}, test.created)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range slices.Concat(page.Orders, page.Alone, again) {
			want := map[order.Key]verify.AuditCounts{"2": test.second, "9": test.ninth}[o.Key]
			if o.Counted != want || o.Unreadable != (want != verify.AuditCounts{}) {
				t.Errorf("order %s: unreadable %v, counted %+v, want %+v", o.Key, o.Unreadable, o.Counted, want)
			}
		}
	}
}
