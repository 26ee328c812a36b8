package cutover

import (
	"slices"
	"time"
)

// Budget is the time of the window. It is one deadline, counted from when the fence was first asked for.
type Budget struct {
	Total    time.Duration          // until the new side accepts writes, or legacy does again
	Reserve  time.Duration          // of that, what is kept for the way back
	Forecast map[Step]time.Duration // what each step took in rehearsals; a step that is missing here takes no time
}

// Fits reports whether an action may be begun after so much of the window. A step fits if it and all others up to the
// switch of writes are forecast to end before the reserve begins. The way back always fits, and so does what comes
// before and after the window.
func (b Budget) Fits(a Action, elapsed time.Duration) bool {
	return !a.InWindow() || b.Forecast[a.Step] <= b.Left(a, elapsed)
}

// Left is how long an action may take that is begun after so much of the window. A step leaves the forecast time of the
// later ones, and the reserve.
func (b Budget) Left(a Action, elapsed time.Duration) time.Duration {
	left := b.Total - elapsed
	if a.InWindow() {
		left -= b.Reserve
		for _, later := range window[slices.Index(window, a.Step)+1:] {
			left -= b.Forecast[later]
		}
	}
	return left
}

// window has the steps that must end before the reserve begins.
var window = shipped.forward[slices.Index(shipped.forward, Fence) : slices.Index(shipped.forward, SwitchWrites)+1]

// InWindow reports whether the action is one that must end before the reserve begins.
func (a Action) InWindow() bool { return a.Verb == Do && slices.Contains(window, a.Step) }
