package run

import (
	"slices"

	"github.com/nordvarg/crosscheck/cutover"
)

// The names under which a run's preflight journals on what it was begun.
const (
	ApprovalKey = "approval" // the link of the chain that approves
	CutoverKey  = "cutover"  // the section cutover as it was written
)

// TriedUndo names the newest run of a section cutover that has undone both switches; empty if none has.
func TriedUndo(journals [][]cutover.Record, section string) string {
	for _, records := range slices.Backward(journals) {
		undone := map[cutover.Step]bool{}
		for _, r := range records {
			if r.Action.Verb == cutover.Undo && r.Outcome == cutover.Done {
				undone[r.Action.Step] = true
			}
		}
		if undone[cutover.SwitchReads] && undone[cutover.SwitchWrites] && Positions(records)[CutoverKey] == section {
			return records[0].Run
		}
	}
	return ""
}

// Used names the run that has closed legacy under an approval; empty if none has. A rehearsal uses none up, and neither does a run that has ended
// before it closed anything.
func Used(journals [][]cutover.Record, approval string) string {
	for _, records := range journals {
		s, err := Look(records)
		if err == nil && s.Fenced != nil && !IsRehearsal(s.Run) && Positions(records)[ApprovalKey] == approval {
			return s.Run
		}
	}
	return ""
}
