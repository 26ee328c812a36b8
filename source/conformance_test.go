package source_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/source/sourcetest"
)

func TestSideKeepsTheContract(t *testing.T) {
	sourcetest.Exercise(t, func(t *testing.T, table sourcetest.Table) sourcetest.Opened {
		fields := make([]source.Field, len(table.Fields))
		for i, f := range table.Fields {
			fields[i] = field(f.Name, f.Type)
		}
		p := newPair(t, fields)
		keyType := map[order.KeyType]string{order.KeyInteger: "bigint", order.KeyUUID: "uuid", order.KeyText: `text COLLATE "C"`}[table.KeyType]
		p.exec(p.legacy, fmt.Sprintf("CREATE TABLE orders (order_id %s, status text, filled numeric, updated_at timestamptz)", keyType))
		if table.Indexed {
			p.exec(p.legacy, "CREATE INDEX ON orders (order_id); CREATE INDEX ON orders (updated_at)")
		}
		add := func(r order.Row) { insert(t, p.legacy, r) }
		for _, r := range table.Rows {
			add(r)
		}
		p.exec(p.legacy, fmt.Sprintf("INSERT INTO orders SELECT FROM generate_series(1, %d); ANALYZE orders", table.NoKey))
		p.config[0].ChangedAt, p.config[0].GroupBy = "updated_at", table.GroupBy
		side, err := source.Open(t.Context(), p.config[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(side.Close)
		return sourcetest.Opened{Side: side, Add: add}
	})
}

func insert(t *testing.T, conn *pgx.Conn, r order.Row) {
	t.Helper()
	args := []any{string(r.Key), nil, nil, nil}
	for i, v := range r.Values {
		if !v.Null {
			args[i+1] = v.Text
		}
	}
	if !r.ChangedAt.IsZero() {
		args[3] = r.ChangedAt.Format("2006-01-02 15:04:05.999999Z07:00")
	}
	const query = `INSERT INTO orders SELECT (json_populate_record(NULL::orders,
		json_build_object('order_id', $1::text, 'status', $2::text, 'filled', $3::text, 'updated_at', $4::text))).*`
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}
