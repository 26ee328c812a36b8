package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/switches/fence"
)

const (
	// slicedMost is how many orders are asked for their slice, of each representation.
	slicedMost   = 20
	slicedWithin = time.Minute
)

// diagnoseSlice says whether orders can be cut over by slice, as it is configured; nothing if they are not to be.
func diagnoseSlice(ctx context.Context, c *config.Config, f *fence.Fence, state fence.State) (found []doctor.Finding) {
	if c.Cutover.Fence.Slice == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, slicedWithin)
	defer cancel()
	of := func(level doctor.Level, hint, format string, args ...any) {
		found = append(found, doctor.Finding{Side: "cutover", Check: "slice", Level: level, Message: doctor.OneLine(fmt.Sprintf(format, args...)), Hint: hint})
	}
	if state.Other {
		of(doctor.Error, "crosscheck cutover uninstall, then crosscheck cutover install", "the installed fence is not the one of cutover.fence, so it cannot close a slice")
	}
	if _, err := f.Canonical(ctx, ""); err != nil {
		of(doctor.Error, "name a column that all of cutover.fence.tables have, with the same type", "%v", err)
		return found
	}
	if _, err := c.SliceValue(c.SliceName("")); err != nil {
		of(doctor.Error, "such as cutover.slice.events: \"t.payload->>'symbol'\"; docs/cutover.md has one for events that do not all have it", "%v", err)
		return found
	}
	asked, err := sliceDoubts(ctx, c, of)
	if err != nil {
		of(doctor.Error, "correct cutover.fence.slice and cutover.slice; docs/cutover.md has examples", "%v", withoutSecrets(c, err))
	}
	if len(found) == 0 {
		of(doctor.OK, "", "orders can be cut over by %s; %d orders were asked for their slice, and all sides agree", c.Cutover.Fence.Slice, asked)
	}
	of(doctor.Info, "decide before each slice; docs/runbooks/rollback.md says how to go back before", "a slice has no way back once its new side has acknowledged a write: cutover.reverse cannot be used with slices")
	return found
}

// sliceDoubts asks some orders of legacy for their slice, on all sides.
func sliceDoubts(ctx context.Context, c *config.Config, of func(doctor.Level, string, string, ...any)) (asked int, err error) {
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if served, err := s.legacy.Served(ctx, c.OfLegacy("a slice")); err == nil && !served {
		of(doctor.Warning, fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s ((%s))", c.Legacy.Table, doctor.OneLine(c.SliceOfLegacy())), "no index finds the orders of a slice in legacy, so each pass over a slice reads the whole table")
	}
	keys, err := s.legacy.Some(ctx, slicedMost)
	if err != nil {
		return 0, err
	}
	atLegacy, err := slicesAt(ctx, legacyConfig(c, nil), c.SliceOfLegacy(), keys...)
	if err != nil {
		return 0, err
	}
	atNew, err := slicesAt(ctx, projectionConfig(c, nil), c.SliceOfProjection(), keys...)
	if err != nil {
		return 0, err
	}
	const mend = "both must tell the same slice of an order, and all its events too; see cutover.slice"
	for _, key := range keys {
		if is, has := atNew[key]; has && is != atLegacy[key] {
			of(doctor.Error, mend, "order %s is of %s at legacy, and of %s in the projection", key, c.SliceName(atLegacy[key]), c.SliceName(is))
			return len(keys), nil
		}
	}
	if len(keys) == 0 || s.events == nil {
		_, err = restricted(ctx, c, "", nil)
		return 0, err
	}
	value := atLegacy[keys[0]]
	same := slices.DeleteFunc(slices.Clone(keys), func(key order.Key) bool { return atLegacy[key] != value })
	all, err := s.events.Histories(ctx, same)
	if err != nil {
		return 0, err
	}
	told, err := restricted(ctx, c, value, same)
	if err != nil {
		return 0, err
	}
	for _, key := range same {
		if len(told[key]) != len(all[key]) {
			of(doctor.Error, mend, "of the %d events of order %s, %d say that it is of %s, as legacy does", len(all[key]), key, len(told[key]), c.SliceName(value))
			break
		}
	}
	return len(keys), nil
}

// restricted opens all sides for one slice, as its cutover does, and reads the events of some orders.
func restricted(ctx context.Context, c *config.Config, value string, keys []order.Key) (map[order.Key][]order.Event, error) {
	s, err := openSides(ctx, c.Only(value), nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if s.events == nil || len(keys) == 0 {
		return nil, nil //nolint:nilnil // it was enough to open them
	}
	return s.events.Histories(ctx, keys)
}
