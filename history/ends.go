package history

// Ends compares the row with the order after all events of a case. The time at which the row was written last may be in no
// event: a write that nothing records is no contradiction.
func (a *Auditor) Ends(c Case) (differ []Moment) {
	c.Events = a.judged(c.Events)
	for _, end := range a.ends(c) {
		row, err := moment(end.Log)
		fold, foldErr := moment(end.Fold)
		if err != nil || !row.Equal(c.Row.ChangedAt) && (foldErr != nil || !row.Equal(fold)) {
			differ = append(differ, end)
		}
	}
	return differ
}
