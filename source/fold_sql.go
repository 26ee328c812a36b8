package source

import (
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// Kinds of events in the SQL of the fold. A modification's is kindModified and the index of its field in
// order.Modifiable. Zero is an event that the vocabulary does not know: not applied, as in Go.
const (
	kindCreated   = 1
	kindPartially = 3
	kindFilled    = 4
	kindCanceled  = 5
	kindModified  = 20 // and above
	kindFlawed    = -1 // an event that cannot be told to be of any kind
)

// Weights that events add to an order's sum, which so tells in one aggregate whether all is as the fold in SQL needs
// it: one creation, at most one fill that completes and one cancel, and nothing flawed.
const (
	weightCreated  = int64(1)
	weightFilled   = int64(1) << 20
	weightCanceled = int64(1) << 40
	weightFlawed   = int64(1) << 60
)

// NotFolded stands in the status (or the first field, if it is text) of an order that SQL does not fold.
const NotFolded = "crosscheck: fold in Go"

// Bounds of what SQL takes for a number: well within those of order.Decode, so that whatever is refused there is
// refused here too. What only SQL refuses is folded in Go.
const (
	foldDigits = 100 // of a number in a string
	foldLimit  = "1e300"
	foldScale  = 900
)

// foldSQL writes the fold of a store's events. See [Fold] for what it promises.
//
// # Shape
//
// Each level computes what the next uses more than once: what kind of event it is; the payload's values; numbers;
// whether the event is in order. ORDER BY keeps the planner from merging the levels, which would evaluate everything
// as often as it is mentioned, and costs nothing where an index has that order already; unlike OFFSET 0 it lets a
// condition on the key through to the table. The aggregates do not depend on the order in which events come.
type foldSQL struct {
	events  EventsConfig
	json    bool // the payload is json, not jsonb
	unique  bool // no two events of an order have the same position
	keyType order.KeyType
	fields  []order.Field
}

// literal quotes a string of a configuration for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func modifiedKind(field string) int {
	for i, f := range order.Modifiable() {
		if f == field {
			return kindModified + i
		}
	}
	return kindFlawed
}

// table is the fold as a FROM item.
func (f foldSQL) table() string {
	columns := []string{"k AS order_id", f.updatedAt() + " AS updated_at"}
	for _, field := range f.fields {
		if field.Name == "order_id" || field.Name == "updated_at" {
			continue
		}
		columns = append(columns, f.column(field)+" AS "+field.Name)
	}
	return fmt.Sprintf("(SELECT %s FROM (%s) AS f)", strings.Join(columns, ", "), f.orders())
}

// column is a field of the folded order. The one that marks what is not folded holds a value then that no row has.
func (f foldSQL) column(field order.Field) string {
	expr := foldedColumns[field.Name]
	if field.Name == "trader_id" && field.Type != order.Text {
		expr = fmt.Sprintf("CASE WHEN %s THEN (%s)::%s END", isSmallInteger(expr), expr, sqlType(field.Type))
	}
	if field.Name != f.marker().Name {
		return expr
	}
	return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", f.flawed(), notFolded(field.Type), expr)
}

func sqlType(t order.FieldType) string {
	if t == order.Integer {
		return "bigint"
	}
	return string(t)
}

// isSmallInteger is true for text that is certainly a bigint.
func isSmallInteger(expr string) string {
	return fmt.Sprintf("((%[1]s) ~ '^(?:0|-?[1-9][0-9]*)$' AND length(%[1]s) <= 18)", expr)
}

// marker is the field that marks an order that is not folded.
func (f foldSQL) marker() order.Field {
	for _, field := range f.fields {
		if field.Name == "status" {
			return field
		}
	}
	return f.fields[0]
}

// notFolded is a value that no column of a table of orders holds.
func notFolded(t order.FieldType) string {
	switch t {
	case order.Numeric:
		return "-0.000000000000000000000000000000000000000000000000000000000072057594037927936::numeric"
	case order.Integer:
		return "(-9223372036854775807)::bigint"
	case order.Timestamptz:
		return "'4713-01-01 00:00:00.654321+00 BC'::timestamptz"
	default:
		return literal(NotFolded)
	}
}

