package compare

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// projectionWrong diagnoses a projection that does not show all events.
func (c *placedOrder) projectionWrong() Diagnosis {
	d := Diagnosis{Verdict: Diverged, Hop: order.EventsToProjection}
	switch {
	case len(c.Events) == 0:
		d.Cause, d.Confidence = GhostRow, High
		d.Reason = "the projection has a row, but the order has neither an event nor a legacy row"
		return d
	case c.projection.Kind != PlacedNone:
		return c.behind()
	case len(c.Projection) > 1:
		d.Cause, d.Confidence = DuplicateRow, High
		d.Reason = fmt.Sprintf("the projection has the order %d times", len(c.Projection))
		return d
	case !c.final.Exists():
		d.Cause, d.Confidence, d.PartsAt = GhostRow, High, order.Known(c.clean[0].Position)
		d.Reason = "the projection has a row, and the order was never created"
		return d
	}
	if found, ok := c.mistake(); ok {
		found.Verdict, found.Hop = d.Verdict, d.Hop
		return found
	}
	return c.wrongValues(d)
}

// behind diagnoses a projection that shows only the first events. The cause applies if it stays there.
func (c *placedOrder) behind() Diagnosis {
	next := slices.IndexFunc(c.clean, func(e order.Event) bool { return e.Position == c.projection.Next })
	d := Diagnosis{
		Verdict: Lagging, Hop: order.EventsToProjection, Cause: StaleProjection, Confidence: Low, PartsAt: c.projection.next(),
		Reason: fmt.Sprintf("the projection is %d of %s behind", c.projection.Behind, human.Quantity(int64(len(c.Events)), "event", "events")),
	}
	if next >= 0 {
		if cause, why, _ := c.whySkipped(next); cause != "" {
			d.Cause, d.Or = cause, []Cause{StaleProjection}
			d.Reason += ", and " + why
		}
	}
	if reached := c.ProjectionReached; !reached.IsZero() && reached.Before(order.Microseconds(c.projection.Since)) && !order.SameTime(reached, c.projection.Since) {
		d.Cause, d.Or = StoppedProjector, []Cause{StaleProjection}
		d.Reason += fmt.Sprintf("; it shows no change of any order after %s", order.TimestamptzText(reached))
	}
	if c.overtaken() {
		d.Confidence = Medium
		d.Reason += "; it already shows later events of other orders"
	}
	return d
}

// overtaken returns true if the projection shows changes of other orders that are later than everything in this one, by at
// least CommitTime: a change with a slightly earlier time may have been committed later.
func (c *placedOrder) overtaken() bool {
	newest := c.Events[len(c.Events)-1].At
	for _, row := range c.Legacy {
		if row.ChangedAt.After(newest) {
			newest = row.ChangedAt
		}
	}
	return c.ProjectionReached.Sub(newest) >= CommitTime
}

// whySkipped looks for the reason why the projector skipped the event at the index. The cause is empty if there is
// none.
func (c *placedOrder) whySkipped(i int) (cause Cause, why string, confidence Confidence) {
	e := c.clean[i]
	for _, other := range c.clean[:i] {
		if order.Microseconds(other.At).Equal(order.Microseconds(e.At)) {
			return SkippedEqualTimestamp, fmt.Sprintf("event %d has the same timestamp as event %d", e.Position, other.Position), sureBy(e.At, other.At)
		}
	}
	for _, other := range c.clean[:i] {
		if other.At.After(e.At) {
			return SkippedLateCommit, fmt.Sprintf("event %d is older than event %d, but comes after it in the store", e.Position, other.Position), Medium
		}
	}
	return "", "", ""
}

// sureBy is the confidence in what two times prove: much can happen within a second, or within a day.
func sureBy(a, b time.Time) Confidence {
	if max(order.Unit(a), order.Unit(b)) >= time.Second {
		return Medium
	}
	return High
}

