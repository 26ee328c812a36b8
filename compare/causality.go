package compare

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/history"
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
	History *history.Record
	// ProjectionReached is the newest change of any order that the projection shows; zero if unknown. If the whole
	// projection has not reached an event, it has not skipped the event: it is late, or it has stopped.
	ProjectionReached time.Time
	// Recorded is true if legacy has a record of its own. Where History is nil then, it could not be read.
	Recorded bool
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
	// Or are other causes that explain the same rows equally well. If there are any, the confidence is not high.
	Or      []Cause
	Reason  string          // one sentence, for people
	PartsAt *order.Position // the first event at which they part; nil if unknown
	Behind  int             // events that the projection does not show yet
	Since   time.Time       // time of the first of them

	Legacy, Projection Placement
	Problems           []order.Problem // of the history

	// Further are the diagnoses of the other hops at which the order parts, in the order of the data.
	Further []Diagnosis
	// Agreed are the hops at which the representations agree. A hop at which the order does not part either could not be
	// judged.
	Agreed []order.Hop
}

// Parts are the diagnoses of all hops at which the order parts, nearest to the source first.
func (d Diagnosis) Parts() []Diagnosis {
	if d.Hop == "" {
		return nil
	}
	return append([]Diagnosis{d}, d.Further...)
}

// Diagnose places legacy and projection on the history, and says at which hops they part and why. The diagnosis is of the
// hop that is nearest to the source; those of the others follow it. A projection in an impossible state is proven at once.
func (o Oracle) Diagnose(e Evidence) Diagnosis {
	c := o.placeOrder(e)
	h := c.byHop()
	for i := range h.parts {
		if d := &h.parts[i]; d.Cause == LostShadowWrite && e.Silent {
			d.Cause = StoppedShadowWriter
			d.Reason += "; no event of any order has been stored since"
		}
	}
	d := Diagnosis{Verdict: Match}
	if len(h.parts) > 0 {
		d, d.Further = h.parts[0], h.parts[1:]
	}
	d.Agreed = h.agreed
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

// flaw looks for an event that could not be decoded. Other systems may read such an event in an unknown way.
func (c *placedOrder) flaw() (Diagnosis, bool) {
	for _, e := range c.Events {
		if e.Said == nil {
			detail := "it says nothing"
			if e.Schema != nil {
				detail = e.Schema.Detail
			}
			return Diagnosis{
				Verdict: Lagging, Hop: order.LegacyToEvents, Cause: SchemaDrift, Confidence: High, PartsAt: order.Known(e.Position),
				Reason: fmt.Sprintf("event %s (%s) cannot be read: %s", e.Position, e.Type, detail),
			}, true
		}
	}
	return Diagnosis{}, false
}
