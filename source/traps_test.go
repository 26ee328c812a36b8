package source_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// onlyPortable answers the test of the native hash functions as a server of another version might.
type onlyPortable struct{ verify.Side }

func (s onlyPortable) Probe(ctx context.Context, h verify.Hash) ([]int64, error) {
	if !h.Portable {
		return []int64{1}, nil
	}
	return s.Side.Probe(ctx, h)
}

type trap struct {
	name               string
	fields             []source.Field
	legacy, projection string // VALUES lists: order_id, then the fields
	want               []string
}

// values is the list as a subquery with the columns order_id and the fields'.
func values(fields []source.Field, list string) string {
	names := []string{"order_id"}
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("(SELECT * FROM (VALUES %s) v(%s))", list, strings.Join(names, ", "))
}

func textField(name string) source.Field    { return field(name, order.Text) }
func numericField(name string) source.Field { return field(name, order.Numeric) }
func integerField(name string) source.Field { return field(name, order.Integer) }

func one(f source.Field) []source.Field { return []source.Field{f} }

// traps are what other comparators were blind to, named for the blindness. The digest of the whole table, in one
// bucket, must tell the sides apart, so must that of each order that differs, and a pass must name the orders.
var traps = []trap{
	{
		"concatenation without boundaries",
		[]source.Field{textField("a"), textField("b")},
		"(1, 'ab', 'c'), (2, 'a|b', 'c'), (3, '1:a', 'b'), (4, '', 'ab')",
		"(1, 'a', 'bc'), (2, 'a', 'b|c'), (3, '1', ':ab'), (4, 'ab', '')",
		[]string{"1 differs a,b", "2 differs a,b", "3 differs a,b", "4 differs a,b"},
	},
	{
		"a word that stands for NULL", one(textField("a")),
		"(1, NULL), (2, NULL), (3, NULL), (4, NULL), (5, NULL::text)",
		"(1, ''), (2, 'NULL'), (3, '<null>'), (4, 'N'), (5, ' ')",
		[]string{"1 differs a", "2 differs a", "3 differs a", "4 differs a", "5 differs a"},
	},
	{
		"NULL that moves to another field",
		[]source.Field{textField("a"), textField("b"), textField("c")},
		"(1, '1', NULL, 'a')", "(1, '1', 'a', NULL)",
		[]string{"1 differs b,c"},
	},
	{
		"NULL and zero of a numeric", one(numericField("a")),
		"(1, NULL), (2, 0)", "(1, 0), (2, NULL::numeric)",
		[]string{"1 differs a", "2 differs a"},
	},
	{
		"NULL and zero of an integer", one(integerField("a")),
		"(1, NULL), (2, 0), (3, NULL)", "(1, 0), (2, NULL::bigint), (3, 1)",
		[]string{"1 differs a", "2 differs a", "3 differs a"},
	},
	{
		"NULL and false", one(field("a", order.Boolean)),
		"(1, NULL), (2, true)", "(1, false), (2, NULL::boolean)",
		[]string{"1 differs a", "2 differs a"},
	},
	{
		"status exchanged between two orders",
		[]source.Field{textField("status"), numericField("filled")},
		"(1, 'OPEN', 0), (2, 'FILLED', 0)", "(1, 'FILLED', 0), (2, 'OPEN', 0)",
		[]string{"1 differs status", "2 differs status"},
	},
	{
		"two fields of one order exchanged",
		[]source.Field{numericField("a"), numericField("b"), integerField("c"), integerField("d")},
		"(1, 1, 2, 3, 4)", "(1, 2, 1, 4, 3)",
		[]string{"1 differs a,b,c,d"},
	},
	{
		"amounts exchanged between two orders",
		[]source.Field{textField("status"), numericField("filled")},
		"(1, 'OPEN', 5), (2, 'OPEN', 0), (3, 'OPEN', 7.5), (4, 'OPEN', 8.5)",
		"(1, 'OPEN', 0), (2, 'OPEN', 5), (3, 'OPEN', 8.5), (4, 'OPEN', 7.5)",
		[]string{"1 differs filled", "2 differs filled", "3 differs filled", "4 differs filled"},
	},
	{
		"status exchanged while a timestamp is NULL",
		[]source.Field{textField("status"), field("filled_at", order.Timestamptz)},
		"(1, 'OPEN', NULL), (2, 'NEW', NULL::timestamptz)", "(1, 'NEW', NULL), (2, 'OPEN', NULL::timestamptz)",
		[]string{"1 differs status", "2 differs status"},
	},
	{
		"sign while a timestamp is NULL",
		[]source.Field{numericField("a"), field("filled_at", order.Timestamptz)},
		"(1, 5, NULL::timestamptz)", "(1, -5, NULL::timestamptz)",
		[]string{"1 differs a"},
	},
	{
		"keys exchanged while all timestamps are NULL", one(field("filled_at", order.Timestamptz)),
		"(1, NULL::timestamptz)", "(2, NULL::timestamptz)",
		[]string{"1 missing", "2 phantom"},
	},
	{
		"the same row twice on both sides of nothing", one(textField("a")),
		"(1, 'x'), (2, 'y'), (2, 'y'), (2, 'y')", "(1, 'x'), (2, 'y')",
		[]string{"2 duplicate"},
	},
	{
		"a pair of duplicates that cancels under XOR", one(textField("a")),
		"(1, 'x'), (2, 'y'), (2, 'y')", "(1, 'x'), (3, 'z'), (3, 'z')",
		[]string{"2 duplicate", "3 duplicate"},
	},
	{
		"one order instead of another", one(numericField("a")),
		"(4, 0), (7, 0), (8, 'NaN'), (11, 'NaN'::numeric)", "(5, 0), (6, 0), (9, 'NaN'), (10, 'NaN'::numeric)",
		[]string{"10 phantom", "11 missing", "4 missing", "5 phantom", "6 phantom", "7 missing", "8 missing", "9 phantom"},
	},
	{
		"sign",
		[]source.Field{numericField("a"), numericField("b")},
		"(1, 5::numeric, 1), (2, 1, 5), (3, 'Infinity', 0), (4, 5, -5)", "(1, -5::numeric, 1), (2, 1, -5), (3, '-Infinity', 0), (4, -5, 5)",
		[]string{"1 differs a", "2 differs b", "3 differs a", "4 differs a,b"},
	},
	{
		"numbers that are none", one(numericField("a")),
		"(1, 'NaN'), (2, 'NaN'), (3, 'NaN'), (4, 'Infinity'::numeric)",
		"(1, 'Infinity'), (2, '-Infinity'), (3, 0), (4, '0'::numeric)",
		[]string{"1 differs a", "2 differs a", "3 differs a", "4 differs a"},
	},
	{
		"zero and NaN exchanged between orders", one(numericField("a")),
		"(1, 0), (2, 'NaN'::numeric)", "(1, 'NaN'), (2, 0::numeric)",
		[]string{"1 differs a", "2 differs a"},
	},
	{
		"zero and NaN exchanged between fields",
		[]source.Field{numericField("a"), numericField("b")},
		"(1, 0, 'NaN'::numeric), (2, 0, 'NaN'), (3, 0, 'NaN')", "(1, 'NaN'::numeric, 0), (2, 'NaN', 0), (3, 'NaN', 0)",
		[]string{"1 differs a,b", "2 differs a,b", "3 differs a,b"},
	},
	{
		"integers folded to 32 bits", one(integerField("a")),
		"(1, 1), (2, -1), (3, 4294967295), (4, 0)", "(1, 4294967296), (2, 4294967295), (3, -4294967296), (4, -1)",
		[]string{"1 differs a", "2 differs a", "3 differs a", "4 differs a"},
	},
	{
		"an integer that repeats the folded key", one(integerField("a")),
		"(1, 1::bigint)", "(4294967296, 4294967296)",
		[]string{"1 missing", "4294967296 phantom"},
	},
	{
		"integers whose sum is the same",
		[]source.Field{integerField("a"), integerField("b")},
		"(1, 10, 20), (2, 20, 10)", "(1, 11, 19), (2, 19, 11)",
		[]string{"1 differs a,b", "2 differs a,b"},
	},
	{
		"timestamps folded to 32 bits", one(field("a", order.Timestamptz)),
		"(1, '2000-01-01 00:00:00.000001Z'::timestamptz), (2, 'infinity'), (3, '2000-01-01 00:00:00Z'), (4, '1999-12-31 23:59:59.999999Z')",
		"(1, '2000-01-01 01:11:34.967296Z'::timestamptz), (2, '-infinity'), (3, 'infinity'), (4, '2000-01-01 01:11:34.967295Z')",
		[]string{"1 differs a", "2 differs a", "3 differs a", "4 differs a"},
	},
	{
		"a microsecond", one(field("a", order.Timestamptz)),
		"(1, '2024-05-01 12:00:00.000001Z'::timestamptz)", "(1, '2024-05-01 12:00:00.000002Z'::timestamptz)",
		[]string{"1 differs a"},
	},
	{
		"dates at the ends of time", one(field("a", order.Date)),
		"(1, 'infinity'), (2, date '0001-01-01')", "(1, '-infinity'), (2, date '0001-01-01 BC')",
		[]string{"1 differs a", "2 differs a"},
	},
	{
		"uuids exchanged",
		[]source.Field{field("a", order.UUID), field("b", order.UUID)},
		"(1, '00000000-0000-0000-0000-000000000001'::uuid, NULL::uuid)", "(1, NULL::uuid, '00000000-0000-0000-0000-000000000001'::uuid)",
		[]string{"1 differs a,b"},
	},
	{
		"case, blanks and composition of text", one(textField("a")),
		"(1, 'x'), (2, 'x'), (3, U&'\\00e4'), (4, 'Ⅳ'), (5, E'a\\tb')", "(1, 'X'), (2, 'x '), (3, U&'a\\0308'), (4, 'IV'), (5, 'a b')",
		[]string{"1 differs a", "2 differs a", "3 differs a", "4 differs a", "5 differs a"},
	},
	{
		"digits beyond a double", one(numericField("a")),
		"(1, 1234567890123456789012345678901234567890.01), (2, 0.1), (3, 9007199254740993)",
		"(1, 1234567890123456789012345678901234567890.02), (2, 0.1000000000000000055511151231257827), (3, 9007199254740992)",
		[]string{"1 differs a", "2 differs a", "3 differs a"},
	},
}

