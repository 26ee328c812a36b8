package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// drawnForChanges is how many orders a full pass draws to count their changes: it reads no order's history otherwise.
const drawnForChanges = batch

// someChanges counts the changes of orders drawn uniformly from legacy, so that a full verification alone says something of
// them. Where rows cannot be drawn, as from a view, samples alone count changes.
func (p *pass) someChanges(ctx context.Context, legacy Snapshot, facts *FullFacts) error {
	if p.Events == nil || p.Records == nil {
		return nil
	}
	keys, err := legacy.Draw(ctx, p.Random, drawnForChanges)
	if errors.Is(err, ErrNotIndexed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("drawing orders whose changes are counted: %w", err)
	}
	records, err := p.recalled(ctx, keys)
	if err != nil || records == nil {
		return err
	}
	histories, err := p.Events.Histories(ctx, keys)
	if err != nil {
		return fmt.Errorf("reading the events of recorded changes: %w", err)
	}
	facts.Changes = p.countChanges(records, histories)
	return nil
}

// recalled is what legacy recorded of some orders; nil where there is nothing to ask, or it could not be read. Where changes are
// counted it is read before the events: what is in it then must have its event, and an event that came later does no harm.
//
// Not being able to read it takes nothing from the pass but what it would have told: an audit log without an index may be
// too slow.
func (p *pass) recalled(ctx context.Context, keys []order.Key) (map[order.Key]compare.History, error) {
	if p.Events == nil || p.Records == nil || len(keys) == 0 {
		return nil, nil
	}
	records, err := p.Records.Records(ctx, keys)
	if err != nil && ctx.Err() == nil {
		p.Log.WarnContext(ctx, "legacy's own record could not be read: changes are not counted, and causes are told without it", slog.String("error", err.Error()))
		return nil, nil
	}
	return records, err
}

// countChanges counts recorded changes, and those with their event. One that is younger than lag may
// be is not counted: its event may be on its way.
func (p *pass) countChanges(records map[order.Key]compare.History, events map[order.Key][]order.Event) (counted Changes) {
	before := p.at.Add(-max(p.Settle.MaxLag, p.Settle.Window))
	for key, record := range records {
		n, with := compare.Recorded(record, events[key], before)
		counted.Recorded += n
		counted.WithEvents += with
	}
	return counted
}
