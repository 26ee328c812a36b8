package order

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrRules is returned for rules that cannot be used.
var ErrRules = errors.New("not usable as fold rules")

// Mistake is one thing that is wrong with rules.
type Mistake struct {
	Path   []string // of keys: events, the type, and so on, as the configuration has them below fold
	Detail string
	Hint   string // what to write instead; may be empty
	// Name is the name or text that is wrong; empty if the mistake is another one. Known are those that may be meant.
	Name  string
	Known []string
}

// RuleErrors are all that is wrong with rules. It wraps [ErrRules].
type RuleErrors []Mistake

func (m RuleErrors) Error() string {
	var out []string
	for _, one := range m {
		out = append(out, strings.Join(one.Path, ".")+": "+one.Detail)
	}
	return ErrRules.Error() + ": " + strings.Join(out, "; ")
}

// Unwrap returns [ErrRules].
func (m RuleErrors) Unwrap() error { return ErrRules }

// Rules are [FoldRules] for certain compared fields, prepared for decoding and folding. They do not change.
type Rules struct {
	registers []register
	index     map[string]int // of registers, by name
	events    map[string]*rule
	only      []string // FoldRules.OnlyTypes
	within    time.Duration
	byID      bool
	perOrder  bool
	key       []string // path of the order's key in a payload; empty for none
	roles     roles
	answers   answers
}

// answers are what is often asked of rules.
type answers struct {
	ignored  []string         // IgnoredTypes
	modified map[string]bool  // Modifies
	phases   map[string]phase // of a status; all others are phaseAny
}

// kind is what a register holds.
type kind byte

const (
	kindText kind = iota
	kindNumber
	kindTime
	kindBool
)

func (k kind) String() string { return []string{"text", "a number", "a time", "a boolean"}[k] }

// register is a field of the order, or a number that only the fold needs.
type register struct {
	name    string
	kind    kind
	derived *derivation // nil if it is only set
	chosen  bool        // the rules set it to a text of theirs
	product bool        // products are added to it
	summed  bool        // it is added to, so it is zero at first
}

// derivation computes a register from others.
type derivation struct {
	ratio        bool
	above, below int // registers of a ratio
	scale        int
	when         []condition
	unless       []string
}

type condition struct {
	register, than int // than is a register; -1 for limit
	limit          datum
	above          bool // and not only at least
	then           string

	text  []byte // then
	is    datum  // then
	plain Fixed  // limit
	odd   bool   // a replay cannot compare it
}

// roles are the registers of [Invariants]; -1 for none.
type roles struct {
	ordered, filled, average, status int
	terminal                         []string
	canceled                         []string // the terminal ones that are set without a trade
	onlySet                          bool     // no derivation gives one of canceled
}

// rule is what one event type does.
type rule struct {
	rules     *Rules
	name      string
	ignored   bool
	create    Creation
	sources   []source
	ops       []op
	named     *namedOp
	remaining int // index of a source; -1 for none
	strict    bool
	keys      []string // that a payload may have besides
	first     []string // the first names of all paths
	form      *form    // nil if payloads of the type cannot be read without copying

	// What the rule means by the roles.
	traded   int // source of what it adds to filled; -1 for none
	priced   int // source of the price of that; -1 for none
	undone   int // source of what it takes from filled; -1 for none
	status   string
	cancels  bool
	modifies []int // registers that it sets from the payload, if it does none of the above
}

// source is where a value comes from.
type source struct {
	Source
	path   []string
	kind   kind
	given  bool               // by the rule, so that it is a constant
	is     datum              // the constant
	plain  PlainValue         // is
	fits   bool               // into plain
	to     map[string]*mapped // of Map
	slot   int                // in a form; -1 if it is not from the payload
	named  bool               // its kind is that of the field that the event names
	simple bool               // it is in the payload as it is
}

// mapped is what a text is replaced by.
type mapped struct {
	datum
	plain []byte // its text
}

func (s *source) name() string { return strings.Join(s.path, ".") }

type opcode byte

const (
	opSet opcode = iota
	opAdd
	opSubtract
	opAddProduct
	opSubtractProduct
)

// op changes a register by the value of one source, or by the product of two.
type op struct {
	code     opcode
	register int
	a, b     int
	again    bool // an operation before it changes the register, too
}

type namedOp struct {
	field, to, was int            // sources; was is -1 for none
	registers      map[string]int // by the name in the event
	nullable       map[int]bool
}

// compiler collects mistakes.
type compiler struct {
	*Rules
	spec     FoldRules
	fields   []Field
	mistakes RuleErrors
}

