package verify

import (
	"context"
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// foldAll compares legacy with what the events make of every order, by the same walk as legacy and projection. An order
// whose event was lost before the projection looks the same on both of its sides; only this finds it.
//
// The walk has snapshots of its own, taken later. It only says which orders to look at: those are read in the pass's first
// snapshots, in which they were counted, with their histories, and judged like all suspects.
func (p *pass) foldAll(ctx context.Context, first snapshots, scan *Scan, facts *FullFacts) error {
	if p.Folded == nil {
		return nil
	}
	f := &fold{walk: walk{pass: p, scan: &Scan{}, facts: &FullFacts{}}, first: first}
	f.differ = f.collect
	estimate, err := f.open(ctx, p.Folded.Legacy, p.Folded.Events)
	if err != nil {
		return err
	}
	defer f.sides.close()
	if estimate > 0 {
		if err := f.compareAll(ctx, estimate); err != nil {
			return err
		}
		if err := f.lookUp(ctx); err != nil {
			return err
		}
	}
	facts.Events = &EventsFacts{Orders: f.facts.Projection}
	if f.scan.Coverage < 1 && estimate > 0 {
		scan.Coverage, scan.Reason = min(scan.Coverage, f.scan.Coverage), "legacy and events: "+f.scan.Reason
	}
	return nil
}

// fold is the walk over legacy and the events.
type fold struct {
	walk
	first snapshots   // of the pass
	keys  []order.Key // that differ and were not looked at yet
}

// collect takes what the judge would find fault with: flawed histories too, be the rows as they may.
func (f *fold) collect(ctx context.Context, key order.Key, legacy, events []order.Row) (bool, error) {
	flawed := slices.ContainsFunc(events, func(r order.Row) bool { return r.Flawed })
	if compare.Rows(f.Folded.Fields, key, legacy, events) == nil && !flawed {
		return false, nil
	}
	f.keys = append(f.keys, key)
	if len(f.keys) < f.atOnce(batch) {
		return true, nil
	}
	return true, f.lookUp(ctx)
}

// lookUp looks at the collected orders in all representations, and queues those in which something is wrong.
func (f *fold) lookUp(ctx context.Context) error {
	keys := f.keys
	f.keys = nil
	if len(keys) == 0 {
		return nil
	}
	r, err := f.readRows(ctx, f.first, keys)
	if err != nil {
		return err
	}
	if err := f.readEvents(ctx, f.first, keys, &r); err != nil {
		return err
	}
	for _, is := range f.judge(keys, r) {
		if is.Mismatch == nil {
			continue
		}
		if err := f.suspect(ctx, is, r.legacy[is.Key], r.projection[is.Key], false); err != nil {
			return err
		}
	}
	return nil
}
