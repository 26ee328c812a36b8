package history

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Cause is why the events of an order deviate, as far as it can be told. It is the name of a page in docs/causes.
type Cause string

// The causes. The first three are those of package compare: nothing in them points to a bulk job.
const (
	LostShadowWrite      Cause = "lost_shadow_write"
	GhostEvent           Cause = "ghost_event"
	WrongEventContent    Cause = "wrong_event_content"
	CoarseTimestamps     Cause = "coarse_timestamps"        // times were cut off below the second
	InventedCancelTime   Cause = "backfill_cancel_time"     // a cancel has a time made from that of the creation
	PartialAsFull        Cause = "backfill_partial_as_full" // a fill is called full that was partial, or the reverse
	BackfilledTwice      Cause = "backfill_twice"           // events are stored twice
	BackfilledBoundary   Cause = "backfill_boundary"        // they are stored twice where two ranges met
	BackfilledAfterLive  Cause = "backfill_after_live"      // old events are stored after newer ones
	BackfillLimitReached Cause = "backfill_limit"           // a backfill ended before the last orders
)

// Causes lists every Cause.
func Causes() []Cause {
	return []Cause{
		LostShadowWrite, GhostEvent, WrongEventContent, CoarseTimestamps, InventedCancelTime, PartialAsFull, BackfilledTwice,
		BackfilledBoundary, BackfilledAfterLive, BackfillLimitReached,
	}
}

// CauseOf tells why an order's events deviate, by what one deviation shows. Those that only many orders together show are
// told by [Clues.Cause].
func (s *Speaker) CauseOf(row Row, d Deviant) Cause {
	switch d.Kind {
	case MissingEvent:
		return LostShadowWrite
	case ExtraEvent:
		if d.Twin != nil {
			return BackfilledTwice
		}
		return GhostEvent
	case DisorderedEvent:
		return BackfilledAfterLive
	case DifferentEvent:
	}
	return s.differs(row, d)
}

// differs tells why an event differs from the deed.
func (s *Speaker) differs(row Row, d Deviant) Cause {
	f, _ := s.choose(d.Deed)
	if !s.tells(d.Deed) || d.Event.Said == nil || s.unlike(f, d.Deed, d.Event) != "" {
		return WrongEventContent
	}
	if d.Deed.Kind != Modified && f.name != string(d.Event.Type) {
		if d.Deed.Kind == Traded {
			return PartialAsFull
		}
		return WrongEventContent
	}
	switch {
	case coarse(d.Deed.At, d.Event.At):
		return CoarseTimestamps
	case d.Deed.Kind == Canceled && invented(row.CreatedAt, d.Event.At):
		return InventedCancelTime
	}
	return WrongEventContent
}

// coarse is true for a time that is another one without its digits below the second, the minute, the hour or the day.
func coarse(at, kept time.Time) bool {
	return slices.ContainsFunc([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour}, func(unit time.Duration) bool {
		return !at.Equal(kept) && (at.Truncate(unit).Equal(kept) || at.Round(unit).Equal(kept))
	})
}

// invented is true for a time that is a whole number of minutes after the creation, which no clock gives.
func invented(created, at time.Time) bool {
	after := at.Sub(created)
	return !created.IsZero() && after > 0 && after%time.Minute == 0
}

// Clues are what only many orders together show. The zero value is that of no order. Clues of parts of the key space add up if
// the parts follow one another.
type Clues struct {
	// Doubled are the orders with events that are there twice. AtEnds are those of them that were created where a day or an
	// hour begins.
	Doubled int64 `json:"doubled,omitempty"`
	AtEnds  int64 `json:"at_ends,omitempty"`
	// Without are the orders without any event, and Runs how many runs of neighbours they are by key. First and Last say
	// whether the first and the last order of all is one of them.
	Orders  int64 `json:"orders,omitempty"`
	Without int64 `json:"without,omitempty"`
	Runs    int64 `json:"runs,omitempty"`
	First   bool  `json:"first,omitempty"`
	Last    bool  `json:"last,omitempty"`
	// OldestWithout is when the first order without events was created, and NewestWith when the last one with events was.
	OldestWithout time.Time `json:"oldest_without,omitzero"`
	NewestWith    time.Time `json:"newest_with,omitzero"`
}

// Note adds an order that comes after those before it by key.
func (c *Clues) Note(row Row, events []order.Event, deviants []Deviant) {
	one := Clues{Orders: 1}
	if slices.ContainsFunc(deviants, func(d Deviant) bool { return d.Twin != nil }) {
		one.Doubled = 1
		if at := row.CreatedAt; !at.IsZero() && at.Truncate(time.Hour).Equal(at) {
			one.AtEnds = 1
		}
	}
	if len(events) > 0 {
		one.NewestWith = row.CreatedAt
	} else {
		one.Without, one.Runs, one.First, one.Last, one.OldestWithout = 1, 1, true, true, row.CreatedAt
	}
	c.Add(one)
}

// Add adds the clues of the orders that follow.
func (c *Clues) Add(next Clues) {
	switch {
	case next.Orders == 0:
		return
	case c.Orders == 0:
		*c = next
		return
	}
	c.Runs += next.Runs
	if c.Last && next.First {
		c.Runs--
	}
	c.Last = next.Last
	c.Orders, c.Doubled, c.AtEnds, c.Without = c.Orders+next.Orders, c.Doubled+next.Doubled, c.AtEnds+next.AtEnds, c.Without+next.Without
	if c.OldestWithout.IsZero() || !next.OldestWithout.IsZero() && next.OldestWithout.Before(c.OldestWithout) {
		c.OldestWithout = next.OldestWithout
	}
	if next.NewestWith.After(c.NewestWith) {
		c.NewestWith = next.NewestWith
	}
}

const (
	// fewWithout is how many orders without events are too few to tell of a job that ended early.
	fewWithout = 2
	// oneRun is how many neighbours without events tell so although later orders have events again: those of live writes.
	oneRun = 10
)

// Cut returns true if orders without events look like those that a backfill has not reached.
func (c Clues) Cut() bool {
	newest := !c.OldestWithout.IsZero() && !c.NewestWith.IsZero() && c.OldestWithout.After(c.NewestWith)
	return c.Without >= fewWithout && newest || c.Without >= oneRun && c.Runs == 1 && c.Without < c.Orders
}

// OnBoundaries returns true if all orders that are stored twice were created where ranges of time begin and end.
func (c Clues) OnBoundaries() bool { return c.Doubled > 0 && c.AtEnds == c.Doubled }
