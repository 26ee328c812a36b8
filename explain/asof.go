package explain

import (
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// AsOf is the order at a time, what happened then included: as the events give it, and as far as legacy tells it.
type AsOf struct {
	At     time.Time `json:"at"`
	Events int       `json:"events"`          // that had happened
	Event  string    `json:"event,omitempty"` // the position of the last of them
	// Values are the order by the events; null before its creation.
	Values map[string]*string `json:"values"`
	// Legacy are the fields that legacy tells, and By says from which of its tables: audit_log, trades, or row, if nothing
	// has changed the field since.
	Legacy map[string]*string `json:"legacy"`
	By     map[string]string  `json:"by"`
	Differ []string           `json:"differ"` // the fields in which the two differ
}

// asOf folds the events that had happened, in the order of their positions.
func (x *Explainer) asOf(l look, at time.Time) *AsOf {
	out := &AsOf{At: at.UTC(), Legacy: map[string]*string{}, By: map[string]string{}, Differ: []string{}}
	events := slices.DeleteFunc(slices.Clone(l.Events), func(e order.Event) bool { return e.At.After(at) })
	if out.Events = len(events); out.Events > 0 {
		out.Event = events[out.Events-1].Position.String()
	}
	state, _ := order.Fold(events)
	out.Values = x.stateValues(&state)
	if len(l.Legacy) != 1 || l.History == nil {
		return out
	}
	schema := x.schema()
	row := legacyRow(schema, l)
	for _, f := range x.Comparison.Fields {
		known, ok := schema.At(row, *l.History, f.Name, at)
		if !ok {
			continue
		}
		out.Legacy[f.Name], out.By[f.Name] = valueText(&known.Value), known.By
		if v, has := state.Value(f.Name); (has || !state.Exists()) && x.Comparison.Rules.Judges(f) && (!has || !compare.Equal(f, v, known.Value)) {
			out.Differ = append(out.Differ, f.Name)
		}
	}
	return out
}