func TestTraps(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	for i, trap := range traps {
		if leftOut(i) {
			continue
		}
		t.Run(trap.name, func(t *testing.T) {
			p := subqueries(t, dsn, trap.fields, trap.legacy, trap.projection)
			legacy, projection := p.open()
			for _, h := range []verify.Hash{{Seed: 1}, {Seed: -8765432109876543210}, {Seed: 77}, {Seed: 1, Portable: true}} {
				if a, b := digest(t, legacy, h), digest(t, projection, h); cmp.Equal(a, b) {
					t.Errorf("blind with %+v: both sides are %v", h, a)
				}
				alone(t, legacy, projection, h, trap.want)
			}
			for _, portable := range []bool{false, true} {
				_, got := p.fullWith(portable)
				if diff := cmp.Diff(trap.want, got); diff != "" {
					t.Errorf("portable hash %v: %s", portable, diff)
				}
			}
		})
	}
}

// subqueries is a pair of which both sides are VALUES lists of one database.
func subqueries(t *testing.T, dsn string, fields []source.Field, legacy, projection string) *pair {
	p := &pair{t: t}
	for i, list := range []string{legacy, projection} {
		p.config[i] = source.Config{
			Representation: []order.Representation{order.Legacy, order.Projection}[i], DSN: dsn, Table: values(fields, list), Key: "order_id", Fields: fields,
		}
	}
	return p
}

