package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// eventPosition reads the column that grows with every event: a name, an expression, or {column, per}.
func (o *object) eventPosition(e *Events) {
	section := o.section("position")
	if section == nil {
		o.relation("position", &e.Position, o.text)
		return
	}
	section.require("column", "such as {column: version, per: order}")
	section.relation("column", &e.Position, section.text)
	per := ""
	section.oneOf("per", &per, []string{"order", "store"})
	e.PerOrder = per == "order"
	section.done()
}

// eventKey reads the column with the order: a name, an expression, or one that is looked up as it is stored, {column, strip}.
func (o *object) eventKey(e *Events) {
	section := o.section("key")
	if section == nil {
		o.relation("key", &e.Key, o.text)
		return
	}
	section.require("column", "such as {column: stream_name, strip: \"order-\"}")
	section.relation("column", &e.Key, section.text)
	if s, ok := section.scalar("strip"); ok {
		if text, ok := section.words(s); ok {
			e.Strip = text
			if text == "" {
				section.wrong(s, "must not be empty", "leave it out if the column holds the key alone")
			}
		}
	}
	e.AsStored = e.Strip == ""
	section.done()
}

// eventTime reads where the time is: a column, an expression, a path of the payload, {column, unit, zone} or {path, unit, zone}.
func (o *object) eventTime(e *Events) {
	section := o.section("at")
	if section == nil {
		if n := o.child("at"); n != nil && target(n).Kind == yaml.ScalarNode && strings.HasPrefix(target(n).Value, "$.") {
			e.At = ""
			o.timePath(e, target(n), join(o.path, "at"), "", nil)
			return
		}
		o.relation("at", &e.At, o.text)
		return
	}
	zone := section.zone(&e.Zone)
	path, column := section.values["path"], section.values["column"]
	switch {
	case path == nil:
		section.require("column", "or path; such as {column: time, zone: UTC}, or {path: $.occurredAt}")
	case column != nil:
		section.at(target(path), join(section.path, "path"), "must not stand beside column", "remove one of them: the time is in a column, or in the payload")
	}
	section.relation("column", &e.At, section.text)
	section.oneOf("unit", &e.Unit, []string{"s", "ms", "us", "ns"})
	if e.Unit != "" && zone != nil {
		section.at(target(section.values["zone"]), join(section.path, "zone"), "must not stand beside unit", "a number counts from 1970 in UTC; remove zone")
	}
	if n := section.child("path"); n != nil {
		unit := e.Unit
		e.At, e.Zone, e.Unit = "", "", ""
		section.timePath(e, target(n), join(section.path, "path"), unit, zone)
	}
	section.done()
}

// section is the mapping of a key; nil if the key has another value.
func (o *object) section(key string) *object {
	if o.values[key] == nil || target(o.values[key]).Kind != yaml.MappingNode {
		return nil
	}
	return o.object(key)
}

// zone reads the name of a time zone.
func (o *object) zone(into *string) *time.Location {
	s, text, ok := o.filledScalar("zone")
	if !ok {
		return nil
	}
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		o.wrong(s, "unknown time zone "+s.shown(), "use a name such as UTC or Europe/Stockholm; summer time needs a name and not an offset")
		return nil
	}
	*into = text
	return zone
}

// timePath reads a path of the payload.
func (o *object) timePath(e *Events, n *yaml.Node, path, unit string, zone *time.Location) {
	text, ok := o.raw(n, path)
	if !ok {
		return
	}
	var err error
	if e.AtPath, err = order.NewTimePath(text, unit, zone); err != nil {
		o.at(n, path, found(n)+" is no path", "a path goes through objects by their keys, such as $.time or $.meta.time")
	}
}
