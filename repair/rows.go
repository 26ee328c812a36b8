package repair

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Rows is where the projector keeps its rows.
type Rows struct {
	Table

	Key string // SQL
	// Of is the field or register that each column has. Columns that are not in it are left alone.
	Of map[string]string
	// Setting names what a person can set if this is no table.
	Setting string
}

// row plans the row that the fold of the stored events gives.
func (p *Planner) row(c Case, d compare.Diagnosis) (s Statement, why string) {
	state, problems := order.Fold(c.Events)
	switch {
	case d.Cause == compare.StoppedProjector:
		return s, "the projector would apply the events again when it goes on"
	case !p.Rows.Writable():
		return s, fmt.Sprintf("%s is no table; %s names the one that it shows", p.Rows.Name, p.Rows.Setting)
	case len(c.Stored) > 1 || len(c.Projection) > 1:
		return s, "the projection has the order more than once, and nothing tells which row to keep"
	case slices.ContainsFunc(problems, func(p order.Problem) bool { return p.Kind.Impossible() }) || state.Flawed():
		return s, "the history itself is impossible, so its fold is no proof"
	}
	evidence := []string{fmt.Sprintf("the fold of %s is the evidence; the last one is %s", quantity(len(c.Events), "event"), last(c.Events))}
	switch {
	case !state.Exists() && len(c.Stored) == 1:
		return Statement{Evidence: evidence[:0], What: "delete the row", In: order.Projection, SQL: p.deleteSQL(c)}, ""
	case !state.Exists():
		return s, "there is no row, and no event that creates one"
	}
	want, why := p.folded(c, &state)
	switch {
	case why != "":
		return s, why
	case len(c.Stored) == 0:
		if why := p.Rows.covers(want); why != "" {
			return s, why
		}
		return Statement{Evidence: evidence, What: "insert the row", In: order.Projection, SQL: p.insertSQL(c, want)}, ""
	}
	for i := range want {
		want[i].was = c.Stored[0][want[i].column]
	}
	differ := p.differing(want)
	if len(differ) == 0 {
		return s, "the row in " + p.Rows.Name + " is right already; what shows it is older"
	}
	for _, v := range differ {
		evidence = append(evidence, fmt.Sprintf("%s is %s, and the events give %s", v.column, shown(v.was), shown(v.is)))
	}
	return Statement{Evidence: evidence, What: "rebuild the row", In: order.Projection, SQL: p.updateSQL(c, want, differ)}, ""
}

func last(events []order.Event) string {
	if len(events) == 0 {
		return "none"
	}
	return "event " + events[len(events)-1].Name()
}

// assigned is the value of one column.
type assigned struct {
	column  string
	was, is order.Value
}

// folded is what the state gives for each column. A compared field that is wrong must have a column.
func (p *Planner) folded(c Case, state *order.State) (out []assigned, why string) {
	has := map[string]bool{}
	for _, column := range p.Rows.Columns {
		name, ok := p.Rows.Of[column.Name]
		if !ok || column.Generated {
			continue
		}
		has[name] = true
		if v, ok := state.Value(name); ok {
			out = append(out, assigned{column: column.Name, is: v})
		}
	}
	for i, f := range p.Fields {
		v, judged := state.Value(f.Name)
		wrong := judged && p.Rules.Judges(f) && (len(c.Projection) == 0 || !compare.Equal(f, c.Projection[0].Values[i], v))
		if wrong && !has[f.Name] {
			return nil, fmt.Sprintf("no column of %s is known to have %s as it is", p.Rows.Name, f.Name)
		}
	}
	return out, ""
}

// covers says which column needs a value that the events do not give.
func (r *Rows) covers(values []assigned) string {
	for _, c := range r.Columns {
		written := c.Name == name(r.Key) || slices.ContainsFunc(values, func(v assigned) bool { return v.column == c.Name && !v.is.Null })
		if c.needed() && !written {
			return fmt.Sprintf("the column %s of %s needs a value that the events do not give", c.Name, r.Name)
		}
	}
	if name(r.Key) == "" {
		return "projection.key is no column"
	}
	return ""
}

