package run

import (
	"slices"

	"github.com/nordvarg/crosscheck/cutover"
)

// Moved are the slices that are at the new side: the newest run of each that kept writers out has switched its writes, and was not brought back.
// The runs are in the order in which they began.
func Moved(runs []Status) []string {
	at := map[string]bool{}
	for _, s := range runs {
		if s.State.Slice != "" && s.Fenced != nil {
			at[s.State.Slice] = s.atNew()
		}
	}
	var moved []string
	for slice, is := range at {
		if is {
			moved = append(moved, slice)
		}
	}
	slices.Sort(moved)
	return moved
}

// atNew reports whether writes are at the new side, and stay there unless somebody asks for the way back.
func (s Status) atNew() bool {
	released := s.State.Step == cutover.Release || s.State.Step == cutover.TailCheck
	return s.State.Phase == cutover.Completed || s.State.Phase == cutover.Forward && released
}

// Everything is the newest run of all orders whose writes are at the new side; nil if there is none.
func Everything(runs []Status) *Status {
	for i, s := range slices.Backward(runs) {
		if s.State.Slice == "" && s.Fenced != nil {
			if s.atNew() {
				return &runs[i]
			}
			return nil
		}
	}
	return nil
}

// Of are the journals of the runs of one slice, or of all orders if it is empty. Of a slice that has none, they are those of other slices, and then
// all: they tell best how long its steps take.
func Of(journals [][]cutover.Record, slice string) [][]cutover.Record {
	like := func(is func(of string) bool) (found [][]cutover.Record) {
		for _, records := range journals {
			if is(records[0].Action.Slice) && len(Forecast([][]cutover.Record{records})) > 0 {
				found = append(found, records)
			}
		}
		return found
	}
	same := like(func(of string) bool { return of == slice })
	if slice == "" || len(same) > 0 {
		return same
	}
	if others := like(func(of string) bool { return of != "" }); len(others) > 0 {
		return others
	}
	return journals
}
