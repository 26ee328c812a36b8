package source_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// guarded are tables with the columns order_id, a, b and c, and what each sees to.
const guarded = `
	CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (FAR); CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (LOGIN);
	CREATE DOMAIN amount AS numeric CHECK (VALUE >= 0); CREATE DOMAIN price AS amount;
	CREATE DOMAIN late AS numeric;
	CREATE TABLE plain (order_id bigint PRIMARY KEY, a numeric CHECK (a >= 0), b numeric(9,2), c int, CHECK (b > 0 AND c BETWEEN 0 AND 9));
	CREATE TABLE unvalidated (LIKE plain); ALTER TABLE unvalidated ADD CHECK (a >= 0) NOT VALID;
	CREATE TABLE domains (order_id bigint PRIMARY KEY, a amount, b price, c late);
	CREATE TABLE parted (order_id bigint, a numeric CHECK (a >= 0), b numeric, c numeric) PARTITION BY RANGE (order_id);
	CREATE TABLE part PARTITION OF parted (CHECK (b >= 0)) FOR VALUES FROM (0) TO (9);
	CREATE TABLE other PARTITION OF parted (CHECK (b >= 0), CHECK (c >= 0)) FOR VALUES FROM (9) TO (99);
	CREATE TABLE far (order_id bigint, a numeric, b numeric, c numeric) PARTITION BY RANGE (order_id);
	CREATE FOREIGN TABLE farther PARTITION OF far (CHECK (a >= 0)) FOR VALUES FROM (0) TO (9) SERVER far OPTIONS (table_name 'plain');
	CREATE FOREIGN TABLE farthest (order_id bigint, a numeric CHECK (a >= 0), b numeric, c numeric) SERVER far OPTIONS (table_name 'plain');
	CREATE TABLE parent (order_id bigint, a numeric CHECK (a >= 0) NO INHERIT, b numeric CHECK (b >= 0), c numeric);
	CREATE TABLE child (c numeric, b numeric, a numeric, order_id bigint CHECK (order_id >= 0)); ALTER TABLE child ADD CONSTRAINT parent_b_check CHECK (b >= 0), INHERIT parent;
	CREATE VIEW shown AS SELECT order_id, a, b, c FROM plain;
	CREATE MATERIALIZED VIEW kept AS TABLE plain`

// TestWhatIsNeverNegativeIsKnownByConstraints only if these hold for every row that is read.
func TestWhatIsNeverNegativeIsKnownByConstraints(t *testing.T) {
	fields := []source.Field{numericField("a"), numericField("b"), numericField("c")}
	p := newPair(t, fields)
	p.exec(p.legacy, strings.NewReplacer("FAR", server(t, p.config[0].DSN), "LOGIN", "user '"+p.legacy.Config().User+"', password 'secret'").Replace(guarded))
	p.exec(p.legacy, "ALTER DOMAIN late ADD CHECK (VALUE >= 0)") // after the transaction that made the domain
	for _, test := range []struct{ table, where, expr, want string }{
		{table: "public.plain", want: "a b c"},
		{table: "public.plain", where: "order_id > 5", want: "a b c"},
		{table: "public.plain", expr: "b + 0", want: "a c"},
		{table: "public.plain", expr: "-a", want: "a c"},
		{table: "public.plain", expr: "coalesce(a, -1)", want: "a c"},
		{table: "public.plain", expr: "a", want: "a b c"},
		{table: "public.plain", expr: "(SELECT a FROM public.parent LIMIT 1)", want: "a c"},
		{table: "(SELECT order_id, a, b, c FROM public.plain)"},
		{table: "public.unvalidated"},
		{table: "public.domains", want: "a b"},
		{table: "public.parted", want: "a b"},
		{table: "public.other", want: "a b c"},
		{table: "public.far"},
		{table: "public.farthest"},
		{table: "public.parent", want: "b"},
		{table: "public.child", want: "b"},
		{table: "public.shown"},
		{table: "public.kept"},
	} {
		c := p.config[0]
		c.Table, c.Where = test.table, test.where
		if test.expr != "" {
			c.Fields = []source.Field{fields[0], {Field: fields[1].Field, Expr: test.expr}, fields[2]}
		}
		side, err := source.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(unsigned(t, side), " "); got != test.want {
			t.Errorf("of %+v never negative are %q, want %q", test, got, test.want)
		}
		side.Close()
	}
}

