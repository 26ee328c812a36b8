package source_test

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// hide makes row-level security show the role the orders of one tenant only.
func hide(table, role string) string {
	return "ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY; CREATE POLICY one ON " + table + " TO " + role + " USING (order_id % 2 = 0);"
}

// TestHiddenRowsAreAnError: what row-level security leaves out was not compared, wherever it stands.
func TestHiddenRowsAreAnError(t *testing.T) {
	for name, test := range map[string]struct {
		setup  string // %role% is crosscheck's, %owner% one that owns views and is subject to row-level security too
		hidden bool
	}{
		"table":     {hide("orders", "%role%"), true},
		"no policy": {"ALTER TABLE orders ENABLE ROW LEVEL SECURITY;", true},
		"partition": {`DROP TABLE orders; CREATE TABLE all_orders (order_id bigint, status text) PARTITION BY RANGE (order_id);
			CREATE TABLE orders PARTITION OF all_orders FOR VALUES FROM (1) TO (100); INSERT INTO all_orders VALUES (1, 'OPEN');` + hide("orders", "%role%"), true},
		"partitioned table": {`DROP TABLE orders; CREATE TABLE orders (order_id bigint, status text) PARTITION BY RANGE (order_id);
			CREATE TABLE low PARTITION OF orders FOR VALUES FROM (1) TO (100); INSERT INTO orders VALUES (1, 'OPEN');` + hide("orders", "%role%"), true},
		"partition of a table that is read as a whole": {`DROP TABLE orders; CREATE TABLE orders (order_id bigint, status text) PARTITION BY RANGE (order_id);
			CREATE TABLE low PARTITION OF orders FOR VALUES FROM (1) TO (100); INSERT INTO orders VALUES (1, 'OPEN');` + hide("low", "%role%"), false},
		"view with the reader's rights": {`ALTER TABLE orders RENAME TO base; CREATE VIEW orders WITH (security_invoker = true) AS TABLE base;` + hide("base", "%role%"), true},
		"view of a role that is subject to it": {`ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS TABLE base; ALTER VIEW orders OWNER TO %owner%;
			GRANT SELECT ON base TO %owner%;` + hide("base", "%owner%"), true},
		"view of the table's owner": {`ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS TABLE base; ALTER VIEW orders OWNER TO %owner%;
			ALTER TABLE base OWNER TO %owner%;` + hide("base", "%role%"), false},
		"view of the owner of a table that forces it": {`ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS TABLE base; ALTER VIEW orders OWNER TO %owner%;
			ALTER TABLE base OWNER TO %owner%; ALTER TABLE base FORCE ROW LEVEL SECURITY;` + hide("base", "%role%"), true},
		"view of a view":          {`ALTER TABLE orders RENAME TO base; CREATE VIEW inner_view WITH (security_invoker = true) AS TABLE base; CREATE VIEW orders WITH (security_invoker = true) AS TABLE inner_view;` + hide("base", "%role%"), true},
		"function":                {`ALTER TABLE orders RENAME TO base; CREATE FUNCTION all_of_them() RETURNS SETOF base LANGUAGE sql STABLE AS 'TABLE public.base'; CREATE VIEW orders WITH (security_invoker = true) AS SELECT * FROM all_of_them();` + hide("base", "%role%"), true},
		"a role that bypasses it": {hide("orders", "%role%") + "ALTER ROLE %role% BYPASSRLS", false},
	} {
		t.Run(name, func(t *testing.T) {
			role, owner := newRole(t), newRole(t)
			dsn := pgtest.Database(t)
			p := &pair{t: t}
			var err error
			if p.legacy, err = pgx.Connect(t.Context(), dsn); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.legacy.Close(t.Context()) }) //nolint:errcheck // the server ends after it
			p.exec(p.legacy, "CREATE TABLE orders (order_id bigint, status text); INSERT INTO orders SELECT n, 'OPEN' FROM generate_series(1, 99) n;"+
				strings.NewReplacer("%role%", role, "%owner%", owner).Replace(test.setup)+"; GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+role)
			c := source.Config{Representation: order.Legacy, DSN: as(t, dsn, url.User(role)), Table: "public.orders", Key: "order_id", Fields: one(textField("status"))}
			err = readAll(t, c)
			if (err != nil) != test.hidden || test.hidden && !strings.Contains(source.Hint(err), "BYPASSRLS") {
				t.Errorf("reading: %v, hint %q", err, source.Hint(err))
			}
			found := slices.ContainsFunc(source.Diagnose(t.Context(), c, c, time.Now), func(f doctor.Finding) bool {
				return f.Side == "legacy" && f.Level == doctor.Error && strings.Contains(f.Message, "row-level security")
			})
			if found != test.hidden {
				t.Errorf("doctor says so: %t", found)
			}
		})
	}
}

