package source_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// envelopeStore makes a store of another envelope. The key of its orders on the other sides is a uuid.
func envelopeStore(t *testing.T, change func(*source.EventsConfig), statements ...string) source.EventsConfig {
	t.Helper()
	c := eventStore(t, append([]string{"CREATE TABLE orders (order_id uuid PRIMARY KEY)"}, statements...)...)
	c.Keys = source.Config{Representation: order.Legacy, DSN: c.DSN, Table: "public.orders", Key: "order_id"}
	c.Position, c.Key, c.Type, c.At, c.Payload, c.Table = "p", "k", "type", "at", "body", "public.store"
	c.Rules = openAndClose(t)
	change(&c)
	return c
}

// openAndClose are rules of second types.
func openAndClose(t *testing.T) *order.Rules {
	t.Helper()
	text := func(s string) map[string]order.Source { return map[string]order.Source{"status": {Text: &s}} }
	opened := text("OPEN")
	opened["symbol"] = order.Source{Path: "$.symbol"}
	r, err := order.NewRules(order.FoldRules{
		Events: map[string]order.EventRule{
			"Opened": {Create: order.Creates, Set: opened}, "Closed": {Set: text("CLOSED")}, "Noted": {Ignore: true},
		},
	}, []order.Field{statusField(), {Name: "symbol", Type: order.Text}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	first  = "00000000-0000-0000-0000-00000000000a"
	second = "00000000-0000-0000-0000-00000000000b"
	third  = "00000000-0000-0000-0000-00000000000c"
)

// bothReaders returns status and time of the last event as histories tell them, and holds the fold of the whole store to it.
func bothReaders(t *testing.T, c source.EventsConfig, keys ...order.Key) map[order.Key]string {
	t.Helper()
	histories, err := openEvents(t, c).Histories(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	got, folded := map[order.Key]string{}, map[order.Key]string{}
	for key, events := range histories {
		state, problems := order.Fold(events)
		status, _ := state.Value("status")
		got[key] = status.Text + " at " + order.TimestamptzText(events[len(events)-1].At)
		folded[key] = status.Text
		for _, p := range problems {
			got[key] += "; " + p.Detail
		}
	}
	whole := scanned(t, openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}}))
	if d := cmp.Diff(folded, whole); d != "" {
		t.Errorf("histories (-) and the fold of the whole store (+) differ: %s", d)
	}
	return got
}

const opened, closed, later = "2024-07-01 10:00:00+00", "2024-07-01 11:00:00+00", "2024-07-01 11:00:00.25+00"

