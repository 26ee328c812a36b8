package source_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// recorder keeps the orders that a pass suspects, by whether they were drawn uniformly.
type recorder struct {
	verify.Ledger
	drawn, beside map[order.Key]int
}

func (r *recorder) AddSuspects(ctx context.Context, l lease.Lease, id verify.PassID, suspects []verify.Suspect) error {
	for _, s := range suspects {
		if s.InSample {
			r.drawn[s.Key()]++
		} else {
			r.beside[s.Key()]++
		}
	}
	return r.Ledger.AddSuspects(ctx, l, id, suspects)
}

func newRecorder() *recorder {
	return &recorder{drawn: map[order.Key]int{}, beside: map[order.Key]int{}}
}

// sample runs a sample pass with the given seed.
func (p *pair) sample(size int, seed uint64, r *recorder) (verify.Pass, []string) {
	p.t.Helper()
	return p.found(func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		c.Random = rand.New(rand.NewPCG(seed, 0))
		if r != nil {
			r.Ledger = c.Ledger
			c.Ledger = r
		}
		return c.Sample(p.t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, size)
	})
}

// keyed are the key types as columns, with the n-th key as an expression over n.
var keyed = []struct{ name, column, key string }{
	{"integer", "bigint", "n"},
	{"sparse integer", "bigint", "n::bigint * 1000003"},
	{"uuid", "uuid", "md5(n::text)::uuid"},
	{"text in C order", `text COLLATE "C"`, "'o-' || md5(n::text)"},
	{"text in ICU order", `text COLLATE "en-x-icu"`, "'o-' || md5(n::text)"},
}

// scans counts the scans from end to end of the table orders so far. The statistics of a session are complete when
// it has ended, so it waits until the sample's keyed reads show.
func scans(t *testing.T, conn *pgx.Conn, keyedReads bool) (scans int64) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var reads int64
		if _, err := conn.Exec(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
			t.Fatal(err)
		}
		err := conn.QueryRow(t.Context(), "SELECT seq_scan, coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'orders'").Scan(&scans, &reads)
		if err != nil {
			t.Fatal(err)
		}
		if reads > 0 || !keyedReads {
			return scans
		}
		if time.Now().After(deadline) {
			t.Fatal("no keyed read in the statistics")
		}
	}
}

func TestSampleScansNoTable(t *testing.T) {
	for _, k := range keyed {
		t.Run(k.name, func(t *testing.T) {
			p := newPair(t, []source.Field{textField("status")})
			p.config[0].ChangedAt, p.config[1].ChangedAt = "updated_at", "updated_at"
			p.both(fmt.Sprintf(`CREATE TABLE orders (order_id %s PRIMARY KEY, status text, updated_at timestamptz, pad text);
				INSERT INTO orders SELECT %s, 'OPEN', now(), repeat('x', 800) FROM generate_series(1, 12000) n;
				CREATE INDEX ON orders (updated_at)`, k.column, k.key))
			p.both("VACUUM ANALYZE orders")
			before := [2]int64{scans(t, p.legacy, false), scans(t, p.projection, false)}
			pass, got := p.sample(50, 1, nil)
			after := [2]int64{scans(t, p.legacy, true), scans(t, p.projection, true)}
			if before != after {
				t.Errorf("scans of the tables went from %v to %v", before, after)
			}
			if pass.Result.Verdict != compare.Match || len(got) > 0 || pass.Scan.Facts.(verify.SampleFacts).Sampled < 50 || pass.Scan.Coverage != 1 {
				t.Errorf("pass ended %+v, found %v", pass, got)
			}
		})
	}
}

