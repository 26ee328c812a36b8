package compare

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Confidence says how sure a diagnosis is of the cause. It is always surer of the hop.
type Confidence string

// The confidences.
const (
	High   Confidence = "high"   // nothing else that crosscheck knows leaves these traces
	Medium Confidence = "medium" // the likeliest of few explanations
	Low    Confidence = "low"    // a guess: where to look first
)

// Evidence is all that is known of one order at one version of its history.
//
// The history must not be older than the rows: read the rows first, or all in one snapshot. Otherwise a row that is
// newer than the history looks impossible.
type Evidence struct {
	Events     []order.Event // in the order of their positions
	Legacy     []order.Row
	Projection []order.Row
	// History is legacy's own record of the order; nil if unknown.
	History *History
	// ProjectionReached is the newest change of any order that the projection shows; zero if unknown. If the whole
	// projection has not reached an event, it has not skipped the event: it is late, or it has stopped.
	ProjectionReached time.Time
	// Silent is true if no event of any order has been stored since legacy last wrote this one, and several orders that
	// legacy wrote have no event.
	Silent bool
}

// Diagnosis is what the evidence says about one order.
type Diagnosis struct {
	// Verdict is Diverged only if waiting cannot help: the projection is in an impossible state. Lagging is for everything
	// that may still be on its way, or may depend on which side was read first. If it is the same after the settle window,
	// it has diverged, with this hop and cause.
	Verdict    Verdict
	Hop        order.Hop // empty for a match
	Cause      Cause     // empty for a match, and if no rule applies
	Confidence Confidence
	Reason     string         // one sentence, for people
	PartsAt    order.Position // the first event at which they part; 0 if unknown
	Behind     int            // events that the projection does not show yet
	Since      time.Time      // time of the first of them

	Legacy, Projection Placement
	Problems           []order.Problem // of the history
}

// Diagnose places legacy and projection on the history, and says at which hop they part and why. If several hops are in
// question, it names the proven one nearest to the source. A projection in an impossible state is proven at once.
func (o Oracle) Diagnose(e Evidence) Diagnosis {
	c := o.placeOrder(e)
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

// placedOrder is an order with its history folded and its rows placed on it.
type placedOrder struct {
	Oracle
	Evidence
	known    []int
	clean    []order.Event // the events in sequence, without duplicates of a position
	final    order.State
	problems []order.Problem

	legacy, projection Placement
}

func (o Oracle) placeOrder(e Evidence) *placedOrder {
	c := &placedOrder{Oracle: o, Evidence: e, known: o.known()}
	c.final, c.problems = order.Fold(e.Events)
	for i, event := range e.Events {
		if i == 0 || event.Position > c.clean[len(c.clean)-1].Position {
			c.clean = append(c.clean, event)
		}
	}
	c.legacy, c.projection = o.Place(e.Events, e.Legacy), o.Place(e.Events, e.Projection)
	return c
}

func (c *placedOrder) diagnose() Diagnosis {
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
		d.Reason += "; legacy does not agree with the events either"
		return d
	}
	return c.legacyWrong()
}

func (c *placedOrder) sidesAgree() bool { return Rows(c.Fields, "", c.Legacy, c.Projection) == nil }

// withoutEvents diagnoses an order that the event store does not know.
func (c *placedOrder) withoutEvents() Diagnosis {
	switch {
	case len(c.Legacy) > 0:
		return Diagnosis{
			Verdict: Lagging, Hop: order.LegacyToEvents, Cause: LostShadowWrite, Confidence: High,
			Reason: "legacy has the order, but there is no event of it",
		}
	case len(c.Projection) > 0:
		return Diagnosis{
			Verdict: Diverged, Hop: order.EventsToProjection, Cause: GhostRow, Confidence: High,
			Reason: "the projection has a row, but the order has neither an event nor a legacy row",
		}
	}
	return Diagnosis{Verdict: Match}
}

// agreed diagnoses an order for which both sides equal the fold of all events. A field that events do not determine may
// still be wrong, or the history itself.
func (c *placedOrder) agreed() Diagnosis {
	if !c.sidesAgree() {
		return Diagnosis{
			Verdict: Lagging, Hop: order.LegacyToProjection, Cause: WrongValue, Confidence: Low,
			Reason: "both sides agree with the events, but differ in a field that events do not judge",
		}
	}
	for _, p := range c.problems {
		if p.Kind.Impossible() {
			return Diagnosis{
				Verdict: Diverged, Hop: order.LegacyItself, Cause: ImpossibleTransition, Confidence: Medium, PartsAt: p.Position,
				Reason: fmt.Sprintf("all agree, but the history is impossible: event %d: %s", p.Position, p.Detail),
			}
		}
	}
	return Diagnosis{Verdict: Match}
}

// flaw looks for an event that could not be decoded. Other systems may read such an event in an unknown way.
func (c *placedOrder) flaw() (Diagnosis, bool) {
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
