package source_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// mine is the condition of the slice in these tests. It ends in a comment, which ends with it.
const mine = "trader = 'T7' OR trader = 'T8' -- both are mine"

// slicedPair has the same 6,000 orders on both sides, of which a tenth belong to the slice, in tables of one kind and with
// keys of one type. The faults are made by [slicedPair.plant].
func slicedPair(t *testing.T, keyType, key, kind string) *pair {
	t.Helper()
	p := newPair(t, []source.Field{field("status", order.Text), field("filled", order.Numeric)})
	for i := range p.config {
		p.config[i].Where, p.config[i].ChangedAt, p.config[i].GroupBy = mine, "updated_at", "status"
	}
	p.both(fmt.Sprintf(`CREATE TABLE orders (order_id %s, n int, trader text, status text, filled numeric, updated_at timestamptz, pad text)%s;
		CREATE INDEX ON orders (order_id); CREATE INDEX ON orders (updated_at);
		INSERT INTO orders SELECT %s, n, 'T' || n %% 20, 'OPEN', n, '2024-01-01'::timestamptz + n * interval '1 s', repeat('x', 100) FROM generate_series(1, 6000) n; ANALYZE orders`,
		keyType, kind, key))
	return p
}

// plant makes one fault of each kind in the slice, and one of each outside of it.
func (p *pair) plant(key string) []string {
	p.t.Helper()
	var want []string
	for i, n := range []int{1007, 1001} { // of trader T7, which is in the slice, and of T1
		p.exec(p.projection, fmt.Sprintf(`UPDATE orders SET filled = -filled WHERE n = %[1]d; UPDATE orders SET status = NULL WHERE n = %[1]d + 20;
			DELETE FROM orders WHERE n = %[1]d + 40; INSERT INTO orders SELECT * FROM orders WHERE n = %[1]d + 60;
			INSERT INTO orders SELECT %[2]s, n, trader, 'OPEN', n, updated_at, '' FROM (SELECT %[1]d + 6000 AS n, 'T' || %[1]d %% 20 AS trader, now() AS updated_at) s`, n, key))
		if i > 0 {
			break
		}
		for at, kind := range map[int]string{0: "differs filled", 20: "differs status", 40: "missing", 60: "duplicate", 6000: "phantom"} {
			var k string
			if err := p.legacy.QueryRow(p.t.Context(), fmt.Sprintf("SELECT (%s)::text FROM (SELECT %d AS n) s", key, n+at)).Scan(&k); err != nil {
				p.t.Fatal(err)
			}
			want = append(want, k+" "+kind)
		}
	}
	slices.Sort(want)
	return want
}

// TestASliceIsJudgedAloneAndExactly, with rows drawn by their addresses and looked up by indexes as without a slice.
func TestASliceIsJudgedAloneAndExactly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, keyType, key, kind string }{
		{"integer", "bigint", "n * 3", ""},
		{"uuid", "uuid", "md5(n::text)::uuid", ""},
		{"text in partitions", `text COLLATE "C"`, "'o-' || n", " PARTITION BY LIST ((n % 3)); CREATE TABLE a PARTITION OF orders FOR VALUES IN (0); CREATE TABLE b PARTITION OF orders DEFAULT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := slicedPair(t, test.keyType, test.key, test.kind)
			want := p.plant(test.key)
			pass, found := p.full()
			if d := cmp.Diff(want, found); d != "" {
				t.Errorf("full: %s", d)
			}
			if facts := pass.Scan.Facts.(verify.FullFacts); facts.Legacy != 600 || pass.Scan.Compared != 601 || pass.Scan.Coverage != 1 {
				t.Errorf("full: %d rows of legacy, %+v", facts.Legacy, pass.Scan)
			}
			_, found = p.found(func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
				c.MaxSnapshot = time.Minute
				return c.Full(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()})
			})
			if d := cmp.Diff(want, found); d != "" {
				t.Errorf("full, in ranges of keys: %s", d)
			}
			pass, found = p.found(func(c *verify.Comparison, l lease.Lease) (verify.Pass, error) {
				return c.Sample(t.Context(), l, verify.Start{Trigger: "manual", At: time.Now()}, 601)
			})
			if d := cmp.Diff(want, found); d != "" {
				t.Errorf("a sample of all: %s", d)
			}
			if facts := pass.Scan.Facts.(verify.SampleFacts); facts.Sampled != 601 {
				t.Errorf("sample: %+v", facts)
			}
			p.readsOnlyTheSlice()
		})
	}
}