// TestEqualValuesDigestAlike is about cost: what differs by digest is read by value, so nothing would be reported
// wrongly, but every order would be read.
func TestEqualValuesDigestAlike(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	for _, test := range []struct {
		name               string
		fields             []source.Field
		legacy, projection string
	}{
		{"scale of a numeric", one(numericField("a")), "(1, 1.0), (2, 0), (3, 100), (4, -5.50)", "(1, 1.00), (2, 0.000), (3, 1e2), (4, -5.5)"},
		{"integer and numeric", one(numericField("a")), "(1, 5::int), (2, -7)", "(1, 5.00::numeric(9,2)), (2, -7)"},
		{"numbers that are none", one(numericField("a")), "(1, 'NaN'::numeric(9,2)), (2, 1)", "(1, 'NaN'::numeric), (2, 1)"},
		{"widths of integers", one(integerField("a")), "(1, 5::smallint), (2, -7::smallint)", "(1, 5::bigint), (2, -7)"},
		{"char(n), varchar(n) and text", one(textField("a")), "(1, 'OPEN'::char(10))", "(1, 'OPEN'::text)"},
		{"varchar(n) and name", one(textField("a")), "(1, 'OPEN'::varchar(10))", "(1, 'OPEN'::name)"},
		{"offsets of a timestamp", one(field("a", order.Timestamptz)), "(1, '2024-05-01 12:00:00+02'::timestamptz)", "(1, '2024-05-01 10:00:00Z'::timestamptz)"},
		{"ends of time", one(field("a", order.Timestamptz)), "(1, '294276-12-31 23:59:59.999999Z'::timestamptz), (2, '4713-01-01 BC')", "(1, '294276-12-31 23:59:59.999999Z'::timestamptz), (2, '4713-01-01 BC')"},
		{"widths of keys", one(textField("a")), "(1::smallint, 'x'), (-1, 'y')", "(1::bigint, 'x'), (-1, 'y')"},
		{"all NULL", []source.Field{textField("a"), numericField("b")}, "(1, NULL, NULL::numeric)", "(1, NULL, NULL::numeric)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := subqueries(t, dsn, test.fields, test.legacy, test.projection)
			legacy, projection := p.open()
			for _, h := range []verify.Hash{{Seed: 1}, {Seed: -8765432109876543210}, {Seed: 1, Portable: true}} {
				if a, b := digest(t, legacy, h), digest(t, projection, h); !cmp.Equal(a, b) {
					t.Errorf("%+v: %v and %v", h, a, b)
				}
			}
			if pass, got := p.full(); len(got) > 0 || pass.Result.Verdict != compare.Match {
				t.Errorf("found %v, %+v", got, pass.Result)
			}
		})
	}
}

