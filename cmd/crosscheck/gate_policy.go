package main

import (
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
)

// gatePolicy is what is configured about the decision, in the gate's own words.
func gatePolicy(c config.Gate) gate.Policy {
	p := gate.Policy{Criteria: gateCriteria(c.Criteria)}
	for _, w := range c.Waivers {
		p.Waivers = append(p.Waivers, gate.Waiver(w))
	}
	return p
}

func gateCriteria(c config.Criteria) gate.Criteria {
	rule := func(r config.Criterion) gate.Rule {
		return gate.Rule{Enabled: r.Enabled, Severity: gate.Severity(r.Severity)}
	}
	return gate.Criteria{
		OpenDivergences:  gate.OpenDivergencesCriterion{Rule: rule(c.OpenDivergences.Criterion), Max: c.OpenDivergences.Max, MaxAge: c.OpenDivergences.MaxAge},
		FullVerification: gate.FullVerificationCriterion{Rule: rule(c.FullVerification.Criterion), MaxAge: c.FullVerification.MaxAge},
		Counts:           gate.CountsCriterion{Rule: rule(c.Counts.Criterion), MaxAge: c.Counts.MaxAge},
		SampleBound: gate.SampleBoundCriterion{
			Rule: rule(c.SampleBound.Criterion), MaxRatio: c.SampleBound.MaxRatio,
			Confidence: c.SampleBound.Confidence, MaxAge: c.SampleBound.MaxAge,
		},
		Coverage: gate.CoverageCriterion{Rule: rule(c.Coverage.Criterion), Min: c.Coverage.Min, MaxAge: c.Coverage.MaxAge},

		ShadowWriteCompleteness: gate.ShadowWriteCriterion{
			Rule: rule(c.ShadowWriteCompleteness.Criterion), Min: c.ShadowWriteCompleteness.Min, MaxAge: c.ShadowWriteCompleteness.MaxAge,
		},
		EventGaps: gate.EventGapsCriterion{Rule: rule(c.EventGaps.Criterion), Max: c.EventGaps.Max, MaxAge: c.EventGaps.MaxAge},
		StreamCompleteness: gate.StreamCompletenessCriterion{
			Rule: rule(c.StreamCompleteness.Criterion), Min: c.StreamCompleteness.Min, MaxAge: c.StreamCompleteness.MaxAge,
		},
		ProjectionLag: gate.ProjectionLagCriterion{Rule: rule(c.ProjectionLag.Criterion), Max: c.ProjectionLag.Max, MaxAge: c.ProjectionLag.MaxAge},
		StreamLag:     gate.StreamLagCriterion{Rule: rule(c.StreamLag.Criterion), Max: c.StreamLag.Max, MaxAge: c.StreamLag.MaxAge},
		CleanStreak: gate.CleanStreakCriterion{
			Rule: rule(c.CleanStreak.Criterion), Passes: c.CleanStreak.Passes, Duration: c.CleanStreak.Duration, MaxAge: c.CleanStreak.MaxAge,
		},
		HistoryAccuracy: gate.HistoryAccuracyCriterion{
			Rule: rule(c.HistoryAccuracy.Criterion), Min: c.HistoryAccuracy.Min, MaxAge: c.HistoryAccuracy.MaxAge,
		},
		Rehearsals: gate.RehearsalsCriterion{
			Rule: rule(c.Rehearsals.Criterion), Count: c.Rehearsals.Count, MaxDuration: c.Rehearsals.MaxDuration, MaxAge: c.Rehearsals.MaxAge,
		},
		RollbackRehearsals: gate.RollbackRehearsalsCriterion{
			Rule: rule(c.RollbackRehearsals.Criterion), Count: c.RollbackRehearsals.Count,
			MaxDuration: c.RollbackRehearsals.MaxDuration, MaxAge: c.RollbackRehearsals.MaxAge,
		},
	}
}
