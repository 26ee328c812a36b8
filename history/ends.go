package history

import (
	"github.com/nordvarg/crosscheck/order"
)

// Outcome folds all events of a case, and compares the order after them with the row: what is wrong with the events, and the
// judged fields that differ.
func (a *Auditor) Outcome(c Case) (problems []order.Problem, differ []Moment) {
	c.Events = a.judged(c.Events)
	state, problems := order.Fold(c.Events)
	return problems, a.ends(c.Row, &state)
}

// ends compares the row with the order after all events.
func (a *Auditor) ends(row Row, state *order.State) (differ []Moment) {
	for _, field := range a.Judged {
		i := a.at(field)
		if i < 0 {
			continue
		}
		if got, ok := state.Value(field); !ok || !a.equal(field, got, row.Values[i]) {
			differ = append(differ, Moment{At: row.ChangedAt, Field: field, Log: row.Values[i], Fold: got})
		}
	}
	return differ
}

// Unrecorded is true if a field that differs at the end of a history has the time at which the row was written last. It may be in no
// event: a write that nothing records is no contradiction.
func (m Moment) Unrecorded() bool {
	row, err := moment(m.Log)
	if err != nil {
		return false
	}
	fold, foldErr := moment(m.Fold)
	return row.Equal(m.At) || foldErr == nil && row.Equal(fold)
}
