package source

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// keySQL returns the key as an expression that both sides order and compare in the same way. Text is compared by bytes,
// because two servers may sort by different collations.
func keySQL(t order.KeyType, key string) string {
	if t == order.KeyText {
		return fmt.Sprintf("(%s) COLLATE \"C\"", key)
	}
	return "(" + key + ")"
}

// keyCast is the type of key parameters; an index on int4 serves comparisons with bigint too.
func keyCast(t order.KeyType) string {
	if t == order.KeyInteger {
		return "bigint"
	}
	return string(t)
}

func zeroKey(t order.KeyType) string {
	if t == order.KeyUUID {
		return "00000000-0000-0000-0000-000000000000"
	}
	return "0"
}

// canonical returns a field as its canonical type.
func canonical(f Field) string {
	switch f.Type {
	case order.Integer:
		return fmt.Sprintf("(%s)::bigint", f.Expr)
	case order.Text:
		return fmt.Sprintf("(%s)::text COLLATE \"C\"", f.Expr)
	default:
		return fmt.Sprintf("(%s)::%s", f.Expr, f.Type)
	}
}

// groupSQL is the group in which a row is counted, as text that is the same for equal values.
func (s *Side) groupSQL() string {
	for _, f := range s.config.Fields {
		switch {
		case f.Name != s.config.GroupBy:
		case f.Type == order.Numeric:
			return "trim_scale(" + canonical(f) + ")::text"
		default:
			return "(" + canonical(f) + ")::text"
		}
	}
	return "NULL::text"
}

// nulls are the values that replace NULL inside a chain of hashes. They are random for each pass, so that no order has
// the same value in two passes.
type nulls struct{ text, numeric, integer, uuid, time string }

func newNulls(seed int64) nulls {
	a, b := nullSeeds(seed)
	return nulls{
		text:    fmt.Sprintf("'null %016x%016x'", a, b),
		numeric: fmt.Sprintf("-0.%020d%020d1", a, b),
		integer: fmt.Sprintf("'%d'::bigint", int64(a)),
		uuid:    fmt.Sprintf("'%016x%016x'::uuid", a, b),
		time:    fmt.Sprintf("'%s'::timestamp", postgresZero.Add(time.Duration(nullMicros(a))*time.Microsecond).Format("2006-01-02 15:04:05.000000")),
	}
}

// postgresZero is where PostgreSQL counts its times from.
var postgresZero = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// nullMicros is a time of the years 2000 to 2142.
func nullMicros(seed uint64) int64 { return int64(seed >> 12) }

func nullSeeds(seed int64) (a, b uint64) {
	return uint64(mix(uint64(seed))), uint64(mix(uint64(seed) + 1))
}

// rowDigest is the SQL of a row's digest: 64 bits, not linear in any column, seeded with the key and with the
// pass, so that sums over rows cannot cancel however values are exchanged between rows or columns.
//
// # Blind spots of PostgreSQL's hash functions, and their cures
//
// hash_numeric ignores the sign, and returns the seed for Infinity: both choose the seed. It returns the seed for
// NaN too, and the seed less one for 0, which is linear: numerics are hashed before all else but timestamps, a
// constant keeps neighbours apart, and where no other type comes after them a last hash does. (Left is an order
// with 0 that is missing beside a phantom of the neighbouring key with NaN, in half of the passes.) hashint8 folds
// 64 bits to 32, and so do timestamps: the value goes into the seed too, shifted, or an integer that repeats the
// key would take the key out of it; and of a timestamp its hour is hashed before it, which leaves 44 pairs of hours
// between 1970 and 2100 to chance. NULL is replaced by a constant before hashing. Text is hashed under the C
// collation, or equal strings of a nondeterministic one would hash alike.
func rowDigest(t order.KeyType, key string, fields []Field, h verify.Hash) string {
	if h.Portable {
		return portableDigest(key, fields, h.Seed)
	}
	chain := keySeed(t, key, h.Seed)
	if s := signs(fields, h); s != "" {
		chain = fmt.Sprintf("%s # %s", chain, s)
	}
	null := newNulls(h.Seed)
	if h.WholeTimes {
		chain = wholeTimestamps(fields, chain, null)
	} else {
		chain = timestamps(fields, chain, null)
	}
	numerics, others := parted(fields)
	for i, f := range numerics {
		if i > 0 {
			chain = fmt.Sprintf("%s # '%d'::bigint", chain, mix(uint64(i))|1)
		}
		chain = chained(f, chain, null)
	}
	for _, f := range others {
		chain = chained(f, chain, null)
	}
	if len(others) == 0 {
		chain = fmt.Sprintf("hashint4extended(1, %s)", chain)
	}
	return chain
}

// parted separates the numerics from the fields that are neither numeric nor a timestamp.
func parted(fields []Field) (numerics, others []Field) {
	for _, f := range fields {
		switch f.Type {
		case order.Timestamptz:
		case order.Numeric:
			numerics = append(numerics, f)
		default:
			others = append(others, f)
		}
	}
	return numerics, others
}

