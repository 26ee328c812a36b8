package source_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/source"
)

// TestIndexedMeansByRanges: an index that sorts text in another order, or must be read as a whole, does not count,
// for each range would cost a scan.
func TestIndexedMeansByRanges(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	for _, test := range []struct {
		name, make, table string
		want              bool
	}{
		{"primary key", "CREATE TABLE orders (order_id bigint PRIMARY KEY, status text)", "public.orders", true},
		{"smallint", "CREATE TABLE orders (order_id smallint PRIMARY KEY, status text)", "public.orders", true},
		{"uuid", "CREATE TABLE orders (order_id uuid PRIMARY KEY, status text)", "public.orders", true},
		{"text by bytes", `CREATE TABLE orders (order_id text COLLATE "C" PRIMARY KEY, status text)`, "public.orders", true},
		{"text in ICU order", `CREATE TABLE orders (order_id text COLLATE "en-x-icu" PRIMARY KEY, status text)`, "public.orders", false},
		{"no index", "CREATE TABLE orders (order_id bigint, status text)", "public.orders", false},
		{"hash index", "CREATE TABLE orders (order_id bigint, status text); CREATE INDEX ON orders USING hash (order_id)", "public.orders", false},
		{"view", "CREATE TABLE orders (order_id bigint PRIMARY KEY, status text); CREATE VIEW shown AS SELECT * FROM orders", "public.shown", true},
		{"view that groups", "CREATE TABLE orders (order_id bigint, status text); CREATE VIEW shown AS SELECT order_id, max(status) AS status FROM orders GROUP BY 1", "public.shown", false},
		{"subquery", "CREATE TABLE orders (order_id bigint PRIMARY KEY, status text)", "(SELECT * FROM public.orders WHERE status <> 'X')", true},
		{"fenced subquery", "CREATE TABLE orders (order_id bigint PRIMARY KEY, status text)", "(SELECT * FROM public.orders OFFSET 0)", false},
		{"partitions", `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text) PARTITION BY HASH (order_id);
			CREATE TABLE orders_0 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 0);
			CREATE TABLE orders_1 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 1)`, "public.orders", true},
		{"materialized view", "CREATE MATERIALIZED VIEW orders AS SELECT 1::bigint AS order_id, 'x'::text AS status; CREATE UNIQUE INDEX ON orders (order_id)", "public.orders", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p.exec(p.legacy, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; "+test.make)
			p.config[0].Table = test.table
			side, err := source.Open(t.Context(), p.config[0])
			if err != nil {
				t.Fatal(err)
			}
			defer side.Close()
			n, err := side.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			e, err := n.Extent(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if e.Indexed != test.want {
				t.Errorf("indexed is %v", e.Indexed)
			}
		})
	}
}
