package reads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Rules say when two answers to a query are the same.
type Rules struct {
	// Fields give the type and the tolerance of values with their names, wherever these stand in an answer.
	Fields []order.Field
	// Ordered is true if rows, and items of lists, must come in the same order.
	Ordered bool
	// Ignore are the paths that are not compared, with all below them: $.etag, $.meta.at, $.fills[*].id. A row of a list is $.
	Ignore []string
}

// Difference is one place at which two answers differ.
type Difference struct {
	Path       string `json:"path"`
	Legacy     string `json:"legacy"`
	Projection string `json:"projection"`
}

// mostDifferences is how many differences of one answer are kept.
const mostDifferences = 10

// mostTries limits how long items of large answers that differ much are paired anew. It takes about a second.
const mostTries = 100_000

// Compare returns where two answers differ, the first of them if there are many; nil if they are the same.
func (r Rules) Compare(legacy, projection Answer) []Difference {
	tries := mostTries
	c := comparing{Rules: r, ignored: map[string]bool{}, fields: map[string]order.Field{}, mixed: legacy.Rows != projection.Rows, tries: &tries}
	for _, path := range r.Ignore {
		c.ignored[path] = true
	}
	for _, f := range r.Fields {
		c.fields[f.Name] = f
	}
	a, b := aligned(legacy, projection), aligned(projection, legacy)
	return c.compare(place{"$", "$", ""}, a, b)
}

// aligned gives rows of SQL the form of an answer in JSON about one order: an object, or nothing.
func aligned(a, other Answer) Value {
	if !a.Rows && other.Rows && a.Kind == Null {
		return Value{}
	}
	if !a.Rows || other.Rows || other.Kind == Array {
		return a.Value
	}
	switch len(a.Items) {
	case 0:
		return Value{}
	case 1:
		return a.Items[0]
	}
	return a.Value
}

// comparing is one comparison.
type comparing struct {
	Rules

	ignored map[string]bool
	fields  map[string]order.Field
	mixed   bool // one answer is of SQL and the other in JSON, which has fewer types
	tries   *int // how many more items may be compared to pair items anew
}

// place is where a value stands: as it is shown, as it is ignored, and its name.
type place struct{ shown, pattern, name string }

func (p place) member(name string) place {
	return place{p.shown + "." + name, p.pattern + "." + name, name}
}

// item keeps the pattern of the outermost list: each row is $.
func (p place) item(i int) place {
	pattern := p.pattern + "[*]"
	if p.pattern == "$" {
		pattern = "$"
	}
	return place{fmt.Sprintf("%s[%d]", p.shown, i), pattern, p.name}
}

func (c comparing) compare(at place, a, b Value) []Difference {
	if c.ignored[at.pattern] {
		return nil
	}
	switch {
	case a.Kind == Object && b.Kind == Object:
		return c.members(at, a, b)
	case a.Kind == Array && b.Kind == Array:
		return c.items(at, a.Items, b.Items)
	case c.equal(at.name, a, b):
		return nil
	}
	return []Difference{{at.shown, a.String(), b.String()}}
}

