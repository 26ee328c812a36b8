package verify

import (
	"context"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// witnesses are what else is known of some orders beside their rows: the events, and legacy's own record.
type witnesses struct {
	events  map[order.Key][]order.Event
	records map[order.Key]compare.History
	newest  time.Time // of all events in the store
	// silent is true where legacy went on writing, and nothing was stored since newest.
	silent bool
}

// hear reads the witnesses of orders whose rows were read already: a row must not be newer than the history that it is
// judged by. There is nothing to hear where no event store is configured.
func (p *pass) hear(ctx context.Context, s snapshots, keys []order.Key) (w witnesses, err error) {
	if p.Events == nil || len(keys) == 0 {
		return w, nil
	}
	if w.newest, err = p.Events.Newest(ctx); err != nil {
		return w, err
	}
	truth, _ := byRole(p.Comparison, s.legacy, s.projection)
	if w.silent, err = silentSince(ctx, truth, w.newest); err != nil {
		return w, err
	}
	w.events, err = p.Events.Histories(ctx, keys)
	return w, err
}

// record adds legacy's own record. Only orders that are about to be judged are worth it. They are judged without it where it
// cannot be read: it is evidence of a cause.
func (p *pass) record(ctx context.Context, keys []order.Key, w *witnesses) (err error) {
	w.records, err = p.recalled(ctx, keys)
	return err
}

// observation is one look at an order, and the reason where it is proven at once that waiting cannot help: a projection
// in a state that no number of events leads to.
type observation struct {
	compare.Observation

	impossible string
}

// observe looks at orders in all representations. The rows are of two snapshots and the histories are of a later moment:
// only what is true of a history whatever comes behind it counts as proven.
func (p *pass) observe(keys []order.Key, legacy, projection map[order.Key][]order.Row, w witnesses) []observation {
	out := make([]observation, len(keys))
	for i, key := range keys {
		out[i].Observation = compare.Observe(p.Fields, key, legacy[key], projection[key], p.at, p.reached)
		if p.Events == nil {
			continue
		}
		e := compare.Evidence{
			Events: w.events[key], Legacy: legacy[key], Projection: projection[key],
			ProjectionReached: p.reached, Silent: w.silent && out[i].LegacyChangedAt.After(w.newest),
		}
		if record, ok := w.records[key]; ok {
			e.History = &record
		}
		oracle := compare.Oracle{Fields: p.Fields}
		if d := oracle.Representations(&out[i].Observation, e); d.Verdict == compare.Diverged {
			out[i].impossible = d.Reason
		}
	}
	return out
}

// manySilent is how many orders must have been written since the newest event of all before the shadow writer is
// thought to have stopped, rather than to have lost the last event.
const manySilent = 3

// silentSince is true where the truth has several orders written since a time. Without an index on the time of a change there is no
// telling.
func silentSince(ctx context.Context, truth Snapshot, newest time.Time) (bool, error) {
	changes, err := recentChanges(ctx, truth, manySilent)
	old := func(c Change) bool { return !c.At.After(newest) }
	return len(changes) >= manySilent && !slices.ContainsFunc(changes, old), err
}

// seen tells whoever counts mismatches.
func (p *pass) seen(m *compare.Mismatch) {
	if p.Seen != nil {
		p.Seen(*m)
	}
}

// suspect queues an order in which a look found a mismatch.
func (p *pass) suspect(ctx context.Context, o compare.Observation, legacy, projection []order.Row, inSample bool) error {
	p.seen(o.Mismatch)
	p.suspects++
	p.pending = append(p.pending, Suspect{
		Observation: o, FirstSeen: p.at, Due: p.at.Add(p.Settle.Window), InSample: inSample,
		Counted: Counted{Legacy: p.groupOf(legacy), Projection: p.groupOf(projection), Age: p.ageOf(legacy)},
	})
	if len(p.pending) < batch {
		return nil
	}
	return p.flush(ctx)
}