// readsOnlyTheSlice asks for everything that a snapshot of legacy can tell.
func (p *pair) readsOnlyTheSlice() {
	t := p.t
	t.Helper()
	legacy, _ := p.open()
	n, err := legacy.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	d, err := n.Draws(t.Context())
	if err != nil || d.NoAddress != "" || d.NoLookup != "" {
		t.Errorf("%+v, %v", d, err)
	}
	var drawn []order.Key
	addresses := make([]int64, d.Addresses)
	for i := range addresses {
		addresses[i] = int64(i)
	}
	for part := range slices.Chunk(addresses, 50_000) {
		keys, err := n.At(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		drawn = append(drawn, keys...)
	}
	if len(drawn) != 600 {
		t.Errorf("%d rows at the addresses", len(drawn))
	}
	e, err := n.Extent(t.Context())
	if err != nil || !e.Indexed || e.Rows < 300 || e.Rows > 1200 {
		t.Errorf("the extent is %+v, %v", e, err)
	}
	if bounds, err := n.Bounds(t.Context(), e); err != nil || len(bounds) == 0 || len(bounds) > 600 {
		t.Errorf("%d bounds, %v", len(bounds), err)
	}
	changed, err := n.Changed(t.Context(), 5)
	if err != nil || len(changed) != 5 {
		t.Fatalf("%v, %v", changed, err)
	}
	keys := make([]order.Key, len(changed))
	for i, c := range changed {
		keys[i] = c.Key
	}
	if !slices.Contains(drawn, keys[0]) || !slices.Contains(drawn, keys[4]) {
		t.Errorf("the newest changes are of %v", keys)
	}
	if rows, err := n.Rows(t.Context(), keys); err != nil || len(rows) != 5 {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestASampleOfASliceIsUniform over its orders, wherever in the table they are.
func TestASampleOfASliceIsUniform(t *testing.T) {
	p := slicedPair(t, "uuid", "md5(n::text)::uuid", "")
	p.exec(p.projection, "UPDATE orders SET filled = 0")
	all := map[order.Key]int{}
	rows, err := p.legacy.Query(t.Context(), "SELECT order_id::text, n FROM orders WHERE trader IN ('T7', 'T8')")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var key string
		var n int
		if err := rows.Scan(&key, &n); err != nil {
			t.Fatal(err)
		}
		all[order.Key(key)] = n
	}
	drawn := newRecorder()
	for seed := range uint64(20) {
		p.sample(60, seed, drawn)
	}
	uniform(t, "place", all, drawn.drawn, func(n int) int { return n / 600 })
	uniform(t, "trader", all, drawn.drawn, func(n int) int { return n % 20 })
}

// TestRandomSlices have faults at random places, and conditions of any form.
func TestRandomSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 6))
	p := slicedPair(t, "bigint", "n * 7", "")
	for _, where := range []string{"n % 3 = 0", "n BETWEEN 500 AND 1500", "status = 'OPEN'", "trader IN (SELECT 'T' || g FROM generate_series(1, 4) g)", "t.n > 5990 OR\n n < 10", "filled IS NULL"} {
		p.exec(p.projection, "UPDATE orders SET filled = n, status = 'OPEN'")
		var broken []int
		for range 40 {
			broken = append(broken, 1+rng.IntN(6000))
		}
		p.config[0].Where, p.config[1].Where = where, where
		for _, n := range broken {
			p.exec(p.projection, fmt.Sprintf("UPDATE orders SET filled = filled + 1 WHERE n = %d", n))
		}
		var want []string
		rows, err := p.legacy.Query(t.Context(), "SELECT (n * 7)::text || ' differs filled' FROM orders AS t WHERE n = ANY($1) AND ("+where+")", broken)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var w string
			if err := rows.Scan(&w); err != nil {
				t.Fatal(err)
			}
			want = append(want, w)
		}
		slices.Sort(want)
		if _, found := p.full(); !slices.Equal(want, found) {
			t.Errorf("%s: found %v instead of %v", where, found, want)
		}
	}
}

