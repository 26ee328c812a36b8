package source_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// recordsOf are the records of a legacy database into which the statements put lines.
func recordsOf(t *testing.T, lines ...string) *source.Records {
	t.Helper()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, s := range append([]string{
		`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text)`,
		`CREATE TABLE audit_log (entity_id bigint, "timestamp" timestamptz, field_changed text, old_value text, new_value text)`,
		`CREATE TABLE trades (order_id bigint, executed_at timestamptz, quantity numeric, price numeric)`,
	}, lines...) {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	legacy, err := source.Open(t.Context(), source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(legacy.Close)
	return &source.Records{Legacy: legacy, Config: source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades"}}
}

func TestRecordsAreLegacysOwn(t *testing.T) {
	r := recordsOf(t,
		`INSERT INTO audit_log VALUES (7, '2024-01-02Z', 'price', '2', '3'), (7, '2024-01-01Z', 'price', NULL, '2'), (9, '2024-01-01Z', 'price', '1', '2')`,
		`INSERT INTO trades VALUES (8, '2024-01-01Z', 0.30, 12345678901234567890.1)`)
	got, err := r.Records(t.Context(), []order.Key{"7", "8", "404"})
	if err != nil {
		t.Fatal(err)
	}
	audit := got["7"].Audit
	if len(got) != 3 || len(audit) != 2 || audit[0].New.Text != "2" || !audit[0].Old.Null || audit[1].New.Text != "3" {
		t.Errorf("the audit log says %+v", got)
	}
	if trades := got["8"].Trades; len(trades) != 1 || trades[0].Price.Text('f') != "12345678901234567890.1" {
		t.Errorf("the trades are %+v", trades)
	}
	if h := got["404"]; h.Audit == nil || h.Trades == nil || len(h.Audit)+len(h.Trades) != 0 {
		t.Errorf("of an order without records is said %+v", h)
	}
}

// TestRecordsMayBeSubqueries: what doctor accepts is read, under every version of the server.
func TestRecordsMayBeSubqueries(t *testing.T) {
	r := recordsOf(t, `INSERT INTO audit_log VALUES (7, '2024-01-02Z', 'price', '2', '3')`, `INSERT INTO trades VALUES (7, '2024-01-01Z', 1, 2)`)
	r.Config = source.HistoryConfig{AuditLog: "(SELECT * FROM public.audit_log)", Trades: "(SELECT * FROM public.trades WHERE price > 0)"}
	got, err := r.Records(t.Context(), []order.Key{"7"})
	if err != nil || len(got["7"].Audit) != 1 || len(got["7"].Trades) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestALineThatCannotBeReadTakesNothingFromOtherOrders: of its own order nothing is known then.
func TestALineThatCannotBeReadTakesNothingFromOtherOrders(t *testing.T) {
	r := recordsOf(t,
		`INSERT INTO audit_log VALUES (1, '2024-01-01Z', 'price', '1', '2'), (2, 'infinity', 'price', '1', '2'), (3, NULL, 'price', '1', '2'), (4, '2024-01-01Z', NULL, '1', '2')`,
		`INSERT INTO trades VALUES (1, '2024-01-01Z', 1, 1), (5, '-infinity', 1, 1), (6, '2024-01-01Z', NULL, 1), (7, '2024-01-01Z', 1, NULL)`)
	got, err := r.Records(t.Context(), []order.Key{"1", "2", "3", "4", "5", "6", "7"})
	if err != nil {
		t.Fatal(err)
	}
	if h := got["1"]; len(got) != 1 || len(h.Audit) != 1 || len(h.Trades) != 1 {
		t.Errorf("got %+v, want the record of order 1 alone", got)
	}
}
