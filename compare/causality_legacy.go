package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/human"
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
		d.Hop, d.Cause, d.Confidence, d.PartsAt = order.LegacyItself, DirectEdit, High, c.legacy.next()
		d.Reason = fmt.Sprintf("legacy has %s and %s of the order in its own record, but no row: the row was deleted",
			human.Quantity(int64(len(c.History.Trades)), "trade", "trades"), human.Quantity(int64(len(c.History.Audit)), "change", "changes"))
		return d
	case len(c.Legacy) == 0:
		d.Cause, d.Confidence, d.Or, d.PartsAt = GhostEvent, Medium, []Cause{DirectEdit}, c.legacy.next()
		d.Reason = "legacy does not have the order, but there are events of it: its transaction was rolled back and the events stayed, or the row was deleted"
		return d
	case !c.final.Exists():
		d.Cause, d.Confidence, d.PartsAt = LostShadowWrite, High, order.Known(c.clean[0].Position)
		d.Reason = "legacy has the order, but its creation has no event"
		return d
	}
	rules := []func(Diagnosis) (Diagnosis, bool){
		c.formOnly, c.ownRecord, c.disaccord, c.duplicated, c.impossible, c.misplaced, c.tooMany, c.newer, c.hole,
	}
	for _, rule := range rules {
		if found, ok := rule(d); ok {
			return found
		}
	}
	return c.otherContent(d)
}

// disaccord diagnoses events that disagree with legacy's own record, while legacy's row does not contradict it.
func (c *placedOrder) disaccord(d Diagnosis) (Diagnosis, bool) {
	a := c.account()
	switch {
	case len(a.altered) > 0:
		d = c.altered(d, a.altered[0], a.entries[0])
		if a.entries[0].several && d.Confidence == High { // it may be another's, and the event of this one is lost
			d.Confidence, d.Or = Medium, []Cause{LostShadowWrite}
		}
		return d, true
	case len(a.unwritten) > 0:
		d.Cause, d.Confidence = LostShadowWrite, High
		d.Reason = "legacy's own record has " + a.unwritten[0].what + ", but there is no event of it"
		if !a.unwritten[0].told() || len(a.unrecorded) > 0 { // the event may say another time, or more
			d.Confidence, d.Or = Medium, []Cause{WrongEventContent}
		}
		return d, true
	case len(a.unrecorded) == 0:
		return d, false
	}
	if len(c.Legacy) != 1 {
		return d, false
	}
	if found, ok := c.duplicated(d); ok {
		return found, true
	}
	for _, i := range a.unrecorded {
		if twin := c.twin(i); twin >= 0 {
			return c.duplicate(d, twin, i), true
		}
	}
	if found, ok := c.impossible(d); ok {
		return found, true
	}
	e := c.clean[a.unrecorded[0]]
	d.Cause, d.Confidence, d.PartsAt = GhostEvent, Medium, order.Known(e.Position)
	d.Reason = fmt.Sprintf("neither legacy's row nor its own record has event %d", e.Position)
	if c.single(e) && c.foldsWithout(a.unrecorded) {
		d.Confidence = High
	} else {
		d.Or = []Cause{WrongEventContent, DuplicateEvent}
	}
	return d, true
}

// altered diagnoses an event that says something else than legacy's own record.
func (c *placedOrder) altered(d Diagnosis, i int, x entry) Diagnosis {
	e := c.clean[i]
	d.Cause, d.Confidence, d.PartsAt = WrongEventContent, High, order.Known(e.Position)
	d.Reason = fmt.Sprintf("event %d does not say what legacy's own record says: %s", e.Position, x.what)
	if !c.single(e) {
		d.Confidence, d.Or = Medium, []Cause{DuplicateEvent}
	}
	good, bad := x.number(), x.numberOf(e)
	switch {
	case x.saidBy(e) && x.At.Sub(e.At)%quarter == 0:
		d.Cause = TimezoneShift
		return d
	case isFloatOf(good, bad, number(bad)) && !rounded(good, bad):
		d.Cause, d.Confidence, d.Or = byFloat(good, bad, WrongEventContent)
		d.Reason += ", before a conversion to a binary float"
		return d
	case rounded(good, bad):
		d.Cause, d.Confidence, d.Or = byDigits(bad, WrongEventContent)
		return d
	}
	if at := slices.IndexFunc(c.problems, func(p order.Problem) bool { return p.Position == e.Position && p.Kind.Impossible() }); at >= 0 {
		d.Cause, d.Confidence, d.Or = ImpossibleTransition, Medium, []Cause{WrongEventContent}
		d.Reason = fmt.Sprintf("event %d is impossible: %s; legacy did something else", e.Position, c.problems[at].Detail)
	}
	return d
}

