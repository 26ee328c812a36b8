package config

import (
	"maps"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// presets are the fold rules that have a name.
var presets = map[string]func() order.FoldRules{"orders": order.Orders}

// foldReader reads fold rules. It remembers where they are in the file, so that a mistake that is found later has a place.
type foldReader struct {
	*object
	own   order.FoldRules // without those of the preset
	nodes map[string]spot // by the path of order.Mistake
}

// spot is where something is in the file.
type spot struct{ key, value *yaml.Node }

// way is a path of order.Mistake.
type way []string

func (w way) to(keys ...string) way { return append(append(way{}, w...), keys...) }

func (w way) String() string { return strings.Join(w, "\x00") }

// keep remembers the place of a value, and of the key before it if there is one.
func (f *foldReader) keep(at way, key, value *yaml.Node) {
	if key == nil {
		key = value
	}
	f.nodes[at.String()] = spot{key, value}
}

// readFold reads what events do to orders: a preset, rules, or a preset with rules beside or instead of its own.
func readFold(o *object, e *Events) {
	f := &foldReader{object: o, nodes: map[string]spot{}}
	preset := ""
	o.oneOf("preset", &preset, []string{"orders"})
	if preset == "" && o.values["fold"] == nil {
		preset = "orders"
	}
	e.Fold = order.FoldRules{Events: map[string]order.EventRule{}, Derive: map[string]order.Derivation{}, Types: map[string]order.FieldType{}}
	if make := presets[preset]; make != nil {
		e.Fold = make()
	}
	f.own = order.FoldRules{Events: f.events(), Derive: f.derivations(), Types: f.registers()}
	maps.Copy(e.Fold.Events, f.own.Events)
	maps.Copy(e.Fold.Derive, f.own.Derive)
	maps.Copy(e.Fold.Types, f.own.Types)
	f.invariants(&e.Fold.Invariants)
	if o.values["invariants"] != nil {
		f.own.Invariants = e.Fold.Invariants
	}
	if s, ok := f.raw(o.child("payload_key"), join(o.path, "payload_key")); ok {
		e.Fold.Key = s
		f.keep(way{"key"}, nil, target(o.values["payload_key"]))
	}
	o.fold = f
}

// raw reads a text in which a dollar is no variable.
func (r *reader) raw(n *yaml.Node, path string) (string, bool) {
	if n == nil {
		return "", false
	}
	n = target(n)
	s, ok := r.single(n, path)
	return s.node.Value, ok
}

// rawTexts reads a list of such texts.
func (o *object) rawTexts(key string) (out []string) {
	if n := o.child(key); n != nil && (target(n).Kind != yaml.SequenceNode || len(target(n).Content) == 0) {
		hint := "name at least one, or leave it out"
		if n = target(n); n.Kind == yaml.ScalarNode {
			hint = "write [" + n.Value + "]"
		}
		o.at(n, join(o.path, key), "must be a list of names, found "+foundList(n), hint)
		return nil
	}
	o.list(key, func(n *yaml.Node, path string) {
		if text, ok := o.raw(n, path); ok {
			out = append(out, text)
		}
	})
	return out
}

// filledObject is a mapping that has keys; nil if it is absent or has none.
func (o *object) filledObject(key, hint string) *object {
	n := o.child(key)
	if n == nil {
		return nil
	}
	switch n = target(n); {
	case n.Kind != yaml.MappingNode:
		o.at(n, join(o.path, key), "must be a mapping (key: value), found "+found(n), hint)
	case len(n.Content) == 0:
		o.at(n, join(o.path, key), "must not be empty", hint)
	default:
		return o.mapping(n, join(o.path, key))
	}
	return nil
}

// events reads the section fold.
func (f *foldReader) events() map[string]order.EventRule {
	out := map[string]order.EventRule{}
	section := f.filledObject("fold", "such as {Placed: {create: true, set: {status: {text: OPEN}}}}; leave fold out for the default schema")
	if section == nil {
		return out
	}
	for _, key := range section.keys {
		at, path := way{"events", key.Value}, join(section.path, key.Value)
		n := target(section.child(key.Value))
		f.keep(at, key, n)
		switch {
		case key.Value == "":
			section.at(key, path, "an event type must not be empty", "write the type as the store has it")
		case n.Kind == yaml.ScalarNode && n.Value == "ignore":
			out[key.Value] = order.EventRule{Ignore: true}
		case n.Kind != yaml.MappingNode:
			section.at(n, path, "must be the word ignore, or a mapping of what the event does, found "+found(n), "such as {set: {status: {text: OPEN}}}")
		default:
			if rule := section.object(key.Value); rule != nil {
				out[key.Value] = f.rule(rule, at)
			}
		}
	}
	return out
}

// found shows a word of the file, and describes anything else.
func found(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
		return scalar{node: n}.shown()
	}
	return describe(n)
}