// TestHiddenEventsAndRecordsAreAnError: of event store, audit log and trades as of orders.
func TestHiddenEventsAndRecordsAreAnError(t *testing.T) {
	for _, table := range []string{"event_store", "audit_log", "trades"} {
		t.Run(table, func(t *testing.T) {
			c := newChronicle(t)
			side, err := source.Open(t.Context(), c.legacy)
			if err != nil {
				t.Fatal(err)
			}
			defer side.Close()
			events := openEvents(t, c.events)
			read := func() error {
				_, err := events.Histories(t.Context(), []order.Key{"1"})
				opened, opening := source.OpenEvents(t.Context(), c.events)
				if opening == nil {
					opened.Close()
				}
				_, records := (&source.Records{Legacy: side, Config: c.history}).Records(t.Context(), []order.Key{"1"})
				return errors.Join(err, opening, records)
			}
			if err := read(); err != nil {
				t.Fatal(err)
			}
			c.exec("ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY; CREATE POLICY one ON " + table + " TO " + c.role + " USING (false)")
			err = read()
			if err == nil || !strings.Contains(source.Hint(err), "BYPASSRLS") || table != "event_store" && !errors.Is(err, verify.ErrHidden) {
				t.Errorf("reading: %v, hint %q", err, source.Hint(err))
			}
			if !slices.ContainsFunc(c.diagnose(), func(f doctor.Finding) bool {
				return f.Level == doctor.Error && strings.Contains(f.Message, "row-level security hides rows of table public."+table)
			}) {
				t.Errorf("doctor says %+v", c.diagnose())
			}
		})
	}
}

// TestDoctorNamesFiltersOfViews, behind other views too.
func TestDoctorNamesFiltersOfViews(t *testing.T) {
	p := newPair(t, one(textField("status")))
	p.both(`CREATE TABLE base (order_id bigint PRIMARY KEY, status text); INSERT INTO base VALUES (1, 'OPEN')`)
	p.exec(p.legacy, `CREATE VIEW live AS SELECT * FROM base WHERE status <> 'OLD'; CREATE VIEW orders AS SELECT order_id, status FROM live`)
	p.exec(p.projection, `CREATE VIEW orders AS SELECT order_id, status || ' WHERE' AS "WHERE", status FROM base`)
	var got []string
	for _, f := range source.Diagnose(t.Context(), p.config[0], p.config[1], time.Now) {
		if f.Check == source.CheckFilter {
			got = append(got, f.Side+" "+string(f.Level)+" "+f.Message)
		}
	}
	const want = "legacy info view public.live has WHERE: the rows that it leaves out are not compared, and crosscheck cannot notice that"
	if len(got) != 1 || got[0] != want {
		t.Errorf("doctor says %q", got)
	}
}

// TestDoctorNamesWhatHidRowsFromAMaterializedView: nothing can tell later what was left out when it was filled.
func TestDoctorNamesWhatHidRowsFromAMaterializedView(t *testing.T) {
	const table = "CREATE TABLE base (order_id bigint PRIMARY KEY, status text); INSERT INTO base VALUES (1, 'OPEN');"
	const parts = `CREATE TABLE base (order_id bigint PRIMARY KEY, status text) PARTITION BY RANGE (order_id);
		CREATE TABLE low PARTITION OF base FOR VALUES FROM (1) TO (100); INSERT INTO base VALUES (1, 'OPEN');`
	p := newPair(t, one(textField("status")))
	for name, test := range map[string]struct{ setup, want, table string }{
		"none":              {table + "CREATE MATERIALIZED VIEW orders AS TABLE base", "", ""},
		"table":             {table + "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW orders AS TABLE base", "orders is filled from table public.base", ""},
		"below a view":      {table + "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE VIEW v AS TABLE base; CREATE MATERIALIZED VIEW orders AS TABLE v", "orders is filled from table public.base", ""},
		"below another":     {table + "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW m AS TABLE base; CREATE VIEW orders AS TABLE m", "public.m is filled from table public.base", ""},
		"partitioned table": {parts + "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW orders AS TABLE base", "orders is filled from partitioned table public.base", ""},
		"partition":         {parts + "ALTER TABLE low ENABLE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW orders AS TABLE low", "orders is filled from table public.low", ""},
		"in a subquery":     {table + "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW m AS TABLE base", "public.m is filled from table public.base", "(SELECT order_id, status FROM public.m)"},
		"view":              {table + "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE VIEW orders AS TABLE base", "", ""}, // hidden rows are an error there
	} {
		t.Run(name, func(t *testing.T) {
			p := &pair{t: t, legacy: p.legacy, config: p.config}
			p.exec(p.legacy, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; "+test.setup)
			p.config[0].Table = cmp.Or(test.table, "public.orders")
			var got []string
			for _, f := range source.Diagnose(t.Context(), p.config[0], p.config[1], time.Now) {
				if f.Check == source.CheckFilter && f.Side == "legacy" {
					got = append(got, string(f.Level)+" "+f.Message)
				}
			}
			if want := test.want != ""; want != (len(got) == 1) || want && (!strings.Contains(got[0], test.want) || !strings.HasPrefix(got[0], "info")) {
				t.Errorf("doctor says %q", got)
			}
		})
	}
}
