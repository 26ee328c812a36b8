package verify

import (
	"context"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// histories reads what happened to the orders; nil where there is no event store to look at.
func (p *pass) histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	if p.Events == nil {
		return nil, nil
	}
	return p.Events.Histories(ctx, keys)
}

// diagnose writes into a mismatch at which hop the order parts, why, and what the events make of the fields that
// differ. It returns the reason where the projection is in a state that no number of events leads to: that is proven
// at once, without waiting.
//
// The rows are of two snapshots and the history is of a third moment, later than both. Only what is true of the
// history whatever comes behind it counts: a state that no prefix of it has.
func (p *pass) diagnose(is *compare.Observation, legacy, projection []order.Row, history []order.Event) (impossible string) {
	if p.Events == nil || is.Mismatch == nil {
		return ""
	}
	oracle := compare.Oracle{Fields: p.Fields}
	d := oracle.Diagnose(compare.Evidence{Events: history, Legacy: legacy, Projection: projection})
	if d.Hop != "" {
		is.Mismatch.Hop, is.Mismatch.Cause = d.Hop, d.Cause
	}
	state, _ := oracle.Rules.Fold(history)
	for i, f := range is.Mismatch.Fields {
		if v, ok := state.Value(f.Name); ok {
			is.Mismatch.Fields[i].Events = &v
		}
	}
	if d.Verdict == compare.Diverged {
		return d.Reason
	}
	return ""
}
