package propose

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// assignment gives a field a value. why is what speaks for it.
type assignment struct {
	field, value, why string
}

// rule is what an event type may do.
type rule struct {
	kind    EventType
	creates string // why; empty if it does not
	ignored bool
	set     []assignment
	add     []assignment
	product []assignment
	// remaining is what the event says is left of the order; without a path if it says nothing.
	remaining Path
	unread    []Path
}

// fold is the proposal for all types of a store.
type fold struct {
	preset bool
	rules  []rule
	// ratio and when are derived fields; empty if there are none.
	derive     []assignment
	invariants []assignment
}

// roles are the fields whose meaning their names tell; empty if there is none.
type roles struct{ quantity, filled, average, status, created, updated string }

const notional = "notional"

func rolesOf(p Pair) (r roles) {
	for _, f := range p.Fields {
		w := words(f.Name)
		number := f.Type == order.Numeric || f.Type == order.Integer
		switch {
		case number && has(w, []string{"average", "price"}):
			r.average = cmp.Or(r.average, f.Name)
		case number && has(w, []string{"filled"}) && (len(w) == 1 || has(w, []string{"quantity"})):
			r.filled = cmp.Or(r.filled, f.Name)
		case number && (slices.Equal(w, []string{"quantity"}) || slices.Equal(w, []string{"order", "quantity"})):
			r.quantity = cmp.Or(r.quantity, f.Name)
		case f.Type == order.Text && w[len(w)-1] == "status":
			r.status = cmp.Or(r.status, f.Name)
		case f.Type == order.Timestamptz && p.ChangedLegacy != nil && f.Legacy.Name == p.ChangedLegacy.Name:
			r.updated = f.Name
		case f.Type == order.Timestamptz && has(w, []string{"created"}):
			r.created = cmp.Or(r.created, f.Name)
		}
	}
	return r
}

// proposer makes rules for the types of a sample.
type proposer struct {
	pair     Pair
	roles    roles
	statuses []string // values of the status that legacy has
	partial  bool     // a type of its own is for fills of a part
	derives  bool     // the status follows from the filled quantity
	partly   string   // the status of an order that is filled in part
	rows     Rows
	scales   map[string]int // of whole numbers, by the last key of their path
}

func proposeFold(p Pair, s Sample, statuses []string, rows Rows) fold {
	if isPreset(s) {
		return fold{preset: true}
	}
	o := &proposer{pair: p, roles: rolesOf(p), statuses: statuses, rows: rows, scales: map[string]int{}}
	for _, t := range s.Types {
		o.partial = o.partial || has(words(t.Name), []string{"partially", "filled"})
	}
	o.partly = o.partlyFilled(s)
	o.derives = o.roles.status != "" && o.roles.quantity != "" && o.roles.filled != "" && !o.partial &&
		o.statusOf([]string{"filled"}) != "" && o.partly != ""
	var f fold
	creator := creatorOf(s)
	for i, t := range s.Types {
		if t.Name == "" {
			continue
		}
		f.rules = append(f.rules, o.rule(t, i == creator))
	}
	o.derive(&f)
	return f
}

// isPreset says whether a store has the types and the payloads of the preset orders.
func isPreset(s Sample) bool {
	preset := order.Orders()
	created := false
	for _, t := range s.Types {
		r, ok := preset.Events[t.Name]
		if !ok {
			return false
		}
		created = created || r.Create != order.CreatesNot
		sources := make([]order.Source, 0, len(r.Set)+2)
		for _, from := range r.Set {
			sources = append(sources, from)
		}
		for _, from := range r.Add {
			sources = append(sources, from)
		}
		if n := r.SetNamed; n != nil {
			sources = append(sources, n.Field, n.To)
		}
		for _, from := range sources {
			if from.Path != "" && t.Payloads > 0 && !slices.ContainsFunc(t.Paths, func(p Path) bool { return p.Path == from.Path }) {
				return false
			}
		}
	}
	return created
}

// creatorOf is the type that most orders begin with; if no order was seen from its beginning, one whose name says so.
func creatorOf(s Sample) int {
	best, most := 0, 0
	for i, t := range s.Types {
		n := 2 * t.First
		if has(words(t.Name), []string{"created"}) {
			n++
		}
		if t.Name != "" && n > most {
			best, most = i, n
		}
	}
	return best
}

