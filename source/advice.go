package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// comparableAs is the type as which a column can be compared, and the expression that makes it so: the field's own type where
// nothing is lost on the way. A float is printed with as many digits as tell it from its neighbours; a cast to numeric keeps
// fewer.
func comparableAs(f Field, n native) (order.FieldType, string) {
	x := "(" + f.Expr + ")"
	switch n.oid {
	case pgtype.Float4OID, pgtype.Float8OID:
		if f.Type != order.Text {
			return order.Numeric, "cast(" + x + "::text AS numeric)"
		}
	case moneyOID:
		if f.Type != order.Text {
			return order.Numeric, x + "::numeric"
		}
		return order.Text, x + "::numeric::text"
	case pgtype.TimestampOID:
		if f.Type != order.Text {
			return order.Timestamptz, x + " AT TIME ZONE 'UTC'"
		}
	case pgtype.JSONOID: // as jsonb it would lose repeated keys
		return order.Text, x + "::text"
	case pgtype.ByteaOID:
		if f.Type == order.UUID {
			return order.UUID, fmt.Sprintf("encode(%s, 'hex')::uuid", x)
		}
		return order.Text, fmt.Sprintf("encode(%s, 'hex')", x)
	case pgtype.BoolOID:
		if f.Type == order.Numeric || f.Type == order.Integer {
			return f.Type, x + "::integer::" + canonicalType(f.Type)
		}
	case pgtype.DateOID:
		if f.Type == order.Timestamptz {
			return f.Type, x + "::timestamptz"
		}
	}
	if f.Type == order.Text || n.category == "S" { // what no text can be, the server refuses
		return f.Type, x + "::" + canonicalType(f.Type)
	}
	if t := typeFor(n); t != order.Text {
		return t, f.Expr
	}
	return order.Text, x + "::text"
}

const moneyOID = 790

func canonicalType(t order.FieldType) string {
	if t == order.Integer {
		return "bigint"
	}
	return string(t)
}

// advice is what to write for a field whose type does not fit; as is how an expression is shown.
func advice(f Field, n native, as func(string) string) string {
	t, expr := comparableAs(f, n)
	switch best := typeFor(n); {
	case t == f.Type && best != order.Text && best != t:
		return fmt.Sprintf("set the field's type to %s, or map it with an expression, %s", best, as(expr))
	case t == f.Type:
		return "map it with an expression, " + as(expr)
	case expr == f.Expr:
		return "set the field's type to " + string(t)
	}
	return fmt.Sprintf("set the field's type to %s, and map it with an expression, %s", t, as(expr))
}

// castKey is an expression that makes a key of a column whose type cannot be one.
func castKey(key string, n native) string {
	x := "(" + key + ")"
	c := n.capacity()
	switch {
	case n.oid == pgtype.NumericOID && c.decimals == 0 && c.whole <= 18:
		return x + "::bigint"
	case n.oid == pgtype.NumericOID:
		return "trim_scale" + x + "::text"
	case n.oid == pgtype.ByteaOID:
		return fmt.Sprintf("encode(%s, 'hex')", x)
	case n.oid == moneyOID:
		return x + "::numeric::text"
	case n.oid == pgtype.RecordOID:
		return joinedKey(key)
	}
	return x + "::text"
}

// joinedKey makes one text of several columns. A record as text has no index.
func joinedKey(key string) string {
	columns := strings.Split(strings.Trim(strings.TrimSpace(key), "()"), ",")
	for i, c := range columns {
		columns[i] = strings.TrimSpace(c) + "::text"
	}
	return strings.Join(columns, " || '|' || ")
}

// ConfiguredKey is a key as the configuration has it.
type ConfiguredKey struct {
	Side order.Representation
	Key  string
	Type order.KeyType
}

// KeysAdvice says how to read keys of two types as the same ones. A text is read as the other type, and not the other way
// round, because one number or uuid has many texts.
func KeysAdvice(a, b ConfiguredKey) string {
	if a.Type == order.KeyText {
		a, b = b, a
	}
	if b.Type != order.KeyText {
		return "an integer and a uuid never name the same order: set one of the keys to a column, or an expression, with the keys of the other"
	}
	return fmt.Sprintf("in %s, write key: %s, with an index on that expression; a row of which the text is no %s counts as a row without a key",
		b.Side, yamlText("("+b.Key+")::"+keyCast(a.Type)), a.Type)
}

// plainColumn is a name that an index takes without parentheses.
var plainColumn = regexp.MustCompile(`^("([^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*)$`)

// indexRemedy is a statement for the configured table, or advice where that cannot have an index.
func (e *examination) indexRemedy(ctx context.Context, unique bool, columns ...string) remedy {
	for i, c := range columns {
		if columns[i] = withoutAlias(c); !plainColumn.MatchString(columns[i]) {
			columns[i] = "(" + columns[i] + ")"
		}
	}
	list, create := strings.Join(columns, ", "), "CREATE INDEX"
	if unique && e.mayBeUnique(columns) {
		create = "CREATE UNIQUE INDEX"
	}
	switch e.relation.kind {
	case "r", "m", "p":
		for _, c := range columns {
			if ok, err := e.indexable(ctx, c); err == nil && !ok {
				return remedy{hint: e.otherIndex(ctx, c)}
			}
		}
		if e.relation.kind != "p" { // CONCURRENTLY is refused there
			create += " CONCURRENTLY"
		}
		statement := fmt.Sprintf("%s ON %s (%s)", create, quoted(e.relation.schema, e.relation.name), list)
		return remedy{hint: statement, fixes: []doctor.Fix{e.building(ctx, statement, columns)}}
	}
	return remedy{hint: "index " + list + " in the tables that it comes from, or read a table or materialized view"}
}

