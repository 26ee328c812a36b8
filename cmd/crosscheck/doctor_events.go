package main

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/source"
)

// diagnoseEvents examines the event store, and legacy's own memory of its orders, where they are configured.
func diagnoseEvents(ctx context.Context, c *config.Config, now func() time.Time) []doctor.Finding {
	var findings []doctor.Finding
	if c.Events.Given() {
		events, err := eventsConfig(c.Events, nil)
		if err != nil {
			findings = append(findings, doctor.Finding{
				Side: "events", Check: source.CheckField, Level: doctor.Error, Message: err.Error(), Hint: "see events.types, events.keys and events.ignore",
			})
		} else {
			findings = append(source.DiagnoseEvents(ctx, events, now), judgedFinding(c))
		}
	}
	if h := c.History; h.Given() {
		history := source.HistoryConfig{AuditLog: h.AuditLog, Trades: h.Trades}
		findings = append(findings, source.DiagnoseHistory(ctx, legacyConfig(c, nil), history, now)...)
	}
	return findings
}
