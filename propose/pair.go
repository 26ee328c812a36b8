package propose

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// Errors of choosing tables. The text says which.
var (
	ErrNoPair   = errors.New("no table of legacy looks like one of the projection")
	ErrNoTable  = errors.New("there is no such table")
	ErrNotRead  = errors.New("the role may not read the table")
	ErrNoEvents = errors.New("no table looks like an event store")
)

// Names are tables that a person gave; empty for those to be found.
type Names struct{ Legacy, Projection, Events string }

// Pair is a table of each side, and what they have in common.
type Pair struct {
	Legacy, Projection Table
	Key                Match
	KeyType            order.KeyType
	Fields             []Match
	// Only are columns that the other side does not have, or not in a form that can be compared.
	OnlyLegacy, OnlyProjection []Column
	// Others are further tables that were possible.
	Others []string
	// ChangedLegacy and ChangedProjection are columns with the time of the last write; nil if none looks so.
	ChangedLegacy, ChangedProjection *Column
}

// Match is a field on both sides.
type Match struct {
	Name               string
	Type               order.FieldType
	Legacy, Projection Column
}

// Choose finds the two tables that have most in common. same says that both sides are one database: then a table is not
// compared with itself, nor with a view of itself.
func Choose(legacy, projection []Table, names Names, same bool) (Pair, error) {
	l, err := named(legacy, names.Legacy, "legacy")
	if err != nil {
		return Pair{}, err
	}
	p, err := named(projection, names.Projection, "the projection")
	if err != nil {
		return Pair{}, err
	}
	var found []Pair
	for _, left := range l {
		for _, right := range p {
			if same && (left.Quoted == right.Quoted || slices.Contains(right.Over, left.Quoted) || slices.Contains(left.Over, right.Quoted)) {
				continue
			}
			if pair, ok := match(left, right); ok {
				found = append(found, pair)
			}
		}
	}
	if len(found) == 0 {
		return Pair{}, fmt.Errorf("%w: a pair needs a key (integer, uuid or text) and columns of the same name; legacy has %s, the projection has %s", ErrNoPair, listed(l), listed(p))
	}
	slices.SortStableFunc(found, better)
	best := found[0]
	for _, side := range []struct {
		what  string
		table Table
	}{{"legacy", best.Legacy}, {"the projection", best.Projection}} {
		if !side.table.Readable {
			return Pair{}, fmt.Errorf("%w %s of %s", ErrNotRead, side.table.Quoted, side.what)
		}
	}
	for _, other := range found[1:] {
		if 2*len(other.Fields) >= len(best.Fields) && len(best.Others) < 3 {
			best.Others = append(best.Others, fmt.Sprintf("%s with %s (%d fields)", other.Legacy.Quoted, other.Projection.Quoted, len(other.Fields)))
		}
	}
	return best, nil
}

