package gate

import "time"

// Waiver excuses one criterion, for a time, on somebody's word. It changes no verdict: the criterion is shown as it is,
// and who answers for it beside it. It excuses fail and inconclusive; an error cannot be waived, because evidence that
// contradicts itself says nothing about any risk that one could take.
type Waiver struct {
	Criterion string    `json:"criterion"`
	Who       string    `json:"who"`
	Why       string    `json:"why"`
	Until     time.Time `json:"until"` // from then on it counts for nothing
}

// WaiverState says what became of a waiver in a decision.
type WaiverState string

// The states of a waiver.
const (
	WaiverInForce   WaiverState = "in_force"   // the criterion does not pass, and is excused
	WaiverExpired   WaiverState = "expired"    // counts for nothing
	WaiverNotNeeded WaiverState = "not_needed" // the criterion passes by itself, or takes no part in the decision
	WaiverRefused   WaiverState = "refused"    // the criterion ended with an error, or who or why is missing
	WaiverNotAsked  WaiverState = "not_asked"  // the criterion is not enabled
)

// AppliedWaiver is a waiver and what became of it.
type AppliedWaiver struct {
	Waiver
	State WaiverState `json:"state"`
}

// Waive returns the decision with the waivers applied, as of the decision's own time. A criterion that is excused takes
// no part in the decision any more; at least one blocking criterion has to pass by itself for GO.
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
