package gate

import (
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// changesFrom says how to get evidence about changes.
const changesFrom = "let crosscheck run, or run crosscheck sample; the tables under history must be readable, with an index on the order"

// ChangesEvidence is the completeness of the shadow write by changes. It covers the orders that the newest pass drew,
// which started at At. Changes counts the lines of legacy's audit log and its trades; WithEvents counts those that have
// their event.
type ChangesEvidence struct {
	Changes, WithEvents int64
	// Accepted of the others belong to orders whose lost events are accepted.
	Accepted int64 `json:",omitempty"`
	At       time.Time
}

// ShadowWriteCriterion asks that at least the share Min of legacy's orders have events that say the same as the row. If
// legacy records its changes, at least the same share of them must have their event. Changes matter because the row
// does not show every lost event: the next event of the same field hides the loss.
type ShadowWriteCriterion struct {
	Rule
	// Min is the smallest accepted share; default 1, every order and every change.
	Min float64
	// MaxAge is how long ago the event store may have been looked at; default 26h.
	MaxAge time.Duration
	// Changes is true if changes are judged too. It follows from the rest of the configuration: the section history
	// names legacy's own record.
	Changes bool
}

// Name is the criterion's identifier everywhere.
func (ShadowWriteCriterion) Name() string { return "shadow_write_completeness" }

func (c *ShadowWriteCriterion) settings(s Settings) {
	shareSettings(s, &c.Min, &c.MaxAge)
}

func (c *ShadowWriteCriterion) byDefault() {
	*c = ShadowWriteCriterion{Rule: Rule{Severity: Blocking}, Min: 1, MaxAge: defaultFullAge}
}

// EvidenceAt is when the event store was folded.
func (ShadowWriteCriterion) EvidenceAt(e Evidence) time.Time { return e.Events.at() }

// Judge compares two numbers: the orders that have their events, and the changes of sampled orders that have theirs.
// The worse of the two is the verdict. Observed is the smaller share.
func (c ShadowWriteCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.Min)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	orders := e.Fields.named(c.orders(e.Events, now))
	if !c.Changes {
		orders.Reason += " Changes are not counted: legacy's own record is not configured (section history)."
		return orders
	}
	return worse(orders, c.changes(e.Changes, now))
}

func (c ShadowWriteCriterion) orders(v *EventsEvidence, now time.Time) Result {
	if v == nil {
		return collection{what: "The event store", from: eventsFrom}.nothing(scalar(c.Min))
	}
	r := share{
		part: v.WithEvents, whole: v.Legacy, accepted: v.Accepted, unjudged: v.Unjudged, min: c.Min, of: "orders of legacy", good: "have events that say the same",
		repair: "run crosscheck explain for the open divergences at legacy->events, and append the missing events",
	}.judge(eventsCollection(v), c.MaxAge, now)
	if v.Archived > 0 {
		r.Reason += fmt.Sprintf(" %s left out: events.archived says that their events were archived, and the store has none of them.",
			human.Quantity(v.Archived, "order of legacy is", "orders of legacy are"))
	}
	return r
}

func (c ShadowWriteCriterion) changes(v *ChangesEvidence, now time.Time) Result {
	from := collection{what: "Legacy's own record of its changes", from: changesFrom}
	if v == nil {
		return from.nothing(scalar(c.Min))
	}
	from.at = v.At
	return share{
		part: v.WithEvents, whole: v.Changes, accepted: v.Accepted, min: c.Min, of: "changes of sampled orders", good: "have their event",
		repair: "see docs/causes/lost_shadow_write.md, and append the missing events",
	}.judge(from, c.MaxAge, now)
}

// worse combines two results that must both pass. It takes the worse verdict and the reasons of both.
func worse(a, b Result) Result {
	rank := []Verdict{Passes, Inconclusive, Errored, Fails}
	first, second := a, b
	if slices.Index(rank, b.Verdict) > slices.Index(rank, a.Verdict) {
		first, second = b, a
	}
	if first.Verdict == second.Verdict && smaller(second.Observed, first.Observed) {
		first.Observed = second.Observed
	}
	first.Reason = fmt.Sprintf("%s %s", a.Reason, b.Reason)
	if second.ETA != "" && second.ETA != first.ETA {
		if first.ETA != "" {
			first.ETA += "; "
		}
		first.ETA += second.ETA
	}
	return first
}

func smaller(a, b any) bool {
	x, ok := a.(float64)
	y, known := b.(float64)
	return ok && known && x < y
}
