package backfill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// found is what some orders miss.
type found struct {
	orders, archived, present int64
	recorded                  int64 // rows and lines that were read of legacy
	read                      int64 // events that were read
	events                    []Event
	keys                      []order.Key // of the events
	stored                    int64       // events that these orders have
	moving                    []order.Key
	left                      []Left
}

// look finds out what the orders of a page miss. The events are read after legacy.
func (w *work) look(ctx context.Context, page history.Page) (found, error) {
	f := found{orders: int64(len(page.Cases)+len(page.Unreadable)) + page.Archived, archived: page.Archived}
	for _, key := range page.Unreadable {
		f.left = append(f.left, Left{key, Unreadable, "its row, or a line of its audit log or of its trades, cannot be read"})
	}
	if len(page.Cases) == 0 {
		return f, nil
	}
	keys := make([]order.Key, len(page.Cases))
	for i, c := range page.Cases {
		keys[i] = c.Row.Key
	}
	stored, err := w.Events.Histories(ctx, keys)
	if err != nil {
		return f, err
	}
	var known map[string]bool
	if len(stored) > 0 && w.Store != nil {
		having := make([]order.Key, 0, len(stored))
		for key := range stored {
			having = append(having, key)
		}
		if known, err = w.Store.Known(ctx, having); err != nil {
			return f, err
		}
	}
	for _, c := range page.Cases {
		c.Events = stored[c.Row.Key]
		f.recorded += int64(1 + len(c.Record.Audit) + len(c.Record.Trades))
		f.read += int64(len(c.Events))
		w.order(&f, c, page.At, known)
	}
	return f, nil
}

// order adds what one order misses.
func (w *work) order(f *found, c history.Case, at time.Time, known map[string]bool) {
	leave := func(why Missing, detail string) { f.left = append(f.left, Left{c.Row.Key, why, detail}) }
	deeds := w.Schema.Reconstruct(c.Row, c.Record).Deeds
	all := int64(len(c.Events))
	next := int64(1)
	for _, e := range c.Events {
		if e.PerOrder && e.Position != order.NoPosition {
			next = max(next, int64(e.Position)+1)
		}
	}
	c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e order.Event) bool { return slices.Contains(w.ignored, string(e.Type)) })
	if i := slices.IndexFunc(c.Events, func(e order.Event) bool { return e.Said == nil }); i >= 0 {
		leave(Undecodable, fmt.Sprintf("event %s cannot be read: %v", c.Events[i].Name(), c.Events[i].Schema))
		return
	}
	missing, strange := w.missing(deeds, c.Events, known)
	if len(missing) > 0 && strange && w.folds(c) { // they tell it in another way
		missing = nil
	}
	f.present += int64(len(deeds) - len(missing))
	if len(missing) == 0 {
		return
	}
	if w.moves(c, at) {
		f.moving = append(f.moving, c.Row.Key)
		return
	}
	if strange {
		leave(Contradicted, "the store has events that legacy has no record of, and they do not fold to the row")
		return
	}
	if newer, ok := after(deeds, missing, c.Events); ok && !w.AfterLive {
		leave(AfterLive, newer)
		return
	}
	events := make([]Event, 0, len(missing))
	for _, i := range missing {
		e := Event{Key: c.Row.Key, Deed: deeds[i], Number: next, Batch: w.run.Name}
		var err error
		if e.Type, e.Payload, err = w.Speaker.Say(deeds[i], history.Metadata{Batch: w.run.Name}); err != nil {
			leave(Unspeakable, err.Error())
			return
		}
		next++
		events = append(events, e)
	}
	f.events, f.keys, f.stored = append(f.events, events...), append(f.keys, c.Row.Key), f.stored+all
}

// missing are the places of the deeds that no stored event says, and whose ids are not stored. Strange is true if an event
// is stored that no deed asks for.
func (w *work) missing(deeds []history.Deed, stored []order.Event, known map[string]bool) (at []int, strange bool) {
	if len(stored) == 0 {
		for i := range deeds {
			at = append(at, i)
		}
		return at, false
	}
	unsaid := map[*history.Deed]bool{}
	for _, d := range w.Speaker.Match(deeds, stored) {
		if d.Kind == history.MissingEvent {
			unsaid[d.Deed] = true
		}
		strange = strange || d.Kind == history.ExtraEvent
	}
	for i := range deeds {
		if unsaid[&deeds[i]] && !known[deeds[i].ID.String()] {
			at = append(at, i)
		}
	}
	return at, strange
}

// folds is true if the stored events give the row.
func (w *work) folds(c history.Case) bool {
	a := history.Auditor{Schema: w.Schema, Speaker: w.Speaker, Judged: w.Judged}
	return len(a.Audit(c).Ends) == 0
}

// moves is true for an order that legacy has written so lately that its live event may be on its way.
func (w *work) moves(c history.Case, at time.Time) bool {
	newest := c.Row.ChangedAt
	for _, line := range c.Record.Audit {
		newest = later(newest, line.At)
	}
	for _, trade := range c.Record.Trades {
		newest = later(newest, trade.At)
	}
	return at.Sub(later(newest, c.Row.CreatedAt)) < w.Settle
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// after says which missing deed would be appended after something newer, if one would. The first newer event is where the
// history is cut over: what happened before it cannot be appended any more.
func after(deeds []history.Deed, missing []int, stored []order.Event) (detail string, is bool) {
	if len(stored) == 0 {
		return "", false
	}
	newest := slices.MaxFunc(stored, func(a, b order.Event) int { return a.At.Compare(b.At) })
	first, there := missing[0], len(deeds)-1 // there: the last deed that is stored
	for there >= 0 && slices.Contains(missing, there) {
		there--
	}
	if d := deeds[first]; first < there || d.At.Before(newest.At) {
		return fmt.Sprintf("%s at %s is missing, and event %s of %s is stored", d.Kind, d.At.UTC().Format(time.RFC3339Nano), newest.Name(), newest.At.UTC().Format(time.RFC3339Nano)), true
	}
	return "", false
}

// count adds what was found. The caller holds the lock.
func (w *work) count(f found) {
	r := &w.report
	r.Orders += f.orders
	r.Present += f.present
	r.Archived += f.archived
	r.Events += int64(len(f.events))
	for _, e := range f.events {
		r.Evidence[e.Deed.Evidence]++
	}
	if room := mostSamples - len(r.Samples); room > 0 {
		r.Samples = append(r.Samples, f.events[:min(room, len(f.events))]...)
	}
	for _, l := range f.left {
		r.leave(l)
	}
}

func (r *Report) leave(l Left) {
	r.Left[l.Why]++
	if len(r.Examples) < mostExamples {
		r.Examples = append(r.Examples, l)
	}
}
