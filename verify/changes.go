package verify

import (
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// drawnForChanges is how many orders a full pass draws to count their changes. It reads no other history.
const drawnForChanges = batch

// someChanges counts the changes of orders drawn uniformly from legacy, so that a full verification has a result for
// them without a sample. If rows cannot be drawn, for example from a view, only samples count changes.
func (p *pass) someChanges(ctx context.Context, legacy Snapshot, facts *FullFacts) error {
	if p.c.Events == nil || p.c.Records == nil {
		return nil
	}
	keys, err := drawKeys(ctx, p.c.Random, legacy, drawnForChanges)
	if err != nil {
		return fmt.Errorf("drawing orders whose changes are counted: %w", err)
	}
	records, err := p.readRecords(ctx, keys)
	if err != nil || records == nil {
		return err
	}
	histories, err := p.c.Events.Histories(ctx, keys)
	if err != nil {
		return fmt.Errorf("reading the events of recorded changes: %w", err)
	}
	var rows []order.Row
	if facts.Events != nil && facts.Events.Archived > 0 {
		if rows, err = legacy.Rows(ctx, keys); err != nil {
			return fmt.Errorf("reading the orders of recorded changes: %w", err)
		}
	}
	facts.Changes = p.countChanges(records, reading{legacy: byKey(rows), events: histories})
	return nil
}

// countChanges counts recorded changes, and those with their event. It does not count changes younger than the possible
// lag, because their events may be on the way, and those of archived orders.
func (p *pass) countChanges(records map[order.Key]history.Record, r reading) (counted Changes) {
	before := p.at.Add(-max(p.c.Settle.MaxLag, p.c.Settle.Window))
	for key, record := range records {
		if len(r.events[key]) == 0 && compare.Archived(r.legacy[key]) {
			continue
		}
		n, with := compare.Recorded(record, r.events[key], before)
		one := Changes{Recorded: n, WithEvents: with}
		if with < n {
			one.Without = []Unrecorded{{key, n - with}}
		}
		counted.add(one)
	}
	return counted
}