// wrongValues diagnoses a row that cannot be explained by wrongly applied events: its values are wrong. It compares the
// row with the most similar state.
func (c *placedOrder) wrongValues(d Diagnosis) Diagnosis {
	row := c.Projection[0]
	state, fields := c.nearest(row)
	d.PartsAt = c.lastChange(fields)
	pairs := c.pairs(fields, &state, row)
	names := fieldNames(pairs)
	switch {
	case all(pairs, func(p pair) bool { return p.row.Null && !p.fold.Null }):
		d.Cause, d.Confidence, d.Reason = NullInsteadOfValue, High, names+": NULL, but the events give a value"
		switch {
		case len(c.Legacy) > 0 && slices.ContainsFunc(fields, func(i int) bool { return c.Legacy[0].Values[i].Null }):
			d.Confidence, d.Or = Low, []Cause{StaleProjection, EventTypeIgnored} // the events may be what is wrong there
		case slices.ContainsFunc(fields, c.saidNull):
			d.Confidence, d.Or = Medium, []Cause{EventSkipped}
		}
	case shiftOf(pairs) != 0:
		d.Cause, d.Confidence = TimezoneShift, High
		d.Reason = fmt.Sprintf("%s: off by %s", names, shiftOf(pairs))
	case all(pairs, func(p pair) bool { return rounded(p.fold.Text, p.row.Text) }):
		d.Cause, d.Confidence, d.Or = byDigits(pairs[0].row.Text, ValueDrift)
		d.Or = append(d.Or, WrongValue)
		d.Reason = names + ": the right value with fewer digits"
	case floatImage(pairs, func(p pair) (string, string) { return p.fold.Text, p.row.Text }):
		d.Cause, d.Confidence, d.Or = byFloat(pairs[0].fold.Text, pairs[0].row.Text, ValueDrift)
		d.Reason = names + ": the right value after a conversion to a binary float"
	case len(pairs) == 1 && drift(pairs[0]):
		d.Cause, d.Confidence, d.Or = ValueDrift, Medium, []Cause{WrongValue, FloatRounding}
		d.Reason = fmt.Sprintf("%s: %s instead of %s, a small difference; nothing else is wrong", names, pairs[0].row.Text, pairs[0].fold.Text)
	default:
		d.Cause, d.Confidence, d.Reason = WrongValue, Low, names+": these values match no state of the history and no known mistake"
	}
	return d
}

// pair is a field with the values of the row and of the fold.
type pair struct {
	field     order.Field
	row, fold order.Value
}

func (c *placedOrder) pairs(fields []int, state *order.State, row order.Row) []pair {
	var out []pair
	for _, i := range fields {
		v, _ := state.Value(c.Fields[i].Name)
		out = append(out, pair{c.Fields[i], row.Values[i], v})
	}
	return out
}

func fieldNames(pairs []pair) string {
	names := make([]string, 0, len(pairs))
	for _, p := range pairs {
		names = append(names, p.field.Name)
	}
	return strings.Join(names, ", ")
}

func all(pairs []pair, is func(pair) bool) bool {
	return len(pairs) > 0 && !slices.ContainsFunc(pairs, func(p pair) bool { return !is(p) })
}

// nearest returns the state in the history that differs from the row in the fewest fields; the last one if there are
// several.
func (c *placedOrder) nearest(row order.Row) (nearest order.State, fields []int) {
	state := order.State{}
	stamped := c.stampedBy(row)
	for _, e := range c.clean {
		state.Apply(e)
		if !state.Exists() || stamped && !bearsTime(row, state.UpdatedAt()) {
			continue
		}
		if differing := c.differing(c.known, &state, row); fields == nil || len(differing) <= len(fields) {
			nearest, fields = state, differing
		}
	}
	if fields == nil { // the row has the time of an event that could not be applied
		return c.final, c.differing(c.known, &c.final, row)
	}
	return nearest, fields
}

// stampedBy returns true for a row that has the time of one of the events. Then only states up to that time can match.
func (c *placedOrder) stampedBy(row order.Row) bool {
	return slices.ContainsFunc(c.clean, func(e order.Event) bool { return bearsTime(row, e.At) })
}

// lastChange returns the first of the events that gave the fields their last values.
func (c *placedOrder) lastChange(fields []int) *order.Position {
	last := make([]*order.Position, len(c.Fields))
	was := order.State{}
	state := was
	for _, e := range c.clean {
		state.Apply(e)
		for _, i := range fields {
			before, _ := was.Value(c.Fields[i].Name)
			after, _ := state.Value(c.Fields[i].Name)
			if before != after {
				last[i] = order.Known(e.Position)
			}
		}
		was = state
	}
	var first *order.Position
	for _, i := range fields {
		if last[i] != nil && (first == nil || *last[i] < *first) {
			first = last[i]
		}
	}
	return first
}

// quarter is the unit of the differences between time zones.
const quarter = 15 * time.Minute

// shiftOf returns by how much all pairs, which are timestamps, are off. It must be the same whole number of quarter
// hours, and a possible difference between two time zones. Otherwise it returns zero.
func shiftOf(pairs []pair) time.Duration {
	const most = 26 * time.Hour
	var shift time.Duration
	for i, p := range pairs {
		a, okA := timestamp(p.row)
		b, okB := timestamp(p.fold)
		d := a.Sub(b)
		if p.field.Type != order.Timestamptz || !okA || !okB || d%quarter != 0 || d > most || d < -most || i > 0 && d != shift {
			return 0
		}
		shift = d
	}
	return shift
}

// timestamp reads a timestamptz as PostgreSQL prints it in UTC.
func timestamp(v order.Value) (time.Time, bool) {
	t, err := time.Parse("2006-01-02 15:04:05.999999-07", v.Text)
	return t, err == nil && !v.Null
}

// saidNull returns true if an event says that the field was NULL before it. A row that missed the event has NULL too.
func (c *placedOrder) saidNull(field int) bool {
	return slices.ContainsFunc(c.clean, func(e order.Event) bool {
		was, ok := e.Said.Was(c.Fields[field].Name)
		return ok && was.Null
	})
}