// TestSampleAmongDeadRows: where nearly all rows were deleted, a sample reads each page a few times at most, however many
// addresses would have to be tried.
func TestSampleAmongDeadRows(t *testing.T) {
	const left, size = 400, 400
	blocks := func(conn *pgx.Conn) (n int64) {
		const q = "SELECT sum(heap_blks_read + heap_blks_hit) FROM pg_statio_user_tables WHERE relname = 'orders'"
		if err := conn.QueryRow(t.Context(), q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	p := newPair(t, []source.Field{textField("status")})
	for _, orders := range []int{20_000, 200_000} {
		p.both(fmt.Sprintf(`DROP TABLE IF EXISTS orders;
			CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, pad text) WITH (autovacuum_enabled = off);
			INSERT INTO orders SELECT n, 'OPEN', repeat('x', 100) FROM generate_series(1, %d) n; ANALYZE orders`, orders))
		p.both(fmt.Sprintf("DELETE FROM orders WHERE order_id %% %d <> 0", orders/left))
		var pages int64
		if err := p.legacy.QueryRow(t.Context(), "SELECT pg_relation_size('orders') / 8192").Scan(&pages); err != nil {
			t.Fatal(err)
		}
		scans(t, p.legacy, false) // flushes what this session has read
		before := blocks(p.legacy)
		pass, _ := p.sample(size, 1, nil)
		scans(t, p.legacy, true)
		read := blocks(p.legacy) - before
		t.Logf("%d orders were stored on %d pages: the sample read %d blocks of legacy", orders, pages, read)
		if facts := pass.Scan.Facts.(verify.SampleFacts); facts.Sampled != size || facts.Refused != "" || pass.Scan.Coverage != 1 {
			t.Errorf("of %d orders: %+v", orders, facts)
		}
		if limit := 2*pages + 20*size; read > limit {
			t.Errorf("of %d orders on %d pages: %d blocks were read, the limit is %d", orders, pages, read, limit)
		}
	}
}

// TestSampleIsUniform makes all orders differ, so that a suspect is an order drawn, and counts over many samples.
func TestSampleIsUniform(t *testing.T) {
	t.Parallel()
	const orders, size, rounds = 1200, 150, 60
	for _, k := range []struct{ name, column, key string }{
		{"by key", "bigint", "n * 7 - 3000"},
		{"by address", "uuid", "md5(n::text)::uuid"},
	} {
		t.Run(k.name, func(t *testing.T) {
			var fields []source.Field // of which a fifth of the orders each differs, so that no difference is widespread
			for i := range 5 {
				f := textField(fmt.Sprintf("status%d", i))
				f.Expr = fmt.Sprintf("CASE WHEN n %% 5 = %d THEN status ELSE '' END", i)
				fields = append(fields, f)
			}
			p := newPair(t, fields)
			// Pages hold one order or dozens, and a third of each is of rows deleted since.
			p.both(fmt.Sprintf(`CREATE TABLE orders (order_id %s PRIMARY KEY, n int, status text, pad text) WITH (autovacuum_enabled = off);
				ALTER TABLE orders ALTER COLUMN pad SET STORAGE plain;
				INSERT INTO orders SELECT %s, n, 'LEGACY', repeat('x', CASE WHEN n %% 3 = 0 THEN 7000 ELSE 50 END)
					FROM generate_series(1, 1800) n ORDER BY n %% 3 = 0, n`, k.column, k.key))
			p.both("DELETE FROM orders WHERE n % 3 = 1 AND n % 2 = 0 OR n % 3 = 0 AND n % 2 = 0")
			p.exec(p.projection, "UPDATE orders SET status = 'PROJECTION'")
			p.exec(p.legacy, "DELETE FROM orders WHERE n BETWEEN 500 AND 900")
			p.exec(p.projection, "DELETE FROM orders WHERE n BETWEEN 1300 AND 1600")
			p.both("ANALYZE orders")
			all := p.numbers()
			if len(all) != orders {
				t.Fatalf("%d orders", len(all))
			}
			drawn, c := newRecorder(), p.comparison()
			c.Random = rand.New(rand.NewPCG(1, 0))
			for range rounds {
				store := ledgertest.New(nil)
				drawn.Ledger, c.Ledger = store, drawn
				pass, _ := p.run(c, store, func(l lease.Lease) (verify.Pass, error) {
					return c.Sample(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, size)
				})
				if pass.Scan.Coverage != 1 || pass.Scan.Facts.(verify.SampleFacts).Sampled < size {
					t.Fatalf("sampled %d, coverage %v", pass.Scan.Facts.(verify.SampleFacts).Sampled, pass.Scan.Coverage)
				}
			}
			uniform(t, "kind", all, drawn.drawn, func(n int) int {
				switch {
				case n >= 500 && n <= 900:
					return 0
				case n >= 1300 && n <= 1600:
					return 1
				}
				return 2
			})
			uniform(t, "page", all, drawn.drawn, func(n int) int { return min(n%3, 1) })
			uniform(t, "place", all, drawn.drawn, func(n int) int { return n / 90 })
			uniform(t, "order", all, drawn.drawn, func(n int) int { return n })
		})
	}
}

// numbers are all orders of both sides, with the number that their key was made of.
func (p *pair) numbers() map[order.Key]int {
	p.t.Helper()
	out := map[order.Key]int{}
	for _, conn := range []*pgx.Conn{p.legacy, p.projection} {
		rows, err := conn.Query(p.t.Context(), "SELECT order_id::text, n FROM orders")
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

// uniform is a chi-squared test of the draws, cell by cell, at five standard deviations.
func uniform(t *testing.T, what string, all map[order.Key]int, drawn map[order.Key]int, cell func(n int) int) {
	t.Helper()
	orders, draws, total := map[int]float64{}, map[int]float64{}, 0.0
	for key, n := range all {
		orders[cell(n)]++
		draws[cell(n)] += float64(drawn[key])
		total += float64(drawn[key])
	}
	var chi2 float64
	for c, n := range orders {
		expected := total * n / float64(len(all))
		chi2 += (draws[c] - expected) * (draws[c] - expected) / expected
	}
	freedom := float64(len(orders) - 1)
	if limit := freedom + 5*math.Sqrt(2*freedom) + 5; chi2 > limit {
		t.Errorf("by %s: chi-squared is %.1f with %.0f degrees of freedom; draws %v of orders %v", what, chi2, freedom, draws, orders)
	}
}

func TestSampleLargerThanTheTable(t *testing.T) {
	for _, k := range keyed {
		p := newPair(t, []source.Field{textField("status")})
		for _, rows := range [][2]int{{1, 1}, {20, 20}, {1, 0}, {0, 1}, {300, 3}} {
			t.Run(fmt.Sprintf("%s %v", k.name, rows), func(t *testing.T) {
				p := &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}
				for i, conn := range []*pgx.Conn{p.legacy, p.projection} {
					p.exec(conn, fmt.Sprintf(`DROP TABLE IF EXISTS orders; CREATE TABLE orders (order_id %s PRIMARY KEY, status text);
						INSERT INTO orders SELECT %s, 'OPEN' FROM generate_series(1, %d) n; ANALYZE orders`, k.column, k.key, rows[i]))
				}
				pass, got := p.sample(1000, 1, nil)
				if want := max(rows[0], rows[1]); pass.Scan.Facts.(verify.SampleFacts).Sampled != int64(want) || pass.Scan.Compared != int64(want) {
					t.Errorf("sampled %d, compared %d of %d", pass.Scan.Facts.(verify.SampleFacts).Sampled, pass.Scan.Compared, want)
				}
				if want := max(rows[0]-rows[1], rows[1]-rows[0]); len(got) != want {
					t.Errorf("found %d differences of %d", len(got), want)
				}
			})
		}
	}
}

func TestSampleLooksAtWhatChangedLast(t *testing.T) {
	for _, indexed := range []bool{true, false} {
		t.Run(fmt.Sprintf("indexed %v", indexed), func(t *testing.T) {
			p := newPair(t, []source.Field{textField("status")})
			p.config[0].ChangedAt, p.config[1].ChangedAt = "updated_at", "updated_at"
			p.both(`CREATE TABLE orders (order_id bigint UNIQUE, status text, updated_at timestamptz);
				INSERT INTO orders SELECT n, 'OPEN', '2024-01-01Z'::timestamptz + n * interval '1 s' FROM generate_series(1, 60000) n;
				INSERT INTO orders VALUES (-1, 'OPEN', NULL), (-2, 'OPEN', 'infinity'), (-3, 'OPEN', '-infinity'), (NULL, 'OPEN', '2024-03-01Z'),
					(-4, 'OPEN', now() + interval '1 year'), (-5, 'OPEN', now() + interval '1 year'), (-6, 'OPEN', now() + interval '1 year'),
					(-7, 'OPEN', now() + interval '1 year'), (-8, 'OPEN', now() + interval '1 year')`)
			if indexed {
				p.both("CREATE INDEX ON orders (updated_at)")
			}
			p.exec(p.legacy, "UPDATE orders SET status = 'FILLED', updated_at = '2024-02-01Z' WHERE order_id = 7")
			p.exec(p.projection, "UPDATE orders SET status = 'FILLED', updated_at = '2024-02-01Z' WHERE order_id = 8")
			p.both("VACUUM ANALYZE orders")
			r := newRecorder()
			_, got := p.sample(50, 3, r)
			want := []string{"7 differs status", "8 differs status"}
			if !indexed {
				want = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if len(r.drawn) > 0 {
				t.Errorf("orders counted as drawn uniformly: %v", r.drawn)
			}
		})
	}
}

func TestFindingsAreSeenAgainAndResolved(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	p.both(`CREATE TABLE orders (order_id uuid PRIMARY KEY, status text);
		INSERT INTO orders SELECT md5(n::text)::uuid, 'OPEN' FROM generate_series(1, 3000) n; ANALYZE orders`)
	p.exec(p.projection, "UPDATE orders SET status = 'FILLED' WHERE order_id IN (md5('17')::uuid, md5('18')::uuid); DELETE FROM orders WHERE order_id = md5('19')::uuid")
	c := p.comparison()
	ask := func(run func(lease.Lease) (verify.Pass, error)) (verify.Pass, []string) {
		return p.run(c, c.Ledger.(*ledgertest.Fake), run)
	}
	full := func(l lease.Lease) (verify.Pass, error) {
		return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
	}
	little := func(l lease.Lease) (verify.Pass, error) {
		return c.Sample(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, 1)
	}
	if _, got := ask(full); len(got) != 3 {
		t.Fatalf("found %v", got)
	}
	p.exec(p.projection, "UPDATE orders SET status = 'OPEN' WHERE order_id = md5('17')::uuid")
	p.exec(p.legacy, "DELETE FROM orders WHERE order_id = md5('19')::uuid")
	pass, got := ask(little)
	if len(got) != 1 || !strings.HasSuffix(got[0], "differs status") || pass.Result.Verdict != compare.Diverged {
		t.Errorf("found %v, %+v", got, pass.Result)
	}
	keys, err := c.Ledger.OpenKeys(t.Context(), pass.ID, "", 10)
	if err != nil || len(keys) != 1 {
		t.Errorf("open are %v, %v", keys, err)
	}
	p.exec(p.legacy, "UPDATE orders SET status = 'FILLED' WHERE order_id = md5('18')::uuid")
	if pass, got = ask(little); len(got) > 0 || pass.Result.Verdict != compare.Match {
		t.Errorf("found %v, %+v", got, pass.Result)
	}
	if keys, err = c.Ledger.OpenKeys(t.Context(), pass.ID, "", 10); err != nil || !slices.Equal(keys, nil) {
		t.Errorf("open are %v, %v", keys, err)
	}
}

// TestSampleDoesNotTrustTheEstimate: the planner takes a function for a thousand rows a call, so sparse keys look
// dense. A sample that believed it would draw keys without end.
func TestSampleDoesNotTrustTheEstimate(t *testing.T) {
	p := newPair(t, []source.Field{field("status", order.Text)})
	p.both(`CREATE TABLE stored (order_id bigint PRIMARY KEY, status text);
		INSERT INTO stored SELECT g * 40000::bigint, 'OPEN' FROM generate_series(1, 3000) g;
		CREATE FUNCTION many(bigint) RETURNS TABLE (x int) LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT 1; END$$;
		CREATE VIEW orders AS SELECT s.order_id, s.status FROM stored s CROSS JOIN LATERAL many(s.order_id)`)
	pass, _ := p.found(func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
		return c.Sample(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, 1000)
	})
	if pass.Scan.Compared > 100 || pass.Result.Verdict == compare.Match && pass.Scan.Compared == 0 || pass.Scan.Compared == 0 && pass.Scan.Reason == "" {
		t.Errorf("the sample is %+v, %+v", pass.Scan, pass.Result)
	}
}