func (c comparing) members(at place, a, b Value) (found []Difference) {
	names := slices.Collect(maps.Keys(a.Members))
	for name := range b.Members {
		if _, both := a.Members[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		found = append(found, c.compare(at.member(name), a.Members[name], b.Members[name])...)
	}
	return clipped(found)
}

func clipped(found []Difference) []Difference { return found[:min(len(found), mostDifferences)] }

// items matches equal items first. What is left on both sides is told pair by pair, the rest as missing or additional, and then
// whether the matched ones come in the same order.
func (c comparing) items(at place, a, b []Value) (found []Difference) {
	if few := min(len(a), len(b)); few == 0 && max(len(a), len(b)) > 1 { // one difference, and not one for each item
		return []Difference{{at.shown, sized(a), sized(b)}}
	}
	matched, left, right := c.match(at, a, b)
	for len(left) > 0 && len(right) > 0 && len(found) < mostDifferences {
		i, j := left[0], c.nearest(at, a[left[0]], b, right)
		found = append(found, c.compare(at.item(i), a[i], b[j])...)
		left, right = left[1:], slices.DeleteFunc(right, func(k int) bool { return k == j })
	}
	for _, i := range left[:min(len(left), mostDifferences)] {
		found = append(found, Difference{at.item(i).shown, a[i].String(), Value{}.String()})
	}
	for _, j := range right[:min(len(right), mostDifferences)] {
		found = append(found, Difference{at.item(j).shown, Value{}.String(), b[j].String()})
	}
	if c.Ordered {
		last := -1
		for i, j := range matched {
			if j >= 0 && j < last {
				return clipped(append([]Difference{{at.item(i).shown, "in order: " + a[i].String(), "in order: " + b[min(i, len(b)-1)].String()}}, found...))
			}
			last = max(last, j)
		}
	}
	return clipped(found)
}

// sized shows how long a list is.
func sized(items []Value) string {
	if len(items) == 0 {
		return "an empty list"
	}
	return fmt.Sprintf("%d items, the first %v", len(items), items[0])
}

// match returns for each item of a the index of the equal item of b, or -1, and what is left of both. Items at the same index
// come first, then those with the same text, then all others, and then those that need another pairing.
func (c comparing) match(at place, a, b []Value) (matched, left, right []int) {
	matched = make([]int, len(a))
	taken := make([]bool, len(b))
	texts := map[string][]int{} // canonical text → items of b
	for i := range a {
		matched[i] = -1
		if i < len(b) && c.same(at.item(i), a[i], b[i]) {
			matched[i], taken[i] = i, true
		}
	}
	for j := range b {
		if !taken[j] {
			text := c.canonical(at.item(j), b[j])
			texts[text] = append(texts[text], j)
		}
	}
	for i := range a {
		if matched[i] >= 0 {
			continue
		}
		text := c.canonical(at.item(i), a[i])
		if same := texts[text]; len(same) > 0 && c.same(at.item(i), a[i], b[same[0]]) {
			matched[i], taken[same[0]], texts[text] = same[0], true, same[1:]
		}
	}
	for i := range a {
		for j := 0; j < len(b) && matched[i] < 0; j++ {
			if !taken[j] && c.same(at.item(i), a[i], b[j]) {
				matched[i], taken[j] = j, true
			}
		}
	}
	c.rematch(at, a, b, matched, taken)
	for i, j := range matched {
		if j < 0 {
			left = append(left, i)
		}
	}
	for j := range b {
		if !taken[j] {
			right = append(right, j)
		}
	}
	return matched, left, right
}

// rematch finds an equal item for those that have none, by giving others another one. An item within the tolerance of two may have taken
// the only one of a second item. Each search is for an augmenting path, so afterwards no more pairs are possible.
func (c comparing) rematch(at place, a, b []Value, matched []int, taken []bool) {
	if !slices.Contains(matched, -1) || !slices.Contains(taken, false) {
		return
	}
	holder := make([]int, len(b)) // index of b → index of the item of a that has it
	for i, j := range matched {
		if j >= 0 {
			holder[j] = i
		}
	}
	var seen []bool // the items of b that a search has reached
	var pair func(i int) bool
	pair = func(i int) bool {
		for j := range b {
			if *c.tries == 0 {
				return false
			}
			if seen[j] {
				continue
			}
			*c.tries--
			if !c.same(at.item(i), a[i], b[j]) {
				continue
			}
			seen[j] = true
			if !taken[j] || pair(holder[j]) {
				matched[i], holder[j], taken[j] = j, i, true
				return true
			}
		}
		return false
	}
	for i := range a {
		if matched[i] < 0 {
			seen = make([]bool, len(b))
			pair(i)
		}
		if *c.tries == 0 {
			return
		}
	}
}

func (c comparing) same(at place, a, b Value) bool { return len(c.compare(at, a, b)) == 0 }

// nearest is the item of b that differs least, of some.
func (c comparing) nearest(at place, v Value, b []Value, of []int) int {
	const looked = 50
	best, least := of[0], -1
	for _, j := range of[:min(len(of), looked)] {
		if n := len(c.compare(at.item(0), v, b[j])); least < 0 || n < least {
			best, least = j, n
		}
	}
	return best
}

// canonical is a text that equal values often share, and different ones seldom.
func (c comparing) canonical(at place, v Value) string {
	if c.ignored[at.pattern] {
		return ""
	}
	switch v.Kind {
	case Number:
		return order.TrimScale(v.Text)
	case Object:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v.Members)) {
			if text := c.canonical(at.member(name), v.Members[name]); text != "" {
				parts = append(parts, fmt.Sprintf("%q:%s", name, text))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	case Array:
		parts := make([]string, len(v.Items))
		for i, item := range v.Items {
			parts[i] = c.canonical(at.item(i), item)
		}
		if !c.Ordered {
			slices.Sort(parts)
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		return fmt.Sprintf("%d%q", v.Kind, v.Text)
	}
}

// equal compares two values of which at most one is an object or a list. A value whose name is that of a compared field has the
// field's type and tolerance. All others are compared as what they are.
func (c comparing) equal(name string, a, b Value) bool {
	if a.Kind == Absent || b.Kind == Absent || a.Kind == Null || b.Kind == Null {
		return a.Kind == b.Kind
	}
	if a.Kind >= Object || b.Kind >= Object {
		return false
	}
	f, compared := c.fields[name]
	switch {
	case compared && f.Type == order.Timestamptz, a.Kind == Time, b.Kind == Time:
		a, b = instant(a), instant(b)
		return a.Text == b.Text
	case compared:
	case a.Kind != b.Kind && !c.mixed:
		return false
	case a.Kind == Number || b.Kind == Number:
		f = order.Field{Type: order.Numeric}
	default:
		f = order.Field{Type: order.Text}
	}
	return compare.Equal(f, order.Value{Text: a.Text}, order.Value{Text: b.Text})
}

func instant(v Value) Value {
	if v.Kind == Text {
		return ParseTime(v.Text)
	}
	return v
}