// TestEventsOfAnyEnvelopeAreRead by both readers: clean orders 1 and 2, and order 3, whose last event is lost.
func TestEventsOfAnyEnvelopeAreRead(t *testing.T) {
	t.Parallel()
	// Each store has the same events. %s is a payload.
	fill := func(key, at, payload string) string {
		open, shut := `{"symbol": "Å", "meta": {"ts": "2024-07-01T10:00:00Z", "local": "2024-07-01T12:00:00", "ms": 1719828000000}}`,
			`{"why": "\u00e5", "meta": {"ts": "2024-07-01T11:00:00Z", "local": "2024-07-01T13:00:00", "ms": 1719831600000}}`
		line := func(p int, id, event, time, body string) string {
			return fmt.Sprintf("INSERT INTO store (p, k, type, at, body) VALUES (%d, %s, '%s', %s, %s)", p, fmt.Sprintf(key, id), event, fmt.Sprintf(at, time), fmt.Sprintf(payload, body))
		}
		return strings.Join([]string{
			line(1, first, "Opened", "2024-07-01 10:00:00", open), line(2, first, "Closed", "2024-07-01 11:00:00", shut),
			line(3, second, "Opened", "2024-07-01 10:00:00", open), line(4, second, "Noted", "2024-07-01 10:30:00", open), line(5, second, "Closed", "2024-07-01 11:00:00", shut),
			line(6, third, "Opened", "2024-07-01 10:00:00", open),
		}, "; ")
	}
	want := map[order.Key]string{first: "CLOSED at " + closed, second: "CLOSED at " + closed, third: "OPEN at " + opened}
	const uuidKey, utc, json = "'%s'", "'%s+00'", "'%s'"
	strip := func(c *source.EventsConfig) { c.Strip = "order-" }
	for name, test := range map[string]struct {
		table, fill string
		change      func(*source.EventsConfig)
	}{
		"json":    {"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body json", fill(uuidKey, utc, json), nil},
		"text":    {"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body text", fill(uuidKey, utc, json), nil},
		"varchar": {"p int PRIMARY KEY, k uuid, type varchar(9), at timestamptz, body varchar(999)", fill(uuidKey, utc, json), nil},
		"bytea":   {"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body bytea", fill(uuidKey, utc, "convert_to('%s', 'UTF8')"), nil},
		"bytea, and SQL that reads it": {
			"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body bytea", fill(uuidKey, utc, "convert_to('%s', 'UTF8')"),
			func(c *source.EventsConfig) { c.Payload = "convert_from(body, 'utf8')::jsonb" },
		},
		"an expression": {
			"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body jsonb", fill(uuidKey, utc, `jsonb_build_object('data', '%s'::jsonb)`),
			func(c *source.EventsConfig) { c.Payload = "body->'data'" },
		},
		"a prefix": {
			"p bigint PRIMARY KEY, k text, type text, at timestamptz, body jsonb",
			fill("'order-%s'", utc, json) + "; INSERT INTO store SELECT p + 100, replace(k, 'order-', 'cart-'), 'Other', at, body FROM store", strip,
		},
		"a text that holds a uuid": {
			"p bigint PRIMARY KEY, k varchar, type text, at timestamptz, body jsonb", fill(uuidKey, utc, json), func(c *source.EventsConfig) { c.AsStored = true },
		},
		"a uuid that is looked up as it is stored": {
			"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body jsonb", fill(uuidKey, utc, json), func(c *source.EventsConfig) { c.AsStored = true },
		},
		"a prefix with wildcards": {
			"p bigint PRIMARY KEY, k varchar, type text, at timestamptz, body jsonb",
			fill(`'o%%r_\''-%s'`, utc, json) + `; INSERT INTO store SELECT p + 100, replace(k, '_', 'x'), 'Other', at, body FROM store`, func(c *source.EventsConfig) { c.Strip = `o%r_\'-` },
		},
		"a prefix, and a condition": {
			"p bigint PRIMARY KEY, k text, type text, at timestamptz, body jsonb, tenant int DEFAULT 1",
			fill("'order-%s'", utc, json) + "; INSERT INTO store SELECT p + 100, k, 'Closed', at + interval '1 day', body, 2 FROM store",
			func(c *source.EventsConfig) { strip(c); c.Where = "tenant = 1 OR tenant IS NULL" },
		},
		"a zone": {
			"p bigint PRIMARY KEY, k uuid, type text, at timestamp, body jsonb", fill(uuidKey, "('%s'::timestamp + interval '2 hours')", json),
			func(c *source.EventsConfig) { c.Zone = "Europe/Stockholm" },
		},
		"a zone that is not needed": {
			"p bigint PRIMARY KEY, k uuid, type text, at timestamptz, body jsonb", fill(uuidKey, utc, json),
			func(c *source.EventsConfig) { c.Zone = "Europe/Stockholm" },
		},
		"a time in jsonb":                   {"p bigint PRIMARY KEY, k uuid, type text, at text, body jsonb", fill(uuidKey, "'%s'", json), at(t, "$.meta.ts", "", nil)},
		"a time in bytea":                   {"p bigint PRIMARY KEY, k uuid, type text, at text, body bytea", fill(uuidKey, "'%s'", "convert_to('%s', 'UTF8')"), at(t, "$.meta.ts", "", nil)},
		"a local time in text":              {"p bigint PRIMARY KEY, k uuid, type text, at text, body text", fill(uuidKey, "'%s'", json), at(t, "$.meta.local", "", stockholm(t))},
		"milliseconds in json":              {"p bigint PRIMARY KEY, k uuid, type text, at text, body json", fill(uuidKey, "'%s'", json), at(t, "$.meta.ms", "ms", nil)},
		"a text with its zone":              {"p bigint PRIMARY KEY, k uuid, type text, at varchar, body jsonb", fill(uuidKey, "to_char('%s'::timestamp + interval '2 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+02:00\"')", json), nil},
		"a text as PostgreSQL writes times": {"p bigint PRIMARY KEY, k uuid, type text, at char(40), body jsonb", fill(uuidKey, "('%s+00'::timestamptz)::text", json), nil},
		"a text without a zone": {
			"p bigint PRIMARY KEY, k uuid, type text, at text, body jsonb", fill(uuidKey, "to_char('%s'::timestamp + interval '2 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')", json),
			func(c *source.EventsConfig) { c.Zone = "Europe/Stockholm" },
		},
		"seconds":                  {"p bigint PRIMARY KEY, k uuid, type text, at int, body jsonb", fill(uuidKey, "extract(epoch FROM '%s+00'::timestamptz)", json), unit("s")},
		"milliseconds":             {"p bigint PRIMARY KEY, k uuid, type text, at bigint, body jsonb", fill(uuidKey, "extract(epoch FROM '%s+00'::timestamptz) * 1000", json), unit("ms")},
		"nanoseconds":              {"p bigint PRIMARY KEY, k uuid, type text, at bigint, body jsonb", fill(uuidKey, "extract(epoch FROM '%s+00'::timestamptz) * 1000000000", json), unit("ns")},
		"seconds in a float":       {"p bigint PRIMARY KEY, k uuid, type text, at float8, body jsonb", fill(uuidKey, "extract(epoch FROM '%s+00'::timestamptz)", json), unit("s")},
		"microseconds in a number": {"p bigint PRIMARY KEY, k uuid, type text, at numeric, body jsonb", fill(uuidKey, "extract(epoch FROM '%s+00'::timestamptz) * 1000000", json), unit("us")},
		"partitions": {
			"p bigint, k text, type text, at timestamptz, body jsonb, PRIMARY KEY (p, k)) PARTITION BY HASH (k",
			"CREATE TABLE a PARTITION OF store FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE b PARTITION OF store FOR VALUES WITH (MODULUS 2, REMAINDER 1); " +
				fill("'order-%s'", utc, json), strip,
		},
	} {
		t.Run(name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*source.EventsConfig) {}
			}
			c := envelopeStore(t, change, "CREATE TABLE store ("+test.table+")", test.fill)
			if d := cmp.Diff(want, bothReaders(t, c, first, second, third)); d != "" {
				t.Error(d)
			}
			events := openEvents(t, c)
			if events.KeyType() != order.KeyUUID {
				t.Errorf("the keys are %s", events.KeyType())
			}
			if newest, err := events.Newest(t.Context()); err != nil || order.TimestamptzText(newest) != closed {
				t.Errorf("the newest event is of %s, %v", newest, err)
			}
			if n, _, err := events.After(t.Context(), time.Date(2024, 7, 1, 10, 0, 0, 0, time.UTC)); err != nil || n != 2 {
				t.Errorf("%d events are later, %v; want 2", n, err)
			}
			var rows []string
			err := events.Rows(t.Context(), []order.Position{1, 2, 101, 102}, func(r order.StoredRow) error {
				rows = append(rows, fmt.Sprintf("%d %s %s %t", r.Position, r.Key, order.TimestamptzText(r.At), strings.Contains(string(r.Payload), "Å")))
				return nil
			})
			slices.Sort(rows)
			if d := cmp.Diff([]string{"1 " + first + " " + opened + " true", "2 " + first + " " + closed + " false"}, rows); d != "" || err != nil {
				t.Errorf("by position: %s, %v", d, err)
			}
			if census, err := events.Census(t.Context()); err != nil || census.Total().Read+census.Total().Ignored != census.Total().All {
				t.Errorf("the census is %+v, %v", census, err)
			}
		})
	}
}