// TestDoctorProposesTheConstraint where a table is large, in SQL that does what is promised.
func TestDoctorProposesTheConstraint(t *testing.T) {
	p := newPatient(t)
	p.expect()
	p.exec(p.legacy, "UPDATE pg_class SET relpages = 1, reltuples = 5e6 WHERE relname = 'orders'")
	p.expect(info("legacy", "signs", "each row is asked for the sign of price", `ALTER TABLE "public"."orders" ADD CONSTRAINT "orders_not_negative" CHECK (price >= 0) NOT VALID; then`))
	p.exec(p.legacy, `ALTER TABLE "public"."orders" ADD CONSTRAINT "orders_not_negative" CHECK (price >= 0) NOT VALID`)
	p.exec(p.legacy, "UPDATE pg_class SET relpages = 1, reltuples = 5e6 WHERE relname = 'orders'")
	p.expect(info("legacy", "signs", "each row is asked for the sign of price", `ALTER TABLE "public"."orders" VALIDATE CONSTRAINT "orders_not_negative"`))
	p.exec(p.legacy, `ALTER TABLE "public"."orders" VALIDATE CONSTRAINT "orders_not_negative"; UPDATE pg_class SET relpages = 1, reltuples = 5e6 WHERE relname = 'orders'`)
	p.expect()
}

func unsigned(t *testing.T, side *source.Side) []string {
	t.Helper()
	n, err := side.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	traits, err := n.Traits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return traits.Unsigned
}

// TestAConstraintCountsAsOfTheSnapshot and not as of the time when the side was opened.
func TestAConstraintCountsAsOfTheSnapshot(t *testing.T) {
	p := newPair(t, one(numericField("a")))
	p.both("CREATE TABLE orders (order_id bigint PRIMARY KEY, a numeric CONSTRAINT positive CHECK (a >= 0))")
	legacy, projection := p.open()
	if before := unsigned(t, legacy); len(before) != 1 {
		t.Errorf("never negative are %v", before)
	}
	p.exec(p.legacy, "ALTER TABLE orders DROP CONSTRAINT positive; ALTER TABLE orders ADD CONSTRAINT positive CHECK (a >= 0) NOT VALID")
	if after := unsigned(t, legacy); after != nil {
		t.Errorf("without a valid constraint, never negative are %v", after)
	}
	n, err := projection.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := p.projection.Exec(t.Context(), "SET lock_timeout = '50ms'; ALTER TABLE orders DROP CONSTRAINT positive"); err == nil {
		t.Error("a constraint can be dropped while a snapshot relies on it")
	}
}

