package run

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
)

// Rehearsal begins the last part of the name of a run that is a rehearsal: orders-2026-rehearsal-3.
const Rehearsal = "rehearsal-"

// IsRehearsal reports whether a run is a rehearsal, by its name.
func IsRehearsal(run string) bool {
	name := run[strings.LastIndexByte(run, '-')+1:]
	return strings.HasSuffix(strings.TrimSuffix(run, name), "-"+Rehearsal)
}

// UntilKey is the name under which the preflight of a rehearsal journals the step after which it turns.
const UntilKey = "until"

// Until is the step after which a rehearsal was to turn, by its positions. Rehearsals of before have not journalled it.
func Until(positions map[string]string) cutover.Step {
	return cutover.Step(cmp.Or(positions[UntilKey], string(cutover.FinalVerification)))
}

// Reached reports whether some of these records says that a step was done.
func Reached(records []cutover.Record, step cutover.Step) bool {
	return slices.ContainsFunc(records, func(r cutover.Record) bool {
		return r.Action.Verb == cutover.Do && r.Action.Step == step && r.Outcome == cutover.Done
	})
}

// Took is how long the two ways of a run took.
type Took struct {
	Began time.Time
	// Forward is from when the fence was asked for until the final verification was done; 0 if it was not.
	Forward time.Duration
	// Back is from the first action of the way back until legacy was open; 0 if there was none.
	Back time.Duration
}

// Measure reads the journal of a run.
func Measure(records []cutover.Record) (t Took) {
	var fenced, back time.Time
	for _, r := range records {
		t.Began = records[0].At
		switch {
		case r.Outcome == "" && r.Action.Verb == cutover.Do && r.Action.Step == cutover.Fence && fenced.IsZero():
			fenced = r.At
		case r.Outcome == cutover.Done && r.Action.Verb == cutover.Do && r.Action.Step == cutover.FinalVerification:
			t.Forward = r.At.Sub(fenced)
		case r.Outcome == "" && r.Action.Verb == cutover.Undo && back.IsZero():
			back = r.At
		case r.Outcome == cutover.Done && r.Action.Verb == cutover.Undo && r.Action.Step == cutover.Fence:
			t.Back = r.At.Sub(back)
		}
	}
	return t
}

// Forecast is how long each step took at most in these runs.
func Forecast(runs [][]cutover.Record) map[cutover.Step]time.Duration {
	longest := map[cutover.Step]time.Duration{}
	for _, records := range runs {
		began := map[cutover.Step]time.Time{}
		for _, r := range records {
			if r.Action.Verb != cutover.Do || !r.Action.InWindow() {
				continue
			}
			switch r.Outcome {
			case "": // again after a takeover: the time that nobody worked is no part of a step
				began[r.Action.Step] = r.At
			case cutover.Done, cutover.Accepted:
				longest[r.Action.Step] = max(longest[r.Action.Step], r.At.Sub(began[r.Action.Step]))
			default:
			}
		}
	}
	return longest
}
