package bench

import (
	"fmt"
	"strings"
)

// column is a compared column of the default schema.
type column struct {
	name, kind string
	scale      int // of a numeric
}

// fields is a set of compared columns.
type fields struct {
	name    string
	columns []column
}

var (
	threeFields = fields{"three fields", []column{
		{name: "status", kind: "text"}, {name: "filled_quantity", kind: "numeric", scale: 4}, {name: "quantity", kind: "numeric", scale: 4},
	}}
	allFields = fields{"all ten fields", []column{
		{name: "trader_id", kind: "integer"},
		{name: "symbol", kind: "text"},
		{name: "side", kind: "text"},
		{name: "quantity", kind: "numeric", scale: 4},
		{name: "price", kind: "numeric", scale: 4},
		{name: "status", kind: "text"},
		{name: "filled_quantity", kind: "numeric", scale: 4},
		{name: "avg_fill_price", kind: "numeric", scale: 6},
		{name: "created_at", kind: "timestamptz"},
		{name: "updated_at", kind: "timestamptz"},
	}}
)

func (f fields) of(kind string) []column {
	var out []column
	for _, c := range f.columns {
		if c.kind == kind {
			out = append(out, c)
		}
	}
	return out
}

// digestSettings are the settings with which crosscheck digests large tables.
const digestSettings = `SET jit = on; SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0;
	SET default_transaction_read_only = on; SET TimeZone = 'UTC'`

// digestSQL is the query that an expert on PostgreSQL's hash functions would write by hand. It is a chain in which each
// hash is the seed of the next, starting from the key and the signs, summed by ranges of keys. OFFSET 0 stops the
// planner from estimating as many groups as keys, and then sorting all rows on disk.
func digestSQL(table string, f fields) string {
	return fmt.Sprintf(`SELECT bucket::text, count(*)::text, sum(digest)::text
		FROM (SELECT order_id >> 14 AS bucket, %s AS digest FROM %s OFFSET 0) AS s GROUP BY bucket`, chain(f), table)
}

func chain(f fields) string {
	h := "order_id # 6148914691236517205"
	var negative, signs []string
	for i, c := range f.of("numeric") {
		negative = append(negative, c.name+" < 0")
		signs = append(signs, fmt.Sprintf("CASE WHEN %s < 0 THEN %d ELSE 0 END", c.name, 7046029254386353131+i))
	}
	if len(negative) > 0 {
		h += fmt.Sprintf(" # (CASE WHEN %s THEN %s ELSE 0 END)", strings.Join(negative, " OR "), strings.Join(signs, " # "))
	}
	for _, c := range f.of("timestamptz") {
		for _, part := range []string{fmt.Sprintf("date_bin('1 hour', %s, '2000-01-01 00:00:00+00')", c.name), c.name} {
			h = fmt.Sprintf("timestamp_hash_extended(coalesce(timezone('0'::interval, %s), '2067-03-09 01:02:03.456789'), %s)", part, h)
		}
	}
	for i, c := range f.of("numeric") {
		if i > 0 {
			h += fmt.Sprintf(" # %d", 2862933555777941757+2*i)
		}
		h = fmt.Sprintf("hash_numeric_extended(coalesce(%s, -0.73829104857261938), %s)", c.name, h)
	}
	for _, c := range f.of("integer") {
		h = fmt.Sprintf("hashint8extended(coalesce(%[1]s, -6148914691236517205), %[2]s # (coalesce(%[1]s, 1)::bigint << 1))", c.name, h)
	}
	for _, c := range f.of("text") {
		h = fmt.Sprintf(`hashtextextended(coalesce(%s, '(null)') COLLATE "C", %s)`, c.name, h)
	}
	return h
}

// joinSQL counts the orders that differ, in one database that holds both tables. It runs with the server's own
// settings: more work_mem makes it slower. Comparing rows instead of columns makes it slower too.
func joinSQL(f fields) string {
	different := make([]string, len(f.columns))
	for i, c := range f.columns {
		different[i] = fmt.Sprintf("l.%[1]s IS DISTINCT FROM p.%[1]s", c.name)
	}
	return `SELECT count(*) FROM public.orders AS l FULL JOIN public.current_orders AS p ON p.order_id = l.order_id
		WHERE l.order_id IS NULL OR p.order_id IS NULL OR ` + strings.Join(different, " OR ")
}

// md5Segments is data-diff's default bisection factor.
const md5Segments = 32

// md5SQL is the checksum query that data-diff 0.11 generates for PostgreSQL: count and checksum of a segment of the key
// space. Each column is normalised to text, joined with |, hashed, and the last 48 bits are summed.
func md5SQL(table string, f fields) string {
	parts := make([]string, 0, len(f.columns)+1)
	for _, c := range append([]column{{name: "order_id", kind: "integer"}}, f.columns...) {
		parts = append(parts, "coalesce(coalesce("+c.normalised()+", '<null>')::varchar, '<null>')")
	}
	return fmt.Sprintf(`SELECT count(*), sum(('x' || substring(md5((%s)), 21))::bit(48)::bigint - 140737488355327)
		FROM %s WHERE ("order_id" >= $1) AND ("order_id" < $2)`, strings.Join(parts, " || '|' || "), table)
}

func (c column) normalised() string {
	switch c.kind {
	case "numeric":
		return fmt.Sprintf(`"%s"::decimal(38, %d)::varchar`, c.name, c.scale)
	case "timestamptz":
		return fmt.Sprintf(`to_char("%s"::timestamp(6), 'YYYY-mm-dd HH24:MI:SS.US')`, c.name)
	default:
		return fmt.Sprintf(`"%s"::varchar`, c.name)
	}
}

// keyedSQL reads orders by their keys.
func keyedSQL(table string, f fields) string {
	names := []string{"order_id"}
	for _, c := range f.columns {
		names = append(names, c.name)
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE order_id = ANY($1)", strings.Join(names, ", "), table)
}
