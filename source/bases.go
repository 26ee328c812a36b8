package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// SameData returns true if two sides read the same tables of the same database, through any views or subqueries. Such a
// comparison always agrees, whatever is wrong. A materialized view is a table of its own.
func SameData(ctx context.Context, a, b *Side) (bool, error) {
	x, err := a.Identity(ctx)
	if err != nil {
		return false, err
	}
	y, err := b.Identity(ctx)
	if err != nil {
		return false, err
	}
	if x == y || x.System != y.System || x.Database != y.Database {
		return x == y, nil
	}
	tables, err := a.tables(ctx)
	if err != nil {
		return false, err
	}
	others, err := b.tables(ctx)
	return len(tables) > 0 && slices.Equal(tables, others), err
}

// tables returns the tables that a query of all compared columns reads, according to the planner.
func (s *Side) tables(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	columns := []string{s.config.Key}
	for _, f := range s.config.Fields {
		columns = append(columns, f.Expr)
	}
	root, err := explain(ctx, s.pool, "(VERBOSE, FORMAT JSON)", "SELECT ("+strings.Join(columns, "), (")+") FROM "+s.from())
	if err != nil {
		return nil, fmt.Errorf("looking for the tables behind %s: %w", s.config.Representation, err)
	}
	var out []string
	root.walk(func(p plan) {
		if p.Relation != "" {
			out = append(out, p.Schema+"."+p.Relation)
		}
	})
	slices.Sort(out)
	return slices.Compact(out), nil
}

// queryRower is a pool or a transaction.
type queryRower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

var errPlan = errors.New("the server returned no plan")

// explain asks for the plan of a query.
func explain(ctx context.Context, q queryRower, options, query string) (plan, error) {
	var plans []struct{ Plan plan }
	if err := q.QueryRow(ctx, "EXPLAIN "+options+" "+query).Scan(&plans); err != nil {
		return plan{}, fmt.Errorf("asking for a plan: %w", err)
	}
	if len(plans) != 1 {
		return plan{}, errPlan
	}
	return plans[0].Plan, nil
}

func (p plan) walk(visit func(plan)) {
	visit(p)
	for _, child := range p.Plans {
		child.walk(visit)
	}
}
