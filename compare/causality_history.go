package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// History is legacy's own record of one order, read in the same snapshot as the legacy row. A nil slice is unknown; an
// empty one says that there are no lines.
type History struct {
	Audit  []Change // in the order in which they were written
	Trades []Trade
}

// Change is a line of legacy's audit log.
type Change struct {
	At       time.Time
	Field    string
	Old, New order.Value
}

// InSequence puts lines of one time and field in the order in which each continues the one before. A transaction gives
// all its lines one time, so the time alone does not tell. The lines must be in the order of their times.
func InSequence(lines []Change) []Change {
	out := make([]Change, 0, len(lines))
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && lines[to].At.Equal(lines[from].At) && lines[to].Field == lines[from].Field {
			to++
		}
		out = append(out, chained(slices.Clone(lines[from:to]))...)
		from = to
	}
	return out
}

// chained begins with a line whose old value no other line has written.
func chained(left []Change) []Change {
	var out []Change
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(c Change) bool {
			if len(out) > 0 {
				return c.Old == out[len(out)-1].New
			}
			return !slices.ContainsFunc(left, func(other Change) bool { return other.New == c.Old })
		})
		next = max(next, 0)
		out = append(out, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return out
}

// Trade is one execution as legacy recorded it.
type Trade struct {
	At              time.Time
	Quantity, Price apd.Decimal
}

// contradiction looks for a field in which legacy's row contradicts legacy's own record. It looks only at fields that
// differ from the events.
func (c *placedOrder) contradiction(fields []int) (Diagnosis, bool) {
	if c.History == nil {
		return Diagnosis{}, false
	}
	for _, i := range fields {
		f, v := c.Fields[i], c.Legacy[0].Values[i]
		var cause Cause
		var reason string
		confidence := High
		switch f.Name {
		case "filled_quantity":
			cause, reason = c.againstTrades(f, v)
		case "price", "quantity", "symbol", "side", "trader_id", "status":
			cause, reason, confidence = c.againstAudit(f, v)
		}
		if cause != "" {
			return Diagnosis{
				Verdict: Lagging, Hop: order.LegacyItself, Cause: cause, Confidence: confidence, Reason: reason, PartsAt: c.lastChange([]int{i}),
			}, true
		}
	}
	return Diagnosis{}, false
}

// againstTrades compares the filled quantity with the sum of the trades. If it is the sum without the last trades, or
// without any one of them, an update was lost. Any other value was not written by the application.
func (c *placedOrder) againstTrades(f order.Field, v order.Value) (Cause, string) {
	if c.History.Trades == nil {
		return "", ""
	}
	var sum apd.Decimal
	for _, t := range c.History.Trades {
		var next apd.Decimal
		if _, err := exact.Add(&next, &sum, &t.Quantity); err != nil {
			return "", ""
		}
		sum = next
	}
	if Equal(f, v, order.Value{Text: sum.Text('f')}) {
		return "", ""
	}
	cause := DirectEdit
	if c.tradesLost(f, v, &sum) {
		cause = LostUpdate
	}
	return cause, fmt.Sprintf("legacy has %s filled, but its own trades add up to %s", show(v), sum.Text('f'))
}

// tradesLost returns true for the sum of the first trades, or of all but one.
func (c *placedOrder) tradesLost(f order.Field, v order.Value, sum *apd.Decimal) bool {
	var first apd.Decimal
	for _, t := range c.History.Trades {
		var others, next apd.Decimal
		if Equal(f, v, order.Value{Text: first.Text('f')}) {
			return true
		}
		_, err := exact.Sub(&others, sum, &t.Quantity)
		if err == nil && Equal(f, v, order.Value{Text: others.Text('f')}) {
			return true
		}
		if _, err := exact.Add(&next, &first, &t.Quantity); err != nil {
			return false
		}
		first = next
	}
	return false
}

// againstAudit compares a field with its last line in the audit log. If the row has the value from before that line, an
// update was lost. Any other value was not written by the application.
func (c *placedOrder) againstAudit(f order.Field, v order.Value) (Cause, string, Confidence) {
	var changes []Change
	for _, change := range c.History.Audit {
		if change.Field == f.Name {
			changes = append(changes, change)
		}
	}
	if len(changes) == 0 {
		return c.neverChanged(f, v)
	}
	last := changes[len(changes)-1]
	if Equal(f, v, last.New) {
		return "", "", ""
	}
	reason := fmt.Sprintf("legacy has %s %s, but the last line of its own audit log says %s", f.Name, show(v), show(last.New))
	if slices.ContainsFunc(changes, func(x Change) bool { return Equal(f, v, x.Old) || Equal(f, v, x.New) }) {
		return LostUpdate, reason, High
	}
	return DirectEdit, reason, High
}

// neverChanged checks a field without a line in the audit log: it must have its value from the creation. The status is
// not checked, because trades and cancels change it without a line.
func (c *placedOrder) neverChanged(f order.Field, v order.Value) (Cause, string, Confidence) {
	if c.History.Audit == nil || f.Name == "status" {
		return "", "", ""
	}
	first := order.State{}
	for _, e := range c.clean {
		if first.Exists() {
			break
		}
		first.Apply(e)
	}
	was, ok := first.Value(f.Name)
	if !ok || Equal(f, v, was) {
		return "", "", ""
	}
	return DirectEdit, fmt.Sprintf("legacy has %s %s, but was created with %s, and its own audit log has no change of it", f.Name, show(v), show(was)), Medium
}

func show(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}

// recorded reports whether legacy's own record has an event, by its time. known is false if there is no such record.
func (c *placedOrder) recorded(e order.Event) (has, known bool) {
	if c.History == nil {
		return false, false
	}
	same := func(at time.Time) bool { return order.SameTime(at, e.At) }
	switch body := e.Body.(type) {
	case order.PartiallyFilled, order.Filled:
		return slices.ContainsFunc(c.History.Trades, func(t Trade) bool { return same(t.At) }), c.History.Trades != nil
	case order.Modified:
		return slices.ContainsFunc(c.History.Audit, func(x Change) bool { return same(x.At) && x.Field == body.Field }), c.History.Audit != nil
	default:
		return false, false
	}
}

// unwritten returns the first entry of legacy's own record whose time no event has.
func (c *placedOrder) unwritten() (what string, ok bool) {
	if c.History == nil {
		return "", false
	}
	hasEvent := func(at time.Time) bool {
		return slices.ContainsFunc(c.clean, func(e order.Event) bool { return order.SameTime(e.At, at) })
	}
	for _, t := range c.History.Trades {
		if !hasEvent(t.At) {
			return fmt.Sprintf("a trade of %s at %s", t.Quantity.Text('f'), order.TimestamptzText(t.At)), true
		}
	}
	for _, x := range c.History.Audit {
		if !hasEvent(x.At) {
			return fmt.Sprintf("a change of %s at %s", x.Field, order.TimestamptzText(x.At)), true
		}
	}
	return "", false
}
