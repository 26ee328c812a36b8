package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// ownRecord diagnoses a legacy row that contradicts legacy's own record, or itself. Fields that do not differ from the events
// are right.
func (c *placedOrder) ownRecord(d Diagnosis) (Diagnosis, bool) {
	_, fields := c.nearest(c.Legacy[0])
	if c.legacy.Kind == PlacedPrefix {
		fields = c.differing(c.known, &c.final, c.Legacy[0])
	}
	if found, ok := c.contradiction(fields); ok {
		return found, true
	}
	return d, false
}

// contradiction looks for a field in which legacy's row contradicts legacy's own record, or itself.
func (c *placedOrder) contradiction(fields []int) (d Diagnosis, ok bool) {
	d.Verdict = Lagging
	older := c.olderLegacy()
	for _, i := range fields {
		f, v := c.Fields[i], c.Legacy[0].Values[i]
		reason, before := c.againstRecord(f, v)
		itself := ""
		if reason == "" {
			itself = c.againstItself(f.Name)
			reason = itself
		}
		if reason == "" {
			continue
		}
		d.Hop, d.Reason, d.PartsAt = order.LegacyItself, reason, c.lastChange([]int{i})
		d.Cause, d.Confidence = DirectEdit, High
		switch {
		case older >= 0: // overwritten, or set back by hand
			d.Cause, d.Confidence, d.Or, d.PartsAt = LostUpdate, Medium, []Cause{DirectEdit}, order.Known(c.clean[older].Position)
		case itself != "":
			d.Confidence, d.Or = Medium, []Cause{LostUpdate}
		case before && f.Name == "status":
			d.Confidence, d.Or = Medium, []Cause{LostUpdate}
		case before:
			d.Cause, d.Confidence, d.Or = LostUpdate, Medium, []Cause{DirectEdit}
		}
		return d, true
	}
	return d, false
}

func onlyStatus(all []order.Field, fields []int) bool {
	return len(fields) == 1 && all[fields[0]].Name == "status"
}

// olderLegacy returns the index of the first event that legacy's row does not show, if the row is what the other events
// give, or -1.
func (c *placedOrder) olderLegacy() int {
	if c.legacy.Kind == PlacedPrefix {
		return slices.IndexFunc(c.clean, func(e order.Event) bool { return e.Position == c.legacy.Next })
	}
	return c.leftOutByLegacy()
}

// againstRecord says how a value contradicts legacy's own record. Before is true if the record has the value as an
// earlier one.
func (c *placedOrder) againstRecord(f order.Field, v order.Value) (reason string, before bool) {
	if c.History == nil {
		return "", false
	}
	switch {
	case f.Name == "filled_quantity" || f.Name == "avg_fill_price":
		return c.againstTrades(f, v)
	case f.Name == "status" || modifiable(f.Name):
		return c.againstAudit(f, v)
	}
	return "", false
}

// modifiable returns true for the fields that an order is created with, and that a modification may change.
func modifiable(field string) bool {
	return slices.Contains([]string{"price", "quantity", "symbol", "side", "trader_id"}, field)
}

// againstTrades compares what is filled with the trades.
func (c *placedOrder) againstTrades(f order.Field, v order.Value) (reason string, before bool) {
	if c.History.Trades == nil {
		return "", false
	}
	told, _ := traded(c.History.Trades).Value(f.Name)
	if Equal(f, v, told) {
		return "", false
	}
	for i := range c.History.Trades {
		without, _ := traded(slices.Concat(c.History.Trades[:i], c.History.Trades[i+1:])).Value(f.Name)
		first, _ := traded(c.History.Trades[:i]).Value(f.Name)
		before = before || Equal(f, v, without) || Equal(f, v, first)
	}
	if f.Name == "filled_quantity" {
		return fmt.Sprintf("legacy has %s filled, but its own trades add up to %s", show(v), show(told)), before
	}
	return fmt.Sprintf("legacy has %s %s, but its own trades give %s", f.Name, show(v), show(told)), before
}

// traded is an order after these trades.
func traded(trades []Trade) *order.State {
	var s order.State
	s.Apply(order.Event{Position: 1, Body: order.Created{}})
	for i, t := range trades {
		s.Apply(order.Event{Position: order.Position(i + 2), Body: order.PartiallyFilled{Quantity: t.Quantity, Price: t.Price}})
	}
	return &s
}

