package source

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
)

// TestEverySessionIsReadOnly, those outside of a snapshot too.
func TestEverySessionIsReadOnly(t *testing.T) {
	side, err := Open(t.Context(), Config{
		Name: "legacy", DSN: pgtest.Database(t), Table: "(SELECT 1 AS order_id, 'x' AS status)", Key: "order_id",
		Fields: []Field{{Field: order.Field{Name: "status", Type: order.Text}, Expr: "status"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	const sql = "CREATE TABLE public.written ()"
	if _, err := side.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("beside a snapshot: %v", err)
	}
	n, err := side.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.(*snapshot).tx.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("in a snapshot: %v", err)
	}
}