// recorded reports whether legacy's own record has the event.
func (c *placedOrder) recorded(e order.Event) bool {
	return c.History != nil && slices.ContainsFunc(c.recordedEntries(), func(x entry) bool {
		return x.saidBy(e) && order.SameTime(x.At, e.At)
	})
}

// single returns true if no other event has its time or says the same.
func (c *placedOrder) single(e order.Event) bool {
	return !slices.ContainsFunc(c.clean, func(x order.Event) bool {
		return x.Position != e.Position && (order.SameTime(x.At, e.At) || x.Said.Same(e.Said))
	})
}

// foldsWithout reports whether the history without these events gives legacy's row.
func (c *placedOrder) foldsWithout(left []int) bool {
	var kept []order.Event
	for i, e := range c.clean {
		if !slices.Contains(left, i) {
			kept = append(kept, e)
		}
	}
	return c.folds(kept)
}

// folds reports whether these events, in this order, give legacy's row.
func (c *placedOrder) folds(events []order.Event) bool {
	var state order.State
	for i, e := range events {
		e.Position = order.Position(i + 1)
		state.Apply(e)
	}
	return c.shows(c.known, &state, c.Legacy[0])
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
	case floatImage(pairs, func(p pair) (string, string) { return p.row.Text, p.fold.Text }) && !rounded(pairs[0].row.Text, pairs[0].fold.Text):
		d.Cause, d.Confidence, d.Or = byFloat(pairs[0].row.Text, pairs[0].fold.Text, WrongEventContent)
		d.Reason = fieldNames(pairs) + ": the events have legacy's value after a conversion to a binary float"
	case all(pairs, func(p pair) bool { return rounded(p.row.Text, p.fold.Text) }):
		d.Cause, d.Confidence, d.Or = byDigits(pairs[0].fold.Text, WrongEventContent)
		d.Or = append(d.Or, DirectEdit)
		d.Reason = fieldNames(pairs) + ": the events have legacy's value with fewer digits"
	default:
		return d, false
	}
	d.PartsAt = c.lastChange(fields)
	return d, true
}

// duplicated looks for things that have two events. Without the second events the history gives legacy's row.
func (c *placedOrder) duplicated(d Diagnosis) (Diagnosis, bool) {
	var again []int
	for i := range c.clean {
		if c.twin(i) >= 0 {
			again = append(again, i)
		}
	}
	t := c.try(c.Legacy[0])
	if single := slices.IndexFunc(again, func(i int) bool { return i >= t.first() && t.without(i) }); single >= 0 {
		again = again[single:]
	} else if len(again) == 0 || !c.foldsWithout(again) {
		return d, false
	}
	return c.duplicate(d, c.twin(again[0]), again[0]), true
}

// twin returns the index of an earlier event that is the same, or -1.
func (c *placedOrder) twin(i int) int {
	return slices.IndexFunc(c.clean[:i], func(e order.Event) bool { return sameEvent(e, c.clean[i]) })
}

func (c *placedOrder) duplicate(d Diagnosis, first, second int) Diagnosis {
	d.Cause, d.Confidence, d.PartsAt = DuplicateEvent, High, order.Known(c.clean[second].Position)
	d.Reason = fmt.Sprintf("events %d and %d are the same, but legacy did it once", c.clean[first].Position, c.clean[second].Position)
	return d
}