// againstAudit compares a field with its last line in the audit log.
func (c *placedOrder) againstAudit(f order.Field, v order.Value) (reason string, before bool) {
	var changes []Change
	for _, change := range c.History.Audit {
		if change.Field == f.Name {
			changes = append(changes, change)
		}
	}
	if len(changes) == 0 {
		return "", false
	}
	last := changes[len(changes)-1]
	if Equal(f, v, last.New) {
		return "", false
	}
	return fmt.Sprintf("legacy has %s %s, but the last line of its own audit log says %s", f.Name, show(v), show(last.New)),
		slices.ContainsFunc(changes, func(x Change) bool { return Equal(f, v, x.Old) || Equal(f, v, x.New) })
}

// againstItself says how the row's status contradicts what the row says is filled and ordered.
func (c *placedOrder) againstItself(field string) string {
	if field != "status" && field != "quantity" && field != "filled_quantity" {
		return ""
	}
	status, _ := c.value(c.Legacy[0], "status")
	has, _ := c.value(c.Legacy[0], "filled_quantity")
	ordered, _ := c.value(c.Legacy[0], "quantity")
	filled, quantity := number(has.Text), number(ordered.Text)
	if filled == nil || quantity == nil {
		return ""
	}
	none, rest := filled.Sign() == 0, quantity.Cmp(filled)
	if rest < 0 ||
		status.Text == order.StatusOpen && !none || status.Text == order.StatusFilled && rest > 0 ||
		status.Text == order.StatusPartiallyFilled && (none || rest == 0) {
		return fmt.Sprintf("legacy has status %s with %s of %s filled", show(status), has.Text, ordered.Text)
	}
	return ""
}

// statusEdited finds a status that is not what the events give, in a row that the application wrote last with the last event.
// It would have given another status a later time.
func (c *placedOrder) statusEdited(d Diagnosis, fields []int) (Diagnosis, bool) {
	last, written := c.clean[len(c.clean)-1], c.legacyWritten()
	exactly := order.SameTime(written, last.At) && max(order.Unit(written), order.Unit(last.At)) < time.Second
	if !onlyStatus(c.Fields, fields) || !exactly {
		return d, false
	}
	status := c.Legacy[0].Values[fields[0]]
	if fold, _ := c.final.Value("status"); status.Text != order.StatusCanceled && fold.Text != order.StatusCanceled {
		return d, false // a fill of the wrong type gives these
	}
	d.Hop, d.Cause, d.Confidence, d.Or, d.PartsAt = order.LegacyItself, DirectEdit, Medium, []Cause{WrongEventContent}, c.lastChange(fields)
	d.Reason = fmt.Sprintf("legacy has status %s, but was written last at the time of the last event, which gives another status", show(status))
	return d, true
}

// neverChanged finds fields without a line in the audit log that do not have their value from the creation's event. The
// row or the event is wrong. If the projection, which was made of the event, agrees with the row, it is the event.
func (c *placedOrder) neverChanged(d Diagnosis, fields []int) (Diagnosis, bool) {
	if c.History == nil || c.History.Audit == nil {
		return d, false
	}
	first := order.State{}
	for _, e := range c.clean {
		if first.Exists() {
			break
		}
		first.Apply(e)
	}
	for _, i := range fields {
		f, v := c.Fields[i], c.Legacy[0].Values[i]
		was, ok := first.Value(f.Name)
		changed := slices.ContainsFunc(c.clean, func(e order.Event) bool { m, is := e.Body.(order.Modified); return is && m.Field == f.Name })
		if !modifiable(f.Name) || !ok || changed || Equal(f, v, was) {
			continue
		}
		d.Confidence, d.PartsAt = Medium, c.lastChange([]int{i})
		d.Reason = fmt.Sprintf("legacy has %s %s, but was created with %s, and its own audit log has no change of it", f.Name, show(v), show(was))
		if len(c.Projection) == 1 && Equal(f, v, c.Projection[0].Values[i]) {
			d.Cause, d.Or = WrongEventContent, []Cause{DirectEdit}
			d.Reason += "; the projection agrees with legacy, so the event may have been changed"
			return d, true
		}
		d.Hop, d.Cause, d.Or = order.LegacyItself, DirectEdit, []Cause{WrongEventContent}
		return d, true
	}
	return d, false
}

// entry is something that legacy's own record says about an order.
type entry struct {
	order.Event // the event that it should have; without a body for a line about a field that no modification changes
	what        string
	several     bool // other entries could be the event's as well
}

