package compare

import (
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// mostTried limits how many events, counted from the last one, are tried as a projector's mistake. Each trial is a
// fold, so all trials of a long history would take quadratic time.
const mostTried = 100

// mostRanges limits the same for runs of events. There are as many runs as pairs.
const mostRanges = 32

// mistake folds the history with each known mistake of projectors, and looks for those that give the row. The row may
// also be behind: it counts if some of the mistaken history gives it. If several mistakes give it equally well, the first
// one is the likeliest.
func (c *placedOrder) mistake() (Diagnosis, bool) {
	t := c.try(c.Projection[0])
	for _, try := range []func(){t.typeIgnored, t.oneSkipped, t.onceMore, t.swapped, t.appliedLate, t.runSkipped, t.runAgain} {
		try()
	}
	found := t.whole
	if len(found) == 0 {
		found = t.partly
	}
	if len(found) == 0 {
		return Diagnosis{}, false
	}
	d := found[0]
	for _, other := range found {
		for _, cause := range append([]Cause{other.Cause}, other.Or...) {
			if cause != d.Cause && !slices.Contains(d.Or, cause) {
				d.Or = append(d.Or, cause)
			}
		}
	}
	if t.onlyNull() && !slices.Contains(d.Or, NullInsteadOfValue) {
		d.Or = append(d.Or, NullInsteadOfValue)
	}
	if len(d.Or) > 0 && d.Confidence == High {
		d.Confidence = Medium
	}
	return d, true
}

// onlyNull returns true if the row differs from the fold only in NULLs, which a projector may also have written.
func (t *trial) onlyNull() bool {
	fields := t.differing(t.known, &t.final, t.row)
	return len(fields) > 0 && !slices.ContainsFunc(fields, func(i int) bool { return !t.row.Values[i].Null })
}

// trial folds variants of a history and compares them with one row.
type trial struct {
	*placedOrder
	row     order.Row
	stamped bool // the row has the time of one of the events
	// whole are mistakes that give the row with all events, partly those that give it with some.
	whole, partly []Diagnosis
	states        []order.State // the state before each event from first on, so that no trial starts from the beginning
}

func (c *placedOrder) try(row order.Row) *trial {
	t := &trial{placedOrder: c, row: row, stamped: c.stampedBy(row)}
	state := order.State{}
	for i, e := range c.clean {
		if i >= t.first() {
			t.states = append(t.states, state)
		}
		state.Apply(e)
	}
	t.states = append(t.states, state)
	return t
}

// gives reports whether events [0, from) and then at least the given number of the rest give the row. It returns the
// last such number.
func (t *trial) gives(from int, rest []order.Event, least int) (shown int, ok bool) {
	state := t.after(from)
	for i, e := range rest {
		e.Position = state.Position() + 1 // so that one may come twice, or out of order
		state.Apply(e)
		if i+1 >= least && t.fits(&state) {
			shown, ok = i+1, true
		}
	}
	return shown, ok
}

// after returns the state after the first n events; n is 0 or at least first.
func (t *trial) after(n int) order.State {
	if n < t.first() {
		return order.State{}
	}
	return t.states[n-t.first()]
}

func (t *trial) fits(state *order.State) bool {
	return (!t.stamped || bearsTime(t.row, state.UpdatedAt())) && t.shows(t.known, state, t.row)
}

// first returns the index of the first event that is tried.
func (t *trial) first() int { return min(len(t.clean), max(1, len(t.clean)-mostTried)) }

// found keeps a mistake that gives the row. One that gives it with all events is likelier than one that must be behind too.
func (t *trial) found(whole bool, d Diagnosis, format string, args ...any) {
	d.Reason = "the projection equals the history " + fmt.Sprintf(format, args...)
	if whole {
		t.whole = append(t.whole, d)
		return
	}
	if d.Confidence == High {
		d.Confidence = Medium
	}
	t.partly = append(t.partly, d)
}

// typeIgnored tries a projector that does not know an event type. Without the creation there is no row.
func (t *trial) typeIgnored() {
	for _, ignored := range t.rules().Types() {
		of := func(e order.Event) bool { return e.Said.Type() == ignored }
		if t.rules().Creates(ignored) {
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(t.clean), of)
		shown, ok := t.gives(0, kept, 1)
		if !ok {
			continue
		}
		end := t.clean[len(t.clean)-1].Position + 1
		if shown < len(kept) {
			end = kept[shown].Position
		}
		at, count := t.leftOut(of, end)
		d := Diagnosis{Cause: EventTypeIgnored, Confidence: Medium, Or: []Cause{EventSkipped}, PartsAt: order.Known(t.clean[at].Position)}
		if count > 1 || count == 1 && t.rules().Partial(ignored) && t.unreasoned(at) {
			t.found(shown == len(kept), d, "without its %s of type %s", human.Quantity(int64(count), "event", "events"), ignored)
		}
	}
}

// unreasoned returns true if nothing tells why the event was skipped.
func (t *trial) unreasoned(i int) bool {
	cause, _, _ := t.whySkipped(i)
	return cause == ""
}

// leftOut counts the events of a kind below a position, and finds the first of them.
func (t *trial) leftOut(of func(order.Event) bool, below order.Position) (first, count int) {
	for i, e := range t.clean {
		if of(e) && e.Position < below {
			if count++; count == 1 {
				first = i
			}
		}
	}
	return first, count
}

// oneSkipped tries a projector that left out one event and applied a later one. An event that has a reason to be skipped
// is likelier.
func (t *trial) oneSkipped() {
	var unreasoned []func()
	for i := t.first(); i < len(t.clean)-1; i++ {
		shown, ok := t.gives(i, t.clean[i+1:], 1)
		if !ok {
			continue
		}
		whole := i+1+shown == len(t.clean)
		d := Diagnosis{PartsAt: order.Known(t.clean[i].Position)}
		if !slices.ContainsFunc(slices.Concat(t.clean[:i], t.clean[i+1:]), func(e order.Event) bool { return e.Type == t.clean[i].Type }) {
			d.Or = []Cause{EventTypeIgnored}
		}
		cause, why, confidence := t.whySkipped(i)
		if cause != "" {
			d.Cause, d.Confidence = cause, confidence
			t.found(whole, d, "without event %s: %s", t.clean[i].Position, why)
			continue
		}
		d.Cause, d.Confidence, d.Or = SkippedLateCommit, Low, append(d.Or, EventSkipped)
		unreasoned = append(unreasoned, func() {
			t.found(whole, d, "without event %s: no earlier event has its timestamp, and a projector that reads by position skips events that are committed late", t.clean[i].Position)
		})
	}
	for _, found := range unreasoned {
		found()
	}
}

// onceMore tries a projector that applied an event twice.
func (t *trial) onceMore() {
	for i := t.first(); i < len(t.clean); i++ {
		if shown, ok := t.gives(i, slices.Concat([]order.Event{t.clean[i]}, t.clean[i:]), 2); ok {
			d := Diagnosis{Cause: EventAppliedTwice, Confidence: High, PartsAt: order.Known(t.clean[i].Position)}
			t.found(i+shown == len(t.clean)+1, d, "with event %s applied twice", t.clean[i].Position)
		}
	}
}

// swapped tries a projector that applied two neighbouring events in the wrong order.
func (t *trial) swapped() {
	for i := t.first(); i < len(t.clean)-1; i++ {
		rest := slices.Clone(t.clean[i:])
		rest[0], rest[1] = rest[1], rest[0]
		if shown, ok := t.gives(i, rest, 2); ok {
			d := Diagnosis{Cause: AppliedOutOfOrder, Confidence: Medium, PartsAt: order.Known(t.clean[i].Position)}
			t.found(shown == len(rest), d, "with events %s and %s applied in the wrong order", t.clean[i].Position, t.clean[i+1].Position)
		}
	}
}

// appliedLate tries a projector that applied an event after others that follow it.
func (t *trial) appliedLate() {
	for i := max(1, len(t.clean)-mostRanges); i < len(t.clean)-2; i++ {
		for j := i + 2; j < len(t.clean); j++ {
			rest := slices.Concat(t.clean[i+1:j+1], t.clean[i:i+1], t.clean[j+1:])
			if shown, ok := t.gives(i, rest, j-i+1); ok {
				d := Diagnosis{Cause: AppliedOutOfOrder, Confidence: Medium, PartsAt: order.Known(t.clean[i].Position)}
				t.found(shown == len(rest), d, "with event %s applied after event %s", t.clean[i].Position, t.clean[j].Position)
			}
		}
	}
}

// runSkipped tries a projector that stopped for a while and left out the events of that time.
func (t *trial) runSkipped() {
	for i := max(1, len(t.clean)-mostRanges); i < len(t.clean)-2; i++ {
		for j := i + 2; j < len(t.clean); j++ {
			if shown, ok := t.gives(i, t.clean[j:], 1); ok {
				d := Diagnosis{Cause: EventSkipped, Confidence: Medium, PartsAt: order.Known(t.clean[i].Position)}
				t.found(j+shown == len(t.clean), d, "without its %d events from %s to %s", j-i, t.clean[i].Position, t.clean[j-1].Position)
			}
		}
	}
}

// runAgain tries a projector that went back and applied several events again.
func (t *trial) runAgain() {
	for i := max(1, len(t.clean)-mostRanges); i < len(t.clean)-1; i++ {
		for j := i + 2; j <= len(t.clean); j++ {
			rest := slices.Concat(t.clean[i:j], t.clean[i:])
			if shown, ok := t.gives(i, rest, 2*(j-i)); ok {
				d := Diagnosis{Cause: EventAppliedTwice, Confidence: High, PartsAt: order.Known(t.clean[i].Position)}
				t.found(shown == len(rest), d, "with events %s to %s applied twice", t.clean[i].Position, t.clean[j-1].Position)
			}
		}
	}
}
