package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// breaking does something before a read of a side.
type breaking struct {
	verify.Side
	before func(read string)
}

func (b breaking) Begin(ctx context.Context) (verify.Snapshot, error) {
	b.before("begin")
	n, err := b.Side.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return breakingSnapshot{n, b.before}, nil
}

type breakingSnapshot struct {
	verify.Snapshot
	before func(read string)
}

func (b breakingSnapshot) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	b.before("digests")
	return b.Snapshot.Digests(ctx, q, progress)
}

func (b breakingSnapshot) Scan(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	b.before("scan")
	return b.Snapshot.Scan(ctx, l, buckets, fn)
}

func (b breakingSnapshot) Rows(ctx context.Context, keys []order.Key) ([]order.Row, error) {
	b.before("rows")
	return b.Snapshot.Rows(ctx, keys)
}

const someOrders = `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text);
	INSERT INTO orders SELECT n, 'OPEN' FROM generate_series(1, 5000) n; ANALYZE orders`

// once returns a function that acts at the first read of that name.
func once(read string, act func()) func(string) {
	return func(name string) {
		if act != nil && name == read {
			act()
			act = nil
		}
	}
}

// terminate ends all sessions of crosscheck in the projection's database, as an administrator may.
func (p *pair) terminate() {
	p.exec(p.projection, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
}

func TestSessionsEndedInMidPass(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	p.both(someOrders)
	p.exec(p.projection, "UPDATE orders SET status = 'FILLED' WHERE order_id = 77")
	for _, read := range []string{"digests", "scan"} {
		for name, run := range map[string]func(*verify.Comparison, lease.Lease) (verify.Pass, error){
			"full": func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
				return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
			},
			"sample": func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
				return c.Sample(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, 100)
			},
		} {
			t.Run(read+" "+name, func(t *testing.T) {
				read := read
				if name == "sample" {
					read = "rows"
				}
				c := p.comparison()
				c.Projection = breaking{c.Projection, once(read, p.terminate)}
				pass, err := p.leased(c, run)
				if err == nil || pass.State != verify.Done || pass.Result.Verdict != compare.Unverified || pass.Scan.Coverage >= 1 {
					t.Errorf("ended %+v, %v", pass, err)
				}
				if pass, err = p.leased(c, run); err != nil || pass.Scan.Coverage != 1 {
					t.Errorf("the next pass ended %+v, %v", pass, err)
				}
			})
		}
	}
}