// NewRules prepares rules for the compared fields. The error is [RuleErrors].
func NewRules(spec FoldRules, fields []Field) (*Rules, error) {
	c := compiler{Rules: &Rules{index: map[string]int{}, events: map[string]*rule{}}, spec: spec, fields: fields}
	c.only, c.within, c.byID, c.perOrder = spec.OnlyTypes, spec.Within, spec.ByID, spec.PerOrder
	if spec.Key != "" {
		c.key = c.path([]string{"key"}, spec.Key)
	}
	c.addRegisters()
	c.bindRoles()
	c.derive()
	for _, name := range slices.Sorted(maps.Keys(spec.Events)) {
		c.events[name] = c.rule(name, spec.Events[name])
	}
	c.bindCancels()
	c.bindProducts()
	for _, r := range c.events {
		r.form = newForm(r)
	}
	if len(c.mistakes) > 0 {
		return nil, c.mistakes
	}
	c.answer()
	return c.Rules, nil
}

func (c *compiler) mistake(at []string, format string, args ...any) *Mistake {
	c.mistakes = append(c.mistakes, Mistake{Path: slices.Clone(at), Detail: fmt.Sprintf(format, args...)})
	return &c.mistakes[len(c.mistakes)-1]
}

// numeric are the names that must be numbers, with where that is said.
func (s FoldRules) numeric() map[string]bool {
	out := map[string]bool{}
	for _, e := range s.Events {
		for _, names := range []map[string]Source{e.Add, e.Subtract} {
			for name := range names {
				out[name] = true
			}
		}
		for _, names := range []map[string][2]Source{e.AddProduct, e.SubtractProduct} {
			for name := range names {
				out[name] = true
			}
		}
	}
	for name, d := range s.Derive {
		if d.Ratio != [2]string{} {
			out[name], out[d.Ratio[0]], out[d.Ratio[1]] = true, true, true
		}
		for _, w := range d.When {
			out[w.Field] = true
			for _, than := range []string{w.AtLeast, w.Above} {
				if than != "" && !isNumber(than) {
					out[than] = true
				}
			}
		}
	}
	for _, name := range []string{s.Invariants.Ordered, s.Invariants.Filled, s.Invariants.Average} {
		if name != "" {
			out[name] = true
		}
	}
	return out
}

// targets are the names that rules give a value to.
func (e EventRule) targets() []string {
	out := slices.Concat(slices.Collect(maps.Keys(e.Set)), slices.Collect(maps.Keys(e.Add)), slices.Collect(maps.Keys(e.Subtract)),
		slices.Collect(maps.Keys(e.AddProduct)), slices.Collect(maps.Keys(e.SubtractProduct)))
	if e.SetNamed != nil {
		out = append(out, e.SetNamed.Only...)
	}
	return out
}

