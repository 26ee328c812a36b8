package source

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// weighed says of each event whether it is as it must be, and which quantity was traded.
func (f foldSQL) weighed() string {
	const numbers = "q > -" + foldLimit + " AND q < " + foldLimit + " AND p > -" + foldLimit + " AND p < " + foldLimit
	valid := func(condition string, weight int64) string {
		return fmt.Sprintf("CASE WHEN %s THEN %d ELSE %d END", condition, weight, weightFlawed)
	}
	created := fmt.Sprintf("texts AND %s AND CASE WHEN p IS NULL THEN jsonb_typeof(b) = 'null' ELSE %s END", isNumber("q"), isNumber("p"))
	partially := numbers
	if f.events.Vocabulary.KeyName(order.OrderPartiallyFilled, "remaining_quantity") != "" {
		partially += " AND " + isNumber("r")
	}
	var modifications strings.Builder
	for _, field := range order.Modifiable() {
		fmt.Fprintf(&modifications, " WHEN %d THEN %s", modifiedKind(field), valid(f.modification(field), 0))
	}
	return fmt.Sprintf(`SELECT k, pos, at, kind, q, p, trader, symbol, side,
		CASE WHEN kind = %[1]d OR kind = %[2]d THEN q END AS traded, kind = %[1]d OR kind >= %[3]d AS other,
		CASE WHEN kind = 0 THEN 0
			WHEN (pos >= 0 AND pos < 9007199254740992 AND isfinite(at)) IS NOT TRUE OR foreign_order THEN %[4]d
			ELSE CASE kind WHEN %[1]d THEN %[5]s WHEN %[2]d THEN %[6]s WHEN %[7]d THEN %[8]s WHEN %[9]d THEN %[10]s%[11]s
			ELSE %[4]d END END AS weight
		FROM (%[12]s) AS e2 ORDER BY k`,
		kindPartially, kindFilled, kindModified, weightFlawed,
		valid(partially, 0), valid(numbers, weightFilled),
		kindCreated, valid(created, weightCreated), kindCanceled, valid("texts", weightCanceled),
		modifications.String(), f.numbered())
}

// isNumber is true for a number that order.Decode takes for one too.
func isNumber(number string) string {
	return fmt.Sprintf("%[1]s > -%[2]s AND %[1]s < %[2]s AND scale(%[1]s) < %[3]d", number, foldLimit, foldScale)
}

// isText is true for a payload's value that order.Decode takes for text.
func isText(value string) string {
	return fmt.Sprintf("CASE jsonb_typeof(%[1]s) WHEN 'string' THEN true WHEN 'number' THEN length((%[1]s)::text) < %[2]d ELSE false END",
		value, foldScale)
}

// modification is true for a new and an old value as they must be.
func (f foldSQL) modification(field string) string {
	is := func(value, number string) string {
		switch field {
		case "price":
			return fmt.Sprintf("CASE WHEN %s IS NULL THEN jsonb_typeof(%s) = 'null' ELSE %s END", number, value, isNumber(number))
		case "quantity":
			return isNumber(number)
		default:
			return isText(value)
		}
	}
	if f.events.Vocabulary.KeyName(order.OrderModified, "old_value") == "" {
		return is("a", "q")
	}
	return is("a", "q") + " AND " + is("c", "r")
}

// asNumber is a payload's value as a number; NULL if it is none. A string is a number only if it is written without an
// exponent. The expression has no bounded repetition: such a one takes ten times as long.
func asNumber(value string) string {
	return fmt.Sprintf(`CASE jsonb_typeof(%[1]s) WHEN 'number' THEN (%[1]s)::numeric WHEN 'string' THEN
		CASE WHEN (%[1]s #>> '{}') ~ '^-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?$' AND length(%[1]s #>> '{}') < %[2]d THEN (%[1]s #>> '{}')::numeric END END`,
		value, foldDigits)
}

// numbered turns the payload's values into numbers.
func (f foldSQL) numbered() string {
	return fmt.Sprintf(`SELECT k, pos, at, kind, a, b, c, trader, symbol, side, texts, foreign_order, %s AS q, %s AS p, %s AS r
		FROM (%s) AS e1 ORDER BY k`, asNumber("a"), asNumber("b"), asNumber("c"), f.values())
}

