package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// removed refuses the keys that gave the default schema other names. Rules say this, so the last hint has them as rules.
func (o *object) removed() {
	old := renames{types: o.rawPairs("types", ""), keys: o.rawPairs("keys", ""), ignore: o.rawTexts("ignore"), passed: o.rawTexts("ignore_types")}
	var found []string
	for _, k := range o.keys {
		if slices.Contains([]string{"types", "keys", "ignore", "ignore_types"}, k.Value) {
			found = append(found, k.Value)
		}
	}
	for i, key := range found {
		hint := "the hint of events." + found[len(found)-1] + " has the rules"
		if i == len(found)-1 {
			hint = "write preset: orders, and fold: {" + strings.Join(old.lines(), ", ") + "}"
		}
		for _, k := range o.keys {
			if k.Value == key {
				o.at(k, join(o.path, key), "belongs in events.fold, as rules", hint)
			}
		}
	}
}

// renames are names of a store of the default schema's events.
type renames struct {
	types, keys    map[string]string // the default schema's name → the store's
	ignore, passed []string
}

// lines are the rules of the preset that the names change, and of types that are passed over.
func (r renames) lines() (out []string) {
	rules := order.Orders().Events
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		before := flowRule(rules[name])
		rule := r.rule(name, rules[name])
		theirs := name
		if r.types[name] != "" {
			theirs = r.types[name]
		}
		if after := flowRule(rule); after != before || theirs != name {
			out = append(out, FlowText(theirs)+": "+after)
		}
	}
	for _, name := range r.passed {
		out = append(out, FlowText(name)+": ignore")
	}
	return out
}

// rule is a rule of the preset with the store's keys. A key that the store does not have is left out.
func (r renames) rule(name string, e order.EventRule) order.EventRule {
	has := func(s *order.Source) bool {
		key, ok := strings.CutPrefix(s.Path, "$.")
		theirs, renamed := r.keys[name+"."+key]
		if !renamed {
			theirs, renamed = r.keys[key]
		}
		if ok && renamed {
			s.Path = "$." + theirs
		}
		return s.Path != "$."
	}
	for _, sources := range []map[string]order.Source{e.Set, e.Add} {
		for field, s := range sources {
			if !has(&s) {
				delete(sources, field)
				continue
			}
			sources[field] = s
		}
	}
	for field, factors := range e.AddProduct {
		has(&factors[0])
		has(&factors[1])
		e.AddProduct[field] = factors
	}
	if e.Remaining != nil && !has(e.Remaining) {
		e.Remaining = nil
	}
	if n := e.SetNamed; n != nil {
		has(&n.Field)
		has(&n.To)
		if n.Was != nil && !has(n.Was) {
			n.Was = nil
		}
	}
	e.Keys = slices.Concat(e.Keys, r.ignore)
	return e
}
