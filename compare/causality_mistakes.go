package compare

import (
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// mostTried limits how many events, counted from the last one, are tried as a projector's mistake. Each trial is a
// fold, so all trials of a long history would take quadratic time.
const mostTried = 100

// mostRanges limits the same for runs of events. There are as many runs as pairs.
const mostRanges = 32

// mistake folds the history with each known mistake of projectors, and looks for one that gives the row. The row may
// also be behind: it counts if some of the mistaken history gives it.
func (c *placedOrder) mistake() (Diagnosis, bool) {
	t := c.try(c.Projection[0])
	for _, try := range []func() (Diagnosis, bool){t.typeIgnored, t.oneSkipped, t.onceMore, t.swapped, t.runSkipped} {
		if d, ok := try(); ok {
			return d, true
		}
	}
	return Diagnosis{}, false
}

// trial folds variants of a history and compares them with one row.
type trial struct {
	*placedOrder
	row     order.Row
	stamped bool          // the row has the time of one of the events
	states  []order.State // the state before each event from first on, so that no trial starts from the beginning
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

// typeIgnored tries a projector that does not know an event type. Without the creation there is no row.
func (t *trial) typeIgnored() (Diagnosis, bool) {
	for _, ignored := range order.EventTypes()[1:] {
		of := func(e order.Event) bool { return e.Body.Type() == ignored }
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
		if count == 0 {
			continue
		}
		d := Diagnosis{
			Cause: EventTypeIgnored, Confidence: High, PartsAt: t.clean[at].Position,
			Reason: fmt.Sprintf("the projection equals the history without its %d events of type %s", count, ignored),
		}
		if count > 1 {
			return d, true
		}
		// One event is left out. The reason may be its type or its place.
		if cause, why, confidence := t.whySkipped(at); cause != "" {
			d.Cause, d.Confidence = cause, confidence
			d.Reason = fmt.Sprintf("the projection equals the history without event %d: %s", t.clean[at].Position, why)
			return d, true
		}
		if ignored == order.OrderPartiallyFilled {
			d.Confidence = Medium
			return d, true
		}
	}
	return Diagnosis{}, false
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

// oneSkipped tries a projector that left out one event and applied a later one.
func (t *trial) oneSkipped() (Diagnosis, bool) {
	var found *Diagnosis
	for i := t.first(); i < len(t.clean)-1; i++ {
		if _, ok := t.gives(i, t.clean[i+1:], 1); !ok {
			continue
		}
		d := Diagnosis{PartsAt: t.clean[i].Position}
		cause, why, confidence := t.whySkipped(i)
		d.Cause, d.Confidence = cause, confidence
		if cause == "" {
			d.Cause, d.Confidence = SkippedLateCommit, Low
			why = "no earlier event has its timestamp, and a projector that reads by position skips events that are committed late"
		}
		d.Reason = fmt.Sprintf("the projection equals the history without event %d: %s", d.PartsAt, why)
		if found == nil || cause != "" {
			found = &d
		}
		if cause != "" {
			break
		}
	}
	if found == nil {
		return Diagnosis{}, false
	}
	return *found, true
}

// onceMore tries a projector that applied an event twice.
func (t *trial) onceMore() (Diagnosis, bool) {
	for i := t.first(); i < len(t.clean); i++ {
		if _, ok := t.gives(i, slices.Concat([]order.Event{t.clean[i]}, t.clean[i:]), 2); ok {
			return Diagnosis{
				Cause: EventAppliedTwice, Confidence: High, PartsAt: t.clean[i].Position,
				Reason: fmt.Sprintf("the projection equals the history with event %d applied twice", t.clean[i].Position),
			}, true
		}
	}
	return Diagnosis{}, false
}

// swapped tries a projector that applied two neighbouring events in the wrong order.
func (t *trial) swapped() (Diagnosis, bool) {
	for i := t.first(); i < len(t.clean)-1; i++ {
		rest := slices.Clone(t.clean[i:])
		rest[0], rest[1] = rest[1], rest[0]
		if _, ok := t.gives(i, rest, 2); ok {
			return Diagnosis{
				Cause: AppliedOutOfOrder, Confidence: Medium, PartsAt: t.clean[i].Position,
				Reason: fmt.Sprintf("the projection equals the history with events %d and %d applied in the wrong order", t.clean[i].Position, t.clean[i+1].Position),
			}, true
		}
	}
	return Diagnosis{}, false
}

// runSkipped tries a projector that stopped for a while and left out the events of that time.
func (t *trial) runSkipped() (Diagnosis, bool) {
	for i := max(1, len(t.clean)-mostRanges); i < len(t.clean)-2; i++ {
		for j := i + 2; j < len(t.clean); j++ {
			if _, ok := t.gives(i, t.clean[j:], 1); ok {
				return Diagnosis{
					Cause: EventSkipped, Confidence: Medium, PartsAt: t.clean[i].Position,
					Reason: fmt.Sprintf("the projection equals the history without its %d events from %d to %d", j-i, t.clean[i].Position, t.clean[j-1].Position),
				}, true
			}
		}
	}
	return Diagnosis{}, false
}