// flawed is true for an order whose events SQL cannot be sure of.
func (f foldSQL) flawed() string {
	var sums []string
	for _, filled := range []int64{0, weightFilled} {
		for _, canceled := range []int64{0, weightCanceled} {
			sums = append(sums, fmt.Sprint(weightCreated+filled+canceled))
		}
	}
	reasons := []string{
		"weights NOT IN (" + strings.Join(sums, ", ") + ")", "first < created", fmt.Sprintf("scale(notional) > %d", foldScale),
	}
	if !f.unique {
		reasons = append(reasons, "twice")
	}
	for _, field := range f.fields {
		if field.Name == "trader_id" && field.Type != order.Text {
			reasons = append(reasons, "NOT "+isSmallInteger(foldedColumns["trader_id"]))
		}
	}
	return "(" + strings.Join(reasons, " OR ") + ")"
}

// foldedColumns are the fields of an order in order, by the aggregates over its events.
var foldedColumns = map[string]string{
	"trader_id":       "CASE WHEN new_trader_id IS NULL THEN first_trader_id ELSE new_trader_id[2] END",
	"symbol":          "CASE WHEN new_symbol IS NULL THEN first_symbol ELSE new_symbol[2] END",
	"side":            "CASE WHEN new_side IS NULL THEN first_side ELSE new_side[2] END",
	"quantity":        "CASE WHEN new_quantity IS NULL THEN first_quantity ELSE new_quantity[2] END",
	"price":           "CASE WHEN new_price IS NULL THEN first_price ELSE new_price[2] END",
	"filled_quantity": "coalesce(filled, 0)",
	"avg_fill_price":  fmt.Sprintf("round(notional / nullif(filled, 0), %d)", order.AverageScale),
	"created_at":      "created_at",
	"status": fmt.Sprintf(`CASE greatest(created, partially_at, filled_at, canceled) WHEN created THEN '%s'
		WHEN partially_at THEN '%s' WHEN filled_at THEN '%s' ELSE '%s' END`,
		order.StatusOpen, order.StatusPartiallyFilled, order.StatusFilled, order.StatusCanceled),
}

// updatedAt is the time of the last event. Of most kinds there is one event, whose time is the largest.
func (f foldSQL) updatedAt() string {
	return `CASE greatest(created, other, filled_at, canceled) WHEN created THEN created_at WHEN other THEN other_time[2]
		WHEN filled_at THEN filled_time ELSE canceled_time END`
}

// orders aggregates the events of each order. An order that SQL cannot be sure of is there even if nothing created it.
func (f foldSQL) orders() string {
	of := func(kind int) string { return fmt.Sprintf("FILTER (WHERE kind = %d)", kind) }
	last := func(field, value string) string {
		return fmt.Sprintf("max(%s) %s AS new_%s", value, of(modifiedKind(field)), field)
	}
	// Position and text in one array, compared by bytes.
	const text = `ARRAY[lpad(pos::text, 20, '0'), %s] COLLATE "C"`
	columns := []string{
		"k", "sum(weight) AS weights",
		"min(pos) FILTER (WHERE kind <> 0) AS first",
		"max(pos) " + of(kindCreated) + " AS created",
		"max(pos) " + of(kindPartially) + " AS partially_at",
		"max(pos) " + of(kindFilled) + " AS filled_at",
		"max(pos) " + of(kindCanceled) + " AS canceled",
		"max(pos) FILTER (WHERE other) AS other",
		"max(at) " + of(kindCreated) + " AS created_at",
		"max(at) " + of(kindFilled) + " AS filled_time",
		"max(at) " + of(kindCanceled) + " AS canceled_time",
		// The position as a time, so that both fit into one array: exact, since it is below 2^53.
		"max(ARRAY['2000-01-01 00:00:00+00'::timestamptz + pos * '1 microsecond'::interval, at]) FILTER (WHERE other) AS other_time",
		"sum(traded) AS filled", "sum(traded * p) AS notional",
		"max(q) " + of(kindCreated) + " AS first_quantity",
		"max(p) " + of(kindCreated) + " AS first_price",
		"max(trader) " + of(kindCreated) + " AS first_trader_id",
		"max(symbol) " + of(kindCreated) + " AS first_symbol",
		"max(side) " + of(kindCreated) + " AS first_side",
		last("quantity", "ARRAY[pos, q]"), last("price", "ARRAY[pos, q]"),
		last("trader_id", fmt.Sprintf(text, "trader")), last("symbol", fmt.Sprintf(text, "symbol")), last("side", fmt.Sprintf(text, "side")),
	}
	if !f.unique {
		columns = append(columns, "count(*) <> count(DISTINCT pos) AS twice")
	}
	return fmt.Sprintf(`SELECT %s FROM (%s) AS e3 GROUP BY k HAVING max(pos) %s IS NOT NULL OR sum(weight) >= %d`,
		strings.Join(columns, ", "), f.weighed(), of(kindCreated), weightFlawed)
}