func at(t *testing.T, path, unit string, zone *time.Location) func(*source.EventsConfig) {
	t.Helper()
	p, err := order.NewTimePath(path, unit, zone)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *source.EventsConfig) { c.At, c.AtPath = "", p }
}

func unit(of string) func(*source.EventsConfig) {
	return func(c *source.EventsConfig) { c.Unit = of }
}

func stockholm(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestOneBadPayloadOrTimeStopsNobody: it is a finding about its event, for both readers.
func TestOneBadPayloadOrTimeStopsNobody(t *testing.T) {
	for name, test := range map[string]struct{ body, bad, says string }{
		"text that is no JSON":       {"text", `'{"symbol": '`, "the event has no time"},
		"bytes that are no text":     {"bytea", `'\xff00'`, "the event has no time"},
		"bytes in the payload":       {"bytea", `convert_to('{"ts": "2024-07-01T11:00:00Z", "symbol": "', 'UTF8') || '\xff'::bytea || '"}'`, "not valid UTF-8"},
		"a payload without the time": {"jsonb", `'{"symbol": "A"}'`, "the event has no time"},
		"a day that is none":         {"jsonb", `'{"ts": "2024-02-30T11:00:00Z", "symbol": "A"}'`, "the event has no time"},
		"a time that is a list":      {"json", `'{"ts": [1], "symbol": "A"}'`, "the event has no time"},
		"a time without a zone":      {"text", `'{"ts": "2024-07-01T11:00:00", "symbol": "A"}'`, "the event has no time"},
		"no payload":                 {"bytea", `NULL`, "the event has no time"},
	} {
		t.Run(name, func(t *testing.T) {
			good := `'{"ts": "2024-07-01T10:00:00Z", "symbol": "A"}'`
			c := envelopeStore(t, at(t, "$.ts", "", nil), "CREATE TABLE store (p bigint PRIMARY KEY, k uuid, type text, body "+test.body+")",
				fmt.Sprintf("INSERT INTO store VALUES (1, '%s', 'Opened', %s), (2, '%s', 'Opened', %s), (3, '%[3]s', 'Opened', %[5]s)", first, good, second, good, test.bad))
			histories, err := openEvents(t, c).Histories(t.Context(), []order.Key{first, second})
			if err != nil {
				t.Fatal(err)
			}
			if s := histories[first][0].Schema; s != nil || len(histories[second]) != 2 {
				t.Errorf("a sound event: %v", s)
			}
			if s := histories[second][1].Schema; s == nil || !strings.Contains(s.Error(), test.says) {
				t.Errorf("the bad event: %v; want %q", s, test.says)
			}
			if d := cmp.Diff(map[order.Key]string{first: "OPEN", second: "OPEN"}, scanned(t, openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}}))); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAStoredKeyThatIsSpeltOtherwiseIsNoKey, because the lookup by key as stored would miss it.
func TestAStoredKeyThatIsSpeltOtherwiseIsNoKey(t *testing.T) {
	for _, test := range []struct{ keyType, good, bad string }{
		{"uuid", first, strings.ToUpper(first)},
		{"uuid", first, "{" + first + "}"},
		{"uuid", first, "x"},
		{"bigint", "-17", "007"},
		{"bigint", "0", " 1"},
		{"int", "12", "12.0"},
		{"text", "a b", ""},
	} {
		c := envelopeStore(t, func(c *source.EventsConfig) { c.Strip = "order-" }, "ALTER TABLE orders ALTER order_id TYPE "+test.keyType+" USING NULL",
			"CREATE TABLE store (p bigint PRIMARY KEY, k text, type text, at timestamptz, body jsonb)",
			fmt.Sprintf(`INSERT INTO store VALUES (1, 'order-%s', 'Opened', '%s', '{"symbol": "A"}'), (2, 'order-%s', 'Opened', '%[2]s', '{"symbol": "A"}')`, test.good, opened, test.bad))
		if d := cmp.Diff(map[order.Key]string{order.Key(test.good): "OPEN at " + opened}, bothReaders(t, c, order.Key(test.good), order.Key(test.bad))); d != "" {
			t.Errorf("%s %q: %s", test.keyType, test.bad, d)
		}
		var keys []order.Key
		err := openEvents(t, c).Between(t.Context(), 1, 2, func(_ order.Position, k order.Key, _ order.ID) error { keys = append(keys, k); return nil })
		if d := cmp.Diff([]order.Key{order.Key(test.good), ""}, keys); d != "" || err != nil {
			t.Errorf("%s %q: %s, %v", test.keyType, test.bad, d, err)
		}
	}
}

// TestAWrongEnvelopeIsAnErrorWhenTheStoreIsOpened, with what to write.
func TestAWrongEnvelopeIsAnErrorWhenTheStoreIsOpened(t *testing.T) {
	c := envelopeStore(t, func(*source.EventsConfig) {}, "CREATE TABLE store (p bigint PRIMARY KEY, k text, n bigint, type text, at timestamptz, local timestamp, epoch bigint, body jsonb, x xml)")
	for name, test := range map[string]struct {
		change func(*source.EventsConfig)
		says   string
		hint   string
	}{
		"a condition that is none":      {func(c *source.EventsConfig) { c.Where = "n" }, "events.where n is bigint, not a condition", "true for the rows"},
		"a condition of no column":      {func(c *source.EventsConfig) { c.Where = "tenant = 1" }, `events.where tenant = 1: ERROR: column "tenant" does not exist`, ""},
		"a prefix of a number":          {func(c *source.EventsConfig) { c.Key, c.Strip = "n", "order-" }, "events.key.column n is bigint, which has no prefix", "without strip"},
		"a prefix of no column":         {func(c *source.EventsConfig) { c.Key, c.Strip = "m", "order-" }, `events.key.column m: ERROR: column "m" does not exist`, ""},
		"no zone":                       {func(c *source.EventsConfig) { c.At = "local" }, "events.at local is timestamp without time zone", "at: {column: 'local', zone: UTC}"},
		"a zone that the server lacks":  {func(c *source.EventsConfig) { c.At, c.Zone = "local", "Europe/Nowhere" }, `time zone "Europe/Nowhere" not recognized`, ""},
		"a number as time":              {func(c *source.EventsConfig) { c.At = "epoch" }, "events.at epoch is bigint", "at: {column: 'epoch', unit: ms}"},
		"a unit of a time":              {func(c *source.EventsConfig) { c.Unit = "ms" }, "events.at at is timestamp with time zone, not a number", "leave out events.at.unit"},
		"a unit of a text":              {func(c *source.EventsConfig) { c.At, c.Unit = "type", "ms" }, "events.at type is text, not a number", "leave out events.at.unit"},
		"a payload of another language": {func(c *source.EventsConfig) { c.Payload = "x" }, "events.payload x is xml, not json or jsonb, nor text or bytea", "map events.payload"},
	} {
		c := c
		test.change(&c)
		_, err := source.OpenEvents(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), test.hint) {
			t.Errorf("%s: %v; want %q and %q", name, err, test.says, test.hint)
		}
		if test.hint != "" && !errors.Is(err, source.ErrUnsupported) {
			t.Errorf("%s: %v is not of an unsupported type", name, err)
		}
		found := source.DiagnoseEvents(t.Context(), c, time.Now)
		if !slices.ContainsFunc(found, func(f doctor.Finding) bool {
			return f.Level == doctor.Error && f.Hint != "" && strings.Contains(f.Message+f.Hint, strings.TrimPrefix(test.hint, "without "))
		}) {
			t.Errorf("%s: doctor says %v", name, found)
		}
	}
}

// TestDoctorAsksForTheIndexOfTheKeyAsItIsStored, with SQL that the server accepts and that then serves.
func TestDoctorAsksForTheIndexOfTheKeyAsItIsStored(t *testing.T) {
	for name, test := range map[string]struct{ table, more string }{
		"table":      {"", ""},
		"partitions": {" PARTITION BY RANGE (p)", "CREATE TABLE a PARTITION OF store FOR VALUES FROM (0) TO (500); CREATE TABLE b PARTITION OF store DEFAULT"},
	} {
		t.Run(name, func(t *testing.T) {
			c := envelopeStore(t, func(c *source.EventsConfig) { c.Strip, c.Where = "order-", "kind = 'order'" },
				"CREATE TABLE store (p bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, k text, kind text, type text, at timestamptz, body jsonb)"+test.table, test.more,
				`INSERT INTO store (k, kind, type, at, body) SELECT 'order-' || gen_random_uuid(), 'order', 'Opened', '2024-01-01'::timestamptz + i * interval '1 s', '{"symbol": "A"}' FROM generate_series(1, 900) AS i`,
				`INSERT INTO store (k, kind, type, at, body) SELECT 'cart-' || i, 'cart', 'Filled', '2024-02-01'::timestamptz + i * interval '1 s', '{}' FROM generate_series(1, 100) AS i`,
				"CREATE INDEX ON store (kind, p)") // serves the condition, and not the key
			levels := func() map[string]doctor.Finding {
				found := map[string]doctor.Finding{}
				for _, f := range source.DiagnoseEvents(t.Context(), c, time.Now) {
					if f.Level == doctor.Error {
						t.Errorf("%+v", f)
					}
					found[f.Check] = f
				}
				return found
			}
			found := levels()
			if f := found[source.CheckKeyIndex]; f.Level != doctor.Warning || !strings.Contains(f.Hint, "(k, p)") {
				t.Fatalf("without an index: %+v", f)
			}
			if f := found[source.CheckWhere]; !strings.Contains(f.Message, "900 of the newest 1,000 rows belong here by events.where and events.key.strip") {
				t.Errorf("%+v", f)
			}
			conn, err := pgx.Connect(t.Context(), c.DSN)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context()) //nolint:errcheck // the server ends after it
			if _, err := conn.Exec(t.Context(), found[source.CheckKeyIndex].Hint); err != nil {
				t.Fatalf("%s: %v", found[source.CheckKeyIndex].Hint, err)
			}
			if f := levels()[source.CheckKeyIndex]; f.Level != doctor.OK {
				t.Errorf("with the index: %+v", f)
			}
		})
	}
}
