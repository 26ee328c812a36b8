package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Repair says what a plan of repairs needs to know beside the other sections.
type Repair struct {
	// Projection is the table in which the projector keeps its rows. Default projection.table.
	Projection string
	// Columns are columns of that table that have a field or a register of another name: column → field. Default none.
	Columns map[string]string
}

// RepairedTable is the table that a plan of repairs writes rows to.
func (c *Config) RepairedTable() string { return cmp.Or(c.Repair.Projection, c.Projection.Table) }

// readRepair reads the optional section.
func readRepair(o *object, c *Config) {
	if o == nil {
		return
	}
	o.relation("projection", &c.Repair.Projection, o.text)
	c.Repair.Columns = o.rawPairs("columns", "such as columns: {filled_notional: notional}, the column and then the field of events.fold")
	if rules, err := c.Rules(); err == nil && c.Events.Given() {
		for _, pair := range o.object("columns").pairs() {
			if name := c.Repair.Columns[pair[0].Value]; name != "" && !slices.Contains(rules.Names(), name) {
				o.at(target(pair[1]), join(join(o.path, "columns"), pair[0].Value), fmt.Sprintf("%q is no field that events.fold changes", name), "one of: "+strings.Join(rules.Names(), ", "))
			}
		}
	}
	o.done()
}
