package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// keyKind is a kind of order keys: what the keys of the histories become, and what is stored that is none.
type keyKind struct {
	keyType, key string
	none         []string
}

var kindsOfKeys = []keyKind{
	{"bigint", "order_id - 100", []string{"", "007", "-0", "+1", " 1", "1000000000000000000", "x"}},
	{"uuid", "md5(order_id::text)::uuid", []string{"", "x", "0A000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", "0a000000-0000-0000-0000-00000000000g", "0a000000-0000-0000-0000-0000000000001"}},
	{"text", "CASE order_id % 3 WHEN 0 THEN 'B' WHEN 1 THEN 'a' ELSE 'é' END || '-' || order_id", []string{""}},
}

// named are random histories in the table named, with keys of a kind.
func named(t *testing.T, k keyKind) source.EventsConfig {
	t.Helper()
	c := eventStore(t)
	store(t, c.DSN, histories(200, func(t *rapid.T, key order.Key, above order.Position) []order.RawEvent {
		return ordertest.Raw(t, key, above, 8)
	}))
	none := make([]string, len(k.none))
	for i, rest := range k.none {
		none[i] = fmt.Sprintf("(-%d, 'or_er-%s')", i+1, rest)
	}
	execute(t, c.DSN,
		fmt.Sprintf(`CREATE VIEW stored AS SELECT event_id, 'or_er-' || (%s) AS name, event_type, timestamp, payload FROM event_store
			UNION ALL SELECT n, s, 'OrderCreated', '2024-01-01Z', '{}' FROM (VALUES %s) AS v(n, s)`, k.key, strings.Join(none, ", ")),
		fmt.Sprintf("CREATE TABLE named AS SELECT event_id, CASE WHEN event_id >= 0 THEN (substr(name, 7))::%s END AS order_id, event_type, timestamp, payload FROM stored", k.keyType),
		"ALTER TABLE named ADD PRIMARY KEY (event_id)", "CREATE INDEX ON named (order_id, event_id)", "VACUUM ANALYZE named")
	c.Table = "public.named"
	return c
}

// bare are the same by their keys as text. Where there was only a prefix, there is nothing.
func bare(t *testing.T, c source.EventsConfig) source.EventsConfig {
	t.Helper()
	execute(t, c.DSN, "DROP TABLE IF EXISTS streams",
		`CREATE TABLE streams AS SELECT event_id, nullif(substr(name, 7), '') COLLATE "C" AS name, event_type, timestamp, payload FROM stored`,
		"CREATE INDEX ON streams (name, event_id)", "VACUUM ANALYZE streams")
	c.Keys = source.Config{Representation: order.Legacy, DSN: c.DSN, Table: c.Table, Key: c.Key}
	c.Table, c.Key, c.AsStored = "public.streams", "name", true
	return c
}

// streams are the same by keys with a prefix, among other streams. The index has the events of a stream by the version.
func streams(t *testing.T, c source.EventsConfig, collation, version string) source.EventsConfig {
	t.Helper()
	execute(t, c.DSN, "DROP TABLE IF EXISTS streams",
		fmt.Sprintf("CREATE TABLE streams AS SELECT event_id, name COLLATE %q AS name, %s AS version, event_type, timestamp AT TIME ZONE 'UTC' AS timestamp, payload FROM stored", collation, version),
		"INSERT INTO streams SELECT -1000 - n, c || '-' || n, 1, 'OrderCreated', now() AT TIME ZONE 'UTC', '{}' FROM generate_series(1, 50) AS n, unnest('{account,oreer,Or_er,zoo}'::text[]) AS c",
		"CREATE INDEX ON streams (name, version)", "VACUUM ANALYZE streams")
	c.Keys = source.Config{Representation: order.Legacy, DSN: c.DSN, Table: c.Table, Key: c.Key}
	c.Table, c.Key, c.Strip, c.Zone = "public.streams", "name", "or_er-", "utc"
	return c
}

