package source

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// TestAnIndexServesOnlyThroughTheKey: an index that must be read as a whole does not serve, whatever the size of the table. The
// advice is SQL that the server accepts, and after it an index serves.
func TestAnIndexServesOnlyThroughTheKey(t *testing.T) {
	t.Parallel()
	const columns = "(p bigint PRIMARY KEY, k bigint, n varchar, u uuid, kind text, type text, at timestamptz, body jsonb)"
	const store = "CREATE TABLE store " + columns + ";"
	const parts = `CREATE TABLE store (p bigint, k bigint, n varchar, u uuid, kind text, type text, at timestamptz, body jsonb) PARTITION BY RANGE (k);
		CREATE TABLE low PARTITION OF store FOR VALUES FROM (1) TO (500); CREATE TABLE high PARTITION OF store FOR VALUES FROM (500) TO (5000) PARTITION BY LIST (kind);
		CREATE TABLE high_orders PARTITION OF high FOR VALUES IN ('order'); CREATE TABLE high_rest PARTITION OF high DEFAULT;`
	conn, c := newStore(t)
	pool, err := connect(t.Context(), "events", c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for i, test := range []struct {
		name, make  string
		key, strip  string
		table, with string // public.store by default; events.where
		want        bool
		hint        string // part of it
	}{
		{name: "no index", make: store, hint: `CREATE INDEX CONCURRENTLY ON "public"."store" (k, p)`},
		{name: "the key first", make: store + "CREATE INDEX ON store (k, p)", want: true},
		{name: "another column first", make: store + "CREATE INDEX other_first ON store (kind, k)", hint: "(k, p)"},
		{name: "a column of a name that begins alike first", make: store + "ALTER TABLE store ADD k2 int; CREATE INDEX ON store (k2, k)", hint: "(k, p)"},
		{name: "both", make: store + "CREATE INDEX ON store (kind, k); CREATE INDEX ON store (k)", want: true},
		{name: "an expression first", make: store + "CREATE INDEX ON store ((k + 1), k)", hint: "(k, p)"},
		{name: "the key included only", make: store + "CREATE INDEX ON store (kind) INCLUDE (k)", hint: "(k, p)"},
		{name: "hash", make: store + "CREATE INDEX ON store USING hash (k)", want: true},
		{name: "brin", make: store + "CREATE INDEX ON store USING brin (k)", hint: "(k, p)"},
		{name: "gin", make: store + "CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public; CREATE INDEX ON store USING gin (kind, k)", want: true},
		{name: "an index that is not valid", make: store + "CREATE INDEX broken ON store (k); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass", hint: "(k, p)"},
		{name: "partial, for the condition", make: store + "CREATE INDEX ON store (k) WHERE kind = 'order'", with: "kind = 'order'", want: true},
		{name: "partial, for another condition", make: store + "CREATE INDEX ON store (k) WHERE kind = 'cart'", with: "kind = 'order'", hint: "(k, p)"},
		{name: "the condition's column first", make: store + "CREATE INDEX ON store (kind, k)", with: "kind = 'order'", want: true},
		{name: "a range of the condition first", make: store + "CREATE INDEX ON store (kind, k)", with: "kind > 'o'", hint: "(k, p)"},
		{name: "the condition only", make: store + "CREATE INDEX ON store (kind)", with: "kind = 'order'", hint: "(k, p)"},
		{name: "an expression", make: store, key: "(body ->> 'k')::bigint", hint: "ON \"public\".\"store\" ((CASE WHEN"},
		{name: "an expression with an index", make: store + "CREATE INDEX ON store (((body ->> 'k')::bigint))", key: "(body ->> 'k')::bigint", want: true},
		{name: "an expression behind another", make: store + "CREATE INDEX ON store ((body ->> 'tenant'), ((body ->> 'k')::bigint))", key: "(body ->> 'k')::bigint", hint: "p)"},
		{name: "an expression behind the condition's", make: store + "CREATE INDEX ON store ((body ->> 'tenant'), ((body ->> 'k')::bigint))", key: "(body ->> 'k')::bigint", with: "body ->> 'tenant' = 'a'", want: true},
		{name: "uuid", make: store, key: "u", hint: "(u, p)"},
		{name: "uuid behind another column", make: store + "CREATE INDEX ON store (kind, u)", key: "u", hint: "(u, p)"},
		{name: "text in another order", make: store + `CREATE INDEX ON store (kind COLLATE "C")`, key: "kind", hint: "(kind, p)"},
		{name: "text by patterns", make: store + "CREATE INDEX ON store (kind text_pattern_ops)", key: "kind", want: true},
		{name: "varchar", make: store, key: "n", hint: "(n, p)"},
		{name: "varchar behind another column", make: store + "CREATE INDEX ON store (kind, n)", key: "n", hint: "(n, p)"},
		{name: "varchar behind the condition's column", make: store + "CREATE INDEX ON store (kind, n)", key: "n", with: "kind = 'order'", want: true},
		{name: "a prefix", make: store, key: "n", strip: "order-", hint: "(n, p)"},
		{name: "a prefix, with an index", make: store + "CREATE INDEX ON store (n, p)", key: "n", strip: "order-", want: true},
		{name: "a prefix, by bytes", make: store + `ALTER TABLE store ALTER n TYPE varchar COLLATE "C"; CREATE INDEX ON store (n text_pattern_ops)`, key: "n", strip: "order-", want: true},
		{name: "a prefix, and an index on what is left", make: store + "CREATE INDEX ON store (substr(n, 7))", key: "n", strip: "order-", hint: "(n, p)"},
		{name: "a prefix, behind another column", make: store + "CREATE INDEX ON store (kind, n)", key: "n", strip: "order-", hint: "(n, p)"},
		{name: "partitions", make: parts, hint: `CREATE INDEX ON "public"."store" (k, p)`},
		{name: "partitions, with an index on the parent", make: parts + "CREATE INDEX ON store (k)", want: true},
		{name: "partitions, one without", make: parts + "CREATE INDEX ON low (k); CREATE INDEX ON high_rest (k)", hint: `CREATE INDEX ON "public"."store" (k, p)`},
		{name: "partitions, one behind another column", make: parts + "CREATE INDEX ON low (k); CREATE INDEX ON high_rest (k); CREATE INDEX ON high_orders (type, k)", hint: "(k, p)"},
		{name: "partitions, each its own", make: parts + "CREATE INDEX ON low (k); CREATE INDEX ON high_rest (k, p); CREATE INDEX ON high_orders USING hash (k)", want: true},
		{name: "partitions, only the parent", make: parts + "CREATE INDEX ON ONLY store (k)", hint: "(k, p)"},
		{name: "partitions, attached", make: parts + `CREATE INDEX whole ON ONLY store (k); CREATE INDEX above ON ONLY high (k); CREATE INDEX i0 ON low (k); CREATE INDEX i1 ON high_orders (k); CREATE INDEX i2 ON high_rest (k);
			ALTER INDEX above ATTACH PARTITION i1; ALTER INDEX above ATTACH PARTITION i2; ALTER INDEX whole ATTACH PARTITION i0; ALTER INDEX whole ATTACH PARTITION above`, want: true},
		{name: "partitions, an expression", make: parts, key: "(body ->> 'k')::bigint", hint: `CREATE INDEX ON "public"."store" ((CASE WHEN`},
		{name: "no partitions yet", make: "CREATE TABLE store (LIKE wide) PARTITION BY RANGE (k)", want: true},
		{name: "inheritance", make: store + "CREATE INDEX ON store (k); CREATE TABLE more () INHERITS (store)", hint: `CREATE INDEX CONCURRENTLY ON "public"."more" (k)`},
		{name: "inheritance, neither", make: store + "CREATE TABLE more () INHERITS (store)", hint: `CREATE INDEX CONCURRENTLY ON "public"."store" (k, p); CREATE INDEX CONCURRENTLY ON "public"."more" (k)`},
		{name: "view", make: store + "CREATE VIEW shown AS SELECT p, k AS order_no, kind, type, at, body FROM store", table: "public.shown", key: "order_no", hint: `CREATE INDEX CONCURRENTLY ON "public"."store" (k)`},
		{name: "view of an index", make: store + "CREATE INDEX ON store (k); CREATE VIEW shown AS SELECT * FROM store WHERE kind <> 'x'", table: "public.shown", want: true},
		{name: "view of two tables", make: store + "CREATE TABLE older (LIKE store); CREATE INDEX ON store (k); CREATE VIEW shown AS SELECT * FROM store UNION ALL SELECT * FROM older", table: "public.shown", hint: `CREATE INDEX CONCURRENTLY ON "public"."older" (k)`},
		{name: "view with a cast", make: store + "CREATE VIEW shown AS SELECT p, (body ->> 'k')::int AS k, kind, type, at, body FROM store", table: "public.shown", hint: `ON "public"."store" (`},
		{name: "view that joins", make: store + "CREATE TABLE kinds (kind text PRIMARY KEY); CREATE INDEX ON store (k); CREATE VIEW shown AS SELECT s.* FROM store s JOIN kinds USING (kind)", table: "public.shown", want: true},
		{name: "view that joins, without an index", make: store + "CREATE TABLE kinds (kind text PRIMARY KEY); CREATE VIEW shown AS SELECT s.* FROM store s JOIN kinds USING (kind)", table: "public.shown", hint: `CREATE INDEX CONCURRENTLY ON "public"."store" (k)`},
		{name: "view of partitions", make: parts + "CREATE VIEW shown AS SELECT * FROM store", table: "public.shown", hint: `CREATE INDEX ON "public"."store" (k)`},
		{name: "subquery", make: store, table: "(SELECT * FROM public.store WHERE kind <> 'x')", hint: `CREATE INDEX CONCURRENTLY ON "public"."store" (k)`},
		{name: "subquery, behind another column", make: store + "CREATE INDEX ON store (kind, k)", table: "(SELECT * FROM public.store)", hint: `CREATE INDEX CONCURRENTLY ON "public"."store" (k)`},
		{name: "a column in quotes", make: store + `ALTER TABLE store RENAME k TO "Order No"`, key: `"Order No"`, hint: `("Order No", p)`},
		{name: "view of a column in quotes", make: store + `ALTER TABLE store RENAME k TO "Order No"; CREATE VIEW shown AS SELECT p, "Order No" AS k, type, at, body FROM store`, table: "public.shown", hint: `ON "public"."store" ("Order No")`},
	} {
		if testing.Short() && i%6 != 0 {
			continue
		}
		sizes := []string{"2"}
		if !strings.Contains(test.name, ",") && !testing.Short() {
			sizes = append(sizes, "4000") // without costs that are equal
		}
		for _, rows := range sizes {
			t.Run(test.name+", "+rows+" rows", func(t *testing.T) {
				run := func(sql string) {
					t.Helper()
					for statement := range strings.SplitSeq(sql, "; ") { // one by one, because CONCURRENTLY needs that
						if _, err := conn.Exec(t.Context(), statement); err != nil {
							t.Fatalf("%s: %v", statement, err)
						}
					}
				}
				run("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE wide " + columns)
				run(test.make)
				if !strings.Contains(test.name, "no partitions") {
					of := "k"
					if strings.Contains(test.make, `"Order No"`) {
						of = `"Order No"`
					}
					run(`INSERT INTO store (p, ` + of + `, n, u, kind, type, at, body) SELECT i, i, 'order-' || i, md5(i::text)::uuid, CASE WHEN i % 3 = 0 THEN 'cart' ELSE 'order' END, 'Noted', now(), jsonb_build_object('k', i)
						FROM generate_series(1, ` + rows + `) i; DO $$BEGIN EXECUTE (SELECT 'ANALYZE ' || string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p'));END$$`)
				}
				c := c
				c.Table, c.Key, c.Strip, c.Where = "public.store", "k", test.strip, test.with
				if test.table != "" {
					c.Table = test.table
				}
				if test.key != "" {
					c.Key = test.key
				}
				f := keyIndex(t, pool, c)
				if served := f.Level == doctor.OK; served != test.want || !strings.Contains(f.Hint, test.hint) {
					t.Fatalf("%+v", f)
				}
				if test.want {
					return
				}
				run(f.Hint)
				if f := keyIndex(t, pool, c); f.Level != doctor.OK {
					t.Errorf("after the advice: %+v", f)
				}
			})
		}
	}
}

func newStore(t *testing.T) (*pgx.Conn, EventsConfig) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) }) //nolint:errcheck // the server ends after it
	if _, err := conn.Exec(t.Context(), "SET client_min_messages = warning; SET search_path = public"); err != nil {
		t.Fatal(err)
	}
	return conn, EventsConfig{DSN: dsn, Position: "p", Type: "type", At: "at", Payload: "body", Rules: order.Defaults()}
}

// keyIndex is what doctor says of the index of the key.
func keyIndex(t *testing.T, pool *session.Pool, c EventsConfig) doctor.Finding {
	t.Helper()
	events := newEvents(c)
	events.side.pool = pool
	e := &eventsExamination{examination: &examination{Side: events.side, now: time.Now}, events: events}
	if e.examineTable(t.Context()); e.examineWhere(t.Context()) {
		e.examineEventKey(t.Context())
	}
	for _, f := range e.findings {
		if f.Check == CheckKeyIndex {
			return f
		}
	}
	t.Fatalf("nothing is said: %+v", e.findings)
	return doctor.Finding{}
}
