package order

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sets tells whether an event gives a value to a name.
func (s FoldRules) sets(name string) bool {
	for _, e := range s.Events {
		if slices.Contains(e.targets(), name) {
			return true
		}
	}
	return false
}

// Unreached are texts in terminal and unless that a field can never have, because the rules give it others only. Such rules
// can be used.
func (r *Rules) Unreached() (out RuleErrors) {
	find := func(register int, at []string, texts []string) {
		known, all := r.texts(register)
		for _, text := range texts {
			if all && !slices.Contains(known, text) {
				detail := fmt.Sprintf("no rule sets %s to %q", r.registers[register].name, text)
				out = append(out, Mistake{Path: at, Detail: detail, Hint: "it becomes " + strings.Join(known, ", "), Name: text, Known: known})
			}
		}
	}
	if r.roles.status >= 0 {
		find(r.roles.status, []string{"invariants", "terminal"}, r.roles.terminal)
	}
	for i, register := range r.registers {
		if d := register.derived; d != nil {
			find(i, []string{"derive", register.name, "unless"}, d.unless)
		}
	}
	return out
}

// texts are those that the rules give to a register; false if it can have others too.
func (r *Rules) texts(register int) (known []string, all bool) {
	if d := r.registers[register].derived; d != nil {
		for _, w := range d.when {
			known = append(known, w.then)
		}
	}
	for _, rule := range r.events {
		if rule.named != nil && slices.Contains(slices.Collect(maps.Values(rule.named.registers)), register) {
			return nil, false
		}
		for _, o := range rule.ops {
			switch s := rule.sources[o.a]; {
			case o.register != register:
			case s.Text != nil:
				known = append(known, *s.Text)
			case s.Map != nil:
				known = slices.AppendSeq(known, maps.Values(s.Map))
			default:
				return nil, false
			}
		}
	}
	slices.Sort(known)
	return slices.Compact(known), true
}

// neverSet is the mistake of a name that is read and has no value.
func (c *compiler) neverSet(at []string, name string) {
	m := c.mistake(at, "no event sets %q", name)
	for _, r := range c.registers {
		if c.spec.sets(r.name) {
			m.Known = append(m.Known, r.name)
		}
	}
	m.Name, m.Hint = name, "events set "+strings.Join(m.Known, ", ")
}

// unused is the mistake of a name that is set and never read.
func (c *compiler) unused(at []string, name string) {
	m := c.mistake(at, "%q is no compared field, and nothing else uses it", name)
	for _, f := range c.fields {
		m.Known = append(m.Known, f.Name)
	}
	for _, r := range c.registers {
		if c.known(r.name) && c.spec.sets(r.name) {
			m.Known = append(m.Known, r.name)
		}
	}
	m.Name, m.Hint = name, "compare it, use it in derive or invariants, or give its type in registers"
}
