package source_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// relation is what orders may be read from. In make, NUMBERS is a FROM item with the numbers n of the side's orders,
// STATUS its status, and PAD a text that makes some rows fill a page.
type relation struct {
	name, make, table, key string
	refused                string // part of the reason; empty if a sample can be drawn
}

// relations with 1,000 numbers on both sides together. Those that are drawn by address have pages that are full, nearly
// empty and empty, in files of very different sizes.
var relations = []relation{
	{name: "partitions of partitions, text", table: "public.orders", key: "order_id", make: `
		CREATE TABLE orders (order_id text, n int, status text, pad text) PARTITION BY RANGE (n); CREATE INDEX ON orders (order_id);
		CREATE TABLE small PARTITION OF orders FOR VALUES FROM (0) TO (310);
		CREATE TABLE large PARTITION OF orders FOR VALUES FROM (310) TO (5000) PARTITION BY LIST ((n % 3));
		CREATE TABLE large_0 PARTITION OF large FOR VALUES IN (0) WITH (autovacuum_enabled = off);
		CREATE TABLE large_1 PARTITION OF large FOR VALUES IN (1); CREATE TABLE large_2 PARTITION OF large FOR VALUES IN (2);
		CREATE TABLE none PARTITION OF orders FOR VALUES FROM (5000) TO (6000);
		ALTER TABLE small ALTER pad SET STORAGE plain; ALTER TABLE large_0 ALTER pad SET STORAGE plain; ALTER TABLE large_2 ALTER pad SET STORAGE plain;
		INSERT INTO orders SELECT 'o-' || n, n, STATUS, PAD FROM NUMBERS`},
	{name: "inheritance, key by expression", table: "public.orders", key: "order_no::text", make: `
		CREATE TABLE orders (order_no int, n int, status text, pad text);
		CREATE TABLE more (extra int, status text, pad text, n int, order_no int); ALTER TABLE more INHERIT orders;
		CREATE TABLE both_again () INHERITS (more); CREATE TABLE none () INHERITS (orders);
		CREATE INDEX ON orders ((order_no::text)); CREATE INDEX ON more ((order_no::text)); CREATE INDEX ON both_again ((order_no::text)); CREATE INDEX ON none ((order_no::text));
		ALTER TABLE orders ALTER pad SET STORAGE plain;
		INSERT INTO orders (order_no, n, status, pad) SELECT n, n, STATUS, PAD FROM NUMBERS WHERE n % 2 = 0;
		INSERT INTO more (order_no, n, status, pad) SELECT n, n, STATUS, PAD FROM NUMBERS WHERE n % 2 = 1 AND n < 900;
		INSERT INTO both_again (order_no, n, status) SELECT n, n, STATUS FROM NUMBERS WHERE n % 2 = 1 AND n >= 900`},
	{name: "most pages empty, uuid", table: "public.orders", key: "order_id", make: `
		CREATE TABLE orders (order_id uuid PRIMARY KEY, n int, status text, pad text) WITH (autovacuum_enabled = off);
		ALTER TABLE orders ALTER pad SET STORAGE plain;
		INSERT INTO orders SELECT gen_random_uuid(), -m, 'GONE', repeat('x', 700) FROM generate_series(1, 3000) m;
		INSERT INTO orders SELECT md5(n::text)::uuid, n, STATUS, PAD FROM NUMBERS;
		DELETE FROM orders WHERE n < 0; VACUUM (TRUNCATE off) orders`},
	{name: "materialized view, composite key", table: "public.orders", key: "(region || '-' || n)", make: `
		CREATE MATERIALIZED VIEW orders AS SELECT 'eu'::text AS region, n, STATUS AS status, PAD AS pad FROM NUMBERS;
		CREATE INDEX ON orders ((region || '-' || n))`},
	{name: "view of one in a hundred, integer", table: "public.shown", key: "order_id", make: `
		CREATE TABLE orders (order_id bigint PRIMARY KEY, n int, status text, pad text, desk int);
		INSERT INTO orders SELECT 100 * n + m, n, STATUS, NULL, m FROM NUMBERS, generate_series(0, 99) m;
		CREATE VIEW shown AS SELECT * FROM orders WHERE desk = 7`},
	{name: "view over two tables, integer", table: "public.shown", key: "order_id", make: `
		CREATE TABLE orders (order_id bigint PRIMARY KEY, n int, status text); CREATE TABLE archive (LIKE orders INCLUDING ALL);
		INSERT INTO orders SELECT n, n, STATUS FROM NUMBERS WHERE n > 150; INSERT INTO archive SELECT n, n, STATUS FROM NUMBERS WHERE n <= 150;
		CREATE VIEW shown AS SELECT * FROM orders UNION ALL SELECT * FROM archive`},
	{name: "subquery, integer", table: "(SELECT * FROM public.orders WHERE status <> '')", key: "order_id", make: `
		CREATE TABLE orders (order_id int PRIMARY KEY, n int, status text); INSERT INTO orders SELECT n * 3, n, STATUS FROM NUMBERS`},
	{name: "foreign table, integer", table: "public.shown", key: "order_id", make: `
		CREATE TABLE orders (order_id bigint PRIMARY KEY, n int, status text); INSERT INTO orders SELECT n, n, STATUS FROM NUMBERS; WRAPPED;
		CREATE FOREIGN TABLE shown (order_id bigint, n int, status text) SERVER itself OPTIONS (schema_name 'public', table_name 'orders'); ANALYZE shown`},
	{name: "view, uuid", table: "public.shown", key: "order_id", refused: "keys of type uuid are drawn by the address of their row, and legacy has no addresses: it is a view", make: `
		CREATE TABLE orders (order_id uuid PRIMARY KEY, n int, status text); INSERT INTO orders SELECT md5(n::text)::uuid, n, STATUS FROM NUMBERS;
		CREATE VIEW shown AS SELECT * FROM orders`},
	{name: "subquery, text", table: "(SELECT * FROM public.orders)", key: "order_id", refused: "it is a subquery", make: `
		CREATE TABLE orders (order_id text PRIMARY KEY, n int, status text); INSERT INTO orders SELECT 'o' || n, n, STATUS FROM NUMBERS`},
	{name: "foreign table, text", table: "public.shown", key: "order_id", refused: "it is a foreign table", make: `
		CREATE TABLE orders (order_id text PRIMARY KEY, n int, status text); INSERT INTO orders SELECT n, n, STATUS FROM NUMBERS; WRAPPED;
		CREATE FOREIGN TABLE shown (order_id text, n int, status text) SERVER itself OPTIONS (schema_name 'public', table_name 'orders')`},
	{name: "foreign table, key by expression", table: "public.shown", key: "length(repeat('x', n))", refused: "fetches a whole foreign table", make: `
		CREATE TABLE orders (order_id text, n int, status text); INSERT INTO orders SELECT n, n, STATUS FROM NUMBERS; WRAPPED;
		CREATE FOREIGN TABLE shown (order_id text, n int, status text) SERVER itself OPTIONS (schema_name 'public', table_name 'orders')`},
	{name: "foreign partition", table: "public.orders", key: "order_id", refused: "its part public.far is a foreign table", make: `
		CREATE TABLE stored (order_id uuid PRIMARY KEY, n int, status text); INSERT INTO stored SELECT md5(n::text)::uuid, n, STATUS FROM NUMBERS; WRAPPED;
		CREATE TABLE orders (order_id uuid, n int, status text) PARTITION BY RANGE (n);
		CREATE FOREIGN TABLE far PARTITION OF orders FOR VALUES FROM (0) TO (9000) SERVER itself OPTIONS (schema_name 'public', table_name 'stored')`},
	{name: "sparse view, integer", table: "public.shown", key: "order_id", refused: "too sparse to be drawn from their range, and legacy has no addresses: it is a view", make: `
		CREATE TABLE orders (order_id bigint PRIMARY KEY, n int, status text); INSERT INTO orders SELECT n * 100000000::bigint, n, STATUS FROM NUMBERS;
		CREATE VIEW shown AS SELECT * FROM orders`},
	{name: "large and without an index", table: "public.orders", key: "order_id", refused: "a lookup by key reads a large table", make: `
		CREATE TABLE orders (order_id bigint, n int, status text); INSERT INTO orders SELECT n, n, STATUS FROM NUMBERS;
		INSERT INTO orders SELECT 2000 + m, -1, 'SAME' FROM generate_series(1, 300000) m`},
}

