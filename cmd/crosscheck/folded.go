package main

import (
	"context"
	"slices"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// folded is the event store as orders, and legacy without archived orders, with only the fields that events judge.
type folded struct {
	events *source.Fold // nil if it was not opened
	legacy *source.Side // nil if all fields are judged and no order was archived; then legacy itself is used
	fields []order.Field
}

// openFolded opens the pair that full verification compares after legacy and projection. Without an event store there
// is no such pair. Even if no field is judged, the two tell which orders exist.
func (s *sides) openFolded(ctx context.Context, c *config.Config, observe observer) (err error) {
	if s.events == nil {
		return nil
	}
	s.folded.fields = judgedFields(c)
	if s.folded.events, err = openFold(ctx, c, observe, true); err != nil {
		return err
	}
	if len(s.folded.fields) == len(c.Compare.Fields) && c.Events.Archived == "" {
		return nil
	}
	narrow := legacyConfig(c, observe)
	if c.Events.Archived != "" {
		kept := "(" + c.Events.Archived + ") IS NOT TRUE"
		if narrow.Where != "" {
			kept += " AND (\n" + narrow.Where + "\n)"
		}
		narrow.Where = kept
	}
	narrow.Fields = slices.DeleteFunc(narrow.Fields, func(f source.Field) bool { return !c.Judges(f.Field) })
	s.folded.legacy, err = source.Open(ctx, narrow)
	return err
}

// pair returns nil if nothing was opened.
func (f folded) pair(legacy *source.Side) *verify.Folded {
	if f.events == nil {
		return nil
	}
	if f.legacy != nil {
		legacy = f.legacy
	}
	return &verify.Folded{Legacy: legacy, Events: f.events, Fields: f.fields}
}

func (f folded) close() {
	if f.events != nil {
		f.events.Close()
	}
	if f.legacy != nil {
		f.legacy.Close()
	}
}

// openFold opens the whole event store as orders: the side to compare with legacy if all events are folded. If uncreated is
// true, events without a creation are orders too.
func openFold(ctx context.Context, c *config.Config, observe observer, uncreated bool) (*source.Fold, error) {
	events, err := eventsConfig(c, observe)
	if err != nil {
		return nil, err
	}
	return source.OpenFold(ctx, source.FoldConfig{
		Events: events, Fields: judgedFields(c), GroupBy: c.Compare.GroupBy, Uncreated: uncreated,
	})
}

func judgedFields(c *config.Config) []order.Field {
	var fields []order.Field
	for _, f := range c.Compare.Fields {
		if c.Judges(f.Field) {
			fields = append(fields, f.Field)
		}
	}
	return fields
}
