package source_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/source"
)

// ownTables are in legacy's database, which has a projection beside it.
const ownTables = `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text); INSERT INTO orders SELECT n, 'OPEN' FROM generate_series(1, 20) n;
	CREATE TABLE current_orders (order_id bigint PRIMARY KEY, status text); INSERT INTO current_orders SELECT n, 'OPEN' FROM generate_series(1, 20) n;
	CREATE TABLE lookup (status text, word text); INSERT INTO lookup VALUES ('OPEN', 'open');
	CREATE VIEW joined AS SELECT o.order_id, l.word AS status FROM orders o JOIN lookup l USING (status);
	CREATE VIEW current_joined AS SELECT o.order_id, l.word AS status FROM current_orders o JOIN lookup l USING (status);
	CREATE VIEW united AS TABLE orders UNION ALL TABLE current_orders;
	CREATE FUNCTION read_orders() RETURNS SETOF orders LANGUAGE plpgsql STABLE AS 'BEGIN RETURN QUERY TABLE public.orders; END';
	CREATE VIEW of_function AS SELECT * FROM read_orders();
	CREATE FUNCTION one_status(bigint) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT status FROM public.orders WHERE order_id = $1); END';
	CREATE VIEW of_scalar AS SELECT order_id, one_status(order_id) AS status FROM current_orders;
	CREATE FUNCTION "Pick"() RETURNS SETOF current_orders LANGUAGE plpgsql AS 'BEGIN RETURN QUERY TABLE public.current_orders; END';
	CREATE MATERIALIZED VIEW kept AS TABLE orders;
	CREATE VIEW picked AS SELECT * FROM "Pick"();
	CREATE FUNCTION same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
	CREATE VIEW computed AS SELECT order_id, same(status) AS status FROM current_orders`

// foreignTables are in either database. OTHER is the database of the other side, and THIRD is neither's.
const foreignTables = `CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (OTHER);
	CREATE SERVER own FOREIGN DATA WRAPPER postgres_fdw OPTIONS (OWN); CREATE SERVER third_SIDE FOREIGN DATA WRAPPER postgres_fdw OPTIONS (THIRD);
	CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (LOGIN); CREATE USER MAPPING FOR PUBLIC SERVER own OPTIONS (LOGIN);
	CREATE USER MAPPING FOR PUBLIC SERVER third_SIDE OPTIONS (LOGIN);
	CREATE FOREIGN TABLE other_orders (order_id bigint, status text) SERVER other OPTIONS (schema_name 'public', table_name 'orders');
	CREATE FOREIGN TABLE other_current (order_id bigint, status text) SERVER other OPTIONS (schema_name 'public', table_name 'current_orders');
	CREATE FOREIGN TABLE other_joined (order_id bigint, status text) SERVER other OPTIONS (schema_name 'public', table_name 'joined');
	CREATE FOREIGN TABLE lookup_there (status text, word text) SERVER other OPTIONS (schema_name 'public', table_name 'lookup');
	CREATE FOREIGN TABLE own_rows (order_id bigint, status text) SERVER own OPTIONS (schema_name 'public', table_name 'current_orders');
	CREATE FOREIGN TABLE third_of_SIDE (order_id bigint, status text) SERVER third_SIDE OPTIONS (schema_name 'public', table_name 'orders');
	CREATE FOREIGN TABLE third_lookup (order_id bigint, status text) SERVER third_SIDE OPTIONS (schema_name 'public', table_name 'current_orders');
	CREATE MATERIALIZED VIEW other_kept AS SELECT * FROM other_orders;
	CREATE VIEW behind_view AS TABLE other_orders; CREATE VIEW behind_join AS SELECT o.order_id, l.word AS status FROM other_orders o JOIN lookup_there l USING (status);
	CREATE TABLE parted (order_id bigint, status text) PARTITION BY RANGE (order_id);
	CREATE FOREIGN TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9000) SERVER other OPTIONS (schema_name 'public', table_name 'orders');
	CREATE TABLE parent (order_id bigint, status text); CREATE FOREIGN TABLE child () INHERITS (parent) SERVER other OPTIONS (schema_name 'public', table_name 'orders');
	CREATE VIEW with_lookup_there AS SELECT o.order_id, l.word AS status FROM current_orders o JOIN lookup_there l USING (status)`

// twoDatabases are legacy's, and one with a projection, with foreign tables between them and to a third.
func twoDatabases(t *testing.T) *pair {
	p := newPair(t, one(textField("status")))
	third := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), third)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	p.exec(conn, ownTables)
	p.both(ownTables)
	for i, c := range []*pgx.Conn{p.legacy, p.projection} {
		p.exec(c, strings.NewReplacer("OTHER", server(t, p.config[1-i].DSN), "OWN", server(t, p.config[i].DSN), "THIRD", server(t, third), "LOGIN", "user '"+c.Config().User+"', password 'secret'", "SIDE", string(p.config[i].Representation)).Replace(foreignTables))
	}
	return p
}