// build makes the relation on both sides: 900 numbers in legacy, 650 in the projection, 1,000 together.
func (r relation) build(p *pair) {
	p.t.Helper()
	for i, conn := range []*pgx.Conn{p.legacy, p.projection} {
		numbers := []string{"generate_series(1, 900) n", "(SELECT n FROM generate_series(301, 1000) n WHERE n NOT BETWEEN 501 AND 550) n"}[i]
		here := conn.Config()
		sql := strings.NewReplacer("NUMBERS", numbers, "STATUS", []string{"'LEGACY'", "'PROJECTION'"}[i],
			"PAD", "CASE WHEN n % 2 = 0 THEN repeat('x', 7000) END",
			"WRAPPED", fmt.Sprintf(`CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%d', dbname '%s');
				CREATE USER MAPPING FOR CURRENT_USER SERVER itself OPTIONS (user '%s', password_required 'false')`, here.Host, here.Port, here.Database, here.User)).Replace(r.make)
		for statement := range strings.SplitSeq("DROP SCHEMA public CASCADE; CREATE SCHEMA public; "+sql+"; ANALYZE", ";") {
			p.exec(conn, statement) // one by one, because VACUUM needs that
		}
		p.config[i].Table, p.config[i].Key = r.table, r.key
	}
}

// TestSamplesOfAnyRelation are uniform over the orders that it shows, or refused with the reason. All orders differ, so
// that a suspect is an order drawn.
func TestSamplesOfAnyRelation(t *testing.T) {
	t.Parallel()
	const size, rounds = 100, 20
	p := newPair(t, []source.Field{textField("status")})
	for i, r := range relations {
		if leftOut(i) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			p := &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}
			r.build(p)
			drawn, c := newRecorder(), p.comparison()
			c.Random = rand.New(rand.NewPCG(1, 0))
			for range rounds {
				store := ledgertest.New(nil)
				drawn.Ledger, c.Ledger = store, drawn
				pass, _ := p.run(c, store, func(l lease.Lease) (verify.Pass, error) {
					return c.Sample(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, size)
				})
				facts := pass.Scan.Facts.(verify.SampleFacts)
				if r.refused != "" {
					if !strings.Contains(facts.Refused, r.refused) || facts.Sampled != 0 || pass.Scan.Coverage != 0 || !strings.Contains(pass.Scan.Reason, facts.Refused) {
						t.Errorf("refused with %q, %+v", facts.Refused, pass.Scan)
					}
					return
				}
				if facts.Sampled != size || facts.Refused != "" || pass.Scan.Coverage != 1 {
					t.Fatalf("the sample is %+v", pass.Scan)
				}
			}
			all := p.numbered(r)
			if len(all) != 1000 {
				t.Fatalf("%d orders", len(all))
			}
			uniform(t, "side", all, drawn.drawn, func(n int) int { return min(n/301, 1) + min(n/901, 1) })
			uniform(t, "page", all, drawn.drawn, func(n int) int { return n % 2 })
			uniform(t, "place", all, drawn.drawn, func(n int) int { return n / 50 })
			uniform(t, "order", all, drawn.drawn, func(n int) int { return n })
		})
	}
}

