package source_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

func TestDiagnoseFinds(t *testing.T) {
	const unseen = "an order that occurs twice, in the same way on both sides"
	for _, c := range []struct {
		name string
		harm func(*patient)
		want []expectation
	}{
		{"a missing table, and where it is", func(p *patient) {
			p.exec(p.projection, "CREATE SCHEMA read; ALTER TABLE public.orders SET SCHEMA read")
		}, []expectation{problem("projection", "table", "there is no table public.orders in database", "there is read.orders")}},
		{
			"a table without its schema", func(p *patient) { p.config[0].Table = "orders" },
			[]expectation{problem("legacy", "table", "there is no table orders", "there is public.orders")},
		},
		{
			"a table that is nowhere", func(p *patient) { p.config[0].Table = "public.nothing" },
			[]expectation{problem("legacy", "table", "there is no table public.nothing", "check the table")},
		},
		{
			"a table name that is none", func(p *patient) { p.config[0].Table = "public.orders o" },
			[]expectation{problem("legacy", "table", "not a valid identifier", "schema.table")},
		},
		{
			"a sequence", func(p *patient) { p.exec(p.legacy, "CREATE SEQUENCE public.s"); p.config[0].Table = "public.s" },
			[]expectation{problem("legacy", "table", "public.s is not a table or view", "check the table")},
		},
		{
			"one partition of several", func(p *patient) {
				p.exec(p.projection, `ALTER TABLE orders RENAME TO orders_old; CREATE TABLE orders (LIKE orders_old) PARTITION BY RANGE (order_id); ALTER TABLE orders ADD PRIMARY KEY (order_id); CREATE INDEX ON orders (updated_at);
					CREATE TABLE few PARTITION OF orders FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (order_id); CREATE TABLE fewer PARTITION OF few DEFAULT;
					INSERT INTO orders SELECT * FROM orders_old; GRANT SELECT ON fewer TO `+p.role)
				p.config[1].Table = "public.fewer"
			},
			[]expectation{warning("projection", "table", "public.fewer is one partition of public.orders: what the others hold is not compared", "table: 'public.orders'")},
		},
		{
			"a broken subquery", func(p *patient) { p.config[0].Table = "(selec 1)" },
			[]expectation{problem("legacy", "table", "syntax error", "SQL")},
		},
		{"missing columns, each", func(p *patient) {
			p.exec(p.legacy, "ALTER TABLE orders RENAME status TO state; ALTER TABLE orders RENAME price TO cost; ALTER TABLE orders RENAME updated_at TO at")
			p.exec(p.projection, "ALTER TABLE orders RENAME order_id TO id")
		}, []expectation{
			problem("legacy", "field", `status: column "status" does not exist`, "order_id, state, cost, at"),
			problem("legacy", "field", `price: column "price" does not exist`, "order_id, state, cost, at"),
			problem("legacy", "changed_at", `updated_at: column "updated_at" does not exist`, "order_id, state, cost, at"),
			problem("projection", "key", `column "order_id" does not exist`, "id, status, price"),
		}},
		{
			"a missing function", func(p *patient) {
				p.config[0].Fields = []source.Field{{Field: order.Field{Name: "status", Type: order.Text}, Expr: "tidy(status)"}}
			},
			[]expectation{problem("legacy", "field", "function tidy(text) does not exist", "schema.function")},
		},
		{
			"no privilege on the table", func(p *patient) { p.exec(p.legacy, "REVOKE SELECT ON orders FROM "+p.role) },
			[]expectation{problem("legacy", "table", "role ROLE may not read public.orders", `GRANT SELECT ON "public"."orders" TO "ROLE"`)},
		},
		{"no privilege on a column", func(p *patient) {
			p.exec(p.legacy, "REVOKE SELECT ON orders FROM "+p.role+"; GRANT SELECT (order_id, status, updated_at) ON orders TO "+p.role)
		}, []expectation{problem("legacy", "field", "price: permission denied", `GRANT SELECT ON "public"."orders" TO "ROLE"`)}},
		{"no privilege on the schema", func(p *patient) {
			p.exec(p.legacy, "CREATE SCHEMA closed; ALTER TABLE public.orders SET SCHEMA closed")
			p.config[0].Table = "closed.orders"
		}, []expectation{problem("legacy", "table", "role ROLE may not use schema closed", `GRANT USAGE ON SCHEMA "closed" TO "ROLE"`)}},
		{
			"more privileges than needed", func(p *patient) { p.exec(p.legacy, "GRANT UPDATE ON orders TO "+p.role) },
			[]expectation{info("legacy", "role", "role ROLE may write to public.orders", "only SELECT")},
		},
		{
			"a superuser", func(p *patient) { p.config[1].DSN = as(p.t, p.config[1].DSN, url.User("postgres")) },
			[]expectation{warning("projection", "role", "role postgres is a superuser", "only SELECT")},
		},
		{
			"hidden rows", func(p *patient) { p.exec(p.legacy, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY") },
			[]expectation{problem("legacy", "role", "row-level security hides rows", "BYPASSRLS")},
		},
		{
			"a scale that loses decimals", func(p *patient) { p.exec(p.projection, "ALTER TABLE orders ALTER price TYPE numeric(18,2)") },
			[]expectation{warning("both", "field", "price is numeric(18,4) in legacy and numeric(18,2) in the projection: the projection keeps 2 decimals", "widen")},
		},
		{
			"a projection of whole numbers", func(p *patient) { p.exec(p.projection, "ALTER TABLE orders ALTER price TYPE integer") },
			[]expectation{warning("both", "field", "price is numeric(18,4) in legacy and integer in the projection", "widen")},
		},
		{
			"a shorter text", func(p *patient) { p.exec(p.projection, "ALTER TABLE orders ALTER status TYPE varchar(10)") },
			[]expectation{warning("both", "field", "the projection holds at most 10 characters", "widen")},
		},
		{"a text that became a number", func(p *patient) {
			p.exec(p.projection, "ALTER TABLE orders ALTER status TYPE integer USING 1")
		}, []expectation{
			problem("projection", "field", "status is integer, which cannot be compared as text", "set the field's type to numeric, or map it with an expression, such as projection: '(status)::text'"),
			problem("both", "field", "status is text in legacy and integer in the projection", "map one side"),
		}},
		{"a float on both sides", func(p *patient) { p.both("ALTER TABLE orders ALTER price TYPE float8") }, []expectation{
			problem("legacy", "field", "price is double precision, which cannot be compared as numeric", "legacy: 'cast((price)::text AS numeric)'; a float does not hold decimals exactly"),
			problem("projection", "field", "price is double precision", "projection: 'cast((price)::text AS numeric)'"),
		}},
		{"json and a time without zone", func(p *patient) {
			p.both("ALTER TABLE orders ALTER status TYPE json USING '{}', ALTER price TYPE timestamp USING now()")
			for i := range p.config {
				p.config[i].Fields = []source.Field{field("status", order.Text), field("price", order.Timestamptz)}
			}
		}, []expectation{
			problem("legacy", "field", "status is json", "'(status)::text'"),
			problem("legacy", "field", "price is timestamp without time zone", "'(price) AT TIME ZONE ''UTC'''"),
			problem("projection", "field", "status is json", ""),
			problem("projection", "field", "price is timestamp without time zone", ""),
		}},
		{
			"keys of two types", func(p *patient) { p.exec(p.projection, "ALTER TABLE orders ALTER order_id TYPE text") },
			[]expectation{problem("both", "key", "the key is bigint in legacy and text in the projection", "in projection, write key: '(order_id)::bigint'")},
		},
		{
			"a smaller key", func(p *patient) { p.exec(p.projection, "ALTER TABLE orders ALTER order_id TYPE integer") },
			[]expectation{warning("both", "key", "cannot hold the largest numbers", "widen")},
		},
		{
			"a key that cannot be one", func(p *patient) { p.exec(p.legacy, "ALTER TABLE orders ALTER order_id TYPE numeric") },
			[]expectation{problem("legacy", "key", "key order_id is numeric; integers, uuid and text are supported", "key: 'trim_scale(order_id)::text', with the index that it needs: CREATE UNIQUE INDEX CONCURRENTLY ON \"public\".\"orders\" ((trim_scale(order_id)::text))")},
		},
		{"no index on the key", func(p *patient) { p.exec(p.legacy, "ALTER TABLE orders DROP CONSTRAINT orders_pkey") }, []expectation{
			warning("legacy", "key_index", "the key has no usable index", `CREATE UNIQUE INDEX CONCURRENTLY ON "public"."orders" (order_id)`),
			warning("legacy", "unique_key", unseen, "CREATE UNIQUE INDEX"),
		}},
		{"an index that is not unique", func(p *patient) {
			p.exec(p.legacy, "ALTER TABLE orders DROP CONSTRAINT orders_pkey; CREATE INDEX ON orders (order_id); CREATE UNIQUE INDEX ON orders (order_id, status); CREATE UNIQUE INDEX ON orders (order_id) WHERE price > 0")
		}, []expectation{warning("legacy", "unique_key", unseen, "CREATE UNIQUE INDEX")}},
		{
			"no index on changed_at", func(p *patient) { p.exec(p.legacy, "DROP INDEX orders_updated_at_idx") },
			[]expectation{warning("legacy", "changed_at", "no usable index on updated_at", "CREATE INDEX CONCURRENTLY")},
		},
		{
			"a changed_at that is no time", func(p *patient) { p.config[0].ChangedAt = "price" },
			[]expectation{problem("legacy", "changed_at", "price is numeric(18,4), not a timestamp", "timestamptz")},
		},
		{
			"no changed_at", func(p *patient) { p.config[0].ChangedAt = "" },
			[]expectation{info("legacy", "changed_at", "changed_at is not configured", "time of the last write")},
		},
		{"a view", func(p *patient) {
			p.exec(p.legacy, "CREATE VIEW public.v AS SELECT * FROM orders; GRANT SELECT ON public.v TO "+p.role)
			p.config[0].Table = "public.v"
		}, []expectation{
			info("legacy", "unique_key", "it is not known whether a key can occur twice", unseen),
			info("legacy", "delta", "a delta pass compares everything here: rows of the view public.v do not tell", "the one below a view"),
		}},
		{
			"an empty table", func(p *patient) { p.exec(p.projection, "TRUNCATE orders") },
			[]expectation{warning("projection", "rows", "the table is empty", "never a match")},
		},
		{"a materialized view that was never refreshed", func(p *patient) {
			p.exec(p.projection, "CREATE MATERIALIZED VIEW public.m AS SELECT * FROM orders WITH NO DATA; GRANT SELECT ON public.m TO "+p.role)
			p.config[1].Table = "public.m"
		}, []expectation{problem("projection", "table", "materialized view public.m was never refreshed", `REFRESH MATERIALIZED VIEW "public"."m"`)}},
		{
			"the same table twice", func(p *patient) { p.config[1] = p.config[0]; p.config[1].Representation = order.Projection },
			[]expectation{problem("both", "identity", "the same table of the same database", "a table always agrees with itself")},
		},
		{
			"an unknown database", func(p *patient) { p.config[0].DSN = strings.Replace(p.config[0].DSN, "/t", "/nothere", 1) },
			[]expectation{problem("legacy", "login", "does not exist", "check the database name")},
		},
		{
			"an unknown role", func(p *patient) { p.config[0].DSN = as(p.t, p.config[0].DSN, url.User("nobody_of_that_name")) },
			[]expectation{problem("legacy", "login", `role "nobody_of_that_name" does not exist`, "check the user")},
		},
		{"no privilege to connect", func(p *patient) {
			p.exec(p.legacy, "DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$")
		}, []expectation{problem("legacy", "login", "permission denied for database", "GRANT CONNECT ON DATABASE")}},
		{
			"a dsn that is none, without its password", func(p *patient) { p.config[0].DSN = "postgres://u:pa/ss#word@host:1/x" },
			[]expectation{problem("legacy", "dsn", "the dsn cannot be read", "%XX")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			c.harm(p)
			p.expect(c.want...)
		})
	}
}

// TestOneFailureHidesNoOther has trouble on both sides at once.
func TestOneFailureHidesNoOther(t *testing.T) {
	p := newPatient(t)
	p.exec(p.legacy, "ALTER TABLE orders ALTER price TYPE float8; DROP INDEX orders_updated_at_idx; ALTER TABLE orders DROP CONSTRAINT orders_pkey; TRUNCATE orders")
	p.config[1].DSN = "postgres://x@127.0.0.1:1/x?sslmode=disable"
	p.expect(
		problem("legacy", "field", "price is double precision", ""),
		warning("legacy", "changed_at", "no usable index", ""),
		warning("legacy", "key_index", "no usable index", ""),
		warning("legacy", "unique_key", "no unique index", ""),
		warning("legacy", "rows", "empty", ""),
		problem("projection", "connection", "connection refused by 127.0.0.1:1", "that the server is running"),
	)
}

func TestWiderTypesOfTheProjectionAreNoFinding(t *testing.T) {
	p := newPatient(t)
	p.exec(p.legacy, "ALTER TABLE orders ALTER status TYPE varchar(10), ALTER order_id TYPE integer")
	p.exec(p.projection, "ALTER TABLE orders ALTER price TYPE numeric; CREATE TYPE state AS ENUM ('OPEN'); ALTER TABLE orders ALTER status TYPE state USING status::state")
	p.expect()
}

func TestDiagnoseOfAServerInAnotherEncoding(t *testing.T) {
	p := newPatient(t)
	name := "latin_" + p.role
	p.exec(p.legacy, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() {
		if _, err := p.legacy.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(p.config[1].DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	p.config[1].DSN = u.String()
	p.expect(
		info("projection", "encoding", "LATIN1", "UTF-8"),
		problem("projection", "table", "there is no table", ""),
	)
}

func TestDiagnoseComparesClocks(t *testing.T) {
	p := newPatient(t)
	got := source.Diagnose(t.Context(), p.config[0], p.config[1], func() time.Time { return time.Now().Add(-90 * time.Second) })
	ahead := warning("legacy", "clock", "ahead of ours", "NTP")
	if !slices.ContainsFunc(got, ahead.metBy) {
		t.Errorf("not found: %+v", ahead)
	}
}

func TestDiagnoseOfAServerThatDoesNotAnswer(t *testing.T) {
	p := newPatient(t)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	p.config[0].DSN = "postgres://x:hidden@" + listener.Addr().String() + "/x?sslmode=disable"
	want := problem("legacy", "connection", "no answer from "+listener.Addr().String(), "firewall")
	if got := source.Diagnose(ctx, p.config[0], p.config[1], time.Now); !slices.ContainsFunc(got, want.metBy) {
		t.Errorf("not found: %+v in %+v", want, got)
	}
}

func TestDiagnoseOfAnUnknownHost(t *testing.T) {
	p := newPatient(t)
	p.config[0].DSN = "postgres://x:hidden@no-such-host.invalid/x"
	got := p.diagnose()
	for _, f := range got {
		if f.Side == "legacy" && (f.Check != "connection" || !strings.Contains(f.Message, "no-such-host.invalid") || f.Hint == "") {
			t.Errorf("found %+v", f)
		}
	}
}

// TestDiagnoseOfAWrongPassword asks one role of the test server for a password.
func TestDiagnoseOfAWrongPassword(t *testing.T) {
	p := newPatient(t)
	p.exec(p.legacy, "ALTER ROLE "+p.role+" PASSWORD 'right'")
	var rules string
	if err := p.legacy.QueryRow(t.Context(), "SHOW hba_file").Scan(&rules); err != nil {
		t.Fatal(err)
	}
	trusting, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	strict := append([]byte("host all "+p.role+" all scram-sha-256\n"), trusting...)
	if err := os.WriteFile(rules, strict, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(rules, trusting, 0o600); err != nil {
			t.Error(err)
		}
	})
	p.exec(p.legacy, "SELECT pg_reload_conf()")
	refused := problem("legacy", "login", "password authentication failed", "check the user name and the password")
	p.config[0].DSN = as(t, p.config[0].DSN, url.UserPassword(p.role, "swordfish"))
	got := p.diagnose()
	for start := time.Now(); !slices.ContainsFunc(got, refused.metBy); got = p.diagnose() { // the server reads its rules in its own time
		if time.Since(start) > 30*time.Second {
			t.Fatalf("not found: %+v", refused)
		}
	}
	for _, f := range got {
		if strings.Contains(f.Message+f.Hint, "swordfish") {
			t.Errorf("the password is in %+v", f)
		}
	}
	for i := range p.config {
		p.config[i].DSN = as(t, p.config[i].DSN, url.UserPassword(p.role, "right"))
	}
	p.expect()
}

func TestDiagnoseOfAServerWithoutTLS(t *testing.T) {
	p := newPatient(t)
	p.config[0].DSN = strings.Replace(p.config[0].DSN, "sslmode=disable", "sslmode=require", 1)
	p.expect(problem("legacy", "connection", "does not offer TLS", "sslmode"))
}

func TestDiagnoseOfSomethingElse(t *testing.T) {
	p := newPatient(t)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{}) // closed when nothing is accepted any more
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	p.config[0].DSN = "postgres://x:hidden@" + listener.Addr().String() + "/x?sslmode=disable"
	p.expect(problem("legacy", "connection", "closed the connection", "which program listens there"))
}
