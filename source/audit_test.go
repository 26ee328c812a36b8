package source_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestAuditsKnowRecordsOfNoOrder: those that name none, those of none, and those of orders outside the filter, which are not looked for.
func TestAuditsKnowRecordsOfNoOrder(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `
		CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, created_at timestamptz, gone boolean);
		CREATE TABLE audit_log (entity_id bigint, "timestamp" timestamptz, field_changed text, old_value text, new_value text);
		CREATE TABLE trades (order_id bigint, executed_at timestamptz, quantity numeric, price numeric);
		INSERT INTO orders VALUES (1, 'OPEN', '2024-01-01Z', false), (2, 'OPEN', '2024-01-01Z', true);
		INSERT INTO trades VALUES (2, '2024-01-01Z', 1, 1), (3, '2024-01-01Z', 1, 1), (NULL, '2024-01-01Z', 1, 1), (NULL, '2024-01-01Z', 1, 1)`)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := order.NewRules(order.Orders(), []order.Field{{Name: "status", Type: order.Text}})
	if err != nil {
		t.Fatal(err)
	}
	c := source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", Where: "NOT gone"}
	a, err := source.OpenAudits(t.Context(), c, source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades", CreatedAt: "created_at"}, rules)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	n, err := a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	page, err := n.Page(t.Context(), "", verify.Span{}, 10)
	if err != nil || len(page.Orders) != 1 || page.Counted.Trades != 3 || page.Counted.TradesAlone != 3 || len(page.Alone) != 2 || page.Alone[0].Key != "3" ||
		len(page.Alone[0].Record.Trades) != 1 || page.Alone[1].Key != "" || page.Alone[1].Nameless.Trades != 2 {
		t.Errorf("page %+v, %v", page, err)
	}
	got, err := n.Orders(t.Context(), []order.Key{"", "1", "2", "3"})
	if err != nil || len(got) != 4 || got[0].Nameless.Trades != 2 || got[1].Rows != 1 || !got[2].Elsewhere || got[3].Elsewhere || got[3].Rows != 0 {
		t.Errorf("orders %+v, %v", got, err)
	}
}
