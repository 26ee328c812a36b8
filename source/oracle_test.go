package source_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// oracleFields has one field of each type, and names that a careless query would take for its own.
var oracleFields = []source.Field{
	field("status", order.Text), field("low", order.Numeric), field("qty", order.Integer), field("high", order.Boolean),
	field("at", order.Timestamptz), field("ref", order.UUID), field("day", order.Date), field("price", order.Numeric),
}

// oracleTypes are the columns of both sides; ICU sorts differently from bytes, and treats no two strings as equal.
var oracleTypes = [2][]string{
	{`text COLLATE "en-x-icu"`, "numeric", "bigint", "boolean", "timestamptz", "uuid", "date", "numeric(20,4)"},
	{"varchar(40)", "numeric", "integer", "boolean", "timestamptz", "uuid", "date", "numeric"},
}

const null = "\x00" // stands for NULL in the lists below

// pools are values that hash functions and comparisons are known to confuse.
var pools = [][]string{
	{null, "", "OPEN", "open", "FILLED", "OPEN ", "N", "NULL", "o'k", `\`, "ä", "a\u0308", "日本", "😀", "1:a", "|"},
	{null, "0", "1", "1.0", "1.00", "5", "-5", "NaN", "Infinity", "-Infinity", "0.005", "123456789012345678901234567890.5", "4294967296"},
	{null, "0", "1", "-1", "5", "-5", "2147483647", "-2147483648", "65536"},
	{null, "true", "false"},
	{
		null, "2000-01-01 00:00:00Z", "2000-01-01 00:00:00.000001Z", "2000-01-01 01:11:34.967296Z", "1999-12-31 23:59:59.999999Z",
		"infinity", "-infinity", "2024-03-31 02:30:00+01", "294276-12-31 23:59:59.999999Z", "4713-01-01 00:00:00Z BC",
	},
	{null, "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	{null, "2024-02-29", "infinity", "-infinity", "0001-01-01", "0001-01-01 BC"},
	{null, "0", "0.0000", "1.5", "-1.5", "NaN", "9999999999999999"},
}

// world is two tables that differ in places, as text.
type world struct {
	keyType            order.KeyType
	unique             bool // no key more than once, and none NULL
	legacy, projection [][]string
}

// generate makes a world of about n orders of which about a share differ.
func generate(rng *rand.Rand, keys func(*rand.Rand, int) []string, keyType order.KeyType, n int, share float64, unique bool) world {
	w := world{keyType: keyType, unique: unique}
	plain := rng.IntN(3) == 0 // most orders alike: what cancels, cancels here
	for _, key := range keys(rng, n) {
		row := []string{key}
		for _, pool := range pools {
			if plain {
				row = append(row, pool[min(1, rng.IntN(20))])
				continue
			}
			row = append(row, pool[rng.IntN(len(pool))])
		}
		w.legacy = append(w.legacy, row)
		w.projection = append(w.projection, slices.Clone(row))
	}
	for range int(math.Ceil(share * float64(n))) {
		w.plant(rng)
	}
	if !unique && rng.IntN(8) == 0 && len(w.legacy) > 0 {
		row := slices.Clone(w.legacy[0])
		row[0] = null
		w.legacy = append(w.legacy, row)
	}
	return w
}

// plant makes one difference, or two that a sum might forget.
func (w *world) plant(rng *rand.Rand) {
	if len(w.projection) == 0 {
		return
	}
	p := w.projection
	i, j := rng.IntN(len(p)), rng.IntN(len(p))
	f := 1 + rng.IntN(len(pools))
	switch rng.IntN(7) {
	case 0, 1: // fields differ
		for range 1 + rng.IntN(3) {
			f := 1 + rng.IntN(len(pools))
			p[i][f] = pools[f-1][rng.IntN(len(pools[f-1]))]
		}
	case 2, 3: // two orders exchange a value
		p[i][f], p[j][f] = p[j][f], p[i][f]
	case 4: // missing
		w.projection = slices.Delete(p, i, i+1)
	case 5: // phantom
		if k := rng.IntN(len(w.legacy)); len(w.legacy) > 1 {
			w.legacy = slices.Delete(w.legacy, k, k+1)
		}
	case 6: // a row twice
		if w.unique {
			return
		}
		if rng.IntN(2) == 0 {
			w.projection = append(p, slices.Clone(p[i]))
		}
		if rng.IntN(2) == 0 {
			w.legacy = append(w.legacy, slices.Clone(w.legacy[rng.IntN(len(w.legacy))]))
		}
	}
}

// distinct draws n different keys, or as many as there are.
func distinct(n int, draw func(i int) string) []string {
	seen := map[string]bool{}
	var out []string
	for i := 0; len(out) < n && i < 3*n; i++ {
		if k := draw(i); !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

func integers(from int64, step int) func(*rand.Rand, int) []string {
	return func(rng *rand.Rand, n int) []string {
		at := from
		return distinct(n, func(int) string { at += int64(1 + rng.IntN(step)); return strconv.FormatInt(at, 10) })
	}
}

func extremes(rng *rand.Rand, n int) []string {
	edges := []int64{math.MinInt64, math.MaxInt64, 0, -1, 1, 1 << 32, -1 << 32, math.MinInt64 + 1, math.MaxInt64 - 1}
	return distinct(n, func(i int) string {
		if i < len(edges) {
			return strconv.FormatInt(edges[i], 10)
		}
		return strconv.FormatInt(int64(rng.Uint64()), 10)
	})
}

// outliers is a dense run with a few keys far away: most buckets are empty, one is full.
func outliers(rng *rand.Rand, n int) []string {
	return append(integers(-100, 2)(rng, n), "100000", "-100000")
}

func uuids(rng *rand.Rand, n int) []string {
	return distinct(n, func(i int) string {
		if i == 0 {
			return "ffffffff-ffff-ffff-ffff-ffffffffffff"
		}
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", rng.Uint32(), rng.Uint64()>>16)
	})
}

func words(rng *rand.Rand, n int) []string {
	parts := []string{"", "a", "A", "b", "B", "_", "-", " ", "'", `"`, "é", "e\u0301", "ß", "ss", "Z", "z", "1", "10", "日", "\uffff", "😀", "{", ","}
	return distinct(n, func(i int) string {
		if i == 0 {
			return ""
		}
		return parts[rng.IntN(len(parts))] + parts[rng.IntN(len(parts))] + parts[rng.IntN(len(parts))] + strconv.Itoa(rng.IntN(30))
	})
}

var keySpaces = map[string]struct {
	keyType order.KeyType
	keys    func(*rand.Rand, int) []string
}{
	"dense integers":    {order.KeyInteger, integers(-700, 2)},
	"far integers":      {order.KeyInteger, integers(1<<40, 9)},
	"sparse integers":   {order.KeyInteger, integers(-1<<50, 1<<30)},
	"extreme integers":  {order.KeyInteger, extremes},
	"integer outliers":  {order.KeyInteger, outliers},
	"uuids":             {order.KeyUUID, uuids},
	"words in any case": {order.KeyText, words},
}

// build loads the world into both databases; the projection also into legacy's, as table projected, for the oracle.
func (p *pair) build(w world, forms [2]string, estimate int) {
	p.t.Helper()
	cast := map[order.KeyType]string{order.KeyInteger: "bigint", order.KeyUUID: "uuid", order.KeyText: "text"}[w.keyType]
	for i, conn := range []*pgx.Conn{p.legacy, p.projection} {
		keyType := cast
		if i == 0 && cast == "text" {
			keyType = `text COLLATE "en-x-icu"`
		}
		rows := [][][]string{w.legacy, w.projection}[i]
		p.load(conn, "stored", keyType, oracleTypes[i], rows)
		if i == 0 {
			p.load(conn, "projected", cast, oracleTypes[1], w.projection)
		}
		p.config[i].Table = p.form(conn, forms[i])
		if estimate > 0 {
			p.exec(conn, fmt.Sprintf("UPDATE pg_class SET reltuples = %d WHERE oid = 'stored'::regclass", estimate))
		}
	}
}

func (p *pair) load(conn *pgx.Conn, table, keyType string, types []string, rows [][]string) {
	p.t.Helper()
	create := []string{"order_id " + keyType}
	selected := []string{"order_id::" + strings.Split(keyType, " ")[0]}
	args := make([]any, 0, len(types)+1)
	for i := range len(types) + 1 {
		column := make([]*string, len(rows))
		for j, row := range rows {
			if row[i] != null {
				column[j] = &row[i]
			}
		}
		args = append(args, column)
	}
	names := []string{"order_id"}
	for i, f := range oracleFields {
		create = append(create, f.Name+" "+types[i])
		selected = append(selected, f.Name+"::"+strings.Split(types[i], " ")[0])
		names = append(names, f.Name)
	}
	p.exec(conn, fmt.Sprintf("DROP TABLE IF EXISTS %s CASCADE; CREATE TABLE %[1]s (%s)", table, strings.Join(create, ", ")))
	query := fmt.Sprintf("INSERT INTO %s SELECT %s FROM unnest(%s) u(%s)", table, strings.Join(selected, ", "), arrays(len(args)), strings.Join(names, ", "))
	if _, err := conn.Exec(p.t.Context(), query, args...); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	p.exec(conn, "ANALYZE "+table)
}

func arrays(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("$%d::text[]", i+1)
	}
	return strings.Join(out, ", ")
}

// form wraps the table stored in one of the ways in which a representation may be configured.
func (p *pair) form(conn *pgx.Conn, form string) string {
	p.t.Helper()
	switch form {
	case "indexed table":
		p.exec(conn, "CREATE INDEX ON stored (order_id)")
	case "view":
		p.exec(conn, "CREATE VIEW shown AS SELECT * FROM stored")
		return "public.shown"
	case "view of an indexed table":
		p.exec(conn, "CREATE INDEX ON stored (order_id); CREATE VIEW shown AS SELECT * FROM stored")
		return "public.shown"
	case "materialized view":
		p.exec(conn, "CREATE MATERIALIZED VIEW shown AS SELECT * FROM stored; CREATE INDEX ON shown (order_id); ANALYZE shown")
		return "public.shown"
	case "subquery":
		return "(SELECT * FROM public.stored WHERE true OFFSET 0)"
	}
	return "public.stored"
}

var forms = []string{"table", "indexed table", "indexed table", "view", "view of an indexed table", "materialized view", "subquery"}

// oracle is what a full join of everything says, in one database.
func (p *pair) oracle() (found []string, orders int64) {
	p.t.Helper()
	var names, differing []string
	for _, f := range oracleFields {
		names = append(names, f.Name)
		differing = append(differing, fmt.Sprintf("CASE WHEN l.%[1]s IS DISTINCT FROM p.%[1]s THEN '%[1]s' END", f.Name))
	}
	query := fmt.Sprintf(`
		WITH l AS (SELECT order_id, count(*) AS n FROM stored WHERE order_id IS NOT NULL GROUP BY 1),
		p AS (SELECT order_id, count(*) AS n FROM projected WHERE order_id IS NOT NULL GROUP BY 1),
		k AS (SELECT order_id, coalesce(l.n, 0) AS left_rows, coalesce(p.n, 0) AS right_rows FROM l FULL JOIN p USING (order_id))
		SELECT order_id::text, CASE
			WHEN left_rows > 1 OR right_rows > 1 THEN CASE WHEN left_rows <> right_rows OR EXISTS (
				SELECT %[1]s FROM stored s WHERE s.order_id = k.order_id EXCEPT ALL SELECT %[1]s FROM projected s WHERE s.order_id = k.order_id)
				THEN 'duplicate' END
			WHEN right_rows = 0 THEN 'missing'
			WHEN left_rows = 0 THEN 'phantom'
			ELSE (SELECT 'differs ' || nullif(concat_ws(',', %[2]s), '') FROM stored l JOIN projected p USING (order_id) WHERE l.order_id = k.order_id)
		END FROM k`, strings.Join(names, ", "), strings.Join(differing, ", "))
	rows, err := p.legacy.Query(p.t.Context(), query)
	if err != nil {
		p.t.Fatal(err)
	}
	var key string
	var kind *string
	_, err = pgx.ForEachRow(rows, []any{&key, &kind}, func() error {
		orders++
		if kind != nil {
			found = append(found, key+" "+*kind)
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(found)
	return found, orders
}

// TestFullAgreesWithAFullJoin holds the digest walk against brute force, on random tables with random differences.
func TestFullAgreesWithAFullJoin(t *testing.T) {
	t.Parallel()
	p := newPair(t, oracleFields)
	checks := "10" // make soak tries many
	if testing.Short() {
		checks = "5"
	}
	fewer(t, checks)
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range keySpaces {
			if !yield(name) {
				return
			}
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		space := keySpaces[rapid.SampledFrom(names).Draw(rt, "keys")]
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		orders := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 2000)).Draw(rt, "orders")
		share := rapid.SampledFrom([]float64{0, 0.001, 0.01, 0.5, 3}).Draw(rt, "share")
		w := generate(rng, space.keys, space.keyType, orders, share, rapid.Bool().Draw(rt, "unique"))
		shapes := [2]string{rapid.SampledFrom(forms).Draw(rt, "legacy"), rapid.SampledFrom(forms).Draw(rt, "projection")}
		p.build(w, shapes, rapid.SampledFrom([]int{0, 0, 0, 100_000, 2_000_000, 40_000_000}).Draw(rt, "estimate"))
		p.config[0].GroupBy = rapid.SampledFrom([]string{"", "status"}).Draw(rt, "group")
		p.config[1].GroupBy = p.config[0].GroupBy
		p.agrees(rt, w, rapid.Bool().Draw(rt, "portable"))
	})
}

func (p *pair) agrees(rt *rapid.T, w world, portable bool) {
	want, orders := p.oracle()
	pass, got := p.fullWith(portable)
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Errorf("findings of the oracle (-) and of the pass (+): %s", diff)
	}
	// Where rows are equal on both sides, an order that each has twice is not told from two orders.
	if pass.Scan.Compared < orders || w.unique && pass.Scan.Compared > orders {
		rt.Errorf("compared %d orders of %d", pass.Scan.Compared, orders)
	}
	keyless := func(row []string) bool { return row[0] == null }
	nulls := slices.ContainsFunc(w.legacy, keyless)
	left, right := len(slices.DeleteFunc(slices.Clone(w.legacy), keyless)), len(w.projection)
	facts, _ := pass.Scan.Facts.(verify.FullFacts)
	if facts.Legacy != int64(left) || facts.Projection != int64(right) {
		rt.Errorf("counted %d and %d rows, of %d and %d", facts.Legacy, facts.Projection, left, right)
	}
	verdict := compare.Match
	switch {
	case len(want) > 0:
		verdict = compare.Diverged
	case nulls || orders == 0:
		verdict = compare.Unverified
	}
	if pass.Result.Verdict != verdict {
		rt.Errorf("verdict is %s, want %s (%s)", pass.Result.Verdict, verdict, pass.Result.Reason)
	}
	if complete := pass.Scan.Coverage == 1; complete != (!nulls && orders > 0) {
		rt.Errorf("coverage is %v (%s)", pass.Scan.Coverage, pass.Scan.Reason)
	}
	var counted int64
	for _, group := range facts.Counts {
		counted += group.Legacy
	}
	if p.config[0].GroupBy != "" && len(facts.Counts) > 0 && counted != facts.Legacy {
		rt.Errorf("groups of %d rows, of %d", counted, facts.Legacy)
	}
}

// fewer sets how often properties are tried, unless the command line does.
func fewer(t *testing.T, checks string) {
	t.Helper()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if set {
		return
	}
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}
