package gate

import (
	"errors"
	"fmt"
	"time"
)

// Criterion is one named question to the evidence. Judge is pure and never panics, whatever the evidence holds.
type Criterion interface {
	Name() string
	Blocking() bool
	Judge(evidence Evidence, now time.Time) Result
}

// Severity says whether a criterion takes part in the decision.
type Severity string

// The severities. The zero value is blocking, so that a forgotten severity cannot let anything through.
const (
	Blocking Severity = "blocking" // must pass for GO
	Advisory Severity = "advisory" // shown, not counted
)

// Rule is what every criterion's policy has in common.
type Rule struct {
	// Enabled is false for a criterion that is not asked at all; it does not show in the decision.
	Enabled bool
	// Severity is Blocking unless it says Advisory.
	Severity Severity
}

// Blocking is true unless the rule is advisory.
func (r Rule) Blocking() bool { return r.Severity != Advisory }

// Criteria is the policy: which criteria are asked and how strict they are. There is no setting for what happens
// without evidence: that is always inconclusive.
type Criteria struct {
	OpenDivergences  OpenDivergencesCriterion
	FullVerification FullVerificationCriterion
	Counts           CountsCriterion
	SampleBound      SampleBoundCriterion
	Coverage         CoverageCriterion

	ShadowWriteCompleteness ShadowWriteCriterion
	EventGaps               EventGapsCriterion
	StreamCompleteness      StreamCompletenessCriterion
	ProjectionLag           ProjectionLagCriterion
	StreamLag               StreamLagCriterion
	CleanStreak             CleanStreakCriterion
	HistoryAccuracy         HistoryAccuracyCriterion
	Rehearsals              RehearsalsCriterion
	RollbackRehearsals      RollbackRehearsalsCriterion
}

// The ages of evidence by default: a full pass is scheduled daily, with two hours to spare; samples are hourly.
const (
	defaultFullAge   = 26 * time.Hour
	defaultSampleAge = 168 * time.Hour
)

// Defaults asks what every system can answer, all blocking, nothing tolerated. The other criteria are off until they
// are configured: a representation that a system does not have has not failed. [Criteria.NotAsked] names them.
func Defaults() Criteria {
	rule := Rule{Enabled: true, Severity: Blocking}
	off := Rule{Severity: Blocking}
	const day, soon = 24 * time.Hour, 10 * time.Minute
	return Criteria{
		OpenDivergences:  OpenDivergencesCriterion{Rule: rule, Max: 0, MaxAge: defaultFullAge},
		FullVerification: FullVerificationCriterion{Rule: rule, MaxAge: defaultFullAge},
		Counts:           CountsCriterion{Rule: rule, MaxAge: defaultFullAge},
		SampleBound:      SampleBoundCriterion{Rule: rule, MaxRatio: 0.001, Confidence: 0.95, MaxAge: defaultSampleAge},
		Coverage:         CoverageCriterion{Rule: rule, Min: 1, MaxAge: defaultFullAge},

		ShadowWriteCompleteness: ShadowWriteCriterion{Rule: off, Min: 1, MaxAge: defaultFullAge},
		EventGaps:               EventGapsCriterion{Rule: off, MaxAge: defaultFullAge},
		StreamCompleteness:      StreamCompletenessCriterion{Rule: off, Min: 1, MaxAge: time.Hour},
		ProjectionLag:           ProjectionLagCriterion{Rule: off, Max: time.Minute, MaxAge: soon},
		StreamLag:               StreamLagCriterion{Rule: off, Max: 1000, MaxAge: soon},
		CleanStreak:             CleanStreakCriterion{Rule: off, Passes: 24, Duration: day, MaxAge: defaultFullAge},
		HistoryAccuracy:         HistoryAccuracyCriterion{Rule: off, Min: 1, MaxAge: 7 * day},
		Rehearsals:              RehearsalsCriterion{Rule: off, Count: 3, MaxDuration: 5 * time.Minute, MaxAge: 14 * day},
		RollbackRehearsals:      RollbackRehearsalsCriterion{Rule: off, Count: 1, MaxDuration: 2 * time.Minute, MaxAge: 14 * day},
	}
}

// listed is a criterion with what the policy says of it.
type listed struct {
	rule      Rule
	criterion Criterion
	err       error // what makes no sense about its limits
}

// all is every criterion there is, in the order in which they are reported.
func (c Criteria) all() []listed {
	return []listed{
		{c.OpenDivergences.Rule, c.OpenDivergences, c.OpenDivergences.validate()},
		{c.FullVerification.Rule, c.FullVerification, validAge(c.FullVerification.MaxAge)},
		{c.Counts.Rule, c.Counts, validAge(c.Counts.MaxAge)},
		{c.SampleBound.Rule, c.SampleBound, c.SampleBound.validate()},
		{c.Coverage.Rule, c.Coverage, c.Coverage.validate()},
		{c.ShadowWriteCompleteness.Rule, c.ShadowWriteCompleteness, c.ShadowWriteCompleteness.validate()},
		{c.EventGaps.Rule, c.EventGaps, c.EventGaps.validate()},
		{c.StreamCompleteness.Rule, c.StreamCompleteness, c.StreamCompleteness.validate()},
		{c.ProjectionLag.Rule, c.ProjectionLag, c.ProjectionLag.validate()},
		{c.StreamLag.Rule, c.StreamLag, c.StreamLag.validate()},
		{c.CleanStreak.Rule, c.CleanStreak, c.CleanStreak.validate()},
		{c.HistoryAccuracy.Rule, c.HistoryAccuracy, c.HistoryAccuracy.validate()},
		{c.Rehearsals.Rule, c.Rehearsals, c.Rehearsals.terms().validate()},
		{c.RollbackRehearsals.Rule, c.RollbackRehearsals, c.RollbackRehearsals.terms().validate()},
	}
}

// List is the enabled criteria in the order in which they are reported.
func (c Criteria) List() []Criterion {
	var list []Criterion
	for _, each := range c.all() {
		if each.rule.Enabled {
			list = append(list, each.criterion)
		}
	}
	return list
}

// NotAsked names the criteria that are not enabled: what the decision does not rest on.
func (c Criteria) NotAsked() []string {
	var names []string
	for _, each := range c.all() {
		if !each.rule.Enabled {
			names = append(names, each.criterion.Name())
		}
	}
	return names
}

// Names lists every criterion there is.
func Names() []string {
	var names []string
	for _, each := range (Criteria{}).all() {
		names = append(names, each.criterion.Name())
	}
	return names
}

// Validate returns every limit of an enabled criterion that makes no sense, all joined, each with its key path
// below "gate". A criterion that was not validated and makes no sense has verdict error.
func (c Criteria) Validate() error {
	var errs []error
	for _, each := range c.all() {
		if !each.rule.Enabled {
			continue
		}
		name := each.criterion.Name()
		if r := each.rule; r.Severity != "" && r.Severity != Blocking && r.Severity != Advisory {
			errs = append(errs, fmt.Errorf("%s.severity: must be %q or %q, not %q", name, Blocking, Advisory, r.Severity))
		}
		if each.err != nil {
			errs = append(errs, fmt.Errorf("%s.%w", name, each.err))
		}
	}
	return errors.Join(errs...)
}

func validAge(age time.Duration) error {
	if age <= 0 {
		return fmt.Errorf("max_age: must be longer than 0, not %s", age)
	}
	return nil
}
