package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// movedOrder is as the function, for a command that has not opened the ledger.
func (p *program) movedOrder(ctx context.Context, c *config.Config, key order.Key) (*explain.Moved, error) {
	if !c.Cutover.Given() {
		return nil, nil //nolint:nilnil // nothing can have moved
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	return movedOrder(ctx, c, l, key)
}

// movedOrder says by which run an order was moved to the new side. It is nil if legacy is its truth, or follows the new side by a reverse feed.
func movedOrder(ctx context.Context, c *config.Config, l *ledger.Ledger, key order.Key) (*explain.Moved, error) {
	if !c.Cutover.Given() || c.Cutover.Reverse.Given() {
		return nil, nil //nolint:nilnil // it is compared with legacy
	}
	journals, err := l.Runs(ctx)
	if errors.Is(err, board.ErrNotMigrated) {
		return nil, nil //nolint:nilnil // no run has begun
	}
	if err != nil {
		return nil, err
	}
	all, err := statusesOf(journals)
	if err != nil {
		return nil, err
	}
	slice, by := "", cutoverrun.Everything(all)
	if moved := movedOf(c, all); len(moved) > 0 {
		value, known, err := sliceOfOrder(ctx, c, key)
		if err != nil {
			return nil, err
		}
		if name := c.SliceName(value); known && slices.Contains(moved, name) {
			slice = name
			for i, s := range all {
				if s.State.Slice == name && s.Fenced != nil {
					by = &all[i]
				}
			}
		}
	}
	if by == nil {
		return nil, nil //nolint:nilnil // it is at legacy
	}
	m := &explain.Moved{Slice: slice, Run: by.Run, Truth: order.Projection}
	if c.Events.Given() {
		m.Truth = order.Events
	}
	for _, records := range journals {
		if records[0].Run == by.Run {
			m.At = switchedAt(records)
		}
	}
	return m, nil
}

// switchedAt is when the switch of writes was read back at the new side last; zero if it never was.
func switchedAt(records []cutover.Record) (at time.Time) {
	for _, r := range records {
		if r.Action.Verb == cutover.Do && r.Action.Step == cutover.SwitchWrites && (r.Outcome == cutover.Done || r.Outcome == cutover.Accepted) {
			at = r.At
		}
	}
	return at
}

// sliceOfOrder is the slice that an order belongs to, as the projection has it, or legacy if the projection does not have the order.
func sliceOfOrder(ctx context.Context, c *config.Config, key order.Key) (value string, known bool, err error) {
	for _, side := range []struct {
		of   source.Config
		expr string
	}{{projectionConfig(c, nil), c.SliceOfProjection()}, {legacyConfig(c, nil), c.SliceOfLegacy()}} {
		values, err := slicesAt(ctx, side.of, side.expr, key)
		if err != nil {
			return "", false, withoutSecrets(c, err)
		}
		if value, known = values[key]; known {
			return value, true, nil
		}
	}
	return "", false, nil
}

// slicesAt are the slices of those of some orders that a side has.
func slicesAt(ctx context.Context, of source.Config, expr string, keys ...order.Key) (map[order.Key]string, error) {
	of.Fields = []source.Field{{Field: order.Field{Name: "slice", Type: order.Text}, Expr: expr}}
	side, err := source.Open(ctx, of)
	if err != nil {
		return nil, err
	}
	defer side.Close()
	s, err := side.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.Rows(ctx, keys)
	if err != nil {
		return nil, err
	}
	values := map[order.Key]string{}
	for _, row := range rows {
		values[row.Key] = row.Values[0].Text
	}
	return values, nil
}
