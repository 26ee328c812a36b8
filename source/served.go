package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// serving is how the planner would look rows up by a key.
type serving struct {
	ok      bool // an index serves
	inOrder bool // rows are asked for in the order of the key
	root    plan
	keys    []string // how the plan writes the key that is looked for
	indexes []index
	passed  []string // indexes that have the key behind another column
}

// index is what the catalogue says about an index that a plan uses.
type index struct {
	schema, name, method string
	columns              []string
}

// served asks whether an index serves the lookup of a few rows by an expression. The value is a subquery's, so that the planner
// does not know it: for a known one it would leave out partitions.
func (s *Side) served(ctx context.Context, expr, cast, zero string) (serving, error) {
	var l serving
	err := s.plan(ctx, &l, fmt.Sprintf("SELECT 1 FROM %s WHERE (%s) = ANY((SELECT '{%s}'::%[4]s[])::%[4]s[])", s.from(), expr, zero, cast))
	if err == nil && !l.ok {
		// For a small table an index that has another column first costs the same.
		l.ok, err = s.ordered(ctx, "("+expr+")", cast, zero)
	}
	return l, err
}

// ordered asks whether an index serves ranges of an expression, in its order.
func (s *Side) ordered(ctx context.Context, expr, cast, zero string) (bool, error) {
	l := serving{inOrder: true}
	err := s.plan(ctx, &l, fmt.Sprintf("SELECT 1 FROM %s WHERE %[2]s >= (SELECT '%[3]s'::%[4]s) AND %[2]s < (SELECT '%[3]s'::%[4]s) ORDER BY %[2]s", s.from(), expr, zero, cast))
	return l.ok, err
}

// plan asks for the plan of a query, and judges it.
func (s *Side) plan(ctx context.Context, l *serving, query string) (err error) {
	if l.root, err = s.byIndex(ctx, query); err != nil {
		return err
	}
	var used []string
	l.root.walk(func(p plan) {
		if p.Index != "" {
			used = append(used, p.Index)
		}
		if p.Parent == "InitPlan" && p.Node == "Result" && len(p.Plans) == 0 {
			l.keys = append(l.keys, parameter(p.Name))
		}
	})
	if l.indexes, err = s.describe(ctx, used); err != nil {
		return fmt.Errorf("looking for indexes: %w", err)
	}
	found := l.reach(l.root, plan{})
	l.ok = found == byKey || found == nothing
	return nil
}

// describe reads what the catalogue says about indexes.
func (s *Side) describe(ctx context.Context, names []string) ([]index, error) {
	rows, err := s.pool.Query(ctx, `SELECT n.nspname, c.relname, a.amname::text, array(SELECT pg_catalog.pg_get_indexdef(c.oid, k, false) FROM generate_series(1, i.indnkeyatts) k ORDER BY k)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
			JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE c.relname = ANY($1)`, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (x index, err error) {
		return x, row.Scan(&x.schema, &x.name, &x.method, &x.columns)
	})
}

var returned = regexp.MustCompile(`\(returns (\$\d+)\)`)

// parameter is how conditions write the value of a subquery: "$0" before PostgreSQL 17, and "(InitPlan 1)" since then.
func parameter(subplan string) string {
	if m := returned.FindStringSubmatch(subplan); m != nil {
		return m[1]
	}
	return "(" + subplan + ")"
}

// reach is what part of a plan reads.
type reach int

const (
	nothing reach = iota // of a table
	byJoin               // what an index finds for a row of something else
	byKey                // what an index finds for the key
	all
)

// reach judges a node. The scan of a bitmap's index does not say of which table it is: above says it.
func (l *serving) reach(p, above plan) reach {
	if p.Schema == "" {
		p.Schema, p.Alias = above.Schema, above.Alias
	}
	switch {
	case slices.Contains(readsAll, p.Node):
		return all
	case p.byAnIndex():
		return l.index(p)
	}
	var parts []reach
	for _, child := range p.Plans {
		r := l.reach(child, p)
		if r == all {
			return all
		}
		if child.Parent != "InitPlan" && r != nothing {
			parts = append(parts, r)
		}
	}
	switch {
	case len(parts) > 0 && (strings.HasSuffix(p.Node, "Append") || p.Node == "BitmapOr" || p.Node == "Custom Scan"): // one after another
		return slices.Min(parts)
	case len(parts) > 0:
		return slices.Max(parts)
	case p.Relation != "" || p.Node == "Custom Scan":
		return all
	}
	return nothing
}

// index judges the scan of an index. One that has another column first is read as a whole, or by a PostgreSQL that skips, once
// for each of that column's values.
func (l *serving) index(p plan) reach {
	at := slices.IndexFunc(l.indexes, func(x index) bool { return x.name == p.Index && x.schema == p.Schema })
	if p.Cond == "" || at < 0 {
		return all
	}
	x, conditions := l.indexes[at], clauses(p.Cond)
	found := byJoin
	if slices.ContainsFunc(conditions, l.hasKey) {
		found = byKey
	}
	switch {
	case x.method == "gin" || x.method == "hash" || x.method == "spgist":
		return found
	case x.method != "btree" && x.method != "gist":
		return all
	case found == byKey && l.inOrder: // without a sort, so nothing that varies comes before the key
		return byKey
	}
	return l.leading(p, x, conditions, found)
}

// leading compares the conditions with the columns of an index, one after another: each before the key's must have one value.
func (l *serving) leading(p plan, x index, conditions []string, found reach) reach {
	for i, column := range x.columns {
		on := func(is func(clause, rest string) bool) bool {
			return slices.ContainsFunc(conditions, func(c string) bool {
				rest, ok := strings.CutPrefix(bare(c, p.Alias), bare(column, ""))
				return ok && !wordy.MatchString(rest) && is(c, rest) // a column whose name goes on is another
			})
		}
		if found == byKey && on(func(c, _ string) bool { return l.hasKey(c) }) || i == 0 && len(x.columns) == 1 {
			return found
		}
		if !on(func(_, rest string) bool { return equals.MatchString(rest) }) {
			break
		}
		if found == byJoin {
			return byJoin
		}
	}
	if found == byKey {
		l.passed = append(l.passed, p.Index)
	}
	return all
}

var (
	equals = regexp.MustCompile(`^(::[\w "]+)?(=|ISNULL$|$)`)
	wordy  = regexp.MustCompile(`^[\w$"]`)
)

func (l *serving) hasKey(text string) bool {
	return slices.ContainsFunc(l.keys, func(k string) bool {
		_, rest, ok := strings.Cut(text, k)
		return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
	})
}

// passedOver names an index that might be taken for one that serves.
func (l *serving) passedOver() string {
	if len(l.passed) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s begins with another column)", l.passed[0])
}

// unserved is a table that a lookup reads as a whole, and what the key is there.
type unserved struct {
	relation relationName
	key      string
}

func (l *serving) missing() (out []unserved) {
	l.root.walk(func(p plan) {
		if p.Relation == "" || l.reach(p, plan{}) == byKey {
			return
		}
		for _, c := range slices.Concat(clauses(p.Filter), clauses(p.Cond), clauses(p.Recheck)) {
			if key, value, ok := strings.Cut(unaliased(c, p.Alias), " = ANY "); ok && l.hasKey(value) {
				out = append(out, unserved{relationName{Schema: p.Schema, Name: p.Relation}, key})
				return
			}
		}
	})
	return out
}