// TestAWrongConditionIsNamed when the side is opened and by the doctor.
func TestAWrongConditionIsNamed(t *testing.T) {
	p := slicedPair(t, "bigint", "n", "")
	for where, want := range map[string]string{
		"n":                 "legacy.where n is integer, not a condition",
		"trader2 = 'x'":     `legacy.where trader2 = 'x': ERROR: column "trader2" does not exist`,
		"count(*) > 0":      "aggregate functions are not allowed in WHERE",
		"n > 0) OR (n <= 0": "",
	} {
		p.config[0].Where = where
		s, err := source.Open(t.Context(), p.config[0])
		if err == nil {
			s.Close()
		}
		if want == "" { // it stays within the condition, and the configuration refuses it
			continue
		}
		if _, ok := errors.AsType[*source.ConditionError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
		findings := source.Diagnose(t.Context(), p.config[0], p.config[1], time.Now)
		if !slices.ContainsFunc(findings, func(f doctor.Finding) bool {
			return f.Check == source.CheckWhere && f.Level == doctor.Error && f.Side == "legacy"
		}) {
			t.Errorf("%s: doctor says %v", where, findings)
		}
	}
	p.config[0].Where, p.config[0].Table = "n > 0", "public.nothing"
	_, err := source.Open(t.Context(), p.config[0])
	if _, ok := errors.AsType[*source.ConditionError](err); ok || err == nil {
		t.Errorf("a missing table is taken for a wrong condition: %v", err)
	}
}

// TestDoctorSaysHowLargeASliceIs, and whether it changes by itself.
func TestDoctorSaysHowLargeASliceIs(t *testing.T) {
	p := slicedPair(t, "bigint", "n", "")
	p.config[1].Where = "updated_at > now() - interval '1 day'"
	said := map[string][]string{}
	for _, f := range source.Diagnose(t.Context(), p.config[0], p.config[1], time.Now) {
		if f.Check == source.CheckWhere {
			said[f.Side] = append(said[f.Side], fmt.Sprint(f.Level, " ", f.Message))
		}
	}
	for side, want := range map[string]string{
		"legacy":     "600 of 6,000 rows belong to the slice by legacy.where",
		"projection": "0 of 6,000 rows belong to the slice by projection.where",
	} {
		if got := strings.Join(said[side], "\n"); !strings.Contains(got, want) || strings.Contains(got, "clock") != (side == "projection") {
			t.Errorf("%s: %s", side, got)
		}
	}
}

// TestEventsOutsideOfTheSliceAreToldFromThoseThatAreNotStored, by their positions, their ids and their orders.
func TestEventsOutsideOfTheSliceAreToldFromThoseThatAreNotStored(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store ADD id uuid, ADD region text",
		`INSERT INTO event_store SELECT n, n / 10, 'OrderCanceled', '2024-01-01', '{"reason": "why"}', md5(n::text)::uuid, CASE WHEN n >= 30 THEN 'EU' WHEN n >= 20 THEN 'US' END FROM generate_series(10, 49) n`)
	c.Where, c.ID = "region = 'EU' -- and no other", "id"
	e, err := source.OpenEvents(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	at, err := e.OutsideAt(t.Context(), []order.Position{5, 15, 25, 35, 45})
	if d := cmp.Diff(map[order.Position]order.Key{15: "1", 25: "2"}, at); d != "" || err != nil || !e.Sliced() {
		t.Error(d, err)
	}
	ids := []order.ID{"9bf31c7f-f062-936a-96d3-c8bd1f8f2ff3", "1c383cd3-0b7c-298a-b502-93adfecb7b18", "00000000-0000-0000-0000-000000000000"} // of 15, 35 and none
	by, err := e.OutsideByID(t.Context(), ids)
	if d := cmp.Diff(map[order.ID]order.Key{ids[0]: "1"}, by); d != "" || err != nil {
		t.Error(d, err)
	}
	outside, err := e.OutsideOrders(t.Context(), []order.Key{"1", "3", "7"})
	if !slices.Equal(outside, []order.Key{"1"}) || err != nil {
		t.Error(outside, err)
	}
}