// leased runs a pass that may fail.
func (p *pair) leased(c *verify.Comparison, run func(*verify.Comparison, lease.Lease) (verify.Pass, error)) (verify.Pass, error) {
	p.t.Helper()
	store := c.Ledger.(*ledgertest.Fake)
	held, err := store.Acquire(p.t.Context(), "test", "me", time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Release(context.WithoutCancel(p.t.Context()), held) //nolint:errcheck // in memory
	return run(c, held)
}

// TestAServerThatCrashesAndComesBack loses the projection's server between the scan and the recheck.
func TestAServerThatCrashesAndComesBack(t *testing.T) {
	server, err := pgserver.Start(t.Context(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	p := newPair(t, []source.Field{textField("status")})
	p.config[1].DSN = server.DSN("postgres")
	if p.projection, err = pgx.Connect(t.Context(), p.config[1].DSN); err != nil {
		t.Fatal(err)
	}
	p.both(someOrders)
	p.exec(p.projection, "UPDATE orders SET status = 'FILLED' WHERE order_id = 77")
	p.exec(p.projection, "CHECKPOINT") // commits of this server do not wait for the disk
	c := p.comparison()
	waits, now := 0, time.Now()
	c.Settle.Window = time.Minute
	c.Now = func() time.Time { return now }
	c.Wait = func(ctx context.Context, d time.Duration) error {
		waits++
		now = now.Add(d)
		switch waits {
		case 1:
			return server.Kill()
		case 3:
			return server.Restart(ctx)
		}
		return ctx.Err()
	}
	pass, err := p.leased(c, func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
	})
	if err != nil || pass.Result.Verdict != compare.Diverged || pass.Result.Diverged != 1 || waits < 3 {
		t.Errorf("ended %+v after %d waits, %v", pass, waits, err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	pass, err = p.leased(c, func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
	})
	if err == nil || pass.Result.Verdict != compare.Unverified || pass.Scan.Compared != 0 {
		t.Errorf("without a server: %+v, %v", pass, err)
	}
	if _, err := source.Open(t.Context(), p.config[1]); !errors.Is(err, source.ErrUnreachable) {
		t.Errorf("opening it: %v", err)
	}
}

func TestACancelledPassEndsAtOnce(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	p.both(someOrders)
	// Reading the projection takes ten minutes, which shows how a pass ends while a statement runs.
	p.config[1].Table = "(SELECT o.* FROM public.orders o, LATERAL (SELECT pg_catalog.pg_sleep(0.12 + o.order_id * 0)) s OFFSET 0)"
	ctx, cancel := context.WithCancel(t.Context())
	c := p.comparison()
	c.Projection = breaking{c.Projection, once("digests", func() { time.AfterFunc(200*time.Millisecond, cancel) })}
	// The bounds of the table would be read slowly too: the fixed ones are right.
	c.Projection = fixedExtent{c.Projection}
	began := time.Now()
	pass, err := p.leased(c, func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		return c.Full(ctx, l, verify.Start{Trigger: "manual", At: time.Now()})
	})
	if !errors.Is(err, context.Canceled) || pass.Result.Verdict != compare.Unverified || pass.Scan.Coverage >= 1 || pass.State != verify.Done {
		t.Errorf("ended %+v, %v", pass, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	var left int
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := p.projection.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crosscheck' AND state = 'active' AND datname = current_database()").Scan(&left)
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d statements still run on the server", left)
		}
	}
}

type fixedExtent struct{ verify.Side }

func (f fixedExtent) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := f.Side.Begin(ctx)
	return fixedSnapshot{n}, err
}

type fixedSnapshot struct{ verify.Snapshot }

func (fixedSnapshot) Extent(context.Context) (verify.Extent, error) {
	return verify.Extent{Min: "1", Max: "5000", Rows: 5000}, nil
}

// TestSessionsCannotWrite: whatever the configuration makes a side run, nothing is written.
func TestSessionsCannotWrite(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	p.exec(p.legacy, someOrders+`; CREATE TABLE written (n int); CREATE SEQUENCE numbers;
		CREATE FUNCTION write() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.written VALUES (1); RETURN 'x'; END $$;
		CREATE FUNCTION write_anyway() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			PERFORM set_config('transaction_read_only', 'off', false); INSERT INTO public.written VALUES (1); RETURN 'x'; END $$`)
	for name, change := range map[string]func(*source.Config){
		"in the table":        func(c *source.Config) { c.Table = "(SELECT *, public.write() AS w FROM public.orders OFFSET 0)" },
		"in a field":          func(c *source.Config) { c.Fields[0].Expr = "public.write()" },
		"in the key":          func(c *source.Config) { c.Key = "length(public.write())" },
		"after asking for it": func(c *source.Config) { c.Fields[0].Expr = "public.write_anyway()" },
		"of a sequence":       func(c *source.Config) { c.Fields[0].Expr = "nextval('public.numbers')::text" },
		"by a second statement": func(c *source.Config) {
			c.Table = "public.orders; DELETE FROM public.orders; SELECT 1 FROM public.orders"
		},
		"by a statement of a CTE": func(c *source.Config) {
			c.Table = "(WITH d AS (DELETE FROM public.orders RETURNING *) SELECT * FROM d)"
		},
		"by a lock": func(c *source.Config) { c.Table = "(SELECT * FROM public.orders FOR UPDATE)" },
	} {
		t.Run(name, func(t *testing.T) {
			config := p.config[0]
			config.Fields = []source.Field{textField("status")}
			change(&config)
			if err := readAll(t, config); err == nil {
				t.Error("no error")
			}
			var orders, written int
			if err := p.legacy.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM written)").Scan(&orders, &written); err != nil {
				t.Fatal(err)
			}
			if orders != 5000 || written != 0 {
				t.Errorf("%d orders, %d written", orders, written)
			}
		})
	}
	if err := readAll(t, p.config[0]); err != nil {
		t.Errorf("reading alone: %v", err)
	}
}

