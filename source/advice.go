package source

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
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

// castKey is an expression that makes a key of a column whose type cannot be one, and whether an index can have it: what a type
// prints may depend on settings, or on names that can be changed.
func castKey(key string, n native) (expr string, indexable bool) {
	x := "(" + key + ")"
	c := n.capacity()
	switch {
	case n.oid == pgtype.NumericOID && c.decimals == 0 && c.whole <= 18:
		return x + "::bigint", true
	case n.oid == pgtype.NumericOID:
		return "trim_scale" + x + "::text", true
	case n.oid == pgtype.ByteaOID:
		return fmt.Sprintf("encode(%s, 'hex')", x), true
	case n.oid == moneyOID:
		return x + "::numeric::text", false
	}
	return x + "::text", slices.Contains([]string{"S", "I", "B", "V"}, n.category) || n.oid == pgtype.Float4OID || n.oid == pgtype.Float8OID
}

// plainColumn is a name that an index takes without parentheses.
var plainColumn = regexp.MustCompile(`^("([^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*)$`)

// indexHint is a statement for the configured table, or advice where that cannot have an index.
func (e *examination) indexHint(unique bool, columns ...string) string {
	for i, c := range columns {
		if !plainColumn.MatchString(c) {
			columns[i] = "(" + c + ")"
		}
	}
	list, create := strings.Join(columns, ", "), "CREATE INDEX"
	if unique && e.mayBeUnique(columns) {
		create = "CREATE UNIQUE INDEX"
	}
	switch e.relation.kind {
	case "r", "m":
		return fmt.Sprintf("%s CONCURRENTLY ON %s (%s)", create, quoted(e.relation.schema, e.relation.name), list)
	case "p": // CONCURRENTLY is refused there
		return fmt.Sprintf("%s ON %s (%s)", create, quoted(e.relation.schema, e.relation.name), list)
	}
	return "index " + list + " in the tables that it comes from, or read a table or materialized view"
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