func (p *Planner) differing(want []assigned) (out []assigned) {
	for _, v := range want {
		if !compare.Equal(p.Rows.field(v.column), v.was, v.is) {
			out = append(out, v)
		}
	}
	return out
}

// field says how values of a column are compared.
func (r *Rows) field(column string) order.Field {
	f := order.Field{Name: column, Type: order.Text}
	for _, c := range r.Columns {
		if c.Name == column && slices.Contains([]string{"numeric", "smallint", "integer", "bigint", "real", "double precision"}, c.Type) {
			f.Type = order.Numeric
		}
	}
	return f
}

// is is the condition for the order's row, with values if there are any.
func (r *Rows) is(key order.Key, values []assigned, of func(assigned) order.Value) string {
	parts := []string{fmt.Sprintf("(%s) = %s", r.Key, literal(string(key)))}
	for _, v := range values {
		parts = append(parts, fmt.Sprintf("t.%s IS NOT DISTINCT FROM %s", quoted(v.column), value(of(v))))
	}
	return strings.Join(parts, "\n      AND ")
}

func was(v assigned) order.Value { return v.was }
func is(v assigned) order.Value  { return v.is }

// updateSQL sets what differs. It wants all values to be as they were seen, and then as they are planned.
func (p *Planner) updateSQL(c Case, values, differ []assigned) string {
	var sets []string
	for _, v := range differ {
		sets = append(sets, quoted(v.column)+" = "+value(v.is))
	}
	from := "FROM " + p.Rows.Name + " AS t\n    WHERE "
	return block(c.Key, steps{
		already: exists(from + p.Rows.is(c.Key, values, is)),
		seen:    []check{{exists(from + p.Rows.is(c.Key, values, was) + "\n    FOR UPDATE"), "its row is not the one that was seen"}, p.unmoved(c)},
		change:  []string{"UPDATE " + p.Rows.Name + " AS t SET " + strings.Join(sets, ", ") + "\n  WHERE " + p.Rows.is(c.Key, nil, nil)},
		after:   []check{{exists(from + p.Rows.is(c.Key, values, is)), "its row is not as planned after the change"}},
		done:    "its row is rebuilt",
	})
}

func (p *Planner) insertSQL(c Case, values []assigned) string {
	columns, texts := []string{}, []string{}
	key := name(p.Rows.Key)
	if !slices.ContainsFunc(values, func(v assigned) bool { return v.column == key }) {
		columns, texts = append(columns, quoted(key)), append(texts, literal(string(c.Key)))
	}
	for _, v := range values {
		columns, texts = append(columns, quoted(v.column)), append(texts, value(v.is))
	}
	from := "FROM " + p.Rows.Name + " AS t\n    WHERE "
	return block(c.Key, steps{
		already: exists(from + p.Rows.is(c.Key, values, is)),
		seen:    []check{{"NOT " + exists(from+p.Rows.is(c.Key, nil, nil)), "it has a row, and had none"}, p.unmoved(c)},
		change:  []string{"INSERT INTO " + p.Rows.Name + " (" + strings.Join(columns, ", ") + ")\n  VALUES (" + strings.Join(texts, ", ") + ")"},
		after:   []check{{exists(from + p.Rows.is(c.Key, values, is)), "its row is not as planned after the change"}},
		done:    "its row is inserted",
	})
}

func (p *Planner) deleteSQL(c Case) string {
	var values []assigned
	for _, column := range p.Rows.Columns {
		if v, ok := c.Stored[0][column.Name]; ok && !v.Failed {
			values = append(values, assigned{column: column.Name, was: v})
		}
	}
	from := "FROM " + p.Rows.Name + " AS t\n    WHERE "
	return block(c.Key, steps{
		already: "NOT " + exists(from+p.Rows.is(c.Key, nil, nil)),
		seen:    []check{{exists(from + p.Rows.is(c.Key, values, was) + "\n    FOR UPDATE"), "its row is not the one that was seen"}, p.unmoved(c)},
		change:  []string{"DELETE FROM " + p.Rows.Name + " AS t\n  WHERE " + p.Rows.is(c.Key, nil, nil)},
		after:   []check{{"NOT " + exists(from+p.Rows.is(c.Key, nil, nil)), "it still has a row"}},
		done:    "its row is deleted",
	})
}
