package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader collects the mistakes of one file while its nodes are read.
type reader struct {
	file   string
	getenv func(string) (string, bool)
	errs   Errors
	dsns   []dsnAt
	// expanded are the values of variables that may be quoted anywhere, and the same escaped in a URL.
	expanded []string
	// conditions are the nodes of SQL conditions, by key path. Only a database can tell whether they are right.
	conditions map[string]*yaml.Node
	warnings   Errors
	fold       *foldReader // nil without an event store
	within     placement
}

func (r *reader) add(e *Error) {
	e.File, e.Path = r.file, r.within.path(e.Path)
	r.errs = append(r.errs, e)
}

// at records a mistake at a node.
func (r *reader) at(n *yaml.Node, path, message, hint string) {
	r.add(&Error{Line: n.Line, Column: n.Column, Path: path, Message: message, Hint: hint})
}

// refuse records valid YAML that is not allowed in a configuration.
func (r *reader) refuse(n *yaml.Node, path string) {
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str" {
		r.at(n, path, "explicit tags such as "+n.Tag+" are not supported", "remove the tag")
	}
	if n.Kind != yaml.MappingNode {
		for i, item := range n.Content {
			r.refuse(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			r.at(key, join(path, "<<"), "merge keys are not supported", "write the values out")
		case key.Kind != yaml.ScalarNode:
			r.at(key, path, "a key must be plain text", "")
		default:
			r.refuse(value, join(path, key.Value))
		}
	}
}

// object is a mapping of the file. A nil object is absent or was refused; reading from it does nothing.
type object struct {
	*reader
	path   string
	node   *yaml.Node
	keys   []*yaml.Node // first appearances, in the order of the file
	values map[string]*yaml.Node
	known  map[string]bool // keys that were asked for
}

// root returns the top-level mapping of the document.
func (r *reader) root(n *yaml.Node) *object { return r.mapping(n, "") }

// mapping returns the node as an object. If it is not a mapping, it records that and returns nil.
func (r *reader) mapping(n *yaml.Node, path string) *object {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		r.at(n, path, "must be a mapping (key: value), found "+describe(n), "")
		return nil
	}
	o := &object{reader: r, path: path, node: n, values: map[string]*yaml.Node{}, known: map[string]bool{}}
	lines := map[string]int{} // key → line of its first appearance
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			continue // recorded by refuse
		}
		if first, twice := lines[key.Value]; twice {
			r.at(key, join(path, key.Value), fmt.Sprintf("appears twice; first on line %d", first), "remove one of them")
			continue
		}
		lines[key.Value] = key.Line
		o.keys = append(o.keys, key)
		o.values[key.Value] = value
	}
	return o
}

// child returns the value of a key, or nil if the key is absent.
func (o *object) child(key string) *yaml.Node {
	if o == nil {
		return nil
	}
	o.known[key] = true
	return o.values[key]
}

// require records a missing key.
func (o *object) require(key, hint string) {
	if o != nil && o.values[key] == nil {
		o.at(o.node, join(o.path, key), "is missing", hint)
	}
}

// object returns the mapping of a key, or nil if the key is absent.
func (o *object) object(key string) *object {
	n := o.child(key)
	if n == nil {
		return nil
	}
	return o.mapping(n, join(o.path, key))
}

// list calls read for each element of the list of a key, with its path.
func (o *object) list(key string, read func(n *yaml.Node, path string)) {
	n := o.child(key)
	if n == nil {
		return
	}
	n = target(n)
	path := join(o.path, key)
	if n.Kind != yaml.SequenceNode {
		o.at(n, path, "must be a list, found "+describe(n), "")
		return
	}
	if len(n.Content) == 0 {
		o.at(n, path, "must not be empty", "")
	}
	for i, item := range n.Content {
		read(item, fmt.Sprintf("%s[%d]", path, i))
	}
}

// each reads the mappings of an object whose keys are names. Other names are unknown.
func (o *object) each(readers map[string]func(*object)) {
	if o == nil {
		return
	}
	for name, read := range readers {
		if child := o.object(name); child != nil {
			read(child)
			child.done()
		}
	}
	o.done()
}

// done records the keys that were not asked for.
func (o *object) done() { o.doneBut(o.suggest) }

// doneBut is done with other hints.
func (o *object) doneBut(hint func(key string) string) {
	if o == nil {
		return
	}
	for _, key := range o.keys {
		if !o.known[key.Value] {
			o.at(key, join(o.path, key.Value), "unknown key", hint(key.Value))
		}
	}
}

func (o *object) suggest(key string) string {
	known := slices.Sorted(maps.Keys(o.known))
	if like := closest(key, known); like != "" {
		return fmt.Sprintf("did you mean %q?", like)
	}
	return "keys here are " + strings.Join(known, ", ")
}

// target returns the node that an alias refers to. Only asked keys are read, so an alias to one of its own ancestors
// does no harm.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// describe says what kind of node it is, without its value.
func describe(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		return "a mapping"
	}
	if n.Kind == yaml.SequenceNode {
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	default:
		return "text"
	}
}
