package gate

import "time"

// Policy is everything that is configured about the decision.
type Policy struct {
	Criteria Criteria
	Waivers  []Waiver
}

// Decide judges the evidence by the criteria, as of now, then applies the waivers, and says what was not asked.
func (p Policy) Decide(e Evidence, now time.Time) Decision {
	d := Waive(Evaluate(p.Criteria.List(), e, now), p.Waivers)
	d.NotAsked = p.Criteria.NotAsked()
	return d
}

// evidenceAt is when the evidence was taken that a criterion judges; zero where there is none, or it has no one time.
func evidenceAt(name string, e Evidence) time.Time {
	started := func(p *Pass) time.Time {
		if p == nil {
			return time.Time{}
		}
		return p.StartedAt
	}
	switch name {
	case FullVerificationCriterion{}.Name(), CountsCriterion{}.Name(), CoverageCriterion{}.Name():
		return started(e.Full)
	case SampleBoundCriterion{}.Name():
		return started(e.Sample)
	case OpenDivergencesCriterion{}.Name():
		if looked, newest := lookedAt(e); looked {
			return newest.StartedAt
		}
	case ShadowWriteCriterion{}.Name(), EventGapsCriterion{}.Name():
		if e.Events != nil {
			return e.Events.At
		}
	case ProjectionLagCriterion{}.Name():
		if e.Lag != nil {
			return e.Lag.At
		}
	case StreamCompletenessCriterion{}.Name(), StreamLagCriterion{}.Name():
		if e.Stream != nil {
			return e.Stream.At
		}
	case CleanStreakCriterion{}.Name():
		if e.Streak != nil {
			return e.Streak.Newest
		}
	case HistoryAccuracyCriterion{}.Name():
		if e.History != nil {
			return e.History.At
		}
	case RehearsalsCriterion{}.Name(), RollbackRehearsalsCriterion{}.Name():
		if e.Rehearsals != nil {
			of := e.Rehearsals.Cutovers
			if name == (RollbackRehearsalsCriterion{}).Name() {
				of = e.Rehearsals.Rollbacks
			}
			if len(of) > 0 {
				return of[0].At
			}
		}
	}
	return time.Time{}
}