func foundList(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return "none"
	}
	return found(n)
}

// does are the keys of a rule that do or check something.
var does = []string{"create", "set", "set_named", "add", "subtract", "add_product", "subtract_product", "remaining"}

func (f *foldReader) rule(o *object, at way) (e order.EventRule) {
	e.Create = o.creation()
	e.Set = f.sources(o, at, "set")
	e.Add, e.Subtract = f.sources(o, at, "add"), f.sources(o, at, "subtract")
	e.AddProduct, e.SubtractProduct = f.products(o, at, "add_product"), f.products(o, at, "subtract_product")
	e.SetNamed = f.named(o.object("set_named"), at.to("set_named"))
	e.Remaining = f.optionalSource(o, at, "remaining")
	if o.values["keys"] != nil {
		e.Keys = append([]string{}, o.rawTexts("keys")...)
	}
	empty := len(o.keys) == 0 || o.values["keys"] != nil && len(o.keys) == 1
	if n := o.values["create"]; n != nil && len(o.keys) == 1 {
		empty = target(n).Value == "false"
	}
	if empty {
		o.at(o.node, o.path, "does nothing", "write ignore, without braces, if the event changes no field")
	}
	o.doneBut(func(key string) string {
		switch {
		case key == "ignore":
			return "write ignore in place of the mapping: " + at[1] + ": ignore"
		case closest(key, does) == "":
			return "an event has " + strings.Join(does, ", ") + " and keys; fields are below these, such as set: {status: {text: OPEN}}"
		default:
			return o.suggest(key)
		}
	})
	return e
}

func (o *object) creation() order.Creation {
	n := o.child("create")
	if n == nil {
		return order.CreatesNot
	}
	switch n = target(n); n.Value {
	case "false":
		return order.CreatesNot
	case "true":
		return order.Creates
	case "if_absent":
		return order.CreatesIfAbsent
	}
	o.at(n, join(o.path, "create"), "must be true or if_absent, found "+found(n), "true: the event creates an order, and a second one is a finding; if_absent: it creates an order that is not there")
	return order.CreatesNot
}

// sources reads a mapping of fields to values.
func (f *foldReader) sources(o *object, at way, key string) map[string]order.Source {
	section := o.filledObject(key, "such as "+key+": {price: $.price}")
	if section == nil {
		return nil
	}
	out := map[string]order.Source{}
	for _, k := range section.keys {
		if s, ok := f.source(k, section.child(k.Value), join(section.path, k.Value), at.to(key, k.Value)); ok {
			out[k.Value] = s
		}
	}
	return out
}

// products reads a mapping of fields to two factors.
func (f *foldReader) products(o *object, at way, key string) map[string][2]order.Source {
	section := o.filledObject(key, "such as "+key+": {notional: [$.quantity, $.price]}")
	if section == nil {
		return nil
	}
	out := map[string][2]order.Source{}
	for _, k := range section.keys {
		n := target(section.child(k.Value))
		path, way := join(section.path, k.Value), at.to(key, k.Value)
		f.keep(way, k, n)
		if n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
			section.at(n, path, "must be a list of two values, which are multiplied", "such as [$.quantity, $.price]")
			continue
		}
		var factors [2]order.Source
		for i, factor := range n.Content {
			factors[i], _ = f.source(nil, factor, path+"["+strconv.Itoa(i)+"]", way.to(strconv.Itoa(i)))
		}
		out[k.Value] = factors
	}
	return out
}