// account holds the events against legacy's own record.
type account struct {
	unwritten  []entry // without an event
	unrecorded []int   // indexes of events that the record should have
	altered    []int   // of events that say something else than the record, or say it at another time
	entries    []entry // of altered: what the record says instead
}

// entries is legacy's own record as events.
func (h *History) entries() (out []entry) {
	for _, t := range h.Trades {
		e := order.Event{At: t.At, Body: order.PartiallyFilled{Quantity: t.Quantity, Price: t.Price}}
		out = append(out, entry{Event: e, what: fmt.Sprintf("a trade of %s at %s", t.Quantity.Text('f'), order.TimestamptzText(t.At))})
	}
	for _, x := range h.Audit {
		e := order.Event{At: x.At}
		if modifiable(x.Field) {
			e.Body = order.Modified{Field: x.Field, New: x.New}
		}
		out = append(out, entry{Event: e, what: fmt.Sprintf("a change of %s at %s", x.Field, order.TimestamptzText(x.At))})
	}
	return out
}

// account pairs each event with an entry: first those that say the same at the same time, then those of the same time about
// the same quantity or field, then those of the same time, then those that say the same.
func (c *placedOrder) account() (a account) {
	if c.History == nil {
		return a
	}
	var left []int // events
	for i, e := range c.clean {
		_, modified := e.Body.(order.Modified)
		if modified && c.History.Audit != nil || isFill(e) && c.History.Trades != nil {
			left = append(left, i)
		}
	}
	entries := c.History.entries()
	pair := func(fits func(e order.Event, x entry) bool, found func(i int, x entry)) {
		left = slices.DeleteFunc(left, func(i int) bool {
			may := func(x entry) bool {
				return x.Body != nil && isFill(x.Event) == isFill(c.clean[i]) && fits(c.clean[i], x)
			}
			j := slices.IndexFunc(entries, may)
			if j < 0 {
				return false
			}
			x := entries[j]
			entries = slices.Delete(entries, j, j+1)
			x.several = slices.ContainsFunc(entries, may)
			found(i, x)
			return true
		})
	}
	sameTime := func(e order.Event, x entry) bool { return order.SameTime(e.At, x.At) }
	altered := func(i int, x entry) { a.altered, a.entries = append(a.altered, i), append(a.entries, x) }
	pair(func(e order.Event, x entry) bool { return sameTime(e, x) && saysSame(e.Body, x.Body) }, func(int, entry) {})
	pair(func(e order.Event, x entry) bool { return sameTime(e, x) && sameSubject(e.Body, x.Body) }, altered)
	pair(sameTime, altered)
	pair(func(e order.Event, x entry) bool { return saysSame(e.Body, x.Body) }, altered)
	a.unrecorded = left
	for _, x := range entries {
		if x.Body != nil || !slices.ContainsFunc(c.clean, func(e order.Event) bool { return sameTime(e, x) }) {
			a.unwritten = append(a.unwritten, x)
		}
	}
	return a
}

func isFill(e order.Event) bool {
	switch e.Body.(type) {
	case order.PartiallyFilled, order.Filled:
		return true
	}
	return false
}

// sameSubject returns true for two modifications of one field, and for two fills of one quantity.
func sameSubject(a, b order.Body) bool {
	if x, ok := a.(order.Modified); ok {
		y, ok := b.(order.Modified)
		return ok && x.Field == y.Field
	}
	x, _ := fillOf(a)
	y, _ := fillOf(b)
	return x.Cmp(y) == 0
}

// saysSame compares what legacy records of an event: of a fill quantity and price, of a modification field and new value.
func saysSame(a, b order.Body) bool {
	if x, ok := a.(order.Modified); ok {
		y, ok := b.(order.Modified)
		return ok && order.SameBody(order.Modified{Field: x.Field, New: x.New}, order.Modified{Field: y.Field, New: y.New})
	}
	x, xp := fillOf(a)
	y, yp := fillOf(b)
	return x.Cmp(y) == 0 && xp.Cmp(yp) == 0
}

// said is the number that a fill or a modification is about: its price or new value.
func said(b order.Body) string {
	if m, ok := b.(order.Modified); ok {
		return m.New.Text
	}
	_, price := fillOf(b)
	return price.Text('f')
}

func fillOf(b order.Body) (quantity, price *apd.Decimal) {
	switch b := b.(type) {
	case order.PartiallyFilled:
		return &b.Quantity, &b.Price
	case order.Filled:
		return &b.Quantity, &b.Price
	}
	return new(apd.Decimal), new(apd.Decimal)
}
