package verify

import (
	"context"
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// compareFolded compares legacy with every order according to the events, by the same walk as legacy and projection. If
// an event was lost before the projection, legacy and projection may agree; only this comparison finds it.
//
// The walk has its own snapshots, taken later. It only says which orders to compare. Those are read in the pass's first
// snapshots, in which they were counted, with their histories, and are judged like all suspects. The bounds of the walk
// before cut these keys as well.
func (p *pass) compareFolded(ctx context.Context, before *walk, facts *FullFacts) (Covered, error) {
	if p.c.Folded == nil {
		return Covered{}, nil
	}
	w := p.foldedWalk(before.layout)
	estimate, err := w.open(ctx, p.c.Folded.Legacy, p.c.Folded.Events)
	if err != nil {
		return Covered{}, err
	}
	defer w.sides.close()
	err = p.compareFoldedBy(ctx, w, before.sides, estimate, facts)
	return w.covers, err
}

// foldedWalk walks over legacy and the events.
func (p *pass) foldedWalk(l Layout) *walk {
	return &walk{p: p, scan: &Scan{}, facts: &FullFacts{}, hop: order.LegacyToEvents, fields: p.c.Folded.Fields, layout: l, folds: true}
}

// compareFoldedBy compares legacy and the events in the walk's snapshots; first are those of the pass.
func (p *pass) compareFoldedBy(ctx context.Context, w *walk, first snapshots, estimate int64, facts *FullFacts) error {
	archived, err := first.legacy.Archived(ctx)
	if err != nil {
		return err
	}
	d := &differing{p: p, first: first}
	w.differ, w.archived = d.collect, archived > 0
	if estimate > 0 {
		if err := w.compareAll(ctx, estimate); err != nil {
			return err
		}
		if err := d.compare(ctx); err != nil {
			return err
		}
	}
	facts.Portable = facts.Portable || w.facts.Portable
	facts.Widespread = append(facts.Widespread, w.facts.Widespread...)
	facts.Events = &EventsFacts{Plan: w.facts.Plan, Orders: w.facts.Projection, Archived: archived - d.there}
	return nil
}

// differing collects orders whose rows differ from their events, and compares them in all representations.
type differing struct {
	p     *pass
	first snapshots   // of the pass
	keys  []order.Key // not compared yet
	there int64       // compared orders that count as archived, but have events
}

// collect takes everything in which the judge would find a fault. This includes flawed histories, whatever the rows
// are.
func (d *differing) collect(ctx context.Context, key order.Key, legacy, events []order.Row) (bool, error) {
	flawed := slices.ContainsFunc(events, func(r order.Row) bool { return r.Flawed })
	if compare.Rows(d.p.c.Folded.Fields, key, legacy, events) == nil && !flawed {
		return false, nil
	}
	d.keys = append(d.keys, key)
	if len(d.keys) < d.p.batchSize(batch) {
		return true, nil
	}
	return true, d.compare(ctx)
}

// compare compares the collected orders, and queues those with a fault.
func (d *differing) compare(ctx context.Context) error {
	keys := d.keys
	d.keys = nil
	if len(keys) == 0 {
		return nil
	}
	r, err := d.p.readRows(ctx, d.first, keys)
	if err != nil {
		return err
	}
	if err := d.p.readEvents(ctx, d.first, keys, &r); err != nil {
		return err
	}
	for _, key := range keys {
		if len(r.events[key]) > 0 && compare.Archived(r.legacy[key]) {
			d.there += int64(len(r.legacy[key]))
		}
	}
	for _, is := range d.p.judge(keys, r) {
		if len(is.Mismatches) == 0 {
			continue
		}
		if err := d.p.suspect(ctx, is, r.legacy[is.Key], r.projection[is.Key], false); err != nil {
			return err
		}
	}
	return nil
}
