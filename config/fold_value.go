package config

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// source reads where a value comes from: a path, or a mapping. The key is nil if there is none before it.
func (f *foldReader) source(key, n *yaml.Node, path string, at way) (s order.Source, ok bool) {
	n = target(n)
	f.keep(at, key, n)
	if n.Kind == yaml.MappingNode {
		return f.mapped(f.mapping(n, path), at), true
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		f.at(n, path, "must be a path or a mapping, found "+describe(n), "such as $.price, {path: $.price, scale: 4}, {text: OPEN} or {event: at}")
		return s, false
	}
	if strings.HasPrefix(n.Value, "$") {
		return order.Source{Path: n.Value}, true
	}
	hint := "write {text: " + FlowText(n.Value) + "} for a constant"
	if decimalNumber.MatchString(n.Value) {
		hint = "write {number: " + n.Value + "} for a constant"
	} else if plainText.MatchString(n.Value) {
		hint = "write $." + n.Value + " for a key of the payload, or {text: " + FlowText(n.Value) + "} for a constant"
	}
	f.at(n, path, "must be a path or a mapping, found "+found(n), hint)
	return s, false
}

// optionalSource reads the value of a key; nil if it is absent.
func (f *foldReader) optionalSource(o *object, at way, key string) *order.Source {
	n := o.child(key)
	if n == nil {
		return nil
	}
	if s, ok := f.source(nil, n, join(o.path, key), at.to(key)); ok {
		return &s
	}
	return nil
}

// mapped reads a value that is written as a mapping.
func (f *foldReader) mapped(o *object, at way) (s order.Source) {
	for key, into := range map[string]*string{"path": &s.Path, "unit": &s.Unit} {
		*into, _ = f.raw(o.child(key), join(o.path, key))
	}
	part, _ := f.raw(o.child("event"), join(o.path, "event"))
	s.Of = order.Part(part)
	s.Text = f.constant(o)
	o.boolean("null", &s.Null)
	o.boolean("optional", &s.Optional)
	for key, given := range map[string]bool{"null": s.Null, "optional": s.Optional} {
		if given && o.values["path"] == nil && (key != "null" || len(o.keys) > 1) {
			o.at(target(o.values[key]), join(o.path, key), "is for a value of the payload", "such as {path: $.price, "+key+": true}")
		}
	}
	s.Scale = o.scale()
	s.Map = f.mapOf(o)
	for _, k := range o.keys {
		f.keep(at.to(k.Value), k, target(o.values[k.Value]))
	}
	if m := o.values["map"]; m != nil {
		for _, k := range f.mapping(m, join(o.path, "map")).pairs() {
			f.keep(at.to("map", k[0].Value), k[0], target(k[1]))
		}
	}
	o.done()
	return s
}

// constant reads text or number; nil if there is neither.
func (f *foldReader) constant(o *object) *string {
	text, isText := f.raw(o.child("text"), join(o.path, "text"))
	number, isNumber := f.raw(o.child("number"), join(o.path, "number"))
	switch {
	case isText && isNumber:
		o.at(target(o.values["number"]), join(o.path, "number"), "must not stand beside text", "remove one of them")
	case isNumber && !decimalNumber.MatchString(number):
		o.at(target(o.values["number"]), join(o.path, "number"), "must be a number, found "+found(target(o.values["number"])), "write it in plain digits, such as 0.001; a word is {text: OPEN}")
	case isNumber:
		return &number
	case isText:
		return &text
	}
	return nil
}

// pairs are the keys with their values. A nil object has none.
func (o *object) pairs() (out [][2]*yaml.Node) {
	if o == nil {
		return nil
	}
	for _, k := range o.keys {
		out = append(out, [2]*yaml.Node{k, o.child(k.Value)})
	}
	return out
}

// scale reads a number of decimals.
func (o *object) scale() int {
	const most = 1000
	var n int64
	o.whole("scale", &n, 0, most)
	return int(n)
}

// mapOf reads the replacements of a value.
func (f *foldReader) mapOf(o *object) map[string]string {
	return o.rawPairs("map", `such as map: {"1": BUY, "2": SELL}; else: is for all others`)
}

// rawPairs reads a mapping from text to text; nil if it is absent.
func (o *object) rawPairs(key, hint string) map[string]string {
	section := o.filledObject(key, hint)
	if section == nil {
		return nil
	}
	out := map[string]string{}
	for _, pair := range section.pairs() {
		if text, ok := o.raw(pair[1], join(section.path, pair[0].Value)); ok {
			out[pair[0].Value] = text
		}
	}
	return out
}

func (f *foldReader) named(o *object, at way) *order.Named {
	if o == nil {
		return nil
	}
	f.keep(at, nil, o.node)
	o.require("field", "the path of the name of the field, such as field: $.field")
	o.require("to", "the path of the new value, such as to: $.new_value")
	o.require("only", "the fields that may be named, such as only: [quantity, price]")
	var n order.Named
	for key, into := range map[string]*order.Source{"field": &n.Field, "to": &n.To} {
		if s := f.optionalSource(o, at, key); s != nil {
			*into = *s
		}
	}
	n.Was = f.optionalSource(o, at, "was")
	n.Only, n.Null = o.rawTexts("only"), o.rawTexts("null")
	n.Names = o.rawPairs("names", "such as names: {px: price}, the event's name and then the field's")
	for _, k := range o.keys {
		f.keep(at.to(k.Value), k, target(o.values[k.Value]))
	}
	if names := o.values["names"]; names != nil {
		for _, k := range f.mapping(names, join(o.path, "names")).pairs() {
			f.keep(at.to("names", k[0].Value), k[0], target(k[1]))
		}
	}
	o.done()
	return &n
}
