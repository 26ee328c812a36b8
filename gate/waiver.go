package gate

import "time"

// Waiver excuses one criterion for a time. It changes no verdict: the criterion is shown with its verdict and with the
// person who waived it. A waiver excuses fail and inconclusive. It does not excuse an error, because evidence that
// contradicts itself says nothing about the risk.
type Waiver struct {
	Criterion string    `json:"criterion"`
	Who       string    `json:"who"`
	Why       string    `json:"why"`
	Until     time.Time `json:"until"` // the waiver has no effect from this time on
}

// WaiverState says how a decision treated a waiver.
type WaiverState string

// The states of a waiver.
const (
	WaiverInForce   WaiverState = "in_force"   // the criterion does not pass, and is excused
	WaiverExpired   WaiverState = "expired"    // has no effect
	WaiverNotNeeded WaiverState = "not_needed" // the criterion passes by itself, or is advisory
	WaiverRefused   WaiverState = "refused"    // the criterion ended with an error, or who or why is missing
	WaiverNotAsked  WaiverState = "not_asked"  // the criterion is not enabled
)

// AppliedWaiver is a waiver with its state.
type AppliedWaiver struct {
	Waiver
	State WaiverState `json:"state"`
}

// Waive returns the decision with the waivers applied, as of the decision's own time. An excused criterion does not
// count any more. At least one blocking criterion must pass by itself for GO.
func Waive(d Decision, waivers []Waiver) Decision {
	results := make([]Result, len(d.Criteria))
	copy(results, d.Criteria)
	d.Criteria = results
	d.Waivers = nil
	for _, w := range waivers {
		applied := AppliedWaiver{w, WaiverNotAsked}
		for i := range results {
			if results[i].Name == w.Criterion {
				applied.State = w.state(results[i], d.At)
				if applied.State == WaiverInForce {
					results[i].Waiver = &w
				}
			}
		}
		d.Waivers = append(d.Waivers, applied)
	}
	d.Decision = decide(results)
	return d
}

func (w Waiver) state(r Result, at time.Time) WaiverState {
	switch {
	case !at.Before(w.Until):
		return WaiverExpired
	case r.Verdict == Passes || r.Advisory:
		return WaiverNotNeeded
	case w.Who == "" || w.Why == "" || (r.Verdict != Fails && r.Verdict != Inconclusive):
		return WaiverRefused
	}
	return WaiverInForce
}
