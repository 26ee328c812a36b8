package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// eventsFrom says how to get evidence about the event store.
const eventsFrom = "configure events and let crosscheck run, or run crosscheck verify"

// lagFrom says how to get the lag.
const lagFrom = "configure events and projection.changed_at, and create an index on that column"

// EventsEvidence is what the newest full verification, which ended at At, found when it folded the whole event store.
type EventsEvidence struct {
	// Legacy is the number of legacy's orders that were looked at. WithEvents is how many of them have events that say
	// the same. Together they are the completeness of the shadow write by orders.
	Legacy, WithEvents int64
	// Orders is the number of orders that the events give. Flawed is how many orders have an event that cannot be
	// decoded or applied. Gaps is how many orders have a history with a hole.
	Orders, Flawed, Gaps int64
	// Accepted of the orders without such events have a divergence between legacy and events that is accepted, and so have
	// AcceptedFlawed and AcceptedGaps of the others.
	Accepted, AcceptedFlawed, AcceptedGaps int64 `json:",omitempty"`
	// Unjudged is how many further orders the pass could not judge. They do not count as having their events.
	Unjudged int64 `json:",omitempty"`
	// Archived is the number of legacy's orders that were left out, because the configuration says that their events were
	// archived.
	Archived int64
	At       time.Time
}

func (e *EventsEvidence) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.At
}

// LagEvidence is how far the projection was behind the event store, as measured at At.
type LagEvidence struct {
	Events int64         // events that the projection has not applied yet
	Behind time.Duration // from the newest change that the projection shows to the newest event
	At     time.Time
}

func (e *LagEvidence) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.At
}

func eventsCollection(e *EventsEvidence) collection {
	return collection{what: "The event store", from: eventsFrom, at: e.At}
}

// EventGapsCriterion asks that at most Max orders have an unusable history. A history is unusable if it has a hole, or
// an event that cannot be decoded or applied, which has the same effect.
type EventGapsCriterion struct {
	Rule
	// Max is how many such orders are tolerated; default 0.
	Max int64
	// MaxAge is how long ago the event store may have been looked at; default 26h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (EventGapsCriterion) Name() string { return "event_gaps" }

func (c *EventGapsCriterion) settings(s Settings) {
	mostSettings(s, &c.Max, &c.MaxAge)
}

func (c *EventGapsCriterion) byDefault() {
	*c = EventGapsCriterion{Rule: Rule{Severity: Blocking}, MaxAge: defaultFullAge}
}

// EvidenceAt is when the event store was folded.
func (EventGapsCriterion) EvidenceAt(e Evidence) time.Time { return e.Events.at() }

// Judge counts orders with holes and with flawed events. Observed is their sum.
func (c EventGapsCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Max); bad {
		return r
	}
	if e.Events == nil {
		return collection{what: "The event store", from: eventsFrom}.nothing(c.Max)
	}
	v, from := e.Events, eventsCollection(e.Events)
	if v.Orders < 0 || v.Gaps < v.AcceptedGaps || v.Flawed < v.AcceptedFlawed || v.AcceptedGaps < 0 || v.AcceptedFlawed < 0 {
		return broken(c.Max, from.from, "%s: %d flawed histories and %d gaps among %d orders are impossible.", from.when(now), v.Flawed, v.Gaps, v.Orders)
	}
	accepted := v.AcceptedGaps + v.AcceptedFlawed
	observed := v.Gaps + v.Flawed - accepted
	if r, ok := from.usable(observed, c.Max, c.MaxAge, now); !ok {
		return r
	}
	if v.Orders == 0 {
		return inconclusive(nil, c.Max, from.from, "%s, and it held no event.", from.when(now))
	}
	said := fmt.Sprintf("%s. It holds %s, with %s and %s whose events cannot be read or applied", from.when(now), human.Quantity(v.Orders, "order", "orders"),
		human.Quantity(v.Gaps, "gap", "gaps"), human.Quantity(v.Flawed, "order", "orders"))
	if accepted > 0 {
		said += fmt.Sprintf("; %s accepted", human.Quantity(accepted, "of them is", "of them are"))
	}
	if observed > c.Max {
		return fail(observed, c.Max, "see docs/causes/schema_drift.md and the open divergences at legacy->events", "%s; the limit is %s.", said, human.Number(c.Max))
	}
	return pass(observed, c.Max, "%s.", said)
}

// ProjectionLagCriterion asks that the projection is at most Max behind the event store.
type ProjectionLagCriterion struct {
	Rule
	// Max is how old the oldest event may be that the projection has not applied; default 1m.
	Max time.Duration
	// MaxAge is how long ago the lag may have been measured; default 10m.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (ProjectionLagCriterion) Name() string { return "projection_lag" }

func (c *ProjectionLagCriterion) settings(s Settings) {
	s.Duration("max", &c.Max, 0)
	maxAgeSetting(s, &c.MaxAge)
}

func (c *ProjectionLagCriterion) byDefault() {
	*c = ProjectionLagCriterion{Rule: Rule{Severity: Blocking}, Max: time.Minute, MaxAge: 10 * time.Minute}
}

// EvidenceAt is when the lag was measured.
func (ProjectionLagCriterion) EvidenceAt(e Evidence) time.Time { return e.Lag.at() }

// Judge looks at the lag measured last. Observed and limit are in seconds.
func (c ProjectionLagCriterion) Judge(e Evidence, now time.Time) Result {
	limit := c.Max.Seconds()
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	from := collection{what: "The projection's lag", from: lagFrom}
	if e.Lag == nil {
		return from.nothing(limit)
	}
	v := e.Lag
	from.at = v.At
	if v.Behind < 0 || v.Events < 0 {
		return broken(limit, clockHint, "%s: a lag of %s and %d events is impossible.", from.when(now), v.Behind, v.Events)
	}
	observed := v.Behind.Seconds()
	if r, ok := from.usable(observed, limit, c.MaxAge, now); !ok {
		return r
	}
	said := fmt.Sprintf("%s: the projection was behind by %s, the oldest of them %s old", from.when(now),
		human.Quantity(v.Events, "event", "events"), human.Duration(v.Behind))
	if v.Events == 0 {
		said = fmt.Sprintf("%s: the projection had applied every event", from.when(now))
	}
	if v.Behind > c.Max {
		return fail(observed, limit, "see docs/causes/stopped_projector.md, or wait until the projector has caught up", "%s; the limit is %s.", said, human.Duration(c.Max))
	}
	return pass(observed, limit, "%s.", said)
}
