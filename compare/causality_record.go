package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
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
		case before && f.Name == c.rules().Roles().Status:
			d.Confidence, d.Or = Medium, []Cause{LostUpdate}
		case before:
			d.Cause, d.Confidence, d.Or = LostUpdate, Medium, []Cause{DirectEdit}
		}
		return d, true
	}
	return d, false
}

func (c *placedOrder) onlyStatus(fields []int) bool {
	return len(fields) == 1 && c.Fields[fields[0]].Name == c.rules().Roles().Status
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
	roles := c.rules().Roles()
	switch {
	case f.Name == roles.Filled || f.Name == roles.Average:
		return c.againstTrades(f, v)
	case f.Name == roles.Status || c.rules().Modifies(f.Name):
		return c.againstAudit(f, v)
	}
	return "", false
}

// againstTrades compares what is filled with the trades.
func (c *placedOrder) againstTrades(f order.Field, v order.Value) (reason string, before bool) {
	if c.History.Trades == nil {
		return "", false
	}
	told := c.traded(f, c.History.Trades)
	if Equal(f, v, told) {
		return "", false
	}
	for i := range c.History.Trades {
		without := c.traded(f, slices.Concat(c.History.Trades[:i], c.History.Trades[i+1:]))
		first := c.traded(f, c.History.Trades[:i])
		before = before || Equal(f, v, without) || Equal(f, v, first)
	}
	if f.Name == c.rules().Roles().Filled {
		return fmt.Sprintf("legacy has %s filled, but its own trades add up to %s", show(v), show(told)), before
	}
	return fmt.Sprintf("legacy has %s %s, but its own trades give %s", f.Name, show(v), show(told)), before
}

// traded is what is filled, or the average, after these trades.
func (c *placedOrder) traded(f order.Field, trades []history.Trade) order.Value {
	var filled, notional apd.Decimal
	for _, t := range trades {
		var value apd.Decimal
		_, err := exact.Mul(&value, &t.Quantity, &t.Price)
		_, more := exact.Add(&filled, &filled, &t.Quantity)
		_, most := exact.Add(&notional, &notional, &value)
		if err != nil || more != nil || most != nil {
			return order.Null
		}
	}
	if f.Name == c.rules().Roles().Filled {
		return order.Value{Text: filled.Text('f')}
	}
	return c.rules().AverageOf(notional, filled)
}

// againstAudit compares a field with its last line in the audit log.
func (c *placedOrder) againstAudit(f order.Field, v order.Value) (reason string, before bool) {
	var changes []history.Line
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
		slices.ContainsFunc(changes, func(x history.Line) bool { return Equal(f, v, x.Old) || Equal(f, v, x.New) })
}

// againstItself says how the row's status contradicts what the row says is filled and ordered.
func (c *placedOrder) againstItself(field string) string {
	roles := c.rules().Roles()
	if field == "" || field != roles.Status && field != roles.Ordered && field != roles.Filled {
		return ""
	}
	status, _ := c.value(c.Legacy[0], roles.Status)
	has, _ := c.value(c.Legacy[0], roles.Filled)
	ordered, _ := c.value(c.Legacy[0], roles.Ordered)
	filled, quantity := number(has.Text), number(ordered.Text)
	if filled == nil || quantity == nil {
		return ""
	}
	if !c.rules().Agrees(status.Text, filled, quantity) {
		return fmt.Sprintf("legacy has status %s with %s of %s filled", show(status), has.Text, ordered.Text)
	}
	return ""
}