func sameEvent(a, b order.Event) bool {
	return a.At.Equal(b.At) && a.Said != nil && b.Said != nil && a.Said.Same(b.Said)
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
	d.Cause, d.Confidence, d.PartsAt = ImpossibleTransition, High, order.Known(p.Position)
	d.Reason = fmt.Sprintf("event %d is impossible: %s; legacy did something else", p.Position, p.Detail)
	at := slices.IndexFunc(c.clean, func(e order.Event) bool { return e.Position == p.Position })
	if p.Kind == order.ProblemOverfill || at < 0 || !c.single(c.clean[at]) || !c.foldsWithout([]int{at}) { // an event before it may be missing or wrong
		d.Confidence, d.Or = Medium, []Cause{WrongEventContent, LostShadowWrite}
	}
	return d, true
}

// mostMoved limits how many events are tried at other places of the history.
const mostMoved = 24

// misplaced looks for an event that is at another place in the store than it has in legacy.
func (c *placedOrder) misplaced(d Diagnosis) (Diagnosis, bool) {
	left := c.olderLegacy()
	found := func(e order.Event) (Diagnosis, bool) {
		d.Cause, d.Confidence, d.Or, d.PartsAt = WrongEventContent, Medium, []Cause{ImpossibleTransition, GhostEvent, LostShadowWrite}, order.Known(e.Position)
		if left >= 0 {
			d.Or = append(d.Or, LostUpdate, DirectEdit)
		}
		d.Reason = fmt.Sprintf("event %d is at the wrong place in the store: at another one, the events give legacy's row", e.Position)
		return d, true
	}
	byTime := slices.Clone(c.clean)
	slices.SortStableFunc(byTime, func(a, b order.Event) int { return a.At.Compare(b.At) })
	for i, e := range byTime {
		if e.Position != c.clean[i].Position && c.folds(byTime) {
			return found(c.clean[i])
		}
	}
	if left >= 0 && !c.recorded(c.clean[left]) {
		return d, false // without one event the rest explains the row too, and nothing speaks for another place
	}
	first := max(1, len(c.clean)-mostMoved)
	for i := first; i < len(c.clean); i++ {
		rest := slices.Delete(slices.Clone(c.clean), i, i+1)
		for j := first; j <= len(rest); j++ {
			if j != i && c.folds(slices.Insert(slices.Clone(rest), j, c.clean[i])) {
				return found(c.clean[i])
			}
		}
	}
	return d, false
}

// tooMany diagnoses a legacy row that shows all events but some. They may be ghosts, or the row may have shown them and
// lost them again. Legacy's own record does not tell: it would have contradicted the row, or them.
func (c *placedOrder) tooMany(d Diagnosis) (Diagnosis, bool) {
	i := c.olderLegacy()
	if i < 0 {
		return d, false
	}
	e := c.clean[i]
	d.PartsAt = order.Known(e.Position)
	if i < len(c.clean)-1 && c.legacy.Kind == PlacedNone && !c.contradictedAfter(e.Position) {
		d.Hop, d.Cause, d.Confidence, d.Or = order.LegacyItself, LostUpdate, Low, []Cause{GhostEvent, DirectEdit, WrongEventContent}
		d.Reason = fmt.Sprintf("legacy's row shows all events except %d, and later events build on it", e.Position)
		return d, true
	}
	d.Cause, d.Confidence, d.Or = GhostEvent, Medium, []Cause{LostUpdate, DirectEdit, WrongEventContent}
	d.Reason = fmt.Sprintf("legacy's row does not show event %d", e.Position)
	return d, true
}

