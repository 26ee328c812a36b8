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
	window := shipped.forward[slices.Index(shipped.forward, Fence) : slices.Index(shipped.forward, SwitchWrites)+1]
	from := slices.Index(window, a.Step)
	if a.Verb != Do || from < 0 {
		return true
	}
	return elapsed+b.Rest(window[from:]...) <= b.Total-b.Reserve
}

// Rest is how long the steps take by the forecast.
func (b Budget) Rest(steps ...Step) time.Duration {
	var sum time.Duration
	for _, step := range steps {
		sum += b.Forecast[step]
	}
	return sum
}
