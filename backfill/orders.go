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

// looking is a look at the orders of a page.
type looking struct {
	*work
	found

	at       time.Time // of the page
	known    map[string]bool
	proof    *history.Proof
	payloads []byte // room for those of events
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
	a := w.auditor()
	l := looking{work: w, found: f, at: page.At, known: known, proof: a.Proof()}
	for _, c := range page.Cases {
		l.recorded += int64(1 + len(c.Record.Audit) + len(c.Record.Trades))
	}
	if len(stored) == 0 {
		l.events = make([]Event, 0, l.recorded+int64(len(page.Cases)))
	}
	for _, c := range page.Cases {
		c.Events = stored[c.Row.Key]
		l.read += int64(len(c.Events))
		l.order(c)
	}
	return l.found, nil
}

// order adds what one order misses.
func (w *looking) order(c history.Case) {
	leave := func(why Missing, detail string) { w.left = append(w.left, Left{c.Row.Key, why, detail}) }
	account := w.Schema.Reconstruct(c.Row, c.Record)
	deeds := account.Deeds
	all, next := int64(len(c.Events)), following(c.Events)
	if len(w.ignored) > 0 {
		c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e order.Event) bool { return slices.Contains(w.ignored, string(e.Type)) })
	}
	if i := slices.IndexFunc(c.Events, func(e order.Event) bool { return e.Said == nil }); i >= 0 {
		leave(Undecodable, fmt.Sprintf("event %s cannot be read: %v", c.Events[i].Name(), c.Events[i].Schema))
		return
	}
	missing, strange, different := w.missing(deeds, c.Events, w.known)
	if (len(missing) > 0 && strange || len(missing) == 0 && different != "") && w.folds(c) { // they tell it in another way
		missing, different = nil, ""
	}
	w.present += int64(len(deeds) - len(missing))
	if len(missing) == 0 && different == "" {
		return
	}
	if w.moves(c, w.at) {
		w.moving = append(w.moving, c.Row.Key)
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
	before := len(w.events)
	if err := w.say(c, deeds, missing, next); err != nil {
		w.events = w.events[:before]
		leave(Unspeakable, err.Error())
		return
	}
	if detail := w.contradicts(c, account.Findings, w.events[before:]); detail != "" {
		w.events = w.events[:before]
		leave(Contradicted, detail)
		return
	}
	w.keys, w.stored = append(w.keys, c.Row.Key), w.stored+all
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

// say adds the missing deeds in the words of the store.
func (w *looking) say(c history.Case, deeds []history.Deed, missing []int, next int64) error {
	const usual, chunk = 1 << 10, 1 << 16
	for i, at := range missing {
		d := &deeds[at]
		if d.At.IsZero() {
			return fmt.Errorf("no record has a time, so it %w", history.ErrUnspeakable)
		}
		if !order.Tellable(d.At) {
			return fmt.Errorf("its time is not within the years 1 to 9999 in UTC, so it %w", history.ErrUnspeakable)
		}
		kept, err := w.kept(d.At)
		if err != nil {
			return err
		}
		if cap(w.payloads)-len(w.payloads) < usual {
			w.payloads = make([]byte, 0, chunk)
		}
		from := len(w.payloads)
		kind, payloads, err := w.Speaker.SayTo(w.payloads, d, history.Metadata{Batch: w.run.Name})
		if err != nil {
			return err
		}
		w.payloads = payloads
		w.events = append(w.events, Event{Key: c.Row.Key, Deed: *d, Kept: kept, Number: next + int64(i), Batch: w.run.Name, Type: kind, Payload: payloads[from:len(payloads):len(payloads)]})
	}
	return nil
}

// kept is a time as the store holds it. Less precision is for contradicts to judge; another hour is not.
func (w *looking) kept(at time.Time) (time.Time, error) {
	if w.Store == nil {
		return at, nil
	}
	kept, column := w.Store.Kept(at)
	if column != "" && at.Sub(kept).Abs() > time.Second {
		return kept, fmt.Errorf("column %s would say %s instead of %s, so it %w", column, kept.UTC().Format(time.RFC3339Nano), at.UTC().Format(time.RFC3339Nano), history.ErrUnspeakable)
	}
	return kept, nil
}

// contradicts says why the history would be wrong with some more events; empty if it would not. Where legacy contradicts itself, it
// need not end as the row.
func (w *looking) contradicts(c history.Case, legacy []history.Finding, more []Event) string {
	stored := len(c.Events)
	if stored == 0 && w.proven(c.Row, more) {
		return ""
	}
	c.Events = slices.Clip(c.Events)
	for i, e := range more {
		raw := order.RawEvent{Position: order.Position(e.Number), ID: order.ID(e.Deed.ID.String()), Key: e.Key, Type: e.Type, At: e.Kept, Payload: e.Payload}
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
	problems, ends := w.outcome(c)
	for _, p := range problems {
		if p.Kind.Impossible() {
			return "with the missing events the history would be impossible: " + p.Detail
		}
	}
	torn := slices.ContainsFunc(legacy, func(f history.Finding) bool { return f.Kind != history.ActorMissing && f.Kind != history.UnknownField })
	if len(ends) > 0 && !torn {
		return fmt.Sprintf("with the missing events %s would be %s, and the row has %s", ends[0].Field, shown(ends[0].Fold), shown(ends[0].Log))
	}
	return ""
}

// proven is true if the events of an order that has none stored are right. If it is false, contradicts has to look.
func (w *looking) proven(row history.Row, events []Event) bool {
	w.proof.Start(row.Key)
	for i := range events {
		e := &events[i]
		w.proof.Say(e.Type, order.StoredRow{Position: order.Position(e.Number), At: e.Kept, Payload: e.Payload})
	}
	return w.proof.Holds(row)
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
func (w *work) folds(c history.Case) bool {
	_, ends := w.outcome(c)
	return len(ends) == 0
}

// outcome is what the events of a case come to.
func (w *work) outcome(c history.Case) ([]order.Problem, []history.Moment) {
	problems, ends := w.auditor().Outcome(c)
	return problems, slices.DeleteFunc(ends, history.Moment.Unrecorded)
}

func (w *work) auditor() *history.Auditor {
	return &history.Auditor{Schema: w.Schema, Speaker: w.Speaker, Judged: w.Judged}
}

// moves is true for an order whose live event may be on its way: legacy has written it lately, or under the time of a transaction that was
// still running when the run began.
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
	newest = later(newest, c.Row.CreatedAt)
	w.mu.Lock()
	defer w.mu.Unlock()
	return at.Sub(newest) < w.Settle || !w.running.IsZero() && !newest.Before(w.running)
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
