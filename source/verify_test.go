package source_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// pair is two databases and what is compared between them.
type pair struct {
	t                  *testing.T
	legacy, projection *pgx.Conn
	config             [2]source.Config
	// clean makes passes begin with one number for each side, as after a clean one.
	clean bool
}

func newPair(t *testing.T, fields []source.Field) *pair {
	p := &pair{t: t}
	for i, is := range []order.Representation{order.Legacy, order.Projection} {
		dsn := pgtest.Database(t)
		settings, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		settings.DefaultQueryExecMode = pgx.QueryExecModeExec // tables are made anew under the same names
		conn, err := pgx.ConnectConfig(t.Context(), settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		if i == 0 {
			p.legacy = conn
		} else {
			p.projection = conn
		}
		p.config[i] = source.Config{Representation: is, DSN: dsn, Table: "public.orders", Key: "order_id", Fields: fields}
	}
	return p
}

// both runs the same SQL on both sides.
func (p *pair) both(sql string) {
	p.t.Helper()
	p.exec(p.legacy, sql)
	p.exec(p.projection, sql)
}

func (p *pair) exec(c *pgx.Conn, sql string) {
	p.t.Helper()
	if _, err := c.Exec(p.t.Context(), sql); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

func (p *pair) open() (*source.Side, *source.Side) {
	p.t.Helper()
	var sides [2]*source.Side
	for i := range sides {
		s, err := source.Open(p.t.Context(), p.config[i])
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(s.Close)
		sides[i] = s
	}
	return sides[0], sides[1]
}

// comparison has a settle window of nothing: what differs twice has diverged.
func (p *pair) comparison() *verify.Comparison {
	p.t.Helper()
	legacy, projection := p.open()
	var fields []order.Field
	for _, f := range p.config[0].Fields {
		fields = append(fields, f.Field)
	}
	store := ledgertest.New(nil)
	c := &verify.Comparison{
		Legacy: legacy, Projection: projection, Fields: fields,
		Settle: compare.Settle{Rechecks: 3, MaxLag: time.Minute},
		Ledger: store,
		Random: rand.New(rand.NewPCG(1, 2)),
		Now:    time.Now,
		Wait:   func(ctx context.Context, d time.Duration) error { return ctx.Err() },
		Log:    slog.New(slog.DiscardHandler),
	}
	if p.clean {
		store.AddClean("", time.Now())
		c.Recount = time.Hour
	}
	return c
}

// found runs a pass and returns what it found as "key kind fields", sorted.
func (p *pair) found(run func(*verify.Comparison, lease.Lease) (verify.Pass, error)) (verify.Pass, []string) {
	p.t.Helper()
	c := p.comparison()
	defer c.Legacy.(*source.Side).Close()
	defer c.Projection.(*source.Side).Close()
	return p.run(c, c.Ledger.(*ledgertest.Fake), func(l lease.Lease) (verify.Pass, error) { return run(c, l) })
}

// run makes one pass under a lease.
func (p *pair) run(c *verify.Comparison, store *ledgertest.Fake, run func(lease.Lease) (verify.Pass, error)) (verify.Pass, []string) {
	p.t.Helper()
	held, err := store.Acquire(p.t.Context(), "test", "me", time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	pass, err := run(held)
	_ = store.Release(context.WithoutCancel(p.t.Context()), held)
	if err != nil {
		p.t.Fatal(err)
	}
	divergences, err := store.PassDivergences(p.t.Context(), pass.ID, 1_000_000)
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for _, d := range divergences {
		names := make([]string, len(d.Mismatch.Fields))
		for i, f := range d.Mismatch.Fields {
			names[i] = f.Name
		}
		out = append(out, strings.TrimRight(fmt.Sprintf("%s %s %s", d.Mismatch.Key, d.Mismatch.Kind, strings.Join(names, ",")), " "))
	}
	slices.Sort(out)
	return pass, out
}

// full runs a full pass by buckets, and another one by numbers, which must say the same.
func (p *pair) full() (verify.Pass, []string) {
	p.t.Helper()
	return p.fullWith(false)
}

// fullWith runs full passes with the native or the portable hash.
func (p *pair) fullWith(portable bool) (verify.Pass, []string) {
	p.t.Helper()
	run := func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		if portable {
			c.Legacy = onlyPortable{c.Legacy}
		}
		return c.Full(p.t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
	}
	pass, got := p.found(run)
	p.clean = true
	second, same := p.found(run)
	p.clean = false
	if diff := cmp.Diff(got, same); diff != "" {
		p.t.Errorf("found by buckets (-), and after numbers (+):\n%s", diff)
	}
	first, again := pass.Scan.Facts.(verify.FullFacts), second.Scan.Facts.(verify.FullFacts)
	if pass.Result.Verdict != second.Result.Verdict || pass.Scan.Coverage != second.Scan.Coverage || pass.Scan.Compared != second.Scan.Compared || first.Rows != again.Rows {
		p.t.Errorf("by buckets %+v, after numbers %+v", pass, second)
	}
	if want := map[bool]verify.Plan{true: verify.ByNumber, false: verify.ByBoth}[len(got) == 0]; again.Plan != want && first.Larger() > 0 {
		p.t.Errorf("compared by %q, not by %q", again.Plan, want)
	}
	return pass, got
}

func field(name string, t order.FieldType) source.Field {
	return source.Field{Field: order.Field{Name: name, Type: t}, Expr: name}
}

func TestFullFindsExactlyWhatWasPlanted(t *testing.T) {
	p := newPair(t, []source.Field{field("status", order.Text), field("filled", order.Numeric)})
	p.config[0].GroupBy, p.config[1].GroupBy = "status", "status"
	p.both(`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, filled numeric);
		INSERT INTO orders SELECT g, 'OPEN', g FROM generate_series(-1000, 40000) g WHERE g % 7 <> 0`)
	p.exec(p.projection, `UPDATE orders SET status = 'FILLED' WHERE order_id IN (-999, 17, 40000);
		UPDATE orders SET filled = NULL WHERE order_id = 5;
		DELETE FROM orders WHERE order_id IN (-1000, 101); INSERT INTO orders VALUES (-5000, 'OPEN', 1), (99999999, 'X', 1)`)
	pass, got := p.full()
	want := []string{
		"-1000 missing", "-5000 phantom", "-999 differs status", "101 missing", "17 differs status",
		"40000 differs status", "5 differs filled", "99999999 phantom",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if pass.Result.Verdict != compare.Diverged || pass.Scan.Coverage != 1 {
		t.Errorf("pass ended %+v", pass)
	}
	if rows := pass.Scan.Facts.(verify.FullFacts).Legacy; pass.Scan.Compared != rows+2 {
		t.Errorf("compared %d orders, legacy has %d and the projection 2 more", pass.Scan.Compared, rows)
	}
}

// TestEqualNumbersAreOneGroup, whatever their scale is: rows are counted by the value of the group's field.
func TestEqualNumbersAreOneGroup(t *testing.T) {
	p := newPair(t, []source.Field{field("lots", order.Numeric)})
	for i, scale := range []string{"numeric", "numeric(9,3)"} {
		p.config[i].GroupBy, p.config[i].ChangedAt = "lots", "updated_at"
		p.exec([]*pgx.Conn{p.legacy, p.projection}[i], fmt.Sprintf(`CREATE TABLE orders (order_id bigint PRIMARY KEY, lots %s, updated_at timestamptz);
			INSERT INTO orders SELECT g, CASE g %% 4 WHEN 0 THEN 1.0 WHEN 1 THEN 1.00 WHEN 2 THEN 10 END, now() FROM generate_series(1, 400) g;
			CREATE INDEX ON orders (updated_at)`, scale))
	}
	p.exec(p.legacy, "UPDATE orders SET lots = 11 WHERE order_id = 2")
	var facts verify.FullFacts
	pass, got := p.found(func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		c.GroupBy = "lots"
		return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
	})
	facts = pass.Scan.Facts.(verify.FullFacts)
	if !slices.Equal(got, []string{"2 differs lots"}) {
		t.Errorf("found %v", got)
	}
	var counts, ages []string
	for _, c := range facts.Counts {
		counts = append(counts, fmt.Sprintf("%s: %d, %d", c.Group, c.Legacy, c.Projection))
	}
	for _, s := range facts.Strata {
		ages = append(ages, fmt.Sprintf("%s %s: %d", s.Group, s.Age, s.Orders))
	}
	slices.Sort(counts)
	if diff := cmp.Diff([]string{"(null): 100, 100", "10: 99, 100", "11: 1, 0", "1: 200, 200"}, counts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"(null) under 1h: 100", "1 under 1h: 200", "10 under 1h: 99", "11 under 1h: 1"}, ages); diff != "" {
		t.Error(diff)
	}
}
