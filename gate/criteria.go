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
}

// The ages of evidence by default: a full pass is scheduled daily, with two hours to spare; samples are hourly.
const (
	defaultFullAge   = 26 * time.Hour
	defaultSampleAge = 168 * time.Hour
)

// Defaults asks all criteria, all blocking, nothing tolerated.
func Defaults() Criteria {
	rule := Rule{Enabled: true, Severity: Blocking}
	return Criteria{
		OpenDivergences:  OpenDivergencesCriterion{Rule: rule, Max: 0},
		FullVerification: FullVerificationCriterion{Rule: rule, MaxAge: defaultFullAge},
		Counts:           CountsCriterion{Rule: rule, MaxAge: defaultFullAge},
		SampleBound:      SampleBoundCriterion{Rule: rule, MaxRatio: 0.001, Confidence: 0.95, MaxAge: defaultSampleAge},
		Coverage:         CoverageCriterion{Rule: rule, Min: 1, MaxAge: defaultFullAge},
	}
}

// List is the enabled criteria in the order in which they are reported.
func (c Criteria) List() []Criterion {
	var list []Criterion
	for _, each := range []struct {
		enabled   bool
		criterion Criterion
	}{
		{c.OpenDivergences.Enabled, c.OpenDivergences},
		{c.FullVerification.Enabled, c.FullVerification},
		{c.Counts.Enabled, c.Counts},
		{c.SampleBound.Enabled, c.SampleBound},
		{c.Coverage.Enabled, c.Coverage},
	} {
		if each.enabled {
			list = append(list, each.criterion)
		}
	}
	return list
}

// Validate returns every limit of an enabled criterion that makes no sense, all joined, each with its key path
// below "gate". A criterion that was not validated and makes no sense has verdict error.
func (c Criteria) Validate() error {
	var errs []error
	check := func(enabled bool, name string, r Rule, err error) {
		if !enabled {
			return
		}
		if r.Severity != "" && r.Severity != Blocking && r.Severity != Advisory {
			errs = append(errs, fmt.Errorf("%s.severity: must be %q or %q, not %q", name, Blocking, Advisory, r.Severity))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.%w", name, err))
		}
	}
	check(c.OpenDivergences.Enabled, c.OpenDivergences.Name(), c.OpenDivergences.Rule, c.OpenDivergences.validate())
	check(c.FullVerification.Enabled, c.FullVerification.Name(), c.FullVerification.Rule, validAge(c.FullVerification.MaxAge))
	check(c.Counts.Enabled, c.Counts.Name(), c.Counts.Rule, validAge(c.Counts.MaxAge))
	check(c.SampleBound.Enabled, c.SampleBound.Name(), c.SampleBound.Rule, c.SampleBound.validate())
	check(c.Coverage.Enabled, c.Coverage.Name(), c.Coverage.Rule, c.Coverage.validate())
	return errors.Join(errs...)
}

func validAge(age time.Duration) error {
	if age <= 0 {
		return fmt.Errorf("max_age: must be longer than 0, not %s", age)
	}
	return nil
}