// numbered are all orders that the relation shows on either side, with their number.
func (p *pair) numbered(r relation) map[order.Key]int {
	p.t.Helper()
	out := map[order.Key]int{}
	for _, conn := range []*pgx.Conn{p.legacy, p.projection} {
		rows, err := conn.Query(p.t.Context(), fmt.Sprintf("SELECT (%s)::text, n FROM %s t", r.key, r.table))
		if err != nil {
			p.t.Fatal(err)
		}
		var key string
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { out[order.Key(key)] = n; return nil }); err != nil {
			p.t.Fatal(err)
		}
	}
	return out
}

// TestAddressesCoverEachRowOnce, also where the role may read the whole but not its parts, and where a part has a policy
// of its own.
func TestAddressesCoverEachRowOnce(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	const role = "reader_of_the_whole"
	p.exec(p.legacy, "CREATE ROLE "+role+" LOGIN")
	p.config[0].DSN = as(t, p.config[0].DSN, url.User(role))
	for _, r := range relations[:4] {
		t.Run(r.name, func(t *testing.T) {
			p := &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}
			r.build(p)
			p.exec(p.legacy, "GRANT USAGE ON SCHEMA public TO "+role+"; GRANT SELECT ON orders TO "+role)
			if strings.HasPrefix(r.name, "partitions") {
				p.exec(p.legacy, "GRANT SELECT ON large_1, large_2 TO "+role+"; ALTER TABLE large_2 ENABLE ROW LEVEL SECURITY")
			}
			legacy, _ := p.open()
			n, err := legacy.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			d, err := n.Draws(t.Context())
			if err != nil || d.NoAddress != "" || d.NoLookup != "" {
				t.Fatalf("%+v, %v", d, err)
			}
			addresses := make([]int64, d.Addresses)
			for i := range addresses {
				addresses[i] = int64(i)
			}
			var each []order.Key
			for part := range slices.Chunk(addresses, 50_000) {
				keys, err := n.At(t.Context(), part)
				if err != nil {
					t.Fatal(err)
				}
				each = append(each, keys...)
			}
			all, err := n.At(t.Context(), nil)
			slices.Sort(all)
			slices.Sort(each)
			if err != nil || len(all) != 900 || !slices.Equal(all, each) {
				t.Errorf("%d rows at the addresses, %d in all, %v", len(each), len(all), err)
			}
		})
	}
}
