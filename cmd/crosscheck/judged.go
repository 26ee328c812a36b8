package main

import (
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
)

// comparedFields splits the compared fields into those that events judge and the others. Without an event store all are
// others.
func comparedFields(c *config.Config) *gate.Fields {
	f := &gate.Fields{Judged: []string{}, NotJudged: []string{}, Events: c.Events.Given(), GroupBy: c.Compare.GroupBy}
	for _, field := range c.Compare.Fields {
		if f.Events && c.Judges(field.Field) {
			f.Judged = append(f.Judged, field.Name)
		} else {
			f.NotJudged = append(f.NotJudged, field.Name)
		}
	}
	f.Slice = slice(c)
	return f
}

// slice is what the comparison is restricted to. A condition of the event store alone may only leave out what is no order.
func slice(c *config.Config) (out []gate.Condition) {
	if c.Legacy.Where == "" && c.Projection.Where == "" {
		return nil
	}
	for _, side := range []gate.Condition{
		{Side: string(order.Legacy), Where: c.Legacy.Where},
		{Side: string(order.Projection), Where: c.Projection.Where},
		{Side: string(order.Events), Where: c.Events.Where},
	} {
		if side.Where != "" {
			out = append(out, side)
		}
	}
	return out
}

// judgedFinding says which fields events judge, if there is an event store.
func judgedFinding(c *config.Config) doctor.Finding {
	f := comparedFields(c)
	finding := doctor.Finding{Side: string(order.Events), Check: "judged_fields", Level: doctor.OK, Message: "events judge every compared field"}
	if len(f.NotJudged) == 0 {
		return finding
	}
	finding.Level = doctor.Info
	finding.Message = fmt.Sprintf("events judge whether an order exists, and the fields %s; ", strings.Join(f.Judged, ", "))
	if len(f.Judged) == 0 {
		finding.Level = doctor.Warning
		finding.Message = "events judge only whether an order exists; "
	}
	finding.Message += fmt.Sprintf("not judged, but compared between legacy and projection: %s", strings.Join(f.NotJudged, ", "))
	finding.Hint = "to have a field judged, give it the name that events use and a type that holds its values exactly; docs/guarantees.md has the list"
	return finding
}
