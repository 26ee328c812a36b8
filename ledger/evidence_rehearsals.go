package ledger

import (
	"slices"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/gate"
)

// rehearsals are the rehearsals that have ended under a fingerprint, the newest first; nil if there are none. One that was refused before
// it closed the fence is none: nothing was rehearsed. The way back is rehearsed even if the way forward failed.
func rehearsals(journals [][]cutover.Record, fingerprint string) *gate.RehearsalEvidence {
	var e gate.RehearsalEvidence
	for _, records := range slices.Backward(journals) {
		s, err := run.Look(records)
		if err != nil || !run.IsRehearsal(s.Run) || s.Fenced == nil || !s.State.Ended() || under(records) != fingerprint {
			continue // a journal that contradicts itself proves nothing
		}
		took, ended := run.Measure(records), s.State.Phase == cutover.RolledBack
		e.Cutovers = append(e.Cutovers, gate.Rehearsal{At: s.Began, Took: took.Forward, OK: ended && took.Forward > 0})
		e.Rollbacks = append(e.Rollbacks, gate.Rehearsal{At: s.Began, Took: took.Back, OK: ended && took.Back > 0})
	}
	if e.Cutovers == nil {
		return nil
	}
	return &e
}

// under is the fingerprint under which a run was begun, as its preflight has noted it.
func under(records []cutover.Record) string {
	for _, r := range records {
		if of := r.Positions["fingerprint"]; of != "" {
			return of
		}
	}
	return ""
}
