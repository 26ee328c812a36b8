package run

import "github.com/nordvarg/crosscheck/cutover"

// Progress says how far a step of a run has come. The strings are those of the metric crosscheck_cutover_step.
type Progress string

// The progress of a step. The ledger's records do not tell Abandoned, because they do not say whether a process drives the run.
const (
	Waiting   Progress = "waiting"   // it was not begun, or its outcome leads elsewhere
	Running   Progress = "running"   // it may have been begun, or is next
	Done      Progress = "done"      // it is in effect
	Failed    Progress = "failed"    // it will have no effect
	Undone    Progress = "undone"    // it was in effect, or may have been, and is not any more
	Abandoned Progress = "abandoned" // it is next, and no process drives the run
)

// Progresses are all of them.
func Progresses() []Progress { return []Progress{Waiting, Running, Done, Failed, Undone, Abandoned} }

// steps are in the order in which people know them; the proof is a part of the way back.
var steps = []cutover.Step{
	cutover.Preflight, cutover.Hold, cutover.Fence, cutover.Barrier, cutover.FinalVerification, cutover.PermanentFence,
	cutover.SwitchReads, cutover.SwitchWrites, cutover.Release, cutover.TailCheck, cutover.Proof,
}

// StepProgress is the progress of one step.
type StepProgress struct {
	Step     cutover.Step `json:"step"`
	Progress Progress     `json:"progress"`
}

// Steps is how far each step of a run has come, by its records. driven says whether a process holds the lease.
func Steps(records []cutover.Record, driven bool) ([]StepProgress, error) {
	s, err := Look(records)
	if err != nil {
		return nil, err
	}
	known := map[cutover.Step]Progress{}
	for _, r := range records {
		if p, ok := progressOf(r); ok {
			known[r.Action.Step] = p
		}
	}
	if !s.State.Ended() {
		if known[s.State.Step] = Running; !driven {
			known[s.State.Step] = Abandoned
		}
	}
	all := make([]StepProgress, len(steps))
	for i, step := range steps {
		if all[i] = (StepProgress{step, Waiting}); known[step] != "" {
			all[i].Progress = known[step]
		}
	}
	return all, nil
}

// progressOf is what one record says of its step. A record that says nothing of it leaves the step as it is.
func progressOf(r cutover.Record) (Progress, bool) {
	undoing := r.Action.Verb == cutover.Undo
	switch {
	case r.Action.Step == "":
	case r.Outcome == "" || r.Outcome == cutover.Unknown:
		return Running, true
	case r.Outcome == cutover.Done && undoing:
		return Undone, true
	case r.Outcome == cutover.Done, r.Outcome == cutover.Accepted:
		return Done, true
	case r.Outcome == cutover.Failed && !undoing, r.Outcome == cutover.FenceLost:
		return Failed, true
	case r.Outcome == cutover.NoTime, r.Outcome == cutover.Abort, r.Outcome == cutover.Reverse:
		return Waiting, !undoing
	}
	return "", false
}
