package source

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/doctor"
)

// CheckSigns proposes a constraint that saves time.
const CheckSigns = "signs"

// manyRows is from how many rows on a test for each row is worth a constraint.
const manyRows = 1_000_000

// examineSigns proposes a constraint for numerics whose signs are digested. It is for a side that has no error, and says
// nothing of a view, which cannot have one.
func (e *examination) examineSigns(ctx context.Context) {
	if e.hasError() || e.relation.kind != "r" && e.relation.kind != "p" {
		return
	}
	opened, err := e.Begin(ctx)
	if err != nil {
		e.failed(CheckSigns, "reading the constraints", err)
		return
	}
	defer opened.Close()
	n, _ := opened.(*snapshot)
	rows, err := n.estimate(ctx)
	if err != nil || rows < manyRows {
		return // an error has its own finding, from the reads
	}
	columns, err := n.guards(ctx)
	if err != nil {
		e.failed(CheckSigns, "reading the constraints", err)
		return
	}
	var names, conditions []string
	for _, field := range slices.Sorted(maps.Keys(columns)) {
		if c := columns[field]; !c.unsigned {
			names, conditions = append(names, field), append(conditions, c.name+" >= 0")
		}
	}
	if len(names) == 0 {
		return
	}
	table, constraint := quoted(e.relation.schema, e.relation.name), quoted(e.relation.name+"_not_negative")
	e.add(doctor.Info, CheckSigns, "each row is asked for the sign of "+strings.Join(names, ", "),
		fmt.Sprintf("where they are never negative, a constraint on both sides makes full verification faster: ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID; then ALTER TABLE %[1]s VALIDATE CONSTRAINT %[2]s",
			table, constraint, strings.Join(conditions, " AND ")))
}