// addRegisters finds all names, and what each of them holds.
func (c *compiler) addRegisters() {
	numeric := c.spec.numeric()
	names := slices.Collect(maps.Keys(numeric))
	for name := range c.spec.Derive {
		names = append(names, name)
	}
	for _, e := range c.spec.Events {
		names = append(names, e.targets()...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		r := register{name: name}
		t, declared := c.spec.Types[name]
		if i := slices.IndexFunc(c.fields, func(f Field) bool { return f.Name == name }); i >= 0 && !declared {
			t, declared = c.fields[i].Type, true
		}
		switch t {
		case Numeric, Integer:
			r.kind = kindNumber
		case Timestamptz:
			r.kind = kindTime
		case Boolean:
			r.kind = kindBool
		default:
		}
		if numeric[name] {
			if declared && r.kind != kindNumber && c.spec.Types[name] != "" {
				c.mistake([]string{"types", name}, "the rules calculate with it, so it is a number").Hint = "write numeric, or leave it out"
			}
			r.kind = kindNumber
		}
		c.index[name] = len(c.registers)
		c.registers = append(c.registers, r)
	}
}

// known tells whether a name that a rule sets is used for anything.
func (c *compiler) known(name string) bool {
	_, typed := c.spec.Types[name]
	_, derived := c.spec.Derive[name]
	return typed || derived || c.used(name) || slices.ContainsFunc(c.fields, func(f Field) bool { return f.Name == name })
}

// used tells whether a derivation or an invariant reads a name.
func (c *compiler) used(name string) bool {
	i := c.spec.Invariants
	if slices.Contains([]string{i.Ordered, i.Filled, i.Average, i.Status}, name) {
		return true
	}
	for _, d := range c.spec.Derive {
		if slices.Contains(d.Ratio[:], name) || slices.ContainsFunc(d.When, func(w When) bool { return w.Field == name || w.AtLeast == name || w.Above == name }) {
			return true
		}
	}
	return false
}

func (c *compiler) bindRoles() {
	i := c.spec.Invariants
	role := func(key, name string) int {
		if name == "" {
			return -1
		}
		if _, derived := c.spec.Derive[name]; !derived && !c.spec.sets(name) {
			c.neverSet([]string{"invariants", key}, name)
			return -1
		}
		return c.index[name]
	}
	c.roles = roles{
		ordered: role("ordered", i.Ordered), filled: role("filled", i.Filled), average: role("average", i.Average),
		status: role("status", i.Status), terminal: i.Terminal,
	}
	if s := c.roles.status; s >= 0 && c.registers[s].kind != kindText {
		m := c.mistake([]string{"invariants", "status"}, "%q holds %s", i.Status, c.registers[s].kind)
		m.Name, m.Hint = i.Status, "name a field of type text"
	}
	if len(i.Terminal) > 0 && i.Status == "" {
		c.mistake([]string{"invariants", "terminal"}, "terminal values need a status").Hint = "name its field, such as status: status"
	}
}

// bindCancels finds the terminal values that events set without a trade.
func (c *compiler) bindCancels() {
	for _, name := range slices.Sorted(maps.Keys(c.events)) {
		r := c.events[name]
		r.cancels = r.traded < 0 && slices.Contains(c.roles.terminal, r.status)
		if r.cancels && !slices.Contains(c.roles.canceled, r.status) {
			c.roles.canceled = append(c.roles.canceled, r.status)
		}
	}
	c.roles.onlySet = !slices.ContainsFunc(c.spec.Derive[c.spec.Invariants.Status].When, func(w When) bool {
		return slices.Contains(c.roles.canceled, w.Then)
	})
}

func (c *compiler) derive() {
	for _, name := range slices.Sorted(maps.Keys(c.spec.Derive)) {
		d, at := c.spec.Derive[name], []string{"derive", name}
		out := &derivation{scale: d.Scale, unless: d.Unless}
		switch ratio := d.Ratio != [2]string{}; {
		case ratio == (len(d.When) > 0):
			c.mistake(at, "must have either ratio or when").Hint = "such as {ratio: [notional, filled_quantity], scale: 6}"
			continue
		case ratio && (d.Scale < 0 || d.Scale > maxDigits):
			c.mistake(append(at, "scale"), "must be from 0 to %d", maxDigits)
		case ratio && d.Ratio[0] == d.Ratio[1]:
			c.mistake(append(at, "ratio"), "%q is divided by itself", d.Ratio[0]).Hint = "the first is divided by the second, such as [notional, filled_quantity]"
		case ratio && len(d.Unless) > 0:
			c.mistake(append(at, "unless"), "is only for when").Hint = "a ratio is always calculated"
		case ratio:
			at = append(at, "ratio")
			out.ratio, out.above, out.below = true, c.plainRegister(at, d.Ratio[0]), c.plainRegister(at, d.Ratio[1])
		}
		if k := c.registers[c.index[name]].kind; len(d.When) > 0 && k != kindText {
			c.mistake(append(at, "when"), "gives texts, and %q holds %s", name, k).Hint = "derive a field of type text"
		}
		for n, w := range d.When {
			if when, ok := c.condition(append(at, "when", fmt.Sprint(n)), w); ok {
				out.when = append(out.when, when)
			}
		}
		c.registers[c.index[name]].derived, c.registers[c.index[name]].chosen = out, !out.ratio
	}
}

func (c *compiler) condition(at []string, w When) (out condition, ok bool) {
	than := w.AtLeast + w.Above
	switch {
	case w.AtLeast != "" && w.Above != "" || than == "":
		c.mistake(at, "must have either at_least or above").Hint = "such as {field: filled_quantity, at_least: quantity, then: FILLED}"
		return out, false
	}
	out = condition{register: c.plainRegister(at, w.Field), than: -1, above: w.Above != "", then: w.Then}
	if d, number := parseDecimal(than); number {
		out.limit = datum{kind: kindNumber, number: d}
		var fits bool
		out.plain, fits = fixed([]byte(than))
		out.odd = !fits
	} else {
		out.than = c.plainRegister(at, than)
	}
	out.text, out.is = []byte(w.Then), datum{text: w.Then}
	return out, true
}

// plainRegister is a register that is not derived: a derivation reads only these, so that none depends on itself.
func (c *compiler) plainRegister(at []string, name string) int {
	if _, derived := c.spec.Derive[name]; derived {
		m := c.mistake(at, "%q is derived itself", name)
		m.Name, m.Hint = name, "derive each field from fields and registers that events set"
	} else if !c.spec.sets(name) {
		c.neverSet(at, name)
	}
	return c.index[name]
}

// bindProducts finds what a replay cannot compare: sums of products.
func (c *compiler) bindProducts() {
	for _, r := range c.registers {
		if r.derived == nil {
			continue
		}
		for i, w := range r.derived.when {
			product := c.registers[w.register].product || w.than >= 0 && c.registers[w.than].product
			r.derived.when[i].odd = w.odd || product
		}
	}
}
