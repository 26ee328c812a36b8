package verify

import (
	"context"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// compareFolded compares legacy with every order according to the events, by the same walk as legacy and projection. If
// an event was lost before the projection, legacy and projection may agree; only this comparison finds it.
//
// The walk has its own snapshots, taken later. It only says which orders to compare. Those are read in the pass's first
// snapshots, in which they were counted, with their histories, and are judged like all suspects. The bounds of the walk
// before cut these keys as well.
func (p *pass) compareFolded(ctx context.Context, before *walk, scan *Scan, facts *FullFacts) error {
	if p.c.Folded == nil {
		return nil
	}
	first := before.sides
	d := &differing{p: p, first: first}
	archived, err := first.legacy.Archived(ctx)
	if err != nil {
		return err
	}
	w := &walk{
		p: p, scan: &Scan{}, facts: &FullFacts{}, differ: d.collect, hop: order.LegacyToEvents, fields: p.c.Folded.Fields,
		archived: archived > 0, layout: before.layout, folds: true,
	}
	estimate, err := w.open(ctx, p.c.Folded.Legacy, p.c.Folded.Events)
	if err != nil {
		return err
	}
	defer w.sides.close()
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
	if w.scan.Coverage < 1 && estimate > 0 {
		scan.Coverage = min(scan.Coverage, w.scan.Coverage)
		scan.Reason = strings.TrimPrefix(scan.Reason+"; legacy and events: "+w.scan.Reason, "; ")
	}
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
		if len(is.Mismatches) == 0 || len(r.legacy[is.Key]) == 0 && leftover(r.events[is.Key]) {
			continue
		}
		if err := d.p.suspect(ctx, is, r.legacy[is.Key], r.projection[is.Key], false); err != nil {
			return err
		}
	}
	return nil
}

// leftover returns true for events that are no order.
func leftover(events []order.Event) bool {
	state, _ := order.Fold(events)
	return !state.Exists() && !state.Flawed()
}
