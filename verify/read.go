package verify

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// reading is what one look has read of some orders, by key. It reads first the rows, then the events, then legacy's own
// record, then legacy's rows again where there is one.
type reading struct {
	legacy, projection map[order.Key][]order.Row
	events             map[order.Key][]order.Event
	records            map[order.Key]history.Record
	reread             map[order.Key][]order.Row // nil if legacy was not read again
	system             compare.System
}

// of returns what was read of one order.
func (r reading) of(key order.Key) compare.Reading {
	out := compare.Reading{
		System: r.system, Key: key, Legacy: r.legacy[key], Projection: r.projection[key], Events: r.events[key],
	}
	if record, ok := r.records[key]; ok {
		out.History = &record
	}
	if r.reread != nil {
		out.Reread(r.reread[key])
	}
	return out
}

// Read looks at some orders once, as passes do before they judge, in its own snapshots.
func (c *Comparison) Read(ctx context.Context, keys []order.Key) ([]compare.Reading, error) {
	r, err := (&pass{c: c}).readAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make([]compare.Reading, len(keys))
	for i, key := range keys {
		out[i] = r.of(key)
	}
	return out, nil
}

// readAll reads everything that is known of some orders, in its own snapshots.
func (p *pass) readAll(ctx context.Context, keys []order.Key) (reading, error) {
	s, err := p.c.begin(ctx)
	if err != nil {
		return reading{}, err
	}
	defer s.close()
	if err := p.mark(ctx, s); err != nil {
		return reading{}, err
	}
	r, err := p.readRows(ctx, s, keys)
	if err != nil {
		return r, err
	}
	if err := p.readEvents(ctx, s, keys, &r); err != nil {
		return r, err
	}
	if r.records, err = p.readRecords(ctx, keys); err != nil || r.records == nil {
		return r, err
	}
	r.reread, err = p.rereadLegacy(ctx, keys)
	return r, err
}

// rereadLegacy reads legacy's rows in a new snapshot. A record belongs to rows that are the same before and after it.
func (p *pass) rereadLegacy(ctx context.Context, keys []order.Key) (map[order.Key][]order.Row, error) {
	n, err := p.c.Legacy.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	rows, err := n.Rows(ctx, keys)
	return byKey(rows), err
}

// mark notes the time of the snapshots, at which everything read through them is true, and how far the projection is.
// If the latter is not known, only waiting tells lag from divergence.
func (p *pass) mark(ctx context.Context, s snapshots) error {
	p.at = p.c.Now()
	_, follower := byRole(p.c, s.legacy, s.projection)
	reached, err := follower.NewestChange(ctx)
	if err != nil && !errors.Is(err, ErrNotIndexed) {
		return err
	}
	p.reached = reached
	return nil
}

// readRows reads the same keys on both sides, and measures the width of rows.
func (p *pass) readRows(ctx context.Context, s snapshots, keys []order.Key) (reading, error) {
	legacy, projection, err := both(s, func(n Snapshot) ([]order.Row, error) { return n.Rows(ctx, keys) })
	if err != nil {
		return reading{}, err
	}
	for _, side := range [][]order.Row{legacy, projection} {
		var bytes int64
		for _, row := range side {
			bytes += row.Size()
		}
		p.width = max(p.width, bytes/int64(max(len(side), 1)), 1)
	}
	return reading{
		legacy: byKey(legacy), projection: byKey(projection),
		system: compare.System{At: p.at, EventStore: p.c.Events != nil, Recorded: p.c.Records != nil, ProjectionReached: p.reached},
	}, nil
}

// byKey returns parts of the rows, which are usually sorted.
func byKey(rows []order.Row) map[order.Key][]order.Row {
	out := make(map[order.Key][]order.Row, len(rows))
	for len(rows) > 0 {
		key, n := rows[0].Key, 1
		for n < len(rows) && rows[n].Key == key {
			n++
		}
		if before, ok := out[key]; ok {
			out[key] = append(before, rows[:n]...)
		} else {
			out[key] = rows[:n:n]
		}
		rows = rows[n:]
	}
	return out
}

// readEvents adds the histories of orders whose rows were already read, because a row must not be newer than the
// history that judges it. Without an event store it reads nothing.
func (p *pass) readEvents(ctx context.Context, s snapshots, keys []order.Key, r *reading) (err error) {
	if p.c.Events == nil || len(keys) == 0 {
		return nil
	}
	if r.system.NewestEvent, err = p.c.Events.Newest(ctx); err != nil {
		return err
	}
	truth, _ := byRole(p.c, s.legacy, s.projection)
	if r.system.Silent, err = silentSince(ctx, truth, r.system.NewestEvent); err != nil {
		return err
	}
	r.events, err = p.c.Events.Histories(ctx, keys)
	return err
}

// manySilent is how many orders must have been written since the newest event before the shadow writer counts as
// stopped. With fewer, only the last event may be lost.
const manySilent = 3

// silentSince returns true if the truth has several orders that were written since a time. Without an index on the time
// of a change it returns false.
func silentSince(ctx context.Context, truth Snapshot, newest time.Time) (bool, error) {
	changes, err := recentChanges(ctx, truth, manySilent)
	old := func(c Change) bool { return !c.At.After(newest) || order.SameTime(c.At, newest) }
	return len(changes) >= manySilent && !slices.ContainsFunc(changes, old), err
}

// readRecords reads what legacy recorded of some orders; nil if there is no record, or it could not be read. It is read
// only for orders that are about to be judged. If changes are counted it is read before the events: an entry in it must
// have its event, and a later event does no harm.
//
// If a record cannot be read, the pass only lacks what it would have told, the cause. An audit log without an index may
// be too slow. Rows that are hidden from the role are an error, because the visible rest may lead to a wrong judgement.
func (p *pass) readRecords(ctx context.Context, keys []order.Key) (map[order.Key]history.Record, error) {
	if p.c.Events == nil || p.c.Records == nil || len(keys) == 0 {
		return nil, nil
	}
	records, err := p.c.Records.Records(ctx, keys)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrHidden) {
		p.c.Log.WarnContext(ctx, "legacy's own record could not be read: changes are not counted, and causes do not use it", slog.String("error", err.Error()))
		return nil, nil
	}
	return records, err
}

// judge judges orders by what was read of them.
func (p *pass) judge(keys []order.Key, r reading) []compare.Observation {
	oracle := p.c.Oracle()
	out := make([]compare.Observation, len(keys))
	for i, key := range keys {
		out[i], _ = oracle.Judge(r.of(key))
	}
	return out
}
