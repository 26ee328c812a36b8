package faulttest

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Expected is what a judge must say of one side of the event store: of legacy and the events, or of the projection.
type Expected struct {
	// Observable is true if a judged field, the order's existence or an event that cannot be read shows the fault.
	Observable bool
	Hops       []order.Hop     // those that are right
	Causes     []compare.Cause // those that are right
}

// Case is an order with one or two faults, at rest.
type Case struct {
	Faults  []Fault
	Fields  []order.Field
	Rules   *order.Rules
	Reading compare.Reading
	// Source is legacy against the events, Projection is the projection against the events.
	Source, Projection Expected
	// Impossible is true if the stored history itself cannot be, whatever the rows say.
	Impossible bool
}

// Single makes a case of one fault. It returns false if the order that the seed gives cannot have the fault.
func (l *Language) Single(f Fault, seed uint64) (Case, bool) { return plant(l.roll(seed), f) }

// Pair makes a case of two faults. If the store is changed after the projection has shown it, and was wrong before, then
// the projection shows a third thing, which is nobody's fault but the store's; no judge can know that.
func (l *Language) Pair(a, b Fault, seed uint64) (Case, bool) {
	toSource := a.Hop != order.EventsToProjection && b.Hop != order.EventsToProjection
	if toSource && (a.when == afterwards || b.when == afterwards) {
		return Case{}, false
	}
	return plant(l.roll(seed), a, b)
}

const mostOps = 9 // after the creation

func plant(d dice, faults ...Fault) (Case, bool) {
	ops := draw(d, mostOps)
	w := &world{ops: ops, stored: ops, legacy: []row{written(ops)}}
	w.history = drawRecord(d, ops)
	c := Case{Faults: faults, Fields: drawFields(d), Rules: d.in.Rules}
	run := func(p phase) bool {
		for _, f := range faults {
			w.right = nil
			if f.when != p {
				continue
			}
			if len(w.stored) == 0 || !f.plant(d, w) {
				return false
			}
			side := &c.Source
			if f.Hop == order.EventsToProjection {
				side = &c.Projection
			}
			side.Hops = append(side.Hops, f.Hop)
			side.Causes = append(append(side.Causes, f.Causes...), w.right...)
		}
		return true
	}
	if !run(inStore) {
		return c, false
	}
	w.applied = w.stored
	if !run(whileProjecting) {
		return c, false
	}
	if r := replay(w.applied); r.exists {
		w.projection = []row{r}
	}
	before := replay(w.stored)
	if !run(inRows) || !run(afterwards) {
		return c, false
	}
	c.expect(w, before)
	c.Reading = reading(d, w, c.Fields)
	c.Fields, c.Reading.History = d.in.named(c.Fields), d.in.record(c.Reading.History)
	return c, true
}

// expect says what can be seen of the faults, by comparing the rows with what the events give. If the creation has no event,
// nothing tells what the projection should show. If both rows agree, the events are the odd one.
// An event that cannot be read leaves the fold unknown.
func (c *Case) expect(w *world, projected row) {
	events := replay(w.stored)
	broken := slices.ContainsFunc(w.stored, func(o op) bool { return o.broken })
	creations := 0
	for _, o := range w.stored {
		if o.kind == create {
			creations++
		}
	}
	ofNoOrder := len(w.stored) > 0 && !events.exists && len(w.legacy) == 0
	c.Source.Observable = len(c.Source.Hops) > 0 && (broken || creations > 1 || ofNoOrder || !shows(c.Fields, w.legacy, events))
	odd := c.Source.Observable && sameSides(c.Fields, w.legacy, w.projection)
	c.Projection.Observable = len(c.Projection.Hops) > 0 && !odd && !broken && (events.exists || len(w.legacy) == 0) && !shows(c.Fields, w.projection, projected) && !shows(c.Fields, w.projection, events)
	c.Impossible = impossible(w.stored)
	if c.Source.Observable && rowAsRecorded(w) && eventsAsRecorded(w) {
		c.Source.Hops = []order.Hop{order.LegacyItself, order.LegacyToEvents} // neither contradicts legacy's own record
	}
}

func sameSides(fields []order.Field, legacy, projection []row) bool {
	return slices.EqualFunc(legacy, projection, func(a, b row) bool { return sameRow(fields, a, b) })
}

func shows(fields []order.Field, rows []row, wanted row) bool {
	if len(rows) != 1 {
		return len(rows) == 0 && !wanted.exists
	}
	return sameRow(fields, rows[0], wanted)
}

// drawFields compares all fields, or some of them.
func drawFields(d dice) []order.Field {
	if !d.oneIn(4) {
		return AllFields()
	}
	some := slices.DeleteFunc(AllFields(), func(f order.Field) bool {
		return f.Type == order.Text && f.Name != "status" || f.Type == order.Integer || f.Type == order.Timestamptz
	})
	return some
}

// AllFields are the judged fields of the default schema.
func AllFields() []order.Field {
	return []order.Field{
		{Name: "trader_id", Type: order.Integer},
		{Name: "symbol", Type: order.Text},
		{Name: "side", Type: order.Text},
		{Name: "quantity", Type: order.Numeric},
		{Name: "price", Type: order.Numeric},
		{Name: "status", Type: order.Text},
		{Name: "filled_quantity", Type: order.Numeric},
		{Name: "avg_fill_price", Type: order.Numeric},
		{Name: "created_at", Type: order.Timestamptz},
		{Name: "updated_at", Type: order.Timestamptz},
	}
}

// drawRecord is legacy's own record, a part of it, or none.
func drawRecord(d dice, ops []op) *history.Record {
	h := record(ops, d.oneIn(3))
	return known(h, d.index(recordParts))
}

// reading is what one look reads of the world, at rest.
func reading(d dice, w *world, fields []order.Field) compare.Reading {
	newest := start
	for _, o := range w.ops {
		newest = later(newest, o.at)
	}
	stamped := !d.oneIn(4)
	r := compare.Reading{
		Key: Key, Legacy: rendered(w.legacy, fields, stamped), Projection: rendered(w.projection, fields, stamped),
		Events: d.in.events(w.stored), History: w.history,
	}
	r.EventStore, r.At, r.NewestEvent = true, newest.Add(time.Minute), newest.Add(30*time.Second)
	if !d.oneIn(4) {
		r.ProjectionReached = newest.Add(20 * time.Second)
	}
	return r
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func rendered(rows []row, fields []order.Field, stamped bool) []order.Row {
	var out []order.Row
	for _, r := range rows {
		shown := order.Row{Key: Key}
		for _, f := range fields {
			shown.Values = append(shown.Values, r.value(f.Name))
		}
		if stamped {
			shown.ChangedAt = r.updated
			if v, ok := r.edited["updated_at"]; ok {
				shown.ChangedAt, _ = time.Parse("2006-01-02 15:04:05.999999-07", v.Text)
			}
		}
		out = append(out, shown)
	}
	return out
}