// named are the tables of that name; all if none is given.
func named(tables []Table, name, side string) ([]Table, error) {
	if name == "" {
		return tables, nil
	}
	var found []Table
	for _, t := range tables {
		if strings.EqualFold(t.Name, name) || t.Quoted == name || strings.EqualFold(t.Schema+"."+t.Name, name) {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w in %s: %s; it has %s", ErrNoTable, side, name, listed(tables))
	}
	return found, nil
}

func listed(tables []Table) string {
	const most = 8
	var out []string
	for _, t := range tables {
		if len(out) == most {
			out = append(out, "…")
			break
		}
		out = append(out, t.Quoted)
	}
	return cmp.Or(strings.Join(out, ", "), "no tables")
}

// better sorts the pair that is more likely meant first: with tables that can be read, with most fields in common, a view
// before the table under it, and large before small.
func better(a, b Pair) int {
	reads := func(p Pair) int { return truth(p.Legacy.Readable) + truth(p.Projection.Readable) }
	over := func(x, y Pair) int { return truth(slices.Contains(x.Projection.Over, y.Projection.Quoted)) }
	return cmp.Or(
		reads(b)-reads(a),
		len(b.Fields)-len(a.Fields),
		truth(b.Key.Legacy.Unique)-truth(a.Key.Legacy.Unique),
		over(b, a)-over(a, b),
		cmp.Compare(b.Legacy.Bytes, a.Legacy.Bytes),
		cmp.Compare(b.Projection.Bytes, a.Projection.Bytes),
		strings.Compare(a.Legacy.Quoted+a.Projection.Quoted, b.Legacy.Quoted+b.Projection.Quoted),
	)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// match finds what two tables have in common; false if that is no key, or nothing beside it.
func match(l, p Table) (Pair, bool) {
	out := Pair{Legacy: l, Projection: p}
	var ok bool
	if out.Key, out.KeyType, ok = key(l, p); !ok {
		return out, false
	}
	used := map[string]bool{out.Key.Projection.Name: true}
	for _, c := range l.Columns {
		if c.Name == out.Key.Legacy.Name {
			continue
		}
		other, found := counterpart(c, p, used)
		t, comparable := common(c, other)
		if !found || !comparable {
			out.OnlyLegacy = append(out.OnlyLegacy, c)
			continue
		}
		used[other.Name] = true
		out.Fields = append(out.Fields, Match{Name: fieldName(c.Name, out.Fields), Type: t, Legacy: c, Projection: other})
	}
	for _, c := range p.Columns {
		if !used[c.Name] {
			out.OnlyProjection = append(out.OnlyProjection, c)
		}
	}
	out.ChangedLegacy, out.ChangedProjection = changed(l), changed(p)
	fields := 1
	if !alike(out.Key.Legacy.Name, out.Key.Projection.Name) { // then more must speak for it
		fields = 2
	}
	return out, len(out.Fields) >= fields
}

// counterpart is the column of the same name, or of a name that is the same in another spelling.
func counterpart(c Column, in Table, used map[string]bool) (Column, bool) {
	if same, ok := in.column(c.Name); ok && !used[c.Name] {
		return same, true
	}
	for _, other := range in.Columns {
		if !used[other.Name] && alike(c.Name, other.Name) {
			return other, true
		}
	}
	return Column{}, false
}

// key finds the columns that identify an order on both sides: legacy's unique column first, and one with a unique partner.
func key(l, p Table) (Match, order.KeyType, bool) {
	type candidate struct {
		match Match
		kind  order.KeyType
		score int
	}
	var found []candidate
	for _, c := range l.Columns {
		other, ok := counterpart(c, p, nil)
		kind, comparable := commonKey(c, other)
		if !ok || !comparable || !c.Unique && !other.Unique && foremost(c.Name, []string{"order_id", "id"}) == 2 {
			continue
		}
		score := 4*truth(c.Unique) + 2*truth(other.Unique) + truth(len(words(c.Name)) > 0 && slices.Contains(words(c.Name), "id"))
		found = append(found, candidate{Match{Name: c.Name, Legacy: c, Projection: other}, kind, score})
	}
	if len(found) == 0 {
		return keyOfOtherName(l, p)
	}
	best := slices.MaxFunc(found, func(a, b candidate) int { return cmp.Compare(a.score, b.score) })
	return best.match, best.kind, true
}

// keyOfOtherName pairs a column id with what the other side calls order_id, or the like. Both must be unique.
func keyOfOtherName(l, p Table) (Match, order.KeyType, bool) {
	for _, left := range l.Columns {
		for _, right := range p.Columns {
			a, b := words(left.Name), words(right.Name)
			if !left.Unique || !right.Unique || !identifies(a) || !identifies(b) || len(a) > 1 && len(b) > 1 {
				continue
			}
			if kind, ok := commonKey(left, right); ok {
				return Match{Name: left.Name, Legacy: left, Projection: right}, kind, true
			}
		}
	}
	return Match{}, "", false
}

// identifies says whether the words of a column's name end as those of an identifier do.
func identifies(name []string) bool {
	return len(name) > 0 && foremost(name[len(name)-1], []string{"id", "key", "uuid", "no", "number"}) < 5
}

// commonKey is the type as which two columns can be keys: as they are if possible.
func commonKey(l, p Column) (order.KeyType, bool) {
	var casts order.KeyType
	for _, t := range []order.KeyType{order.KeyInteger, order.KeyUUID, order.KeyText} {
		left, right := l.Keys[t], p.Keys[t]
		switch {
		case left == "" || right == "":
		case left == l.Quoted && right == p.Quoted:
			return t, true
		default:
			casts = cmp.Or(casts, t)
		}
	}
	return casts, casts != ""
}

// common is the type as which two columns are compared: the best of either that both can be, and text at last.
func common(l, p Column) (order.FieldType, bool) {
	for _, t := range []order.FieldType{l.Best, p.Best, order.Numeric, order.Text} {
		if l.Forms[t] == "" || p.Forms[t] == "" {
			continue
		}
		if t == order.Integer && (p.Best == order.Numeric || l.Best == order.Numeric) { // the wider of the two
			t = order.Numeric
		}
		return t, true
	}
	return "", false
}

// fieldName is a name that compare.fields may have.
func fieldName(column string, before []Match) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, column)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	for slices.ContainsFunc(before, func(m Match) bool { return m.Name == name }) {
		name += "_"
	}
	return name
}

// changed is the column with the time of the last write; nil if no column looks like one.
func changed(t Table) *Column {
	list := []string{"updated_at", "updated_on", "updated", "last_updated_at", "last_updated", "last_updated_on", "update_time", "updated_time", "last_change", "row_updated_at", "mtime"}
	at := -1
	for i, c := range t.Columns {
		if c.Kind != KindInstant && c.Kind != KindClock || foremost(c.Name, list) == len(list) {
			continue
		}
		if at < 0 || foremost(c.Name, list) < foremost(t.Columns[at].Name, list) {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	return &t.Columns[at]
}
