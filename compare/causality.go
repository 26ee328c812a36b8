package compare

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Confidence says how sure a diagnosis is of the cause. The hop is surer than the cause.
type Confidence string

// The confidences.
const (
	High   Confidence = "high"   // nothing else that we know of leaves these traces
	Medium Confidence = "medium" // the likeliest of few
	Low    Confidence = "low"    // a guess, where to look first
)

// Evidence is all that is known of one order at one version of its history.
//
// The history must not be older than the rows: read the rows first, or all in one snapshot. A row that is newer than
// the history would look impossible.
type Evidence struct {
	Events     []order.Event // in the order of their positions
	Legacy     []order.Row
	Projection []order.Row
	// History is legacy's own record of the order; nil is unknown.
	History *History
	// ProjectionReached is the newest change that the projection shows of any order; zero is unknown. A projection
	// that has not reached an event as a whole has left out nothing: it is late, or it has stopped.
	ProjectionReached time.Time
	// Silent is true if no event of any order has been stored since legacy last wrote this one, and others of its
	// orders have none either.
	Silent bool
}

// Diagnosis is what the evidence says of one order.
type Diagnosis struct {
	// Verdict is Diverged only where waiting cannot help: a projection in an impossible state. Lagging is for everything
	// that could still be on its way, or could be a matter of which side was read first; if it is the same after the settle
	// window, it has diverged, with this hop and cause.
	Verdict    Verdict
	Hop        order.Hop // empty for a match
	Cause      Cause     // empty for a match, and where no rule applies
	Confidence Confidence
	Reason     string         // one sentence, for people
	PartsAt    order.Position // the first event at which they part; 0 if that cannot be said
	Behind     int            // events that the projection has still to show
	Since      time.Time      // of the first of them

	Legacy, Projection Placement
	Problems           []order.Problem // of the history itself
}

// Diagnose places legacy and projection on the history, and says across which hop they part, and why. The hop is the
// one nearest to the source of which something is proven; a projection in an impossible state is proven at once.
func (o Oracle) Diagnose(e Evidence) Diagnosis {
	c := o.newCase(e)
	d := c.diagnose()
	if d.Cause == LostShadowWrite && e.Silent {
		d.Cause = StoppedShadowWriter
		d.Reason += "; no event of any order has been stored since"
	}
	d.Legacy, d.Projection, d.Problems = c.legacy, c.projection, c.problems
	if behind := c.projection; behind.Kind == PlacedPrefix || behind.Kind == PlacedAbsent {
		d.Behind, d.Since = behind.Behind, behind.Since
	}
	return d
}

// aCase is an order under examination.
type aCase struct {
	Oracle
	Evidence
	known    []int
	clean    []order.Event // the events in sequence, duplicates of a position left out
	final    order.State
	problems []order.Problem

	legacy, projection Placement
}

func (o Oracle) newCase(e Evidence) *aCase {
	c := &aCase{Oracle: o, Evidence: e, known: o.known()}
	c.final, c.problems = order.Fold(e.Events)
	for i, event := range e.Events {
		if i == 0 || event.Position > c.clean[len(c.clean)-1].Position {
			c.clean = append(c.clean, event)
		}
	}
	c.legacy, c.projection = o.Place(e.Events, e.Legacy), o.Place(e.Events, e.Projection)
	return c
}

func (c *aCase) diagnose() Diagnosis {
	legacyWhole, projectionWhole := c.legacy.Kind == PlacedWhole, c.projection.Kind == PlacedWhole
	if len(c.Events) == 0 {
		return c.withoutEvents()
	}
	if flaw, ok := c.flaw(); ok {
		return flaw
	}
	switch {
	case legacyWhole && projectionWhole:
		return c.agreed()
	case legacyWhole:
		return c.projectionWrong()
	case !projectionWhole && c.projection.Kind == PlacedNone && !c.sidesAgree():
		d := c.projectionWrong()
		d.Reason += "; legacy is not what the events say either"
		return d
	}
	return c.legacyWrong()
}

func (c *aCase) sidesAgree() bool { return Rows(c.Fields, "", c.Legacy, c.Projection) == nil }

// withoutEvents is an order that the event store does not know.
func (c *aCase) withoutEvents() Diagnosis {
	switch {
	case len(c.Legacy) > 0:
		return Diagnosis{
			Verdict: Lagging, Hop: order.LegacyToEvents, Cause: LostShadowWrite, Confidence: High,
			Reason: "legacy has the order, and there is no event of it",
		}
	case len(c.Projection) > 0:
		return Diagnosis{
			Verdict: Diverged, Hop: order.EventsToProjection, Cause: GhostRow, Confidence: High,
			Reason: "the projection has a row, and there is neither an event nor a legacy row of the order",
		}
	}
	return Diagnosis{Verdict: Match}
}

// agreed is both sides being what all events say. What may still be wrong is a field that events do not tell, or the
// history itself.
func (c *aCase) agreed() Diagnosis {
	if !c.sidesAgree() {
		return Diagnosis{
			Verdict: Lagging, Hop: order.LegacyToProjection, Cause: WrongValue, Confidence: Low,
			Reason: "both sides are what the events say, and differ in a field that is not judged by events",
		}
	}
	for _, p := range c.problems {
		if p.Kind.Impossible() {
			return Diagnosis{
				Verdict: Diverged, Hop: order.LegacyItself, Cause: ImpossibleTransition, Confidence: Medium, PartsAt: p.Position,
				Reason: fmt.Sprintf("all agree on a history that cannot be: event %d: %s", p.Position, p.Detail),
			}
		}
	}
	return Diagnosis{Verdict: Match}
}

// flaw is an event that could not be decoded: what the others make of it is unknown to us.
func (c *aCase) flaw() (Diagnosis, bool) {
	for _, e := range c.Events {
		if e.Body == nil {
			detail := "it has no body"
			if e.Schema != nil {
				detail = e.Schema.Detail
			}
			d := Diagnosis{
				Verdict: Lagging, Hop: order.LegacyToEvents, Cause: SchemaDrift, Confidence: High,
				Reason: fmt.Sprintf("event %s (%s) cannot be read: %s", e.Position, e.Type, detail),
			}
			if e.Position != order.NoPosition {
				d.PartsAt = e.Position
			}
			return d, true
		}
	}
	return Diagnosis{}, false
}
