package compare

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// legacyWrong diagnoses a legacy row that differs from the events. Either may be right: the row may have changes
// without events, or events may record something that never happened.
func (c *placedOrder) legacyWrong() Diagnosis {
	d := Diagnosis{Verdict: Lagging, Hop: order.LegacyToEvents}
	switch {
	case len(c.Events) == 0:
		d.Cause, d.Confidence, d.Reason = LostShadowWrite, High, "legacy has the order, but there is no event of it"
		return d
	case len(c.Legacy) > 1:
		d.Hop, d.Cause, d.Confidence = order.LegacyItself, DuplicateRow, High
		d.Reason = fmt.Sprintf("legacy has the order %d times", len(c.Legacy))
		return d
	case len(c.Legacy) == 0 && c.History != nil && len(c.History.Trades)+len(c.History.Audit) > 0:
		d.Hop, d.Cause, d.Confidence, d.PartsAt = order.LegacyItself, DirectEdit, High, c.legacy.Next
		d.Reason = fmt.Sprintf("legacy has %d trades and %d changes of the order in its own record, but no row: the row was deleted",
			len(c.History.Trades), len(c.History.Audit))
		return d
	case len(c.Legacy) == 0:
		d.Cause, d.Confidence, d.PartsAt = GhostEvent, High, c.legacy.Next
		d.Reason = "legacy does not have the order, but there are events of it: its transaction was rolled back, and the events stayed"
		return d
	case !c.final.Exists():
		d.Cause, d.Confidence, d.PartsAt = LostShadowWrite, High, c.clean[0].Position
		d.Reason = "legacy has the order, but its creation has no event"
		return d
	}
	for _, rule := range []func(Diagnosis) (Diagnosis, bool){c.formOnly, c.duplicated, c.impossible} {
		if found, ok := rule(d); ok {
			return found
		}
	}
	if c.legacy.Kind == PlacedPrefix {
		return c.eventTooMany(d, slices.IndexFunc(c.clean, func(e order.Event) bool { return e.Position == c.legacy.Next }))
	}
	return c.otherContent(d)
}

// formOnly looks for differences only in the form of values: a time zone, a float.
func (c *placedOrder) formOnly(d Diagnosis) (Diagnosis, bool) {
	row := c.Legacy[0]
	fields := c.differing(c.known, &c.final, row)
	pairs := c.pairs(fields, &c.final, row)
	switch {
	case len(pairs) == 0 || c.legacy.Kind == PlacedPrefix:
		return d, false
	case shiftOf(pairs) != 0:
		d.Cause, d.Confidence = TimezoneShift, High
		d.Reason = fmt.Sprintf("%s: the events are off by %s", fieldNames(pairs), -shiftOf(pairs))
	case floatImage(pairs, func(p pair) (string, string) { return p.row.Text, p.fold.Text }):
		d.Cause, d.Confidence, d.Reason = FloatRounding, High, fieldNames(pairs)+": the events have legacy's value after a conversion to a binary float"
	default:
		return d, false
	}
	d.PartsAt = c.lastChange(fields)
	return d, true
}

// duplicated looks for one thing that has two events. Without the second event the history gives legacy's row.
func (c *placedOrder) duplicated(d Diagnosis) (Diagnosis, bool) {
	t := c.try(c.Legacy[0])
	for i := t.first(); i < len(c.clean); i++ {
		twin := slices.IndexFunc(c.clean[:i], func(e order.Event) bool { return sameEvent(e, c.clean[i]) })
		if twin < 0 || !t.without(i) {
			continue
		}
		d.Cause, d.Confidence, d.PartsAt = DuplicateEvent, High, c.clean[i].Position
		d.Reason = fmt.Sprintf("events %d and %d are the same, but legacy did it once", c.clean[twin].Position, c.clean[i].Position)
		return d, true
	}
	return d, false
}

func sameEvent(a, b order.Event) bool {
	return a.At.Equal(b.At) && reflect.DeepEqual(a.Body, b.Body)
}

// without reports whether all events except the one at the index give the row.
func (t *trial) without(i int) bool {
	shown, ok := t.gives(i, t.clean[i+1:], 0)
	if i == len(t.clean)-1 {
		state := t.after(i)
		return t.fits(&state)
	}
	return ok && shown == len(t.clean)-1-i
}

// impossible looks for an impossible event, if legacy did something else.
func (c *placedOrder) impossible(d Diagnosis) (Diagnosis, bool) {
	i := slices.IndexFunc(c.problems, func(p order.Problem) bool {
		return p.Kind.Impossible() && (c.legacy.Kind != PlacedPrefix || p.Position >= c.legacy.Next)
	})
	if i < 0 {
		return d, false
	}
	p := c.problems[i]
	d.Cause, d.Confidence, d.PartsAt = ImpossibleTransition, High, p.Position
	d.Reason = fmt.Sprintf("event %d is impossible: %s; legacy did something else", p.Position, p.Detail)
	return d, true
}

