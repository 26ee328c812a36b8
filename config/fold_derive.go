package config

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

func (f *foldReader) derivations() map[string]order.Derivation {
	out := map[string]order.Derivation{}
	section := f.filledObject("derive", "such as derive: {avg_fill_price: {ratio: [notional, filled_quantity], scale: 6}}")
	if section == nil {
		return out
	}
	for _, k := range section.keys {
		const hint = "such as {ratio: [notional, filled_quantity], scale: 6} or {when: [{field: filled_quantity, above: 0, then: FILLED}]}"
		if o := section.filledObject(k.Value, hint); o != nil {
			f.keep(way{"derive", k.Value}, k, o.node)
			out[k.Value] = f.derivation(o, way{"derive", k.Value})
		}
	}
	return out
}

func (f *foldReader) derivation(o *object, at way) (d order.Derivation) {
	if n := o.child("ratio"); n != nil {
		if n = target(n); n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
			o.at(n, join(o.path, "ratio"), "must be a list of two names; the first is divided by the second", "such as [notional, filled_quantity]")
		} else {
			copy(d.Ratio[:], o.rawTexts("ratio"))
		}
		o.require("scale", "how many decimals the result has, such as scale: 6")
	}
	d.Scale = o.scale()
	d.Unless = o.rawTexts("unless")
	o.list("when", func(n *yaml.Node, path string) {
		way := at.to("when", strconv.Itoa(len(d.When)))
		f.keep(way, nil, target(n))
		d.When = append(d.When, f.when(n, path))
	})
	for _, k := range o.keys {
		f.keep(at.to(k.Value), k, target(o.values[k.Value]))
	}
	o.done()
	return d
}

func (f *foldReader) when(n *yaml.Node, path string) (w order.When) {
	o := f.mapping(n, path)
	if o == nil {
		return w
	}
	o.require("field", "the number that is compared, such as field: filled_quantity")
	o.require("then", "the value if it holds, such as then: FILLED")
	for key, into := range map[string]*string{"field": &w.Field, "at_least": &w.AtLeast, "above": &w.Above, "then": &w.Then} {
		*into, _ = f.raw(o.child(key), join(path, key))
	}
	o.done()
	return w
}

func (f *foldReader) registers() map[string]order.FieldType {
	out := map[string]order.FieldType{}
	section := f.filledObject("registers", "such as registers: {notional: numeric}")
	for _, pair := range section.pairs() {
		name, n := pair[0].Value, target(pair[1])
		path := join(section.path, name)
		f.keep(way{"types", name}, pair[0], n)
		text, ok := f.raw(n, path)
		if ok && slices.Contains(fieldTypes(), text) {
			out[name] = order.FieldType(text)
		} else if ok {
			f.at(n, path, "unknown type "+strconv.Quote(text)+"; use one of "+strings.Join(fieldTypes(), ", "), meant(text, fieldTypes(), ""))
		}
	}
	return out
}

// meant asks whether one of the candidates was meant; otherwise is the hint if none is like it.
func meant(word string, candidates []string, otherwise string) string {
	if like := closest(word, candidates); like != "" && like != word {
		return "did you mean " + strconv.Quote(like) + "?"
	}
	return otherwise
}

func (f *foldReader) invariants(i *order.Invariants) {
	n := f.child("invariants")
	if n == nil {
		return
	}
	if n = target(n); n.Kind != yaml.MappingNode {
		f.at(n, join(f.path, "invariants"), "must be a mapping (key: value), found "+found(n), "such as {ordered: quantity, filled: filled_quantity, status: status, terminal: [FILLED, CANCELED]}")
		return
	}
	o := f.object.object("invariants")
	*i = order.Invariants{}
	for key, into := range map[string]*string{"ordered": &i.Ordered, "filled": &i.Filled, "average": &i.Average, "status": &i.Status} {
		*into, _ = o.raw(o.child(key), join(o.path, key))
	}
	i.Terminal = o.rawTexts("terminal")
	f.keep(way{"invariants"}, nil, o.node)
	for _, k := range o.keys {
		f.keep(way{"invariants", k.Value}, k, target(o.values[k.Value]))
	}
	o.done()
}
