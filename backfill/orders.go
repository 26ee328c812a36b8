package backfill

import (
	"context"
	"fmt"
	"maps"
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
		f.left = append(f.left, Left{key, Unreadable, "legacy has it more than once, or its row, or a line of its audit log or of its trades, cannot be read"})
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
	account := w.Schema.Reconstruct(c.Row, c.Record)
	deeds := account.Deeds
	all, next := int64(len(c.Events)), following(c.Events)
	c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e order.Event) bool { return slices.Contains(w.ignored, string(e.Type)) })
	if i := slices.IndexFunc(c.Events, func(e order.Event) bool { return e.Said == nil }); i >= 0 {
		leave(Undecodable, fmt.Sprintf("event %s cannot be read: %v", c.Events[i].Name(), c.Events[i].Schema))
		return
	}
	missing, strange, different := w.missing(deeds, c.Events, known)
	if (len(missing) > 0 && strange || len(missing) == 0 && different != "") && w.folds(c) { // they tell it in another way
		missing, different = nil, ""
	}
	f.present += int64(len(deeds) - len(missing))
	if len(missing) == 0 && different == "" {
		return
	}
	if w.moves(c, at) {
		f.moving = append(f.moving, c.Row.Key)
		return
	}
	switch {
	case len(missing) == 0:
		leave(Contradicted, different+", and the stored events do not fold to the row")
		return
	case strange:
		leave(Contradicted, "the store has events that legacy has no record of, and they do not fold to the row")
		return
	}
	if newer, ok := after(deeds, missing, c.Events); ok && !w.AfterLive {
		leave(AfterLive, newer)
		return
	}
	events, err := w.say(c, deeds, missing, next)
	if err != nil {
		leave(Unspeakable, err.Error())
		return
	}
	if detail := w.contradicts(c, account.Findings, events); detail != "" {
		leave(Contradicted, detail)
		return
	}
	f.events, f.keys, f.stored = append(f.events, events...), append(f.keys, c.Row.Key), f.stored+all
}

// following is the number of an order's next event.
func following(stored []order.Event) int64 {
	next, counted := int64(1), false
	for _, e := range stored {
		if e.PerOrder && e.Position != order.NoPosition {
			next, counted = max(next, int64(e.Position)+1), true
		}
	}
	if !counted {
		next += int64(len(stored))
	}
	return next
}

// say says the missing deeds in the words of the store.
func (w *work) say(c history.Case, deeds []history.Deed, missing []int, next int64) (events []Event, err error) {
	for i, at := range missing {
		e := Event{Key: c.Row.Key, Deed: deeds[at], Number: next + int64(i), Batch: w.run.Name}
		if e.Deed.At.IsZero() {
			return nil, fmt.Errorf("no record has a time, so it %w", history.ErrUnspeakable)
		}
		if e.Type, e.Payload, err = w.Speaker.Say(e.Deed, history.Metadata{Batch: w.run.Name}); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// contradicts says why the history would be wrong with some more events; empty if it would not. Where legacy contradicts itself, it
// need not end as the row.
func (w *work) contradicts(c history.Case, legacy []history.Finding, more []Event) string {
	stored := len(c.Events)
	c.Events = slices.Clip(c.Events)
	for i, e := range more {
		raw := order.RawEvent{Position: order.Position(e.Number), ID: order.ID(e.Deed.ID.String()), Key: e.Key, Type: e.Type, At: e.Deed.At, Payload: e.Payload}
		if stored > 0 {
			raw.Position = c.Events[stored-1].Position + order.Position(i+1)
		}
		event, err := order.Decode(raw, w.Schema.Rules)
		if err != nil {
			return fmt.Sprintf("the event would not be read as it is meant: %v", err)
		}
		c.Events = append(c.Events, event)
	}
	if w.AfterLive { // whoever reads them sorts them
		slices.SortStableFunc(c.Events, func(a, b order.Event) int { return a.At.Compare(b.At) })
		for i := range c.Events {
			c.Events[i].Position = order.Position(i + 1)
		}
	}
	_, problems := order.Fold(c.Events)
	for _, p := range problems {
		if p.Kind.Impossible() {
			return "with the missing events the history would be impossible: " + p.Detail
		}
	}
	torn := slices.ContainsFunc(legacy, func(f history.Finding) bool { return f.Kind != history.ActorMissing && f.Kind != history.UnknownField })
	if ends := w.ends(c); len(ends) > 0 && !torn {
		return fmt.Sprintf("with the missing events %s would be %s, and the row has %s", ends[0].Field, shown(ends[0].Fold), shown(ends[0].Log))
	}
	return ""
}

func shown(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}

// missing are the places of the deeds that no stored event says, and whose ids are not stored. Strange is true if an event
// is stored that no deed asks for. Different says what an event says in place of a deed; empty if none does.
func (w *work) missing(deeds []history.Deed, stored []order.Event, known map[string]bool) (at []int, strange bool, different string) {
	if len(stored) == 0 {
		for i := range deeds {
			at = append(at, i)
		}
		return at, false, ""
	}
	unsaid := map[*history.Deed]bool{}
	for _, d := range w.Speaker.Match(deeds, stored) {
		switch d.Kind {
		case history.MissingEvent:
			unsaid[d.Deed] = true
		case history.ExtraEvent:
			strange = true
		case history.DifferentEvent:
			different = d.Detail
		case history.DisorderedEvent:
		}
	}
	for i := range deeds {
		if unsaid[&deeds[i]] && !known[deeds[i].ID.String()] {
			at = append(at, i)
		}
	}
	return at, strange, different
}

// folds is true if the stored events give the row.
func (w *work) folds(c history.Case) bool { return len(w.ends(c)) == 0 }

func (w *work) ends(c history.Case) []history.Moment {
	a := history.Auditor{Schema: w.Schema, Speaker: w.Speaker, Judged: w.Judged}
	return a.Ends(c)
}

// moves is true for an order that legacy has written so lately that its live event may be on its way, or that has got events
// since legacy was read.
func (w *work) moves(c history.Case, at time.Time) bool {
	newest := c.Row.ChangedAt
	for _, line := range c.Record.Audit {
		newest = later(newest, line.At)
	}
	for _, trade := range c.Record.Trades {
		newest = later(newest, trade.At)
	}
	for _, e := range c.Events {
		newest = later(newest, e.At)
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

// counts adds what was left to other such counts.
func (f *found) counts(to map[Missing]int64) map[Missing]int64 {
	sum := maps.Clone(to)
	if sum == nil {
		sum = map[Missing]int64{}
	}
	for _, l := range f.left {
		sum[l.Why]++
	}
	return sum
}

func (r *Report) leave(l Left) {
	r.Left[l.Why]++
	if len(r.Examples) < mostExamples {
		r.Examples = append(r.Examples, l)
	}
}