func (o *proposer) rule(t EventType, creator bool) rule {
	r := rule{kind: t}
	w := words(t.Name)
	switch {
	case t.First > 0 && t.First*2 >= t.Orders:
		r.creates = "the first event of " + strconv.Itoa(t.First) + " of " + strconv.Itoa(t.Orders) + " orders"
	case creator:
		r.creates = "no other type looks more like the first event of an order"
	}
	used := map[string]bool{}
	fill := r.creates == "" && o.roles.filled != "" && slices.Contains(w, "filled")
	if fill {
		fill = o.fill(&r, used)
	}
	for _, f := range o.pair.Fields {
		if a, ok := o.assign(f, t, r.creates != "", fill, used); ok {
			r.set = append(r.set, a)
		}
	}
	if own := slices.ContainsFunc(r.set, func(a assignment) bool { return a.field != o.roles.updated }); r.creates == "" && !own && len(r.add) == 0 {
		r.set, r.ignored = nil, true
	}
	for _, p := range t.Paths {
		if !used[p.Path] {
			r.unread = append(r.unread, p)
		}
	}
	return r
}

// assign is what an event type gives a field.
func (o *proposer) assign(f Match, t EventType, creates, fill bool, used map[string]bool) (assignment, bool) {
	switch f.Name {
	case o.roles.average:
		return assignment{}, false
	case o.roles.updated:
		return assignment{f.Name, "{event: at}", "each event is a change"}, true
	case o.roles.status:
		if p, ok := o.best(f, t); ok && !fill {
			used[p.Path] = true
			return assignment{f.Name, o.source(f, p, t), o.about(f, p, t)}, true
		}
		return o.status(t, creates, fill)
	case o.roles.filled:
		if creates {
			return assignment{f.Name, "{number: 0}", "nothing is filled at first"}, true
		}
	}
	if fill || f.Name == o.roles.created && !creates {
		return assignment{}, false
	}
	p, ok := o.best(f, t)
	if !ok {
		p, ok = o.near(f, t, used)
	}
	if !ok && creates {
		p, ok = o.equal(f, t, used)
	}
	if ok {
		used[p.Path] = true
		return assignment{f.Name, o.source(f, p, t), o.about(f, p, t)}, true
	}
	if f.Name == o.roles.created {
		return assignment{f.Name, "{event: at}", "the order's first event"}, true
	}
	return assignment{}, false
}

// status is the state that the name of a type tells.
func (o *proposer) status(t EventType, creates, fill bool) (assignment, bool) {
	if fill && o.derives {
		return assignment{}, false
	}
	found := o.statusOf(words(t.Name))
	why := "the type is called so"
	if creates && found == "" {
		for _, first := range []string{"open", "created", "pending", "active", "working", "live"} {
			found = cmp.Or(found, o.statusOf([]string{first}))
		}
		why = "the first state, by its name"
	}
	if found == "" {
		return assignment{}, false
	}
	return assignment{o.roles.status, "{text: " + text(found) + "}", why}, true
}

// statusOf is the value of the status whose words are all among these: the one of most words.
func (o *proposer) statusOf(of []string) (best string) {
	for _, s := range o.statuses {
		if w := words(s); has(of, w) && len(w) > len(words(best)) {
			best = s
		}
	}
	return best
}

// partlyFilled is the status of an order that is filled in part: the one that is called so, or the only one that is no event's.
func (o *proposer) partlyFilled(s Sample) string {
	if called := o.statusOf([]string{"partially", "filled"}); called != "" && called != o.statusOf([]string{"filled"}) {
		return called
	}
	events := map[string]bool{o.statusOf([]string{"filled"}): true}
	for _, t := range s.Types {
		events[o.statusOf(words(t.Name))] = true
	}
	rest := slices.DeleteFunc(slices.Clone(o.statuses), func(s string) bool { return events[s] })
	if len(rest) != 1 {
		return ""
	}
	return rest[0]
}

