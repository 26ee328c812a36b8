package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

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
	counted, known, err := p.changesOf(ctx, legacy, keys)
	if err != nil || !known && len(keys) > 0 {
		return err
	}
	drawn := map[order.Key]bool{}
	for _, key := range keys {
		drawn[key] = true
	}
	facts.Changes = counted
	return p.changesAgain(ctx, legacy, drawn, &facts.Changes)
}

// changesOf counts the changes of some orders. It returns false if legacy's own record could not be read.
func (p *pass) changesOf(ctx context.Context, legacy Snapshot, keys []order.Key) (counted Changes, known bool, err error) {
	records, err := p.readRecords(ctx, keys)
	if err != nil || records == nil {
		return counted, false, err
	}
	r := reading{}
	if r.events, err = p.c.Events.Histories(ctx, keys); err != nil {
		return counted, false, fmt.Errorf("reading the events of recorded changes: %w", err)
	}
	without := slices.DeleteFunc(slices.Clone(keys), func(k order.Key) bool { return len(r.events[k]) > 0 })
	if len(without) > 0 { // their events may be archived
		rows, err := legacy.Rows(ctx, without)
		if err != nil {
			return counted, false, fmt.Errorf("reading the orders of recorded changes: %w", err)
		}
		r.legacy = byKey(rows)
	}
	return p.countChanges(records, r), true, nil
}

// changesAgain looks again at the orders of which an earlier pass found changes without an event, and adds those that this pass
// has not drawn: a loss stands until a look finds the event, or legacy has the order no more. If it cannot look, nothing is known of changes.
func (p *pass) changesAgain(ctx context.Context, legacy Snapshot, drawn map[order.Key]bool, changes *Changes) error {
	if p.c.Events == nil || p.c.Records == nil {
		return nil
	}
	keys, err := p.c.Ledger.Unrecorded(ctx, p.id)
	if err != nil {
		return fmt.Errorf("reading which changes had no event: %w", err)
	}
	if keys = slices.DeleteFunc(keys, func(k order.Key) bool { return drawn[k] }); len(keys) > 0 {
		rows, err := legacy.Rows(ctx, keys)
		if err != nil {
			return fmt.Errorf("reading the orders whose changes had no event: %w", err)
		}
		there := byKey(rows)
		keys = slices.DeleteFunc(keys, func(k order.Key) bool { return len(there[k]) == 0 }) // no draw takes others either
	}
	if len(keys) == 0 {
		return nil
	}
	again, known, err := p.changesOf(ctx, legacy, keys)
	switch {
	case err != nil:
		return err
	case !known:
		*changes = Changes{}
	case changes.Recorded > 0 || again.WithEvents < again.Recorded: // that these few have their events says nothing of others
		changes.add(again)
	}
	return nil
}

// changesLater looks a second time, after the settle window, at the orders of which changes had no event: a transaction of legacy may
// take longer than any lag, and write the event a moment later. The snapshots of the scan are closed then.
func (p *pass) changesLater(ctx context.Context, scan *Scan) error {
	switch facts := scan.Facts.(type) {
	case SampleFacts:
		err := p.foundLater(ctx, &facts.Changes)
		scan.Facts = facts
		return err
	case FullFacts:
		err := p.foundLater(ctx, &facts.Changes)
		scan.Facts = facts
		return err
	}
	return nil
}

func (p *pass) foundLater(ctx context.Context, changes *Changes) error {
	lacked := changes.Without
	if len(lacked) == 0 {
		return nil
	}
	if err := p.c.Wait(ctx, p.c.Settle.Window); err != nil {
		return err
	}
	keys := make([]order.Key, len(lacked))
	for i, w := range lacked {
		keys[i] = w.Key
	}
	records, err := p.readRecords(ctx, keys)
	if err != nil || records == nil { // the first look stands
		return err
	}
	events, err := p.c.Events.Histories(ctx, keys)
	if err != nil {
		return fmt.Errorf("looking again for the events of recorded changes: %w", err)
	}
	changes.Without = nil
	for _, w := range lacked {
		still := w.Changes
		if n, with := compare.Recorded(records[w.Key], events[w.Key], p.recordedBefore()); n >= still { // else legacy has erased some, and the first look stands
			still = min(still, n-with)
		}
		changes.WithEvents += w.Changes - still
		if still > 0 {
			changes.Without = append(changes.Without, Unrecorded{w.Key, still})
		}
	}
	return nil
}

// recordedBefore is the time up to which changes are counted: the events of younger ones may be on the way.
func (p *pass) recordedBefore() time.Time {
	return p.at.Add(-max(p.c.Settle.MaxLag, p.c.Settle.Window))
}

// countChanges counts recorded changes, and those with their event, but not the young ones and those of archived orders.
func (p *pass) countChanges(records map[order.Key]history.Record, r reading) (counted Changes) {
	before := p.recordedBefore()
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
