package source

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// wholeTimes is the first version that hashes bytes with a seed, and so all 64 bits of a time.
const wholeTimes = 180000

// Traits tells what holds for all rows of the snapshot. It asks within the snapshot, whose locks keep the constraints:
// a constraint that is dropped or validated later does not count.
func (n *snapshot) Traits(ctx context.Context) (verify.Traits, error) {
	defer n.side.observe("traits")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	traits := verify.Traits{WholeTimes: n.side.shape.version >= wholeTimes}
	columns, err := n.guards(ctx)
	if err != nil {
		return traits, n.fail("reading the constraints", err)
	}
	for _, f := range n.side.config.Fields {
		if columns[f.Name].unsigned {
			traits.Unsigned = append(traits.Unsigned, f.Name)
		}
	}
	return traits, nil
}

// guarded is a column of a table.
type guarded struct {
	name     string // as SQL has it
	unsigned bool   // no table may hold a negative value of it
}

// guards returns what guards the numeric fields that are a column of the table, by the fields' names.
func (n *snapshot) guards(ctx context.Context) (map[string]guarded, error) {
	columns, err := n.numericColumns(ctx)
	if len(columns) == 0 || err != nil {
		return nil, err
	}
	found, err := n.constraints(ctx, columns)
	out := map[string]guarded{}
	for field, c := range columns {
		if g, ok := found[int32(c.column)]; ok {
			out[field] = g
		}
	}
	return out, err
}

// numericColumns are the numeric fields that are a single column of a table, by name. A column of a subquery may have
// values of several tables.
func (n *snapshot) numericColumns(ctx context.Context) (map[string]native, error) {
	if n.side.isSubquery() {
		return nil, nil
	}
	var names, expressions []string
	for _, f := range n.side.config.Fields {
		if f.Type == order.Numeric {
			names, expressions = append(names, f.Name), append(expressions, "("+f.Expr+")")
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	rows, err := n.tx.Query(ctx, "SELECT "+strings.Join(expressions, ", ")+" FROM "+n.side.from()+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	columns := slices.Clone(rows.FieldDescriptions())
	rows.Close()
	out := map[string]native{}
	for i, c := range columns {
		if c.TableOID != 0 {
			out[names[i]] = native{table: c.TableOID, column: c.TableAttributeNumber}
		}
	}
	return out, rows.Err()
}

// constraintsSQL returns, for each column and each table of the tree that holds rows, what its valid CHECK constraints say.
// Those of a foreign table are not enforced. Of a domain only those count that were made together with it: one that is
// added later may miss rows that were not committed then.
const constraintsSQL = `
	WITH RECURSIVE tree(oid) AS (
		SELECT $1::oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.oid),
	typed(column_type, oid) AS (
		SELECT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum = ANY($2::int[])
		UNION SELECT d.column_type, t.typbasetype FROM typed d JOIN pg_catalog.pg_type t ON t.oid = d.oid AND t.typtype = 'd')
	SELECT a.attnum::int, pg_catalog.quote_ident(a.attname), c.relkind::text = 'r',
		ARRAY(SELECT pg_catalog.pg_get_expr(k.conbin, k.conrelid) FROM pg_catalog.pg_constraint k
			WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)),
		ARRAY(SELECT pg_catalog.pg_get_expr(k.conbin, 0) FROM typed d JOIN pg_catalog.pg_type t ON t.oid = d.oid
			JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.xmin = t.xmin
			WHERE d.column_type = a.atttypid AND k.contype = 'c' AND k.convalidated)
	FROM pg_catalog.pg_attribute a CROSS JOIN tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
	WHERE a.attrelid = $1 AND a.attnum = ANY($2::int[]) AND c.relkind <> 'p'`

// constraints returns what guards columns, by their numbers.
func (n *snapshot) constraints(ctx context.Context, columns map[string]native) (map[int32]guarded, error) {
	var table uint32
	var numbers []int32
	for _, c := range columns {
		table, numbers = c.table, append(numbers, int32(c.column))
	}
	rows, err := n.tx.Query(ctx, constraintsSQL, table, numbers)
	if err != nil {
		return nil, err
	}
	out := map[int32]guarded{}
	var column int32
	var name string
	var holds bool
	var own, domain []string
	_, err = pgx.ForEachRow(rows, []any{&column, &name, &holds, &own, &domain}, func() error {
		holds = holds && (slices.ContainsFunc(own, func(expr string) bool { return excludesNegatives(expr, name) }) ||
			slices.ContainsFunc(domain, func(expr string) bool { return excludesNegatives(expr, "VALUE") }))
		before, known := out[column]
		out[column] = guarded{name: name, unsigned: holds && (before.unsigned || !known)}
		return nil
	})
	return out, err
}

// excludesNegatives returns true if an expression, as PostgreSQL prints it, is false for every negative value of a column. It
// knows comparisons with a constant, and AND. NULL and NaN have no sign, so it does not matter what becomes of them.
func excludesNegatives(expr, column string) bool {
	parts := conjuncts(expr)
	if len(parts) > 1 {
		return slices.ContainsFunc(parts, func(part string) bool { return excludesNegatives(part, column) })
	}
	if inner, ok := unwrapped(expr); ok {
		return excludesNegatives(inner, column)
	}
	of := regexp.QuoteMeta(column)
	of = `(?:` + of + `|\(` + of + `\)::numeric)`
	const number = `(?:\d+(?:\.\d+)?|(?:\(\d+(?:\.\d+)?\)|'\d+(?:\.\d+)?')::(?:numeric|bigint|integer|smallint))`
	return regexp.MustCompile(`^(?:` + of + ` >=? ` + number + `|` + number + ` <=? ` + of + `)$`).MatchString(expr)
}

// conjuncts cuts an expression at each AND that is in no parentheses and no quotes. PostgreSQL prints parentheses around each
// operand, so that OR and AND are never side by side.
func conjuncts(expr string) (out []string) {
	begun := 0
	outside(expr, func(i int) {
		if strings.HasPrefix(expr[i:], " AND ") {
			out = append(out, expr[begun:i])
			begun = i + len(" AND ")
		}
	})
	return append(out, expr[begun:])
}

// unwrapped takes off parentheses around the whole.
func unwrapped(expr string) (string, bool) {
	if !strings.HasPrefix(expr, "(") || !strings.HasSuffix(expr, ")") {
		return "", false
	}
	whole := true
	outside(expr[:len(expr)-1], func(int) { whole = false })
	return expr[1 : len(expr)-1], whole
}

// outside calls fn for each position that is in no parentheses and no quotes.
func outside(expr string, fn func(i int)) {
	depth, quote := 0, byte(0)
	for i := range len(expr) {
		switch c := expr[i]; {
		case quote != 0:
			if c == quote { // a doubled quote begins again at once
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0:
			fn(i)
		}
	}
}
