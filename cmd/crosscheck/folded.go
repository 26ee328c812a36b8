package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// folded is the event store as orders, and legacy with just the fields that events tell.
type folded struct {
	events *source.Fold // nil where it was not opened, or events tell no compared field
	legacy *source.Side // nil where events tell all fields, so that legacy itself will do
}

// openFolded opens the pair that full verification compares after legacy and projection. Without an event store there is
// none.
func (s *sides) openFolded(ctx context.Context, c *config.Config, observe func(side, kind string, took time.Duration)) error {
	if s.events == nil {
		return nil
	}
	fold, err := openFold(ctx, c, observe)
	if errors.Is(err, source.ErrNothingFolds) {
		return nil
	}
	if err != nil {
		return err
	}
	s.folded.events = fold
	told := s.folded.events.Fields()
	if len(told) == len(c.Compare.Fields) {
		return nil
	}
	narrow := legacyConfig(c, observe)
	tells := func(name string) bool {
		return slices.ContainsFunc(told, func(f order.Field) bool { return f.Name == name })
	}
	narrow.Fields = slices.DeleteFunc(narrow.Fields, func(f source.Field) bool { return !tells(f.Name) })
	if !tells(narrow.GroupBy) {
		narrow.GroupBy = ""
	}
	s.folded.legacy, err = source.Open(ctx, narrow)
	return err
}

// pair is nil where nothing was opened.
func (f folded) pair(legacy *source.Side) *verify.Folded {
	if f.events == nil {
		return nil
	}
	if f.legacy != nil {
		legacy = f.legacy
	}
	return &verify.Folded{Legacy: legacy, Events: f.events, Fields: f.events.Fields()}
}

func (f folded) close() {
	if f.events != nil {
		f.events.Close()
	}
	if f.legacy != nil {
		f.legacy.Close()
	}
}

// openFold opens the whole event store as orders: the side to compare legacy with when all events are to be folded.
func openFold(ctx context.Context, c *config.Config, observe func(side, kind string, took time.Duration)) (*source.Fold, error) {
	events, err := eventsConfig(c.Events, observe)
	if err != nil {
		return nil, err
	}
	fold := source.FoldConfig{Events: events}
	if slices.Contains(order.Foldable(), c.Compare.GroupBy) {
		fold.GroupBy = c.Compare.GroupBy
	}
	for _, f := range c.Compare.Fields {
		fold.Fields = append(fold.Fields, f.Field)
	}
	return source.OpenFold(ctx, fold)
}
