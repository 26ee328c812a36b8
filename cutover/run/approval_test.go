package run_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
)

// TestAnApprovalIsUsedOnce: by the run that has asked for the fence, and by no rehearsal.
func TestAnApprovalIsUsedOnce(t *testing.T) {
	t.Parallel()
	journal := func(name string, steps ...cutover.Step) (records []cutover.Record) {
		for seq, step := range steps {
			r := cutover.Record{Run: name, Epoch: 1, Seq: seq, Action: cutover.Action{Verb: cutover.Do, Step: step}, Positions: map[string]string{run.ApprovalKey: "a"}}
			records = append(records, r)
			r.Outcome = cutover.Done
			records = append(records, r)
		}
		return records
	}
	held := journal("orders-1", cutover.Preflight, cutover.Hold)
	rehearsed := journal("orders-rehearsal-2", cutover.Preflight, cutover.Hold, cutover.Fence)
	executed := journal("orders-3", cutover.Preflight, cutover.Hold, cutover.Fence)
	if got := run.Used([][]cutover.Record{held, rehearsed}, "a"); got != "" {
		t.Errorf("%s has used it", got)
	}
	for approval, want := range map[string]string{"a": "orders-3", "b": ""} {
		if got := run.Used([][]cutover.Record{held, rehearsed, executed}, approval); got != want {
			t.Errorf("approval %s: %q has used it, want %q", approval, got, want)
		}
	}
}
