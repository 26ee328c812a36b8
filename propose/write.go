package propose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Count is how many rows a table has.
type Count struct {
	Rows    int64
	More    bool // at least
	Unknown bool // counting took too long
}

func (c Count) String() string {
	switch {
	case c.Unknown:
		return "? it was not counted within the time for it: is it a view that is slow to read?"
	case c.More:
		return "more than " + human.Quantity(c.Rows, "row", "rows")
	case c.Rows == 0:
		return "? the table is empty: nothing can be proven with it"
	}
	return human.Quantity(c.Rows, "row", "rows")
}

// Findings are all that a proposal is made of.
type Findings struct {
	Pair                         Pair
	LegacyVar, ProjectionVar     string // environment variables with the connection strings
	LegacyCount, ProjectionCount Count
	Statuses                     []string // values of the status, as legacy has them
	Store                        *Store   // nil without an event store
	EventsVar                    string
	Sample                       Sample
	Rows                         Rows   // of legacy, for the orders of the examples
	AuditLog, Trades             string // tables of the history; empty if they were not found
}

// writer writes the file line by line.
type writer struct{ strings.Builder }

func (w *writer) line(indent int, format string, args ...any) {
	w.WriteString(strings.Repeat("  ", indent) + strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// remark is a comment at the end of a line. A decision has a question mark.
func remark(decide bool, text string) string {
	switch {
	case decide:
		return strings.TrimRight(" # ? "+inComment(text, 200), " ")
	case text != "":
		return " # " + inComment(text, 200)
	}
	return ""
}

// inComment is a text without what could end a comment or mislead people, and of some letters at most.
func inComment(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// sql writes a column or an expression as the file has it.
func sql(expr string) string {
	if plain(expr) {
		return expr
	}
	return "'" + strings.ReplaceAll(expr, "'", "''") + "'"
}

func plain(expr string) bool {
	return text(expr) == expr && !strings.Contains(expr, "$")
}

// YAML is the proposed configuration.
func (f *Findings) YAML() string {
	w := &writer{}
	proposal := fold{}
	if f.Store != nil {
		if proposal = proposeFold(f.Pair, f.Sample, f.Statuses, f.Rows); proposal.preset {
			f.Pair.renameAsPreset()
		}
	}
	f.head(w)
	f.side(w, "legacy", f.LegacyVar, f.Pair.Legacy, f.LegacyCount, f.Pair.Key.Legacy, f.Pair.ChangedLegacy)
	f.side(w, "projection", f.ProjectionVar, f.Pair.Projection, f.ProjectionCount, f.Pair.Key.Projection, f.Pair.ChangedProjection)
	if len(f.Pair.Others) > 0 {
		w.line(0, "# ? Other tables with many columns in common, for --legacy-table and --projection-table: %s", inComment(strings.Join(f.Pair.Others, "; "), 300))
	}
	w.line(0, "")
	f.fields(w)
	if f.Store != nil {
		w.line(0, "")
		f.events(w, proposal)
	}
	f.history(w)
	w.line(0, "")
	w.line(0, "ledger: # crosscheck's own record; the only place to which it writes: a role that may create this schema")
	w.line(1, `dsn: "${%s}"`, f.ProjectionVar)
	w.line(1, "schema: crosscheck")
	return w.String()
}

func (f *Findings) head(w *writer) {
	variables := []string{f.LegacyVar, f.ProjectionVar}
	if f.Store != nil {
		variables = append(variables, f.EventsVar)
	}
	slices.Sort(variables)
	w.line(0, "# A first configuration, proposed by `crosscheck config init` from what the databases have.")
	w.line(0, "# Decide each line with a question mark, and take the mark away. All settings: config.yaml of the repository.")
	w.line(0, "# Then run crosscheck config check, crosscheck doctor and crosscheck verify.")
	w.line(0, "# Set the connection strings as environment variables: %s.", strings.Join(slices.Compact(variables), ", "))
	w.line(0, "")
}

func (f *Findings) side(w *writer, name, variable string, t Table, count Count, key Column, changed *Column) {
	w.line(0, "%s:", name)
	w.line(1, `dsn: "${%s}"`, variable)
	w.line(1, "table: %s%s", sql(t.Quoted), remark(false, count.String()))
	expr := key.Keys[f.Pair.KeyType]
	switch {
	case expr != key.Quoted:
		w.line(1, "key: %s%s", sql(expr), remark(true, key.Native+"; give this expression an index, on the side that has it"))
	case !alike(f.Pair.Key.Legacy.Name, f.Pair.Key.Projection.Name):
		w.line(1, "key: %s%s", sql(expr), remark(true, key.Native+", unique; the sides have different names for it: are these the same orders?"))
	case key.Unique:
		w.line(1, "key: %s%s", sql(expr), remark(false, key.Native+", unique"))
	default:
		w.line(1, "key: %s%s", sql(expr), remark(true, key.Native+"; no unique index says that an order is there once"))
	}
	if changed == nil {
		w.line(1, "# changed_at: # ? the column with the time of the last write, if there is one")
		return
	}
	why := "when the row was last written"
	if name == "projection" {
		why = "the time of the newest change that the row shows; not when the projector wrote it"
	}
	if !changed.Indexed {
		why += "; it has no index"
	}
	w.line(1, "changed_at: %s%s", sql(changed.Quoted), remark(true, why))
}

func (f *Findings) fields(w *writer) {
	w.line(0, "compare:")
	w.line(1, "fields:")
	for _, m := range f.Pair.Fields {
		entry := []string{"name: " + text(m.Name), "type: " + string(m.Type)}
		var notes []string
		decide := false
		for _, side := range []struct {
			name   string
			column Column
		}{{"legacy", m.Legacy}, {"projection", m.Projection}} {
			expr := side.column.Forms[m.Type]
			if expr != `"`+m.Name+`"` && expr != m.Name {
				entry = append(entry, side.name+": "+sql(expr))
			}
			if expr != side.column.Quoted {
				decide = true
				notes = append(notes, fmt.Sprintf("%s has %s", side.name, side.column.Native))
			}
			if side.column.Float {
				notes = append(notes, "a float does not hold decimals exactly: perhaps tolerance")
			}
			if side.column.Kind == KindClock {
				notes = append(notes, "is it UTC?")
			}
		}
		if len(notes) == 0 && m.Legacy.Native != m.Projection.Native {
			notes = append(notes, m.Legacy.Native+" in legacy, "+m.Projection.Native+" in the projection")
		}
		w.line(2, "- {%s}%s", strings.Join(entry, ", "), remark(decide, strings.Join(notes, "; ")))
	}
	if status := rolesOf(f.Pair).status; status != "" && status != "status" {
		w.line(1, "group_by: %s # rows are counted by its values", text(status))
	}
	f.only(w, "legacy", f.Pair.OnlyLegacy)
	f.only(w, "the projection", f.Pair.OnlyProjection)
}

func (f *Findings) only(w *writer, side string, columns []Column) {
	for _, c := range columns {
		w.line(1, "# ? only in %s, or of a type that the other side's cannot be compared with: %s (%s)", side, inComment(c.Quoted, 80), inComment(c.Native, 80))
	}
}

func (f *Findings) events(w *writer, proposal fold) {
	s := f.Store
	w.line(0, "events:")
	w.line(1, `dsn: "${%s}"`, f.EventsVar)
	w.line(1, "table: %s%s", sql(s.Table.Quoted), remark(len(s.Others) > 0, others(s.Others)))
	position, decide := s.position(f.Sample.Repeats)
	w.line(1, "position: %s%s", position, remark(decide != "", s.Position.Native+"; "+cmp.Or(decide, "orders the events, and grows")))
	f.key(w)
	w.line(1, "type: %s", sql(s.Type.Quoted))
	at, ask := s.at()
	w.line(1, "at: %s%s", at, remark(ask != "", ask))
	w.line(1, "payload: %s%s", sql(s.Payload.Quoted), remark(false, s.Payload.Native))
	f.sampled(w)
	proposal.write(w)
}

func (f *Findings) key(w *writer) {
	s, prefix := f.Store, f.Sample.Prefix
	key, why := s.key(prefix), s.Key.Native
	stored := strings.HasPrefix(key, "{")
	switch {
	case f.Sample.Elsewhere > 0:
		why += fmt.Sprintf("; %s with other keys, such as %q: do they not belong here?", human.Quantity(int64(f.Sample.Elsewhere), "event", "events"), f.Sample.Other)
	case prefix != "":
		why += "; all keys of the sample begin with it, and others do not belong here"
	case stored:
		why += "; is each " + string(s.KeyType) + " spelt as the server prints it?"
	case key != sql(s.Key.Quoted):
		why += "; give this expression an index"
	}
	w.line(1, "key: %s%s", key, remark(stored || key != sql(s.Key.Quoted) || !s.Key.Indexed, why))
}

func others(tables []string) string {
	if len(tables) == 0 {
		return ""
	}
	return "or " + strings.Join(tables, ", ") + ": --events-table"
}

// sampled says what the proposal of rules is made of.
func (f *Findings) sampled(w *writer) {
	if f.Sample.Events == 0 {
		w.line(1, "# ? There are no events yet, so nothing is known of their types.")
		return
	}
	seen := "# The newest and the oldest %s; a rare type may be missing here:"
	if f.Sample.Whole {
		seen = "# All %s:"
	}
	w.line(1, seen, human.Quantity(int64(f.Sample.Events), "event", "events"))
	for _, t := range f.Sample.Types {
		w.line(1, "#   %s: %s", inComment(text(t.Name), 80), human.Number(int64(t.Count)))
	}
	if f.Sample.Invalid > 0 {
		w.line(1, "# ? %s no JSON object.", human.Quantity(int64(f.Sample.Invalid), "payload is", "payloads are"))
	}
}

func (p fold) write(w *writer) {
	switch {
	case p.preset:
		w.line(1, "preset: orders # the types and payloads of the default schema: docs/fold.md")
		return
	case len(p.rules) == 0:
		w.line(1, "# fold: # ? what each event type does to the fields: docs/fold.md. Without it, the preset orders applies")
		return
	}
	w.line(1, "fold: # what each event type does to the fields: docs/fold.md")
	for _, r := range p.rules {
		r.write(w)
	}
	assignments(w, 1, "derive", p.derive)
	assignments(w, 1, "invariants", p.invariants)
}

func (r rule) write(w *writer) {
	if r.ignored {
		w.line(2, "%s: ignore%s", text(r.kind.Name), remark(true, "nothing in its payload looks like a field; does it change none?"))
	} else {
		w.line(2, "%s:", text(r.kind.Name))
	}
	if r.creates != "" {
		w.line(3, "create: true%s", remark(true, r.creates))
	}
	assignments(w, 3, "set", r.set)
	assignments(w, 3, "add", r.add)
	assignments(w, 3, "add_product", r.product)
	if p := r.remaining; p.Path != "" {
		w.line(3, "remaining: %s%s", config.FlowSource(order.Source{Path: p.Path}), remark(true, seen(p)))
	}
	for _, p := range r.unread {
		w.line(3, "# %s: %s", inComment(p.Path, 80), inComment(seen(p), 120))
	}
}

// assignments writes a mapping, each line of which a person has to decide.
func assignments(w *writer, indent int, key string, list []assignment) {
	if len(list) == 0 {
		return
	}
	w.line(indent, "%s:", key)
	for _, a := range list {
		w.line(indent+1, "%s: %s%s", text(a.field), a.value, remark(true, a.why))
	}
}

// history writes legacy's own record. Its columns are fixed, so only tables that have them were found.
func (f *Findings) history(w *writer) {
	if f.AuditLog == "" || f.Trades == "" {
		return
	}
	w.line(0, "")
	w.line(0, "history: # legacy's own record; helps to find the cause")
	w.line(1, "audit_log: %s", sql(f.AuditLog))
	w.line(1, "trades: %s", sql(f.Trades))
}

// renameAsPreset gives fields the names that the preset's rules have, if they are the same in another spelling.
func (p *Pair) renameAsPreset() {
	preset := []string{"trader_id", "symbol", "side", "quantity", "price", "status", "filled_quantity", "avg_fill_price", "created_at", "updated_at"}
	p.Fields = slices.Clone(p.Fields)
	for i, f := range p.Fields {
		for _, name := range preset {
			taken := slices.ContainsFunc(p.Fields, func(other Match) bool { return other.Name == name })
			if !taken && alike(f.Name, name) {
				p.Fields[i].Name = name
			}
		}
	}
}

// FindHistory finds tables with the columns that history needs; empty if there is none.
func FindHistory(tables []Table) (auditLog, trades string) {
	find := func(columns ...string) string {
		for _, t := range tables {
			if t.Readable && !slices.ContainsFunc(columns, func(name string) bool { _, ok := t.column(name); return !ok }) {
				return t.Quoted
			}
		}
		return ""
	}
	return find("entity_id", "timestamp", "field_changed", "old_value", "new_value"), find("order_id", "executed_at", "quantity", "price")
}

// Status is the field whose values should be read: the expression on legacy's side; empty if none looks like a state.
func (p Pair) Status() string {
	f, ok := (&proposer{pair: p}).field(rolesOf(p).status)
	if !ok {
		return ""
	}
	return f.Legacy.Forms[order.Text]
}
