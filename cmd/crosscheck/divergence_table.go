package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/web"
)

// divergenceTable shows divergences by their keys. A line has a field that differs; where that is too wide, fields stand below their order.
// Columns that are the same everywhere, or not known, are left out.
type divergenceTable struct {
	found  []web.Divergence
	states bool
	caused bool // without events every hop is the same, and the cause is not known
	events bool
}

func newDivergenceTable(found []web.Divergence, states bool) *divergenceTable {
	t := &divergenceTable{found: slices.Clone(found), states: states}
	slices.SortStableFunc(t.found, func(a, b web.Divergence) int { return order.ByValue(order.Key(a.OrderID), order.Key(b.OrderID)) })
	t.caused = slices.ContainsFunc(found, func(d web.Divergence) bool { return d.Cause != "" })
	t.events = slices.ContainsFunc(found, func(d web.Divergence) bool {
		return slices.ContainsFunc(d.Fields, func(f web.Field) bool { return f.Values != nil && f.Events != nil })
	})
	return t
}

func (t *divergenceTable) write(b *strings.Builder, most int) {
	wide := t.beside()
	if _, total := wide.widths(); most > 0 && total > most {
		t.below(most).write(b, most)
		return
	}
	wide.write(b, most)
}

// leads is a table of what is said of a divergence before its fields.
func (t *divergenceTable) leads() *table {
	header := []string{"order", "kind", "age"}
	if t.states {
		header = append(header, "state")
	}
	if t.caused {
		header = append(header, "hop", "cause")
	}
	return &table{header: header, firm: map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true}}
}

func (t *divergenceTable) lead(d web.Divergence) []string {
	cells := []string{human.InColumn(d.OrderID), d.Kind, (time.Duration(d.AgeSeconds) * time.Second).String()}
	if t.states {
		cells = append(cells, d.State)
	}
	if t.caused {
		cells = append(cells, string(d.Hop), cmp.Or(d.Cause, "-"))
	}
	return cells
}

func (t *divergenceTable) beside() *table {
	out := t.leads()
	out.header = append(out.header, "field")
	out.header = append(out.header, t.sides()...)
	for _, d := range t.found {
		lead := t.lead(d)
		if len(d.Fields) == 0 {
			out.add(lead...)
		}
		for _, f := range d.Fields {
			out.add(slices.Concat(lead, []string{f.Name}, t.values(f))...)
			clear(lead) // said once
		}
	}
	return out
}

func (t *divergenceTable) below(most int) *table {
	const indent = "      "
	out := t.leads()
	sides := t.sides()
	for _, d := range t.found {
		row := tableRow{cells: t.lead(d)}
		for _, f := range d.Fields {
			var parts []string
			for i, v := range t.values(f) {
				parts = append(parts, sides[i]+" "+v)
			}
			line := indent + f.Name + ": " + strings.Join(parts, ", ")
			if columnsOf(line) <= most {
				row.below = append(row.below, line)
				continue
			}
			row.below = append(row.below, indent+f.Name+":")
			for _, p := range parts {
				row.below = append(row.below, indent+"  "+clipped(p, most-len(indent)-2))
			}
		}
		out.rows = append(out.rows, row)
	}
	return out
}

func (t *divergenceTable) sides() []string {
	if t.events {
		return []string{"legacy", "events", "projection"}
	}
	return []string{"legacy", "projection"}
}

// values are those of the sides; "-" is not known. There are none if they are hidden.
func (t *divergenceTable) values(f web.Field) []string {
	if f.Values == nil {
		return nil
	}
	cells := []string{human.ShownValue(f.Legacy)}
	if t.events {
		known := "-"
		if v, ok := f.Events.(*string); ok {
			known = human.ShownValue(v)
		}
		cells = append(cells, known)
	}
	return append(cells, human.ShownValue(f.Projection))
}