// TestTheFoldOfStoredKeysIsThatOfKeys, whatever the type of the keys, the collation of their column, and the order in which the
// index has the events of a stream. What is stored that is no key is a row without one, and other streams are none at all.
func TestTheFoldOfStoredKeysIsThatOfKeys(t *testing.T) {
	t.Parallel()
	for _, k := range kindsOfKeys {
		c := named(t, k)
		want := openFold(t, source.FoldConfig{Events: c, Fields: foldableFields(), GroupBy: "status"})
		same := func(name string, stored func(*testing.T) source.EventsConfig) {
			t.Run(k.keyType+" "+name, func(t *testing.T) {
				got := openFold(t, source.FoldConfig{Events: stored(t), Fields: foldableFields(), GroupBy: "status"})
				got.InRanges(100)
				theSameFold(t, want, got, k)
			})
		}
		same("without a prefix", func(t *testing.T) source.EventsConfig { return bare(t, c) })
		for _, collation := range []string{"C", "en-x-icu"} {
			for name, version := range map[string]string{"by position": "event_id", "against it": "-event_id"} {
				same(collation+" "+name, func(t *testing.T) source.EventsConfig { return streams(t, c, collation, version) })
			}
		}
	}
}

func theSameFold(t *testing.T, want, got *source.Fold, k keyKind) {
	t.Helper()
	n, m := begin(t, want), begin(t, got)
	whole, buckets := verify.DigestQuery{Layout: verify.Layout{Shift: 5}, Hash: verify.Hash{Seed: 7}}, []int64{0, 2, 3}
	if k.keyType != "bigint" {
		bounds, err := n.Bounds(t.Context(), verify.Extent{Rows: 200})
		if err != nil {
			t.Fatal(err)
		}
		whole.Layout = verify.Layout{ByBounds: true, Bounds: bounds}
	}
	some := whole
	some.Parent, some.Buckets = whole.Layout, buckets
	for _, q := range []verify.DigestQuery{whole, some} {
		if d := cmp.Diff(sorted(t, n, q), sorted(t, m, q)); d != "" {
			t.Errorf("digests of buckets %v by key (-), and by stored key (+):\n%.3000s", q.Buckets, d)
		}
	}
	var rows [2][]order.Row
	for i, s := range []verify.Snapshot{n, m} {
		if err := s.Scan(t.Context(), whole.Layout, buckets, func(r order.Row) error { rows[i] = append(rows[i], r); return nil }); err != nil {
			t.Fatal(err)
		}
		if e, err := s.Extent(t.Context()); err != nil || e.Empty || e.Rows < 1 {
			t.Errorf("extent is %+v, %v", e, err)
		}
	}
	if d := cmp.Diff(rows[0], rows[1]); d != "" || len(rows[0]) == 0 {
		t.Errorf("%d orders by key (-), and by stored key (+):\n%.3000s", len(rows[0]), d)
	}
	alone := whole
	for _, r := range rows[0][:min(5, len(rows[0]))] {
		alone.Keys = append(alone.Keys, r.Key)
	}
	alone.Layout = verify.Layout{Whole: true}
	var numbers [2][]verify.Digest
	for i, s := range []verify.Snapshot{n, m} {
		var err error
		if numbers[i], err = s.Digests(t.Context(), alone, func(int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(numbers[0], numbers[1]); d != "" || len(numbers[0]) != 1 || numbers[0][0].Rows != int64(len(alone.Keys)) {
		t.Errorf("digests of keys %v by key (-), and by stored key (+):\n%s", alone.Keys, d)
	}
}

func sorted(t *testing.T, n verify.Snapshot, q verify.DigestQuery) []verify.Digest {
	t.Helper()
	digests, err := n.Digests(t.Context(), q, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(digests) < 5 {
		t.Errorf("there are only %d digests", len(digests))
	}
	slices.SortFunc(digests, func(a, b verify.Digest) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return digests
}

func execute(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the server ends after it
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