// server is a database in options of a foreign server. Its address is another name of the test's server.
func server(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("host 'localhost', port '%s', dbname '%s'", u.Port(), strings.TrimPrefix(u.Path, "/"))
}

// TestDataComparedWithThemselves are found behind views, functions and foreign tables, and tables that both sides only
// look something up in are none.
func TestDataComparedWithThemselves(t *testing.T) {
	const same, projectionReads, legacyReads = "are the same table of the same database", "the projection reads legacy's own data", "legacy reads the projection's own data"
	p := twoDatabases(t)
	for _, test := range []struct {
		legacy, projection string
		one                bool // both in legacy's database
		want               string
	}{
		{"orders", "current_orders", true, ""},
		{"orders", "joined", true, projectionReads + ": all that legacy reads (public.orders)"},
		{"joined", "orders", true, legacyReads + ": all that the projection reads (public.orders)"},
		{"orders", "united", true, projectionReads},
		{"joined", "current_joined", true, ""},
		{"orders", "of_function", true, same + " (public.orders)"},
		{"orders", "of_scalar", true, projectionReads},
		{"orders", "picked", true, ""},
		{"orders", "computed", true, ""},
		{"orders", "current_orders", false, ""},
		{"orders", "other_orders", false, same + " (public.orders)"},
		{"orders", "behind_view", false, same},
		{"orders", "parted", false, same},
		{"orders", "parent", false, projectionReads}, // beside the parent's own rows,
		{"orders", "behind_join", false, projectionReads},
		{"orders", "other_joined", false, projectionReads},
		{"joined", "with_lookup_there", false, ""},
		{"orders", "other_current", false, ""},
		{"orders", "own_rows", false, ""},
		{"own_rows", "other_current", false, same},
		{"other_current", "current_orders", false, same},
		{"third_of_legacy", "third_of_projection", false, same + " (public.orders)"},
		{"third_of_legacy", "third_lookup", false, ""},
		{"orders", "other_kept", false, ""},
		{"orders", "kept", true, ""},
		{"orders", "third_of_projection", false, ""},
	} {
		t.Run(fmt.Sprintf("%s and %s, one database %t", test.legacy, test.projection, test.one), func(t *testing.T) {
			database := 1
			if test.one {
				database = 0
			}
			common, err := source.InCommon(t.Context(), p.opened(t, 0, 0, test.legacy), p.opened(t, 1, database, test.projection))
			if err != nil || (common.Itself != "") != (test.want != "") || !strings.Contains(common.Itself, test.want) {
				t.Errorf("compared with itself: %q, %v; want %q", common.Itself, err, test.want)
			}
		})
	}
}

// opened is a side that reads a table of one of the pair's databases.
func (p *pair) opened(t *testing.T, side, database int, table string) *source.Side {
	t.Helper()
	c := p.config[side]
	c.DSN, c.Table = p.config[database].DSN, "public."+table
	opened, err := source.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

// TestDoctorNamesWhatItCannotTellApart: other servers, functions, and what both sides look up.
func TestDoctorNamesWhatItCannotTellApart(t *testing.T) {
	p := twoDatabases(t)
	for _, test := range []struct {
		legacy, projection string
		one                bool
		want               []string
	}{
		{"orders", "third_of_projection", false, []string{"projection warning rows come from another server, through foreign table public.third_of_projection (server third_projection, host localhost, port "}},
		{"orders", "picked", true, []string{`projection warning crosscheck cannot tell what function public."Pick" reads`}},
		{"joined", "current_joined", true, []string{"both ok the two tables are not the same", "both info both sides read public.lookup"}},
		{"orders", "united", true, []string{"both error the projection reads legacy's own data: all that legacy reads (public.orders)"}},
		{"orders", "kept", true, []string{"both warning by what the materialized views were filled from, legacy and projection are the same table"}},
		{"orders", "other_kept", false, []string{"both warning by what the materialized views were filled from, legacy and projection are the same table"}},
		{"orders", "computed", true, []string{"both ok the two tables are not the same"}},
	} {
		t.Run(test.projection, func(t *testing.T) {
			c := p.config
			c[0].Table, c[1].Table = "public."+test.legacy, "public."+test.projection
			if test.one {
				c[1].DSN = c[0].DSN
			}
			var got []string
			for _, f := range source.Diagnose(t.Context(), c[0], c[1], time.Now) {
				if f.Check == source.CheckIdentity {
					got = append(got, f.Side+" "+string(f.Level)+" "+f.Message)
				}
				if strings.Contains(f.Message+f.Hint, "secret") || f.Level == doctor.Error && f.Check != source.CheckIdentity {
					t.Errorf("doctor says %+v", f)
				}
			}
			for i, want := range test.want {
				if len(got) != len(test.want) || !strings.HasPrefix(got[i], want) {
					t.Fatalf("doctor says %q, want %q", got, test.want)
				}
			}
		})
	}
}