// values takes the payload apart: a is a quantity or a new value, b a price, c what remains or an old value.
func (f foldSQL) values() string {
	v := f.events.Vocabulary
	get := func(t order.EventType, key string) string {
		if name := v.KeyName(t, key); name != "" {
			return "d -> " + literal(name)
		}
		return "NULL::jsonb"
	}
	text := func(field string) string {
		return fmt.Sprintf("CASE kind WHEN %d THEN d ->> %s WHEN %d THEN d ->> %s END",
			kindCreated, literal(v.KeyName(order.OrderCreated, field)), modifiedKind(field), literal(v.KeyName(order.OrderModified, "new_value")))
	}
	texts := make([]string, 0, 3)
	for _, field := range []string{"trader_id", "symbol", "side"} {
		texts = append(texts, isText(get(order.OrderCreated, field)))
	}
	reason := "jsonb_typeof(d) = 'object'"
	if v.KeyName(order.OrderCanceled, "reason") != "" {
		reason = fmt.Sprintf("jsonb_typeof(%s) IN ('string', 'null')", get(order.OrderCanceled, "reason"))
	}
	modified := func(key string) string {
		return fmt.Sprintf("CASE WHEN kind >= %d THEN %s END", kindModified, get(order.OrderModified, key))
	}
	return fmt.Sprintf(`SELECT k, pos, at, kind,
		CASE kind WHEN %[1]d THEN %[5]s WHEN %[2]d THEN %[6]s WHEN %[3]d THEN %[7]s ELSE %[8]s END AS a,
		CASE kind WHEN %[1]d THEN %[9]s WHEN %[2]d THEN %[10]s WHEN %[3]d THEN %[11]s END AS b,
		CASE kind WHEN %[2]d THEN %[12]s ELSE %[13]s END AS c,
		%[14]s AS trader, %[15]s AS symbol, %[16]s AS side,
		CASE kind WHEN %[3]d THEN %[17]s WHEN %[4]d THEN %[18]s END AS texts,
		%[19]s AS foreign_order
		FROM (%[20]s) AS e0 ORDER BY k`,
		kindFilled, kindPartially, kindCreated, kindCanceled,
		get(order.OrderFilled, "quantity"), get(order.OrderPartiallyFilled, "filled_quantity"), get(order.OrderCreated, "quantity"), modified("new_value"),
		get(order.OrderFilled, "price"), get(order.OrderPartiallyFilled, "price"), get(order.OrderCreated, "price"),
		get(order.OrderPartiallyFilled, "remaining_quantity"), modified("old_value"),
		text("trader_id"), text("symbol"), text("side"), strings.Join(texts, " AND "), reason, f.foreign(), f.kinds())
}

// foreign is true for a payload that says to be of another order. A key of the vocabulary may be called order_id too;
// it means what the vocabulary says then.
func (f foldSQL) foreign() string {
	const foreign = `d ? 'order_id' AND (jsonb_typeof(d -> 'order_id') NOT IN ('string', 'number') OR d ->> 'order_id' <> k::text)`
	v := f.events.Vocabulary
	for _, t := range order.EventTypes() {
		for _, key := range order.PayloadKeys(t) {
			if v.KeyName(t, key) == "order_id" { // rare enough to be left to Go
				return "d ? 'order_id'"
			}
		}
	}
	return foreign
}

// payload is an event's payload as jsonb. Of json it is NULL, which no event can do with, where a key is there twice, of
// which jsonb would keep the last, and where the cast might fail or Go reads something else: escapes of characters,
// exponents, very long text.
func (f foldSQL) payload() string {
	if !f.json {
		return "(" + f.events.Payload + ")"
	}
	return fmt.Sprintf(`(CASE WHEN json_typeof(%[1]s) = 'object' AND (%[1]s)::text !~ '\\u|[0-9][eE]' AND length((%[1]s)::text) < 100000 THEN
		CASE WHEN (SELECT count(*) = count(DISTINCT name) FROM json_object_keys(%[1]s) AS name) THEN (%[1]s)::jsonb END END)`, f.events.Payload)
}

// kinds reads the store. Concatenating an empty object unpacks the payload once for all that look into it.
func (f foldSQL) kinds() string {
	c := f.events
	field := fmt.Sprintf("%s -> %s", f.payload(), literal(c.Vocabulary.KeyName(order.OrderModified, "field")))
	var fields strings.Builder
	for _, known := range order.Modifiable() {
		for _, name := range c.Vocabulary.FieldNames(known) {
			quoted, _ := json.Marshal(name) // of a string it cannot fail
			fmt.Fprintf(&fields, " WHEN %s::jsonb THEN %d", literal(string(quoted)), modifiedKind(known))
		}
	}
	name := func(t order.EventType) string { return literal(c.Vocabulary.TypeName(t)) }
	return fmt.Sprintf(`SELECT (%[1]s) AS k, (%[2]s)::bigint AS pos, (%[3]s) AS at, %[4]s || '{}'::jsonb AS d,
		CASE (%[5]s)::text WHEN %[6]s THEN %[11]d WHEN %[7]s THEN %[12]d WHEN %[8]s THEN %[13]d WHEN %[9]s THEN %[14]d
		WHEN %[10]s THEN CASE %[15]s%[16]s ELSE %[17]d END ELSE CASE WHEN (%[5]s) IS NULL THEN %[17]d ELSE 0 END END AS kind
		FROM %[18]s AS t ORDER BY (%[1]s)`,
		c.Key, c.Position, c.At, f.payload(), c.Type,
		name(order.OrderFilled), name(order.OrderPartiallyFilled), name(order.OrderCreated), name(order.OrderCanceled), name(order.OrderModified),
		kindFilled, kindPartially, kindCreated, kindCanceled, field, fields.String(), kindFlawed, c.Table)
}
