package compare

import (
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Reading is all that one look read of an order, and of the system around it. Every check makes one, and every check
// has it judged by [Oracle.Judge]: that is why they say the same of an order.
//
// The rows are read first and the events last: a row that is newer than the history would look impossible.
type Reading struct {
	System

	Key                order.Key
	Legacy, Projection []order.Row
	Events             []order.Event   // in the order of their positions
	History            *history.Record // legacy's own record; nil is unknown

	after *string // the state of legacy's rows after its record was read; nil if it is that of Legacy
}

// Reread takes legacy's rows as they are after its own record was read. If they have changed, the record may be newer
// than Legacy, and would contradict it: it is not used, and the order counts as written since the look before.
func (r *Reading) Reread(legacy []order.Row) {
	if after := state(legacy); after != state(r.Legacy) {
		r.History, r.after = nil, &after
	}
}

// System is what one look knows of all orders together.
type System struct {
	// At is when both sides had been read, by the comparer's clock.
	At time.Time
	// EventStore is true where there is one. Without it an order is judged by its rows alone.
	EventStore bool
	// NewestEvent is the time of the newest of all events in the store.
	NewestEvent time.Time
	// Recorded is true if legacy has a record of its own. Where History is nil then, it could not be read.
	Recorded bool
	// Silent is true if legacy has written several orders since NewestEvent.
	Silent bool
	// ProjectionReached is the newest change that the projection shows of any order; zero is unknown.
	ProjectionReached time.Time
}

// Judge observes an order in all representations together, and says at which hop they part, and why. The rows are of two
// snapshots, and the history is of a later moment. So only what later events cannot change is proven.
//
// The observation has a mismatch for each hop at which the order parts, and names the hops in agreement. Without an
// event store there is one hop, and so it is without the events of an archived order.
func (o Oracle) Judge(r Reading) (Observation, Diagnosis) {
	is := Observe(o.Fields, r.Key, r.Legacy, r.Projection, r.At, r.ProjectionReached)
	if r.after != nil {
		is.LegacyState = *r.after
	}
	if !r.EventStore {
		return is, withoutUnread(&is, byRowsAlone(is.Mismatches))
	}
	is.EventsReached = r.NewestEvent
	if len(r.Events) == 0 && Archived(r.Legacy) {
		is.EventsState = HistoryState(nil)
		return is, withoutUnread(&is, withoutArchived(is.Mismatches))
	}
	return is, withoutUnread(&is, o.Representations(&is, r.evidence(is.LegacyChangedAt)))
}

// withoutUnread claims no cause where a field could not be read: nothing is known of its value.
func withoutUnread(is *Observation, d Diagnosis) Diagnosis {
	for i := range is.Mismatches {
		m := &is.Mismatches[i]
		for _, f := range m.Fields {
			for _, v := range []*order.Value{f.Legacy, f.Projection} {
				if v == nil || !v.Failed {
					continue
				}
				m.Cause = ""
				if d.Hop == m.Hop {
					d.Cause, d.Or, d.Confidence = "", nil, ""
					d.Reason = "the field " + f.Name + " " + v.Text
				}
			}
		}
	}
	return d
}

func (r Reading) evidence(legacyChangedAt time.Time) Evidence {
	return Evidence{
		Events: r.Events, Legacy: r.Legacy, Projection: r.Projection, History: r.History, Recorded: r.Recorded,
		ProjectionReached: r.ProjectionReached, Silent: r.Silent && legacyChangedAt.After(r.NewestEvent) && !order.SameTime(legacyChangedAt, r.NewestEvent),
	}
}

// byRowsAlone is what two representations tell.
func byRowsAlone(found []Mismatch) Diagnosis {
	if len(found) == 0 {
		return Diagnosis{Verdict: Match}
	}
	return Diagnosis{
		Verdict: Lagging, Hop: found[0].Hop,
		Reason: "legacy and projection differ; without events nothing tells at which hop",
	}
}