// alone holds the digests of single orders against each other: a sum over several hides a blindness for one.
func alone(t *testing.T, legacy, projection verify.Side, h verify.Hash, want []string) {
	t.Helper()
	layout := verify.Layout{ByBounds: true}
	for key := range 12 {
		layout.Bounds = append(layout.Bounds, order.Key(strconv.Itoa(key+1)))
	}
	sums := func(s verify.Side) map[int64]string {
		out := map[int64]string{}
		for _, d := range digests(t, s, verify.DigestQuery{Layout: layout, Hash: h}) {
			out[d.Bucket] = d.Sum
		}
		return out
	}
	left, right := sums(legacy), sums(projection)
	for _, line := range want {
		key, kind, _ := strings.Cut(line, " ")
		bucket, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(kind, "differs") && left[bucket] == right[bucket] {
			t.Errorf("blind with %+v to order %s", h, key)
		}
	}
}

// digest sums up a whole side in one bucket.
func digest(t *testing.T, s verify.Side, h verify.Hash) []verify.Digest {
	t.Helper()
	return digests(t, s, verify.DigestQuery{Layout: verify.Layout{ByBounds: true}, Hash: h})
}

func digests(t *testing.T, s verify.Side, q verify.DigestQuery) []verify.Digest {
	t.Helper()
	n, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	found, err := n.Digests(t.Context(), q, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSeedsOfPassesGiveUnrelatedDigests(t *testing.T) {
	t.Parallel()
	fields := []source.Field{numericField("a"), textField("b")}
	p := subqueries(t, pgtest.Database(t), fields, "(1, 5, 'x'), (2, 6, 'y')", "(1, 6, 'x'), (2, 5, 'y')")
	legacy, projection := p.open()
	seen := map[string]bool{}
	for seed := range int64(200) {
		for _, side := range []verify.Side{legacy, projection} {
			sum := digest(t, side, verify.Hash{Seed: seed})[0].Sum
			if seen[sum] {
				t.Fatalf("seed %d: the sum %s has come before", seed, sum)
			}
			seen[sum] = true
		}
	}
}
