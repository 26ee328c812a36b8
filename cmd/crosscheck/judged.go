package main

import (
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
)

// comparedFields parts the compared fields into those that are judged by events and the others. Without an event store all
// are others.
func comparedFields(c *config.Config) *gate.Fields {
	f := &gate.Fields{Judged: []string{}, NotJudged: []string{}, Events: c.Events.Given()}
	for _, field := range c.Compare.Fields {
		if f.Events && field.Judged() {
			f.Judged = append(f.Judged, field.Name)
		} else {
			f.NotJudged = append(f.NotJudged, field.Name)
		}
	}
	return f
}

// judgedFinding says which fields are judged by events, to whoever has an event store.
func judgedFinding(c *config.Config) doctor.Finding {
	f := comparedFields(c)
	finding := doctor.Finding{Side: string(order.Events), Check: "judged_fields", Level: doctor.OK, Message: "every compared field is judged by events"}
	if len(f.NotJudged) == 0 {
		return finding
	}
	finding.Level = doctor.Info
	finding.Message = fmt.Sprintf("judged by events are whether an order exists and the fields %s; ", strings.Join(f.Judged, ", "))
	if len(f.Judged) == 0 {
		finding.Level = doctor.Warning
		finding.Message = "judged by events is only whether an order exists; "
	}
	finding.Message += fmt.Sprintf("%s: not judged, compared between legacy and projection only", strings.Join(f.NotJudged, ", "))
	finding.Hint = "a field is judged if it has the name that the events have for it, and a type that holds its values exactly; docs/guarantees.md has the list"
	return finding
}
