package run_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
)

func TestWhatIsAtTheNewSide(t *testing.T) {
	at := time.Now()
	of := func(slice string, fenced bool, phase cutover.Phase, step cutover.Step) run.Status {
		s := run.Status{Run: slice + string(phase), State: cutover.State{Slice: slice, Phase: phase, Step: step}}
		if fenced {
			s.Fenced = &at
		}
		return s
	}
	runs := []run.Status{
		of("s=A", true, cutover.Completed, cutover.TailCheck),
		of("s=A", false, cutover.RolledBack, cutover.Preflight), // refused, and has touched nothing
		of("s=B", true, cutover.Completed, cutover.TailCheck),
		of("s=B", true, cutover.RolledBack, cutover.Fence), // a rehearsal after somebody brought it back by hand
		of("s=C", true, cutover.RolledBack, cutover.Fence),
		of("s=D", true, cutover.Forward, cutover.Release),
		of("s=E", true, cutover.Forward, cutover.SwitchWrites),
		of("s=", true, cutover.Completed, cutover.TailCheck),
	}
	if got := run.Moved(runs); !slices.Equal(got, []string{"s=", "s=A", "s=D"}) {
		t.Errorf("%q are at the new side", got)
	}
	if got := run.Everything(runs); got != nil {
		t.Errorf("everything is at the new side by %+v", got)
	}
	all := of("", true, cutover.Completed, cutover.TailCheck)
	if got := run.Everything(append(runs, all, of("", false, cutover.RolledBack, cutover.Preflight))); got == nil {
		t.Error("a run that was refused brings everything back")
	}
	if got := run.Everything(append(runs, all, of("", true, cutover.RolledBack, cutover.Fence))); got != nil {
		t.Errorf("everything is at the new side by %+v", got)
	}
}
