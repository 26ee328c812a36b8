package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// envelopes are the forms of messages that have a name.
func envelopes() []string { return []string{"cloudevents", "debezium", "debezium-outbox"} }

const envelopeHint = "one of cloudevents, debezium, debezium-outbox, or a mapping such as {id: $.id, key: key, type: \"header:type\", at: {from: $.at, unit: ms}, payload: value}"

// readEnvelope reads where a message has the parts of its event. A part that is not given is as in the preset, or as in the
// usual form.
func readEnvelope(o *object, events Events) order.Envelope {
	e := order.UsualEnvelope()
	n := o.child("envelope")
	if n == nil {
		o.tombstones(&e)
		return e
	}
	path := join(o.path, "envelope")
	if n = target(n); n.Kind != yaml.MappingNode {
		s, ok := o.single(n, path)
		if ok && !slices.Contains(envelopes(), n.Value) {
			o.wrong(s, "must be a form of messages that has a name, or a mapping, found "+s.shown(), envelopeHint)
		} else if ok {
			e = o.preset(n.Value, n, path, nil, events)
		}
		o.tombstones(&e)
		return e
	}
	section := o.mapping(n, path)
	preset := ""
	section.oneOf("preset", &preset, envelopes())
	if preset != "" {
		e = o.preset(preset, target(section.values["preset"]), path, section.values, events)
	}
	section.part("id", &e.ID)
	section.part("position", &e.Position)
	if n := section.values["position"]; n != nil && events.ID == "" {
		section.at(target(n), join(path, "position"), "is for messages with an id that is not the position", "remove it, or set events.id")
	}
	section.part("key", &e.Key)
	section.part("type", &e.Type)
	section.part("at", &e.At)
	section.part("payload", &e.Payload)
	section.done()
	for _, m := range e.Mistakes() {
		section.misplaced(m)
	}
	o.tombstones(&e)
	return e
}

// tombstones reads what becomes of messages without a value.
func (o *object) tombstones(e *order.Envelope) {
	word := ""
	o.oneOf("tombstones", &word, []string{"ignore", "finding"})
	if word != "" {
		e.Tombstones = word == "ignore"
	}
}

// column is a plain name of a column.
var column = regexp.MustCompile(`^("[^"]+"|[a-z_][a-z0-9_]*)$`)

// preset is a form that has a name. given are the parts that the file says itself.
func (o *object) preset(name string, n *yaml.Node, path string, given map[string]*yaml.Node, events Events) order.Envelope {
	switch name {
	case "cloudevents":
		return order.CloudEvents()
	case "debezium-outbox":
		return order.DebeziumOutbox()
	}
	columns := map[string]string{"id": cmp.Or(events.ID, events.Position), "key": events.Key, "type": events.Type, "at": events.At, "payload": events.Payload}
	for _, part := range []string{"id", "key", "type", "at", "payload"} {
		setting := part
		if part == "id" && events.ID == "" {
			setting = "position"
		}
		if given[part] == nil && events.Given() && !column.MatchString(columns[part]) {
			o.at(n, path, fmt.Sprintf("events.%s is no plain column, so debezium does not know where a change event has the %s", setting, part),
				fmt.Sprintf("write envelope: {preset: debezium, %s: $.after.COLUMN}", part))
		}
		columns[part] = strings.Trim(columns[part], `"`)
	}
	e := order.DebeziumChanges(columns["id"], columns["key"], columns["type"], columns["at"], columns["payload"])
	e.Key.Strip = events.Strip
	if events.ID != "" && column.MatchString(events.Position) {
		e.Position.From = "$.after." + strings.Trim(events.Position, `"`)
	}
	if e.At.Unit = events.Unit; events.Zone == "UTC" { // a column without a zone, which Debezium writes as a number
		e.At.Unit = "us"
	}
	return e
}

// part reads one part: where it is, or a mapping.
func (o *object) part(key string, into *order.EnvelopePart) {
	n := o.child(key)
	if n == nil {
		return
	}
	if n = target(n); n.Kind != yaml.MappingNode {
		if from, ok := o.raw(n, join(o.path, key)); ok {
			*into = order.EnvelopePart{From: from}
		}
		return
	}
	section := o.mapping(n, join(o.path, key))
	p := order.EnvelopePart{From: into.From}
	for key, into := range map[string]*string{"from": &p.From, "strip": &p.Strip, "unit": &p.Unit, "precision": &p.Precision} {
		if text, ok := section.raw(section.child(key), join(section.path, key)); ok {
			*into = text
		}
	}
	p.Map = section.rawPairs("map", "such as map: {order.placed.v1: Placed}, the message's type and then the store's")
	section.done()
	*into = p
}

// misplaced records a mistake of an envelope at its place in the file.
func (o *object) misplaced(m order.Mistake) {
	n := o.node
	for _, key := range m.Path {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				n = target(n.Content[i+1])
				break
			}
		}
	}
	o.at(n, join(o.path, strings.Join(m.Path, ".")), m.Detail, m.Hint)
}
