package source_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

var (
	advisedType = regexp.MustCompile(`set the field's type to (\w+)(, or)?`)
	advisedExpr = regexp.MustCompile(`e\.g\. ("(?:[^"\\]|\\.)*")`)
)

// advised is a field as the error about it says.
func advised(t *testing.T, f source.Field, err error) source.Field {
	t.Helper()
	if !errors.Is(err, source.ErrUnsupported) {
		t.Fatalf("error %v", err)
	}
	if m := advisedType.FindStringSubmatch(err.Error()); m != nil && m[2] == "" {
		f.Type = order.FieldType(m[1])
	}
	if m := advisedExpr.FindStringSubmatch(err.Error()); m != nil {
		if f.Expr, err = strconv.Unquote(m[1]); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// leftOut says which cases of a long table are left out with -short, as under the race detector.
func leftOut(i int) bool { return testing.Short() && i%6 != 0 }

// TestAdviceKeepsEveryBit follows what is said of each type that cannot be compared: neighbouring values differ, equal ones do not.
func TestAdviceKeepsEveryBit(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.both(`CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN weight AS real; CREATE DOMAIN heavy AS weight; CREATE TYPE couple AS (a real, b text)`)
	for i, test := range []struct {
		as              order.FieldType
		column          string
		value, neighbor string
	}{
		{order.Numeric, "real", "123456.7", "123456.71"},
		{order.Numeric, "real", "16777216", "16777218"},
		{order.Numeric, "double precision", "0.1", "0.10000000000000002"},
		{order.Integer, "double precision", "9007199254740992", "9007199254740994"},
		{order.Integer, "real", "1.4", "1.3"},
		{order.Text, "real", "123456.7", "123456.71"},
		{order.Text, "double precision", "0.1", "0.10000000000000002"},
		{order.Numeric, "weight", "123456.7", "123456.71"},
		{order.Numeric, "heavy", "123456.7", "123456.71"},
		{order.Integer, "numeric", "1.4", "1.3"},
		{order.Numeric, "money", "1.01", "1.02"},
		{order.Text, "money", "1.01", "1.02"},
		{order.Text, "interval", "1 mon", "30 days"},
		{order.Numeric, "interval", "1 mon", "30 days"},
		{order.Text, "json", `{"a": 1}`, `{"a": 2}`},
		{order.Text, "jsonb", `{"a": 1.0}`, `{"a": 1.00}`},
		{order.Text, "bytea", `\x00ff`, `\x00fe`},
		{order.UUID, "bytea", `\x00000000000000000000000000000001`, `\x00000000000000000000000000000002`},
		{order.Numeric, "mood", "sad", "glad"},
		{order.Text, "real[]", "{123456.7}", "{123456.71}"},
		{order.Text, "text[]", "{NULL}", `{"NULL"}`},
		{order.Numeric, "numeric[]", "{1}", "{1,1}"},
		{order.Timestamptz, "timestamp", "2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002"},
		{order.Text, "timestamp", "2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002"},
		{order.Date, "timestamp", "2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002"},
		{order.Date, "timestamptz", "2024-01-01 00:00:00.000001Z", "2024-01-01 00:00:00.000002Z"},
		{order.Timestamptz, "date", "2024-01-01", "2024-01-02"},
		{order.Timestamptz, "time", "00:00:00.000001", "00:00:00.000002"},
		{order.Text, "timetz", "00:00:00+01", "23:00:00+00"},
		{order.Text, "bit(3)", "101", "100"},
		{order.Integer, "varbit", "101", "0101"},
		{order.Text, "xml", "<a/>", "<b/>"},
		{order.Text, "inet", "10.0.0.1", "10.0.0.1/31"},
		{order.UUID, "cidr", "10.0.0.0/8", "10.0.0.0/9"},
		{order.Boolean, "integer", "1", "2"},
		{order.Integer, "boolean", "true", "false"},
		{order.Numeric, "boolean", "true", "false"},
		{order.Numeric, "text", "1.1", "1.11"},
		{order.Integer, "varchar", "9223372036854775806", "9223372036854775807"},
		{order.UUID, "text", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"},
		{order.Text, "point", "(0.1,0)", "(0.10000000000000002,0)"},
		{order.Text, "couple", "(123456.7,a)", "(123456.71,a)"},
		{order.Text, "int4range", "[1,5)", "[1,6)"},
		{order.Text, "integer", "1", "2"},
	} {
		if leftOut(i) {
			continue
		}
		t.Run(fmt.Sprintf("%s as %s", test.column, test.as), func(t *testing.T) {
			p := &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}
			table := fmt.Sprintf("public.t%d", i)
			value := "'" + test.value + "'"
			p.both(fmt.Sprintf(`CREATE TABLE %[1]s (order_id bigint PRIMARY KEY, v %[2]s); INSERT INTO %[1]s SELECT n, %[3]s FROM generate_series(1, 9) n; INSERT INTO %[1]s VALUES (10, NULL)`, table, test.column, value))
			p.exec(p.projection, fmt.Sprintf("UPDATE %s SET v = '%s' WHERE order_id = 5", table, test.neighbor))
			f := field("v", test.as)
			for side := range p.config {
				p.config[side].Table, p.config[side].Fields = table, one(f)
			}
			_, err := source.Open(t.Context(), p.config[0])
			f = advised(t, f, err)
			for side := range p.config {
				p.config[side].Fields = one(f)
			}
			if _, got := p.full(); !cmp.Equal(got, []string{"5 differs v"}) {
				t.Errorf("as %s, %s: %v", f.Type, f.Expr, got)
			}
		})
	}
}

// TestAdvisedIndexesCanBeMade runs each index statement that doctor gives, and wants it to help.
func TestAdvisedIndexesCanBeMade(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	for name, test := range map[string]struct{ table, key, changedAt string }{
		"column":                       {"%s", "order_id", "updated_at"},
		"name in quotes":               {"%s", `"Odd Key"`, "updated_at"},
		"expression":                   {"%s", "'o-' || order_id::text", "coalesce(updated_at, updated_at)"},
		"cast":                         {"%s", "(order_id)::text", "updated_at"},
		"partitioned by key":           {"%s PARTITION BY RANGE (order_id)", "order_id", "updated_at"},
		"partitioned by another":       {"%s PARTITION BY LIST (status)", "order_id", "updated_at"},
		"partitioned, with expression": {"%s PARTITION BY RANGE (order_id)", "'o-' || order_id::text", "updated_at"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &patient{pair: &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}, role: p.role}
			create := fmt.Sprintf(test.table, `CREATE TABLE public.orders (order_id bigint, "Odd Key" bigint, status text, price numeric(18,4), updated_at timestamptz)`)
			p.exec(p.legacy, "DROP TABLE public.orders")
			p.exec(p.legacy, create)
			if strings.Contains(create, "PARTITION") {
				p.exec(p.legacy, "CREATE TABLE public.orders_rest PARTITION OF public.orders DEFAULT")
			}
			p.exec(p.legacy, "INSERT INTO public.orders VALUES (1, 1, 'OPEN', 1.5, now()); GRANT SELECT ON public.orders TO "+p.role)
			p.config[0].Key, p.config[0].ChangedAt = test.key, test.changedAt
			made := 0
			for _, f := range p.diagnose() {
				if f.Side == "legacy" && strings.HasPrefix(f.Hint, "CREATE ") {
					p.exec(p.legacy, f.Hint)
					made++
				}
			}
			if made == 0 {
				t.Error("no index was advised")
			}
			for _, f := range p.diagnose() {
				if f.Side == "legacy" && (f.Check == source.CheckKeyIndex || f.Check == source.CheckChangedAt) && f.Level.Worse(doctor.OK) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

var (
	noIndex    = regexp.MustCompile(`no index can have (.*), because`)
	writeItAs  = regexp.MustCompile(`write it as '((?:[^']|'')*)'`)
	advisedKey = regexp.MustCompile(`key: '((?:[^']|'')*)'(.*)`)
)

// follow does what the hints about keys and times of legacy say, and returns what the configuration is to be. The server
// must accept each index that a hint asks for, and refuse each that no expression can have.
func (p *patient) follow(c source.Config) (source.Config, int) {
	p.t.Helper()
	made := 0
	index := func(hint, expr string, wanted bool) {
		_, err := p.legacy.Exec(p.t.Context(), "CREATE INDEX ON public.orders (("+expr+"))")
		if (err == nil) != wanted {
			p.t.Errorf("%s: an index on %s: %v", hint, expr, err)
		}
	}
	p.config[0] = c
	for _, f := range p.diagnose() {
		if f.Side != "legacy" || !slices.Contains([]string{source.CheckKey, source.CheckKeyIndex, source.CheckUniqueKey, source.CheckChangedAt}, f.Check) {
			continue
		}
		if strings.HasPrefix(f.Hint, "CREATE ") {
			if _, err := p.legacy.Exec(p.t.Context(), f.Hint); err != nil {
				p.t.Errorf("%s: %v", f.Hint, err)
			}
			made++
		}
		if m := noIndex.FindStringSubmatch(f.Hint); m != nil {
			index(f.Hint, m[1], false)
		}
		if m := writeItAs.FindStringSubmatch(f.Hint); m != nil {
			expr := strings.ReplaceAll(m[1], "''", "'")
			index(f.Hint, expr, true)
			made++
			if f.Check == source.CheckChangedAt {
				c.ChangedAt = expr
			} else {
				c.Key = expr
			}
		}
		if m := advisedKey.FindStringSubmatch(f.Hint); m != nil {
			index(f.Hint, strings.ReplaceAll(m[1], "''", "'"), !strings.Contains(m[2], "no index can"))
		}
	}
	return c, made
}

// TestAdviceIsAcceptedForEveryExpression follows the hints for keys and times of all types, in several expressions.
func TestAdviceIsAcceptedForEveryExpression(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	var columns []string
	types := []string{
		"bigint", "smallint", "numeric(12)", "numeric", "real", "uuid", "text", `text COLLATE "en-x-icu"`, "varchar(9)", "char(9)", "bytea", "boolean", "mood",
		"money", "inet", "timestamptz", "timestamp", "date", "interval",
	}
	for i, kind := range types {
		columns = append(columns, fmt.Sprintf("c%d %s", i, kind))
	}
	p.exec(p.legacy, `DROP TABLE public.orders; CREATE TYPE public.mood AS ENUM ('sad'); SET search_path = public;
		CREATE TABLE orders (status text, price numeric(18,4), `+strings.Join(columns, ", ")+`); INSERT INTO orders (status) VALUES ('x');
		GRANT SELECT ON orders TO `+p.role)
	keys := []string{"%s", "(%s)::text", "t.%s::text", "'o-' || %s", "lower(%s::text)"}
	times := []string{"%s", "coalesce(%s, %[1]s)", "t.%s::timestamptz", "(%s)::timestamp", "%s AT TIME ZONE 'UTC'"}
	for i, kind := range types {
		if leftOut(i) {
			continue
		}
		for j := range keys {
			if j > 0 && j < 3 && i%2 == j-1 {
				continue // one of two ways to write it is enough
			}
			name := fmt.Sprintf("c%d", i)
			t.Run(kind+" "+keys[j], func(t *testing.T) {
				p := &patient{pair: &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}, role: p.role}
				c := p.config[0]
				c.Key, c.ChangedAt = fmt.Sprintf(keys[j], name), fmt.Sprintf(times[j], name)
				c, made := p.follow(c)
				if made == 0 {
					return
				}
				p.config[0] = c
				for _, f := range p.diagnose() {
					if f.Side == "legacy" && (f.Check == source.CheckKeyIndex || f.Check == source.CheckChangedAt) && f.Level == doctor.Warning && !noIndex.MatchString(f.Hint) {
						t.Errorf("after the advice for key %s and changed_at %s: %+v", c.Key, c.ChangedAt, f)
					}
				}
			})
		}
	}
}

// TestAdvisedKeysCanBeUsed follows the advice for keys whose type cannot be one, and makes the index where one is advised.
func TestAdvisedKeysCanBeUsed(t *testing.T) {
	p := newPatient(t)
	expr := regexp.MustCompile(`key: '((?:[^']|'')*)'`)
	for i, test := range []struct{ column, a, b string }{
		{"numeric", "1.4", "1.3"},
		{"numeric(12)", "1", "2"},
		{"numeric(30)", "123456789012345678901", "123456789012345678902"},
		{"real", "16777216", "16777218"},
		{"bytea", `\x01`, `\x02`},
		{"char(8)", "a", "b"},
		{"inet", "10.0.0.1", "10.0.0.2"},
		{"timestamp", "2024-01-01", "2024-01-02"},
		{"money", "1.01", "1.02"},
	} {
		t.Run(test.column, func(t *testing.T) {
			p := &patient{pair: &pair{t: t, legacy: p.legacy, projection: p.projection, config: p.config}, role: p.role}
			table := fmt.Sprintf("public.k%d", i)
			p.exec(p.legacy, fmt.Sprintf("CREATE TABLE %[1]s (order_id %[2]s, status text, price numeric, updated_at timestamptz); INSERT INTO %[1]s VALUES ('%[3]s', 'x'), ('%[4]s', 'x'); GRANT SELECT ON %[1]s TO %[5]s", table, test.column, test.a, test.b, p.role))
			p.config[0].Table, p.config[0].Key = table, "order_id"
			var key, hint string
			_, refused := source.Open(t.Context(), p.config[0])
			for _, f := range p.diagnose() {
				if m := expr.FindStringSubmatch(f.Hint); m != nil && f.Check == source.CheckKey && f.Side == "legacy" {
					key, hint = strings.ReplaceAll(m[1], "''", "'"), f.Hint
				}
			}
			if key == "" {
				t.Fatal("no advice")
			}
			if refused == nil || !strings.Contains(refused.Error(), fmt.Sprintf("map it with an expression, e.g. %q, and give that an index", key)) {
				t.Errorf("the error does not say how to go on: %v", refused)
			}
			if _, index, advised := strings.Cut(hint, "the index that it needs: "); advised {
				p.exec(p.legacy, index)
			} else if !strings.Contains(hint, "no index can") {
				t.Errorf("the advice has no index: %s", hint)
			}
			var n int
			if err := p.legacy.QueryRow(t.Context(), fmt.Sprintf("SELECT count(DISTINCT (%s)) FROM %s", key, table)).Scan(&n); err != nil || n != 2 {
				t.Errorf("%s: %d keys of 2: %v", key, n, err)
			}
			p.config[0].Key = key
			side, err := source.Open(t.Context(), p.config[0])
			if err != nil {
				t.Fatal(err)
			}
			side.Close()
		})
	}
}