// contradictedAfter returns true if a later event contradicts the history before it.
func (c *placedOrder) contradictedAfter(p order.Position) bool {
	return slices.ContainsFunc(c.problems, func(x order.Problem) bool { return x.Kind == order.ProblemContradiction && x.Position > p })
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

// otherContent diagnoses a legacy row that equals no state of the history.
func (c *placedOrder) otherContent(d Diagnosis) (found Diagnosis) {
	row := c.Legacy[0]
	_, fields := c.nearest(row)
	for _, rule := range []func(Diagnosis, []int) (Diagnosis, bool){c.neverChanged, c.statusEdited} {
		if found, ok := rule(d, fields); ok {
			return found
		}
	}
	d.Cause, d.Confidence, d.PartsAt = WrongEventContent, Low, c.lastChange(fields)
	d.Or = []Cause{DirectEdit, LostShadowWrite}
	d.Reason = fieldNames(c.pairs(fields, &c.final, row)) + ": the events differ from legacy's row"
	switch {
	case c.History == nil:
		d.Reason += "; without audit log and trades, a change by hand cannot be told apart"
	case slices.ContainsFunc(fields, c.onRecord):
		d.Confidence, d.Or = Medium, []Cause{LostShadowWrite}
		d.Reason += ", and its own record does not contradict the row"
	default:
		d.Reason += "; its own record does not cover this, so a change by hand cannot be told apart"
	}
	return d
}

// onRecord reports whether legacy's own record tells the value of a field.
func (c *placedOrder) onRecord(i int) bool {
	roles := c.rules().Roles()
	switch name := c.Fields[i].Name; name {
	case roles.Filled, roles.Average:
		return c.History.Trades != nil
	default:
		if c.rules().Modifies(name) {
			return c.History.Audit != nil
		}
		return slices.ContainsFunc(c.History.Audit, func(x history.Line) bool { return x.Field == name })
	}
}

// newer looks for a legacy row that was written after the last event. Whoever edits a row may set its time too.
func (c *placedOrder) newer(d Diagnosis) (Diagnosis, bool) {
	written, last := c.legacyWritten(), c.clean[0].At
	for _, e := range c.clean {
		if e.At.After(last) {
			last = e.At
		}
	}
	if !written.After(last) || order.SameTime(written, last) || order.SameTime(written, c.clean[len(c.clean)-1].At) {
		return d, false
	}
	d.Cause, d.Confidence, d.Or, d.PartsAt = LostShadowWrite, Medium, []Cause{DirectEdit, WrongEventContent}, nil
	d.Reason = fmt.Sprintf("legacy was written at %s, after the last event at %s", order.TimestamptzText(written), order.TimestamptzText(last))
	differing := c.differing(c.known, &c.final, c.Legacy[0])
	if !slices.ContainsFunc(differing, func(i int) bool { return c.Fields[i].Type != order.Timestamptz }) {
		d.Cause, d.Confidence, d.Or, d.PartsAt = WrongEventContent, Low, []Cause{DirectEdit, LostShadowWrite}, c.lastChange(differing)
		d.Reason += ", and nothing else differs"
	}
	return d, true
}

// legacyWritten returns when the row was written according to legacy; zero if it does not say.
func (c *placedOrder) legacyWritten() time.Time {
	if at := c.Legacy[0].ChangedAt; !at.IsZero() {
		return order.Microseconds(at)
	}
	if v, ok := c.value(c.Legacy[0], c.rules().WrittenAt()); ok {
		if at, ok := timestamp(v); ok {
			return at
		}
	}
	return time.Time{}
}

// hole looks for a missing event within the history: a later event contradicts the history before it, or legacy has
// more filled than the events. If legacy's own record agrees with the events, none is missing.
func (c *placedOrder) hole(d Diagnosis) (Diagnosis, bool) {
	d.Cause, d.Confidence, d.Or = LostShadowWrite, Low, []Cause{WrongEventContent, DirectEdit}
	i := slices.IndexFunc(c.problems, func(p order.Problem) bool { return p.Kind == order.ProblemContradiction })
	if h := c.History; i >= 0 && (h == nil || h.Audit == nil || h.Trades == nil) {
		d.PartsAt = order.Known(c.problems[i].Position)
		d.Reason = fmt.Sprintf("event %s %s: an event before it is missing, or one of them is wrong", c.problems[i].Position, c.problems[i].Detail)
		return d, true
	}
	filled := c.rules().Roles().Filled
	v, ok := c.value(c.Legacy[0], filled)
	fold, _ := c.final.Value(filled)
	has, folded := number(v.Text), number(fold.Text)
	if !ok || v.Null || has == nil || folded == nil || has.Cmp(folded) <= 0 {
		return d, false
	}
	d.Reason = fmt.Sprintf("legacy has %s filled, but the events only %s", v.Text, fold.Text)
	return d, true
}