// eventTooMany diagnoses a legacy row that does not show the event at the index. The event may be a ghost, or the row
// may have shown it and lost it again.
func (c *placedOrder) eventTooMany(d Diagnosis, i int) Diagnosis {
	if i < 0 {
		return c.otherContent(d)
	}
	e := c.clean[i]
	d.PartsAt = e.Position
	has, known := c.recorded(e)
	switch {
	case has:
		d.Hop, d.Cause, d.Confidence = order.LegacyItself, LostUpdate, High
		d.Reason = fmt.Sprintf("event %d is in legacy's own record, but not in its row", e.Position)
	case known:
		d.Cause, d.Confidence = GhostEvent, High
		d.Reason = fmt.Sprintf("neither legacy's row nor its own record has event %d", e.Position)
	case i < len(c.clean)-1 && c.legacy.Kind == PlacedNone && !c.contradictedAfter(e.Position):
		d.Hop, d.Cause, d.Confidence = order.LegacyItself, LostUpdate, Low
		d.Reason = fmt.Sprintf("legacy's row shows all events except %d, and later events build on it", e.Position)
	default:
		d.Cause, d.Confidence = GhostEvent, Medium
		d.Reason = fmt.Sprintf("legacy's row does not show event %d", e.Position)
	}
	return d
}

// contradictedAfter returns true if a later event contradicts the history before it.
func (c *placedOrder) contradictedAfter(p order.Position) bool {
	return slices.ContainsFunc(c.problems, func(x order.Problem) bool { return x.Kind == order.ProblemContradiction && x.Position > p })
}

// otherContent diagnoses a legacy row that equals no state of the history.
func (c *placedOrder) otherContent(d Diagnosis) Diagnosis {
	row := c.Legacy[0]
	_, fields := c.nearest(row)
	overwritten := c.leftOutByLegacy()
	if found, ok := c.contradiction(fields); ok {
		if found.Cause == LostUpdate && overwritten >= 0 {
			found.PartsAt = c.clean[overwritten].Position
		}
		return found
	}
	if found, ok := c.unshadowed(d); ok {
		return found
	}
	if overwritten >= 0 {
		return c.eventTooMany(d, overwritten)
	}
	if found, ok := c.hole(d); ok {
		return found
	}
	d.Cause, d.Confidence, d.PartsAt = WrongEventContent, Low, c.lastChange(fields)
	d.Reason = fieldNames(c.pairs(fields, &c.final, row)) + ": the events differ from legacy's row"
	switch {
	case c.History == nil:
		d.Reason += "; without audit log and trades, a change by hand cannot be told apart"
	case slices.ContainsFunc(fields, c.onRecord):
		d.Confidence = High
		d.Reason += ", and its own record does not contradict the row"
	default:
		d.Reason += "; its own record does not cover this, so a change by hand cannot be told apart"
	}
	return d
}

// onRecord reports whether legacy's own record tells the value of a field.
func (c *placedOrder) onRecord(i int) bool {
	switch name := c.Fields[i].Name; name {
	case "filled_quantity":
		return c.History.Trades != nil
	case "price", "quantity", "symbol", "side", "trader_id":
		return c.History.Audit != nil
	default:
		return slices.ContainsFunc(c.History.Audit, func(x Change) bool { return x.Field == name })
	}
}

// leftOutByLegacy returns the index of the one event without which the history gives legacy's row, or -1.
func (c *placedOrder) leftOutByLegacy() int {
	t := c.try(c.Legacy[0])
	for i := t.first(); i < len(c.clean)-1; i++ {
		if t.without(i) {
			return i
		}
	}
	return -1
}

// unshadowed looks for a legacy row that was written after the last event, or for an entry in its record without an
// event.
func (c *placedOrder) unshadowed(d Diagnosis) (Diagnosis, bool) {
	d.Cause, d.PartsAt = LostShadowWrite, 0
	if what, ok := c.unwritten(); ok {
		d.Confidence, d.Reason = High, "legacy's own record has "+what+", but there is no event of it"
		return d, true
	}
	last := order.Microseconds(c.final.UpdatedAt())
	if written := c.legacyWritten(); written.After(last) && !order.SameTime(written, last) {
		d.Confidence = sureBy(written, last)
		d.Reason = fmt.Sprintf("legacy was written at %s, after the last event at %s", order.TimestamptzText(written), order.TimestamptzText(last))
		return d, true
	}
	return d, false
}

// sureBy is the confidence in what two times prove: much can happen within a second, or within a day.
func sureBy(a, b time.Time) Confidence {
	if max(order.Unit(a), order.Unit(b)) >= time.Second {
		return Medium
	}
	return High
}

// legacyWritten returns when the row was written according to legacy; zero if it does not say.
func (c *placedOrder) legacyWritten() time.Time {
	if at := c.Legacy[0].ChangedAt; !at.IsZero() {
		return order.Microseconds(at)
	}
	if v, ok := c.value(c.Legacy[0], "updated_at"); ok {
		if at, ok := timestamp(v); ok {
			return at
		}
	}
	return time.Time{}
}

// hole looks for a missing event within the history: a later event contradicts the history before it, or legacy has
// more filled than the events.
func (c *placedOrder) hole(d Diagnosis) (Diagnosis, bool) {
	d.Cause, d.Confidence = LostShadowWrite, Medium
	i := slices.IndexFunc(c.problems, func(p order.Problem) bool { return p.Kind == order.ProblemContradiction })
	if i >= 0 {
		d.PartsAt = c.problems[i].Position
		d.Reason = fmt.Sprintf("event %d %s: an event before it is missing", d.PartsAt, c.problems[i].Detail)
		return d, true
	}
	v, ok := c.value(c.Legacy[0], "filled_quantity")
	fold, _ := c.final.Value("filled_quantity")
	has, folded := number(v.Text), number(fold.Text)
	if !ok || v.Null || has == nil || folded == nil || has.Cmp(folded) <= 0 {
		return d, false
	}
	d.Reason = fmt.Sprintf("legacy has %s filled, but the events only %s", v.Text, fold.Text)
	return d, true
}