// keyIndexRemedy is statements for the tables that a lookup by key reads as a whole: for a view or a subquery, and for an
// inherited table, they are others than the configured one.
func (e *examination) keyIndexRemedy(ctx context.Context, l serving, unique bool, columns ...string) remedy {
	own := e.indexRemedy(ctx, unique, columns...)
	var out []string
	var fixes []doctor.Fix
	for _, m := range l.missing() {
		of, err := e.partitioned(ctx, m.relation)
		if err != nil {
			return own
		}
		mend := own
		if of.oid != e.relation.oid {
			there := &examination{Side: &Side{config: Config{Table: quoted(of.schema, of.name)}, pool: e.pool}, relation: of}
			mend = there.indexRemedy(ctx, false, m.key)
		}
		if !slices.Contains(out, mend.hint) {
			out, fixes = append(out, mend.hint), append(fixes, mend.fixes...)
		}
	}
	if len(out) == 0 {
		return own
	}
	return remedy{strings.Join(out, "; "), fixes}
}

// partitioned is the partitioned table that a table is a part of, or the table itself.
func (e *examination) partitioned(ctx context.Context, n relationName) (r relation, err error) {
	err = e.pool.QueryRow(ctx, `SELECT c.oid, s.nspname, c.relname, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
		WHERE c.oid = coalesce(pg_catalog.pg_partition_root($1::text::regclass), $1::text::regclass)`, quoted(n.Schema, n.Name)).Scan(&r.oid, &r.schema, &r.name, &r.kind, &r.owner)
	return r, err
}

// aliased matches what is quoted, or the alias that the table has in our statements only.
var aliased = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"|\bt\.`)

// withoutAlias is an expression for a statement that does not name the table t.
func withoutAlias(expr string) string {
	return aliased.ReplaceAllStringFunc(expr, func(s string) string {
		if s == "t." {
			return ""
		}
		return s
	})
}

// indexable returns true if an index can have an expression, which must be immutable for that. The planner tells: only then
// it sees that two conditions contradict each other.
func (e *examination) indexable(ctx context.Context, expr string) (is bool, err error) {
	if plainColumn.MatchString(expr) || e.isSubquery() {
		return true, nil
	}
	err = e.pool.Read(ctx, func(tx *session.Tx) error {
		if err := tx.Set(ctx, "SET LOCAL constraint_exclusion = on"); err != nil {
			return err
		}
		root, err := explain(ctx, tx, "(FORMAT JSON)", fmt.Sprintf("SELECT 1 FROM %s AS t WHERE (%[2]s) IS NULL AND (%[2]s) IS NOT NULL", e.config.Table, expr))
		is = root.Node == "Result" && len(root.Plans) == 0
		return err
	})
	return is, err
}

// otherIndex is advice for an expression that no index can have.
func (e *examination) otherIndex(ctx context.Context, expr string) string {
	why := fmt.Sprintf("no index can have %s, because its value depends on settings such as the time zone, or on names that can change", expr)
	if of, to, ok := castOf(expr); ok {
		if n, err := e.typeOf(ctx, of); err == nil {
			if other := timeless(of, to, n); other != "" {
				return why + "; write it as " + yamlText(other) + ", on both sides, and index that"
			}
		}
	}
	return why + "; store the value in a column, and index that"
}

// timeless is what to write for a cast of a time that depends on settings: as text, its microseconds; empty for other casts.
func timeless(of, to string, n native) string {
	utc := "(" + of + ") AT TIME ZONE 'UTC'"
	switch n.oid {
	case pgtype.TimestamptzOID:
	case pgtype.TimestampOID:
		if to == "text" || to == "varchar" {
			utc = of
		}
	case pgtype.DateOID:
		utc = "(" + of + ")::timestamp"
		if to == "timestamptz" {
			utc += " AT TIME ZONE 'UTC'"
		}
	default:
		return ""
	}
	switch to {
	case "text", "varchar":
		return "(extract(epoch FROM " + utc + ") * 1000000)::bigint"
	case "date":
		return "(" + utc + ")::date"
	}
	return utc
}

// mayBeUnique is false where a unique index would be refused: one on a partitioned table must have its partition key.
func (e *examination) mayBeUnique(columns []string) bool {
	if e.relation.kind != "p" {
		return true
	}
	for _, part := range e.relation.partitionKey {
		if part == "" || !slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(strings.Trim(c, `"`), part) }) {
			return false
		}
	}
	return !slices.ContainsFunc(columns, func(c string) bool { return strings.HasPrefix(c, "(") })
}