// TestASignIsSeenUnlessBothSidesExcludeIt: the other numbers are told apart as before, with NULL, NaN and Infinity.
func TestASignIsSeenUnlessBothSidesExcludeIt(t *testing.T) {
	const rows = "INSERT INTO orders VALUES (1, 5, 5), (2, 'NaN', 1), (3, 'Infinity', 1), (4, NULL, 1), (5, 0, 1), (6, 7, -7), (7, 1, 1)"
	p := newPair(t, []source.Field{numericField("a"), numericField("b")})
	p.exec(p.legacy, "CREATE TABLE orders (order_id bigint PRIMARY KEY, a numeric CHECK (a >= 0), b numeric CHECK (b > -9)); "+rows)
	p.exec(p.projection, "CREATE TABLE orders (order_id bigint PRIMARY KEY, a numeric, b numeric); "+rows)
	if pass, got := p.full(); len(got) > 0 || pass.Result.Verdict != compare.Match {
		t.Errorf("equal sides: %v, %+v", got, pass.Result)
	}
	p.exec(p.projection, "UPDATE orders SET b = -b WHERE order_id = 6; UPDATE orders SET a = -a WHERE order_id = 7")
	_, got := p.full()
	if d := cmp.Diff([]string{"6 differs b", "7 differs a"}, got); d != "" {
		t.Errorf("one side excludes negatives: %s", d)
	}
	p.exec(p.projection, "UPDATE orders SET a = -a WHERE a < 0; ALTER TABLE orders ADD CHECK (a >= 0)")
	p.exec(p.projection, "UPDATE orders SET a = CASE order_id WHEN 2 THEN 'Infinity' WHEN 3 THEN 'NaN' WHEN 4 THEN 0 WHEN 5 THEN NULL ELSE a END")
	_, got = p.full()
	if d := cmp.Diff([]string{"2 differs a", "3 differs a", "4 differs a", "5 differs a", "6 differs b"}, got); d != "" {
		t.Errorf("both sides exclude negatives: %s", d)
	}
}

// wholeTimes makes a comparison of servers that hash whole times, and tells whether it did.
type wholeTimes struct {
	verify.Side
	asked []verify.Hash
}

func (s *wholeTimes) Probe(ctx context.Context, h verify.Hash) ([]int64, error) {
	s.asked = append(s.asked, h)
	return s.Side.Probe(ctx, h)
}

func fullOf(t *testing.T) func(*verify.Comparison, lease.Lease) (verify.Pass, error) {
	return func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
	}
}

// TestTimesAreHashedWholeWhereBothServersCan, and the server's hash is ours.
func TestTimesAreHashedWholeWhereBothServersCan(t *testing.T) {
	dsn := pgtest.Version(t, 18).DSN("postgres")
	for _, trap := range traps {
		if !slices.ContainsFunc(trap.fields, func(f source.Field) bool { return f.Type == order.Timestamptz }) {
			continue
		}
		p := subqueries(t, dsn, trap.fields, trap.legacy, trap.projection)
		legacy, projection := p.open()
		for _, h := range []verify.Hash{{Seed: 1, WholeTimes: true}, {Seed: -8765432109876543210, WholeTimes: true}} {
			if a, b := digest(t, legacy, h), digest(t, projection, h); cmp.Equal(a, b) {
				t.Errorf("%s: blind with %+v: both sides are %v", trap.name, h, a)
			}
			alone(t, legacy, projection, h, trap.want)
		}
		asked := &wholeTimes{Side: legacy}
		c := p.comparison()
		c.Legacy = asked
		if _, err := p.leased(c, fullOf(t)); err != nil || len(asked.asked) != 1 || !asked.asked[0].WholeTimes {
			t.Errorf("%s: the pass has tried %+v, %v", trap.name, asked.asked, err)
		}
		fold := source.Fold{}
		theirs, err := legacy.Probe(t.Context(), verify.Hash{Seed: 3, WholeTimes: true})
		ours, _ := fold.Probe(t.Context(), verify.Hash{Seed: 3, WholeTimes: true})
		if d := cmp.Diff(theirs, ours); d != "" || err != nil {
			t.Errorf("known values, as the server digests them and as we do (%v):\n%s", err, d)
		}
	}
	p := subqueries(t, dsn, one(field("at", order.Timestamptz)), "(1, timestamptz '2024-01-01')", "(1, timestamptz '2024-01-01')")
	p.config[1].DSN = pgtest.Database(t)
	asked := &wholeTimes{}
	c := p.comparison()
	asked.Side, c.Legacy = c.Legacy, asked
	if pass, err := p.leased(c, fullOf(t)); err != nil || pass.Result.Verdict != compare.Match || len(asked.asked) != 1 || asked.asked[0].WholeTimes {
		t.Errorf("beside an older server the pass has tried %+v, %v, %+v", asked.asked, err, pass.Result)
	}
}