func keySeed(t order.KeyType, key string, seed int64) string {
	switch t {
	case order.KeyUUID:
		return fmt.Sprintf("uuid_hash_extended((%s), '%d'::bigint)", key, seed)
	case order.KeyText:
		return fmt.Sprintf("hashtextextended((%s)::text COLLATE \"C\", '%d'::bigint)", key, seed)
	default:
		return fmt.Sprintf("((%s)::bigint # '%d'::bigint)", key, seed)
	}
}

// chained hashes one field with the earlier hash as the seed. Timestamps are hashed together.
func chained(f Field, seed string, null nulls) string {
	value := canonical(f)
	switch f.Type {
	case order.Numeric:
		return fmt.Sprintf("hash_numeric_extended(coalesce(%s, %s), %s)", value, null.numeric, seed)
	case order.Integer:
		return fmt.Sprintf("hashint8extended(coalesce(%s, %s), %s # (coalesce(%s, 1) << 1))", value, null.integer, seed, value)
	case order.Boolean:
		return fmt.Sprintf("hashint4extended(coalesce(%s::int, 2), %s)", value, seed)
	case order.UUID:
		return fmt.Sprintf("uuid_hash_extended(coalesce(%s, %s), %s)", value, null.uuid, seed)
	case order.Date:
		return fmt.Sprintf("hashtextextended(coalesce(%s::text, %s), %s)", value, null.text, seed)
	case order.Timestamptz:
		return seed
	default:
		return fmt.Sprintf("hashtextextended(coalesce(%s, %s), %s)", value, null.text, seed)
	}
}

// signs is a constant that depends on which numerics are negative or infinite. Most rows have none, so one test comes
// first. A column with a precision holds no Infinity and needs no test for it, and a field that is negative on no side
// needs none for that.
func signs(fields []Field, h verify.Hash) string {
	var tests, each []string
	for i, f := range fields {
		if f.Type != order.Numeric {
			continue
		}
		var cases []string
		test := func(condition string, constant int64) {
			tests = append(tests, canonical(f)+condition)
			cases = append(cases, fmt.Sprintf("WHEN %s%s THEN '%d'::bigint", canonical(f), condition, constant))
		}
		if !slices.Contains(h.Unsigned, f.Name) {
			test(" < 0", mix(uint64(i)+1))
		}
		if !f.finite {
			test(" = 'Infinity'", mix(uint64(i)+1<<32))
		}
		if len(cases) > 0 {
			each = append(each, "CASE "+strings.Join(cases, " ")+" ELSE 0 END")
		}
	}
	if len(tests) == 0 {
		return ""
	}
	return fmt.Sprintf("(CASE WHEN %s THEN %s ELSE 0 END)", strings.Join(tests, " OR "), strings.Join(each, " # "))
}

// timestamps hashes each timestamp after its hour. Hours are counted from PostgreSQL's own zero, because from any other zero
// the distance to its last timestamps overflows. Before version 18 no function hashes a timestamptz, so it becomes a timestamp
// first, by an interval, which takes no time zone's table.
func timestamps(fields []Field, chain string, null nulls) string {
	for _, f := range fields {
		if f.Type == order.Timestamptz {
			for _, part := range []string{fmt.Sprintf("date_bin('1 hour', %s, '2000-01-01 00:00:00+00'::timestamptz)", canonical(f)), canonical(f)} {
				chain = fmt.Sprintf("timestamp_hash_extended(coalesce(timezone('0'::interval, %s), %s), %s)", part, null.time, chain)
			}
		}
	}
	return chain
}

// wholeTimestamps hashes the bytes of each timestamp, of which there are eight. That of NULL is longer.
func wholeTimestamps(fields []Field, chain string, null nulls) string {
	for _, f := range fields {
		if f.Type == order.Timestamptz {
			chain = fmt.Sprintf("hashbyteaextended(coalesce(timestamptz_send(%s), %s::bytea), %s)", canonical(f), null.text, chain)
		}
	}
	return chain
}

// portableDigest is for two servers with different hash functions: MD5 of the length-prefixed canonical texts.
func portableDigest(key string, fields []Field, seed int64) string {
	parts := []string{fmt.Sprintf("'%d'", seed), prefixed("(" + key + ")::text")}
	for _, f := range fields {
		value := canonical(f)
		if f.Type == order.Numeric {
			value = fmt.Sprintf("trim_scale(%s)", value)
		}
		parts = append(parts, prefixed(value+"::text"))
	}
	return fmt.Sprintf("('x' || left(md5(%s), 16))::bit(64)::bigint", strings.Join(parts, " || "))
}

func prefixed(text string) string {
	return fmt.Sprintf("coalesce(octet_length(%s)::text || ':' || %s, 'N')", text, text)
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): distinct inputs give distinct, unrelated constants.
func mix(x uint64) int64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return int64(x ^ (x >> 31))
}