// statusEdited finds a status that is not what the events give, in a row that the application wrote last with the last event.
// It would have given another status a later time.
func (c *placedOrder) statusEdited(d Diagnosis, fields []int) (Diagnosis, bool) {
	last, written := c.clean[len(c.clean)-1], c.legacyWritten()
	exactly := order.SameTime(written, last.At) && max(order.Unit(written), order.Unit(last.At)) < time.Second
	if !c.onlyStatus(fields) || !exactly {
		return d, false
	}
	status := c.Legacy[0].Values[fields[0]]
	roles := c.rules().Roles()
	if fold, _ := c.final.Value(roles.Status); !slices.Contains(roles.Canceled, status.Text) && !slices.Contains(roles.Canceled, fold.Text) {
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
		changed := slices.ContainsFunc(c.clean, func(e order.Event) bool { return slices.Contains(e.Said.Modifies(), f.Name) })
		if !c.rules().Modifies(f.Name) || !ok || changed || Equal(f, v, was) {
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

// entry is something that legacy's own record says about an order: a trade, or a change of a field.
type entry struct {
	At              time.Time
	trade           bool
	quantity, price apd.Decimal
	field           string // that a modification can change; empty for a trade and for other fields
	to              order.Value
	what            string
	several         bool // other entries could be the event's as well
}

// told is true if the record says what the event should say, too.
func (x entry) told() bool { return x.trade || x.field != "" }

// fits is true if the event may be that of the entry: both are trades, or none is.
func (x entry) fits(e order.Event) bool {
	_, _, trade := e.Said.Trade()
	return x.told() && x.trade == trade
}

// saidBy compares what legacy records of an event: of a trade quantity and price, of a modification field and new value.
func (x entry) saidBy(e order.Event) bool {
	if quantity, price, ok := e.Said.Trade(); ok || x.trade {
		return ok && x.trade && quantity.Cmp(&x.quantity) == 0 && price.Cmp(&x.price) == 0
	}
	to, ok := e.Said.Sets(x.field)
	return ok && x.field != "" && sameText(to, x.to)
}

// about is true for a trade of the same quantity, and for a modification of the same field.
func (x entry) about(e order.Event) bool {
	if quantity, _, ok := e.Said.Trade(); ok || x.trade {
		return ok && x.trade && quantity.Cmp(&x.quantity) == 0
	}
	_, ok := e.Said.Sets(x.field)
	return ok && x.field != ""
}

// sameText compares numbers as numbers.
func sameText(a, b order.Value) bool {
	return a == b || !a.Null && !b.Null && equalNumbers(nil, a.Text, b.Text)
}

// number is what the entry is about: its price or new value. numberOf is the same of an event.
func (x entry) number() string {
	if x.trade {
		return x.price.Text('f')
	}
	return x.to.Text
}

func (x entry) numberOf(e order.Event) string {
	if _, price, ok := e.Said.Trade(); ok {
		return price.Text('f')
	}
	to, _ := e.Said.Sets(x.field)
	return to.Text
}

// account holds the events against legacy's own record.
type account struct {
	unwritten  []entry // without an event
	unrecorded []int   // indexes of events that the record should have
	altered    []int   // of events that say something else than the record, or say it at another time
	entries    []entry // of altered: what the record says instead
}

// recordedEntries is legacy's own record.
func (c *placedOrder) recordedEntries() (out []entry) {
	for _, t := range c.History.Trades {
		out = append(out, entry{
			At: t.At, trade: true, quantity: t.Quantity, price: t.Price,
			what: fmt.Sprintf("a trade of %s at %s", t.Quantity.Text('f'), order.TimestamptzText(t.At)),
		})
	}
	for _, x := range c.History.Audit {
		e := entry{At: x.At, what: fmt.Sprintf("a change of %s at %s", x.Field, order.TimestamptzText(x.At))}
		if c.rules().Modifies(x.Field) {
			e.field, e.to = x.Field, x.New
		}
		out = append(out, e)
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
		_, _, trade := e.Said.Trade()
		if len(e.Said.Modifies()) > 0 && c.History.Audit != nil || trade && c.History.Trades != nil {
			left = append(left, i)
		}
	}
	entries := c.recordedEntries()
	pair := func(fits func(e order.Event, x entry) bool, found func(i int, x entry)) {
		left = slices.DeleteFunc(left, func(i int) bool {
			may := func(x entry) bool { return x.fits(c.clean[i]) && fits(c.clean[i], x) }
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
	pair(func(e order.Event, x entry) bool { return sameTime(e, x) && x.saidBy(e) }, func(int, entry) {})
	pair(func(e order.Event, x entry) bool { return sameTime(e, x) && x.about(e) }, altered)
	pair(sameTime, altered)
	pair(func(e order.Event, x entry) bool { return x.saidBy(e) }, altered)
	a.unrecorded = left
	for _, x := range entries {
		if x.told() || !slices.ContainsFunc(c.clean, func(e order.Event) bool { return sameTime(e, x) }) {
			a.unwritten = append(a.unwritten, x)
		}
	}
	return a
}
