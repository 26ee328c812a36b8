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
	mend := e.ownersFix(doctor.Build, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID", table, constraint, strings.Join(conditions, " AND ")))
	fix := &mend.fixes[0]
	fix.SQL = append(fix.SQL, fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", table, constraint))
	fix.Optional, fix.Note = true, "From then on, a write of a negative value is refused."
	e.addRemedy(doctor.Info, CheckSigns, "each row is asked for the sign of "+strings.Join(names, ", "),
		remedy{"where they are never negative, a constraint on both sides makes full verification faster: " + strings.Join(fix.SQL, "; then "), mend.fixes})
}