// fill proposes what a trade adds; false if no path looks like its quantity.
func (o *proposer) fill(r *rule, used map[string]bool) bool {
	quantity, ok := pathOf(r.kind, "quantity", []string{"remaining", "leaves", "left", "total", "cumulative", "cum", "order", "ordered", "original", "open"})
	if !ok {
		return false
	}
	used[quantity.Path] = true
	for _, word := range []string{"remaining", "leaves"} {
		if p, ok := pathOf(r.kind, word, nil); ok && r.remaining.Path == "" && !p.partial && !p.null() {
			used[p.Path], r.remaining = true, p
		}
	}
	field, _ := o.field(o.roles.filled)
	r.add = append(r.add, assignment{o.roles.filled, o.source(field, quantity, r.kind), seen(quantity)})
	if o.roles.average == "" {
		return true
	}
	if price, ok := pathOf(r.kind, "price", []string{"average", "limit", "stop", "order"}); ok {
		used[price.Path] = true
		average, _ := o.field(o.roles.average)
		r.product = append(r.product, assignment{notional, "[" + o.source(field, quantity, r.kind) + ", " + o.source(average, price, r.kind) + "]", seen(price)})
	}
	return true
}

func (o *proposer) field(name string) (Match, bool) {
	for _, f := range o.pair.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Match{}, false
}

// derive proposes what follows from other fields, and what cannot happen. What no rule sets cannot be calculated with.
func (o *proposer) derive(f *fold) {
	var ends []string
	sets := map[string]bool{}
	for _, r := range f.rules {
		for _, a := range slices.Concat(r.set, r.add, r.product) {
			sets[a.field] = true
			if value, isText := strings.CutPrefix(a.value, "{text: "); isText && a.field == o.roles.status && r.creates == "" {
				if value = strings.TrimSuffix(value, "}"); isEnd(value) && !slices.Contains(ends, value) {
					ends = append(ends, value)
				}
			}
		}
	}
	slices.Sort(ends)
	for i := range f.rules {
		if !sets[o.roles.quantity] || !sets[o.roles.filled] { // there is nothing to take it from
			f.rules[i].remaining = Path{}
		}
	}
	if sets[notional] && sets[o.roles.filled] {
		scale := 6
		if average, _ := o.field(o.roles.average); average.Legacy.Scale >= 0 {
			scale = average.Legacy.Scale
		}
		f.derive = append(f.derive, assignment{o.roles.average, "{ratio: [" + notional + ", " + o.roles.filled + "], scale: " + strconv.Itoa(scale) + "}", "the average price of the trades"})
	}
	add := func(key, field, why string) {
		if sets[field] {
			f.invariants = append(f.invariants, assignment{key, field, why})
		}
	}
	if o.derives && sets[o.roles.quantity] && sets[o.roles.filled] {
		filled, partly := text(o.statusOf([]string{"filled"})), text(o.partly)
		when := "when: [{field: " + o.roles.filled + ", at_least: " + o.roles.quantity + ", then: " + filled + "}, {field: " + o.roles.filled + ", above: 0, then: " + partly + "}]"
		if len(ends) > 0 && sets[o.roles.status] {
			when = "unless: [" + strings.Join(ends, ", ") + "], " + when
		}
		f.derive = append(f.derive, assignment{o.roles.status, "{" + when + "}", "the state follows from what is filled"})
		ends = append(ends, filled)
	}
	add("ordered", o.roles.quantity, "the quantity of the order")
	add("filled", o.roles.filled, "how much of it was traded")
	if sets[notional] && sets[o.roles.filled] {
		f.invariants = append(f.invariants, assignment{"average", o.roles.average, "the average price of the trades"})
	}
	if len(ends) > 0 {
		f.invariants = append(f.invariants, assignment{"status", o.roles.status, "the state of the order"},
			assignment{"terminal", "[" + strings.Join(ends, ", ") + "]", "the states that end an order"})
	}
}

// isEnd says whether a state ends an order, by its name.
func isEnd(state string) bool {
	return slices.ContainsFunc(words(state), func(w string) bool {
		return slices.Contains([]string{"canceled", "filled", "rejected", "expired", "closed", "completed", "done", "busted"}, w)
	}) && !slices.Contains(words(state), "partially")
}