// readAll makes a side run everything that it can.
func readAll(t *testing.T, config source.Config) error {
	t.Helper()
	side, err := source.Open(t.Context(), config)
	if err != nil {
		return err
	}
	defer side.Close()
	n, err := side.Begin(t.Context())
	if err != nil {
		return err
	}
	defer n.Close()
	if _, err := n.Extent(t.Context()); err != nil {
		return err
	}
	if _, err := n.Rows(t.Context(), []order.Key{"1", "2"}); err != nil {
		return err
	}
	_, err = n.Digests(t.Context(), verify.DigestQuery{Layout: verify.Layout{ByBounds: true}}, func(int64) {})
	return err
}

// TestSettingsOfTheRoleDoNotShow: how a value reads does not depend on whom it is read from.
func TestSettingsOfTheRoleDoNotShow(t *testing.T) {
	escaped := textField("escaped")
	escaped.Expr = `'a\n' || filled || CASE WHEN at = NULL THEN 'none' ELSE '' END`
	p := newPair(t, []source.Field{field("at", order.Timestamptz), field("day", order.Date), numericField("filled"), escaped})
	p.config[0].ChangedAt, p.config[1].ChangedAt = "at", "at"
	p.both(`CREATE TABLE orders (order_id bigint PRIMARY KEY, at timestamptz, day date, filled numeric);
		INSERT INTO orders VALUES (1, '2024-03-31 02:30:00+01', '2024-02-03', 1.5), (2, NULL, NULL, 0.1)`)
	var database string
	if err := p.projection.QueryRow(t.Context(), "SELECT current_database()").Scan(&database); err != nil {
		t.Fatal(err)
	}
	name := pgx.Identifier{database}.Sanitize()
	for _, setting := range []string{
		"TimeZone = 'Asia/Kathmandu'", "DateStyle = 'German, DMY'", "IntervalStyle = 'sql_standard'", "extra_float_digits = 0", "search_path = 'nowhere'", "default_transaction_isolation = 'serializable'",
		"standard_conforming_strings = off", "transform_null_equals = on", "quote_all_identifiers = on",
	} {
		p.exec(p.projection, "ALTER DATABASE "+name+" SET "+setting)
	}
	if pass, got := p.full(); len(got) > 0 || pass.Result.Verdict != compare.Match {
		t.Errorf("found %v, %+v", got, pass.Result)
	}
	p.exec(p.projection, "UPDATE orders SET filled = 9")
	if _, got := p.full(); strings.Join(got, ", ") != "1 differs filled,escaped, 2 differs filled,escaped" {
		t.Errorf("found %v", got)
	}
}

// TestCollationsDoNotDecide which strings are equal, nor in which order keys are merged.
func TestCollationsDoNotDecide(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	p.both("CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)")
	p.exec(p.legacy, `CREATE TABLE orders (order_id text COLLATE "en-x-icu" PRIMARY KEY, status text COLLATE blind);
		INSERT INTO orders SELECT chr(64 + n % 60) || n % 7 || chr(97 - n % 40) || n, 'open' FROM generate_series(1, 3000) n; ANALYZE orders`)
	p.exec(p.projection, `CREATE TABLE orders (order_id text COLLATE "C" PRIMARY KEY, status text COLLATE blind);
		INSERT INTO orders SELECT chr(64 + n % 60) || n % 7 || chr(97 - n % 40) || n, CASE WHEN n = 2000 THEN 'OPEN' WHEN n = 1000 THEN 'öpen' ELSE 'open' END
		FROM generate_series(1, 3000) n WHERE n <> 500; ANALYZE orders`)
	for _, portable := range []bool{false, true} {
		if pass, got := p.fullWith(portable); len(got) != 3 || pass.Scan.Compared != 3000 {
			t.Errorf("found %v", got)
		}
	}
	pass, got := p.sample(5000, 1, nil)
	if len(got) != 3 || pass.Scan.Facts.(verify.SampleFacts).Sampled != 3000 {
		t.Errorf("sampled %d, found %v", pass.Scan.Facts.(verify.SampleFacts).Sampled, got)
	}
}
