package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
)

// countedCost is the most that an exact count of a slice may cost, in the planner's unit: a scan of some twenty million rows.
const countedCost = 500_000

// examineSlice says how many rows belong. It returns false if nothing can be asked about them.
func (e *examination) examineSlice(ctx context.Context, where string) bool {
	if where == "" {
		return true
	}
	setting := e.side() + ".where"
	if err := e.readWhere(ctx, where); err != nil {
		if u, ok := errors.AsType[*unfitError](err); ok {
			e.add(doctor.Error, CheckWhere, u.what, u.instead)
		} else {
			what, _, _ := strings.Cut(err.Error(), ": ")
			e.column(CheckWhere, what, err)
		}
		return false
	}
	e.config.Where = where
	said, rows, err := e.countSlice(ctx)
	switch {
	case err != nil:
		e.failed(CheckWhere, "counting the rows of the slice", err)
	case rows == 0:
		e.add(doctor.Warning, CheckWhere, said+" by "+setting, "compare the condition with what the table holds; an empty slice is never a match")
	default:
		e.add(doctor.OK, CheckWhere, said+" by "+setting, "")
	}
	if fixed, err := e.unsliced().examined(e.relation).indexable(ctx, condition(where)); err == nil && !fixed {
		e.add(doctor.Info, CheckWhere, setting+" depends on the clock, on settings or on other rows, so orders may enter and leave the slice by themselves",
			"that is harmless if the slices of all representations change together")
	}
	return true
}

// examined is a side with what is known about its table.
func (s *Side) examined(r relation) *examination { return &examination{Side: s, relation: r} }

// countSlice counts the rows that belong and those that do not; in a large table by the planner's estimate.
func (e *examination) countSlice(ctx context.Context) (said string, rows int64, err error) {
	plan, err := explain(ctx, e.pool, "(FORMAT JSON)", "SELECT count(*) FROM "+e.unsliced().from())
	if err != nil {
		return "", 0, err
	}
	if plan.Cost <= countedCost {
		var all int64
		err = e.pool.QueryRow(ctx, "SELECT (SELECT count(*) FROM "+e.from()+"), (SELECT count(*) FROM "+e.unsliced().from()+")").Scan(&rows, &all)
		return fmt.Sprintf("%s of %s belong to the slice", human.Number(rows), human.Quantity(all, "row", "rows")), rows, err
	}
	part, err := explain(ctx, e.pool, "(FORMAT JSON)", "SELECT 1 FROM "+e.from())
	if err != nil {
		return "", 0, err
	}
	all, err := explain(ctx, e.pool, "(FORMAT JSON)", "SELECT 1 FROM "+e.unsliced().from())
	rows = max(int64(part.Rows), 1)
	return fmt.Sprintf("about %s of %s belong to the slice", human.Number(rows), human.Quantity(int64(all.Rows), "row", "rows")), rows, err
}
