package cutover

import (
	"testing"
	"time"
)

func TestAStepIsBegunOnlyIfTheRestFits(t *testing.T) {
	b := Budget{
		Total: 5 * time.Minute, Reserve: 2 * time.Minute,
		Forecast: map[Step]time.Duration{Fence: time.Minute, FinalVerification: 30 * time.Second, SwitchWrites: 30 * time.Second, TailCheck: time.Hour},
	}
	for _, c := range []struct {
		action  Action
		elapsed time.Duration
		left    time.Duration
		fits    bool
		because string
	}{
		{Action{Verb: Do, Step: Fence}, time.Minute, time.Minute, true, "1m + 2m end where the reserve begins"},
		{Action{Verb: Do, Step: Fence}, time.Minute + 1, time.Minute - 1, false, "the steps after it do not fit any more"},
		{Action{Verb: Do, Step: Barrier}, 2 * time.Minute, 0, true, "the fence is done and takes nothing more"},
		{Action{Verb: Do, Step: SwitchWrites}, 2*time.Minute + 30*time.Second, 30 * time.Second, true, "it is the last step that must fit"},
		{Action{Verb: Do, Step: SwitchWrites}, 2*time.Minute + 30*time.Second + 1, 30*time.Second - 1, false, "the reserve is for the way back"},
		{Action{Verb: Do, Step: TailCheck}, 4 * time.Minute, time.Minute, true, "clients are served again"},
		{Action{Verb: Do, Step: Hold}, 0, 5 * time.Minute, true, "the window has not begun"},
		{Action{Verb: Do, Step: Proof}, 4 * time.Minute, time.Minute, true, "it is on the way back"},
		{Action{Verb: Undo, Step: SwitchReads}, time.Hour, -55 * time.Minute, true, "it is on the way back"},
		{Action{Verb: Evict}, 3 * time.Minute, 2 * time.Minute, true, "it is needed on both ways"},
	} {
		if fits := b.Fits(c.action, c.elapsed); fits != c.fits {
			t.Errorf("%s after %s: %t, but %s", c.action, c.elapsed, fits, c.because)
		}
		if left := b.Left(c.action, c.elapsed); left != c.left {
			t.Errorf("%s after %s has %s left instead of %s", c.action, c.elapsed, left, c.left)
		}
	}
}
