package config

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// checkFold prepares the rules for the compared fields, so that a mistake is found when the file is read. If something could
// not be read, it says nothing: it would complain of what is missing because of that.
func (c *Config) checkFold(o *object) {
	if o == nil || !c.Events.Given() || o.fold == nil || o.mistaken("events", "compare") {
		return
	}
	f := o.fold
	if !slices.ContainsFunc(slices.Collect(maps.Values(c.Events.Fold.Events)), func(e order.EventRule) bool { return e.Create != order.CreatesNot }) {
		o.at(target(o.values["fold"]), join(o.path, "fold"), "no event creates an order",
			"write create: true in the first event of an order, or preset: orders beside fold, which keeps the rules of the default schema")
	}
	rules, err := c.Rules()
	mistakes, _ := errors.AsType[order.RuleErrors](err)
	for _, m := range mistakes {
		f.report(m)
	}
	if err == nil {
		c.checkUse(f, rules)
	}
}

// mistaken reports whether one of the sections has a mistake.
func (r *reader) mistaken(sections ...string) bool {
	return slices.ContainsFunc(r.errs, func(e *Error) bool {
		section, _, _ := strings.Cut(e.Path, ".")
		return slices.Contains(sections, section)
	})
}

// checkUse finds what the file says and rules do not need: texts that no field has, calculations with texts, and types of
// registers that are not there.
func (c *Config) checkUse(f *foldReader, rules *order.Rules) {
	for _, m := range rules.Unreached() {
		if _, here := f.nodes[way(m.Path).String()]; here {
			f.report(m)
		}
	}
	for name := range f.own.Types {
		if !slices.Contains(rules.Names(), name) {
			f.report(order.Mistake{
				Path: way{"types", name}, Detail: fmt.Sprintf("no event sets %q", name), Name: name, Known: rules.Names(), Hint: "remove it",
			})
		}
	}
	for _, use := range calculations(f.own) {
		i := slices.IndexFunc(c.Compare.Fields, func(f Field) bool { return f.Name == use.name })
		if i < 0 || c.Events.Fold.Types[use.name] != "" {
			continue
		}
		if t := c.Compare.Fields[i].Type; t != order.Numeric && t != order.Integer {
			f.report(order.Mistake{
				Path: use.at, Detail: fmt.Sprintf("calculates with %q, which is compared as %s", use.name, t), Name: use.name,
				Hint: "compare it as numeric, or write registers: {" + use.name + ": numeric} if only its column is " + string(t),
			})
		}
	}
}

// report records a mistake of rules at its place in the file. One that is in the preset is the section's.
func (f *foldReader) report(m order.Mistake) {
	node := f.node
	for n := len(m.Path); n > 0; n-- {
		if at, ok := f.nodes[way(m.Path[:n]).String()]; ok {
			node = at.value
			if m.Name != "" && m.Name == m.Path[n-1] {
				node = at.key
			}
			break
		}
	}
	f.at(within(node, m.Name), join(f.path, written(m.Path)), m.Detail, meant(m.Name, m.Known, m.Hint))
}

// within is the word of a node; the node itself if it has no such word.
func within(n *yaml.Node, word string) *yaml.Node {
	for _, child := range n.Content {
		if word != "" && child.Kind == yaml.ScalarNode && child.Value == word {
			return child
		}
	}
	return n
}

// written is a path of rules as the file has it.
func written(path way) string {
	section := map[string]string{"events": "fold", "types": "registers", "key": "payload_key"}[path[0]]
	if section == "" {
		section = path[0]
	}
	out := []string{section}
	for i, key := range path[1:] {
		if inList(path, i+1) {
			out[len(out)-1] += "[" + key + "]"
		} else {
			out = append(out, key)
		}
	}
	return strings.Join(out, ".")
}

// inList reports whether a key is the number of an entry: events.TYPE.add_product.FIELD.N and derive.FIELD.when.N.
func inList(path way, i int) bool {
	return path[0] == "events" && i == 4 && strings.HasSuffix(path[2], "_product") || path[0] == "derive" && i == 3 && path[2] == "when"
}

// calculation is where a rule reads a number.
type calculation struct {
	at   way
	name string
}

// calculations are the names that rules calculate with.
func calculations(r order.FoldRules) (out []calculation) {
	for name, d := range r.Derive {
		for _, of := range d.Ratio {
			out = append(out, calculation{way{"derive", name, "ratio"}, of})
		}
		for i, w := range d.When {
			for _, of := range []string{w.Field, w.AtLeast, w.Above} {
				out = append(out, calculation{way{"derive", name, "when", strconv.Itoa(i)}, of})
			}
		}
	}
	for key, of := range map[string]string{"ordered": r.Invariants.Ordered, "filled": r.Invariants.Filled, "average": r.Invariants.Average} {
		out = append(out, calculation{way{"invariants", key}, of})
	}
	for event, e := range r.Events {
		for key, names := range map[string]iter.Seq[string]{
			"add": maps.Keys(e.Add), "subtract": maps.Keys(e.Subtract), "add_product": maps.Keys(e.AddProduct), "subtract_product": maps.Keys(e.SubtractProduct),
		} {
			for of := range names {
				out = append(out, calculation{way{"events", event, key, of}, of})
			}
		}
	}
	return out
}

// Rules are the fold rules for the compared fields.
func (c *Config) Rules() (*order.Rules, error) {
	var fields []order.Field
	for _, f := range c.Compare.Fields {
		fields = append(fields, f.Field)
	}
	fold := c.Events.Fold
	fold.PerOrder = c.Events.PerOrder
	rules, err := order.NewRules(fold, fields)
	if err != nil {
		return nil, fmt.Errorf("reading events.fold: %w", err)
	}
	return rules, nil
}

// MessageRules are those for the messages of the stream, which may carry other types too.
func (c *Config) MessageRules() (*order.Rules, error) {
	with := *c
	with.Events.Fold.Events = maps.Clone(c.Events.Fold.Events)
	for _, t := range c.Stream.IgnoreTypes {
		with.Events.Fold.Events[t] = order.EventRule{Ignore: true}
	}
	with.Events.Fold.OnlyTypes, with.Events.Fold.Within = c.Stream.Types, c.Stream.Envelope.Within()
	with.Events.Fold.ByID = c.Events.ID != ""
	return with.Rules()
}

// Judges reports whether events determine a compared field.
func (c *Config) Judges(f order.Field) bool {
	rules, err := c.Rules()
	return err == nil && rules.Judges(f)
}
