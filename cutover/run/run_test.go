package run_test

import (
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"

	"github.com/nordvarg/crosscheck/cutover"
)

// TestThePathsOfTheSearch runs each path on the coordinator, and then to its end with nothing failing any more.
func TestThePathsOfTheSearch(t *testing.T) {
	text, err := os.ReadFile("../testdata/paths.json")
	if err != nil {
		t.Fatal(err)
	}
	var paths [][]step
	if err := json.Unmarshal(text, &paths); err != nil {
		t.Fatal(err)
	}
	ends := map[cutover.Phase]int{}
	for _, path := range paths {
		for _, stray := range []bool{false, true} {
			ok := t.Run("", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPlayer(t, path)
					p.stray = stray
					ends[p.play().State.Phase]++
				})
			})
			if !ok {
				t.Fatal("on the path\n\t" + tell(path))
			}
		}
	}
	t.Logf("%d paths, which end %v", len(paths), ends)
}

// TestAProcessMayDieAtAnyRecord of a run that is asked to go back at each step, or not; and so may the next process.
func TestAProcessMayDieAtAnyRecord(t *testing.T) {
	ends := map[cutover.Phase]int{}
	for _, askAt := range []cutover.Step{
		"", cutover.Hold, cutover.Fence, cutover.Barrier, cutover.FinalVerification, cutover.PermanentFence, cutover.SwitchReads,
		cutover.SwitchWrites, cutover.Release, cutover.TailCheck,
	} {
		for i := range 12 {
			for records, died := 0, true; died; records++ {
				synctest.Test(t, func(t *testing.T) {
					p := newPlayer(t, nil)
					p.askAt, p.before, p.stray, p.records, p.again = askAt, i%2 == 0, i/2%2 == 0, records, i/4*2-1
					status := p.play()
					ends[status.State.Phase]++
					died = status.Epoch > 1 || p.process > 2
				})
			}
		}
	}
	t.Logf("%v", ends)
	if ends[cutover.Completed] == 0 || ends[cutover.RolledBack] == 0 {
		t.Errorf("the runs end %v", ends)
	}
}
