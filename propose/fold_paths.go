package propose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
)

func text(s string) string { return config.FlowText(s) }

// qualified are words that make another value of a name: an old price is not the price.
var qualified = []string{
	"old", "previous", "prior", "before", "from", "remaining", "leaves", "left", "last", "filled", "cumulative", "cum", "average", "stop",
	"fee", "fees", "tax", "commission", "minimum", "min", "maximum", "max", "display", "hidden", "currency", "parent", "type",
}

// best is the path that looks most like a field: it has all words of its name, and few others.
func (o *proposer) best(f Match, t EventType) (best Path, ok bool) {
	least := 4
	for _, p := range t.Paths {
		w := pathWords(p)
		extra := len(w) - len(words(f.Name))
		if !fits(f.Type, p) || !has(w, words(f.Name)) || extra >= least || slices.ContainsFunc(w, func(word string) bool {
			return slices.Contains(qualified, word) && !slices.Contains(words(f.Name), word)
		}) || o.closer(w, f) {
			continue
		}
		best, ok, least = p, true, extra
	}
	return best, ok
}

// closer says whether another field has more words of a path.
func (o *proposer) closer(w []string, than Match) bool {
	return slices.ContainsFunc(o.pair.Fields, func(f Match) bool {
		return f.Name != than.Name && has(w, words(f.Name)) && len(words(f.Name)) > len(words(than.Name))
	})
}

// pathOf is the shortest path with a word and none of others.
func pathOf(t EventType, word string, without []string) (best Path, ok bool) {
	for _, p := range t.Paths {
		w := pathWords(p)
		if !fits(order.Numeric, p) || !slices.Contains(w, word) || slices.ContainsFunc(w, func(s string) bool { return slices.Contains(without, s) }) {
			continue
		}
		if !ok || len(w) < len(pathWords(best)) {
			best, ok = p, true
		}
	}
	return best, ok
}

// pathWords are the words of a path, each once.
func pathWords(p Path) []string {
	var out []string
	for _, w := range words(strings.TrimPrefix(p.Path, "$.")) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// fits says whether what is at a path can be read as a type.
func fits(t order.FieldType, p Path) bool {
	switch t {
	case order.Numeric, order.Integer:
		return p.is(JSONText, JSONWhole, JSONNumber)
	case order.Boolean:
		return p.is(JSONBoolean)
	case order.Timestamptz:
		return p.is(JSONText) || p.is(JSONWhole)
	case order.Text:
		return p.is(JSONText, JSONWhole, JSONNumber)
	case order.UUID, order.Date:
	}
	return p.is(JSONText)
}

// source is a path as a rule reads it.
func (o *proposer) source(f Match, p Path, t EventType) string {
	s := order.Source{Path: p.Path, Null: p.null(), Optional: p.partial}
	a := o.agreement(f, p, t)
	switch {
	case f.Type == order.Numeric && p.is(JSONWhole):
		s.Scale = o.scaleOf(p, a)
	case f.Type == order.Timestamptz && p.is(JSONWhole):
		s.Unit = unitOf(p.Example)
	case f.Type == order.Text && 2*a.equal < a.of:
		s.Map = a.meanings()
	}
	return config.FlowSource(s)
}

// scaleOf is how many decimals a whole number stands for: what legacy's rows say, or the names.
func (o *proposer) scaleOf(p Path, a agreement) int {
	leaf := p.Path[strings.LastIndexByte(p.Path, '.')+1:]
	minor := slices.ContainsFunc(pathWords(p), func(w string) bool { return slices.Contains([]string{"cents", "cent", "pence", "minor"}, w) })
	switch {
	case a.of > 0 && 2*a.equal >= a.of:
		o.scales[leaf] = a.scale
	case o.scales[leaf] == 0 && minor:
		return 2
	}
	return o.scales[leaf]
}

// unitOf is the unit of a time since 1970 of our days, by its number of digits.
func unitOf(number string) string {
	switch n := len(number); {
	case n <= 11:
		return "s"
	case n <= 14:
		return "ms"
	case n <= 17:
		return "us"
	}
	return "ns"
}

// about says what was found at the path of a field.
func (o *proposer) about(f Match, p Path, t EventType) string {
	out := seen(p)
	if a := o.agreement(f, p, t); a.of > 0 {
		same := a.equal
		if f.Type == order.Text { // one text may stand for another
			same = max(same, a.mapped())
		}
		out += fmt.Sprintf("; as in legacy's row for %d of %d", same, a.of)
	}
	return out
}

// seen says what was found at a path.
func seen(p Path) string {
	var kinds []string
	for _, k := range p.Kinds {
		kinds = append(kinds, string(k))
	}
	out := strings.Join(kinds, " or ")
	if p.Example != "" {
		out += ", such as " + p.Example
	}
	if p.partial {
		out += fmt.Sprintf(", in %d of %d", p.Count, p.of)
	}
	return out
}
