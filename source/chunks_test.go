package source_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestPacedDigestsAreReadInSmallPieces reads tables and what has no pages. Half of the rows have been updated, so that keys
// are not in the order of addresses; some have no key, and one key has many rows.
func TestPacedDigestsAreReadInSmallPieces(t *testing.T) {
	const rows, chunk = 20_000, 1000
	p := newPair(t, []source.Field{field("status", order.Text)})
	for _, is := range []struct {
		name, key, table string
		statements       string
		inPieces         bool
	}{
		{name: "view", key: "i", statements: "CREATE VIEW orders AS SELECT * FROM filled", inPieces: true},
		{name: "partitions", key: "i", table: "public.parts", inPieces: true, statements: `CREATE TABLE parts (LIKE filled) PARTITION BY RANGE (order_id);
			CREATE TABLE o1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (9000); CREATE TABLE o2 PARTITION OF parts DEFAULT;
			INSERT INTO parts SELECT * FROM filled; CREATE INDEX ON parts (order_id)`},
		{name: "view of texts", key: "('k' || i) COLLATE \"C\"", statements: "CREATE VIEW orders AS SELECT * FROM filled", inPieces: true},
		{name: "view of uuids", key: "md5(i::text)::uuid", statements: "CREATE VIEW orders AS SELECT * FROM filled", inPieces: true},
		{name: "subquery", key: "i", table: "(SELECT * FROM public.filled OFFSET 0)"},
		{name: "table", key: "i", table: "public.filled", inPieces: true},
	} {
		t.Run(is.name, func(t *testing.T) {
			p.exec(p.legacy, "DROP VIEW IF EXISTS orders; DROP TABLE IF EXISTS filled, orders CASCADE")
			p.exec(p.legacy, fmt.Sprintf(`CREATE TABLE filled AS SELECT %s AS order_id, 'OPEN' AS status FROM generate_series(1, %d) AS i`, is.key, rows))
			p.exec(p.legacy, `CREATE INDEX ON filled (order_id); UPDATE filled SET status = 'FILLED' WHERE ctid::text LIKE '%1)';
				INSERT INTO filled SELECT NULL, 'OPEN' FROM generate_series(1, 5);
				INSERT INTO filled SELECT order_id, 'OPEN' FROM (SELECT order_id FROM filled WHERE order_id IS NOT NULL LIMIT 1 OFFSET 700) s, generate_series(1, 2500); ANALYZE filled`)
			p.exec(p.legacy, is.statements)
			p.exec(p.legacy, "ANALYZE")
			p.config[0].Table, p.config[0].GroupBy = cmp.Or(is.table, "public.orders"), "status"
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
			q := verify.DigestQuery{Layout: verify.Layout{ByBounds: true}, Hash: verify.Hash{Seed: 3}}
			want, err := n.Digests(t.Context(), q, func(int64) {})
			if err != nil {
				t.Fatal(err)
			}
			var paid []int64
			q.Pace = &verify.Pace{Rows: chunk, After: func(_ context.Context, rows int64) error { paid = append(paid, rows); return nil }}
			got, err := n.Digests(t.Context(), q, func(int64) {})
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(want, got, cmpopts.SortSlices(func(a, b verify.Digest) bool { return fmt.Sprint(a) < fmt.Sprint(b) })); d != "" {
				t.Error(d)
			}
			if inPieces := side.Unpaced() == ""; inPieces != is.inPieces {
				t.Errorf("in pieces %v, want %v: %s", inPieces, is.inPieces, side.Unpaced())
			}
			if most := slices.Max(paid); is.inPieces && (most > 4*chunk || len(paid) < 10) || !is.inPieces && len(paid) != 1 {
				t.Errorf("pieces of %v rows", paid)
			}
		})
	}
}
