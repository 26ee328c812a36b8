package gate

import "time"

// Criterion is one named question to the evidence. Judge is pure and never panics, whatever the evidence holds.
type Criterion interface {
	Name() string
	Blocking() bool
	Judge(evidence Evidence, now time.Time) Result
	// EvidenceAt is when the evidence was taken that it judges; zero where there is none, or it has no one time.
	EvidenceAt(evidence Evidence) time.Time
}

// configured is a criterion of the policy. Each names its settings and their defaults.
type configured interface {
	Criterion
	rule() *Rule
	settings(s Settings)
	byDefault()
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

func (r *Rule) rule() *Rule { return r }

func (r *Rule) common(s Settings) {
	s.Boolean("enabled", &r.Enabled)
	s.OneOf("severity", (*string)(&r.Severity), []string{string(Blocking), string(Advisory)})
}

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

// defaultFullAge is how old a full pass may be: it is scheduled daily, and has two hours to spare.
const defaultFullAge = 26 * time.Hour

// all is every criterion there is, in the order in which they are reported.
func (c *Criteria) all() []configured {
	return []configured{
		&c.OpenDivergences, &c.FullVerification, &c.Counts, &c.SampleBound, &c.Coverage,
		&c.ShadowWriteCompleteness, &c.EventGaps, &c.StreamCompleteness, &c.ProjectionLag, &c.StreamLag,
		&c.CleanStreak, &c.HistoryAccuracy, &c.Rehearsals, &c.RollbackRehearsals,
	}
}

// Defaults asks what every system can answer, all blocking, nothing tolerated. The other criteria are off until they
// are configured: a representation that a system does not have has not failed. [Criteria.NotAsked] names them.
func Defaults() Criteria {
	var c Criteria
	for _, each := range c.all() {
		each.byDefault()
	}
	return c
}

// Read visits the settings of the criterion of that name. One whose settings are read is in force, unless they say that it
// is not.
func (c *Criteria) Read(name string, s Settings) {
	for _, each := range c.all() {
		if each.Name() == name {
			each.rule().Enabled = true
			each.rule().common(s)
			each.settings(s)
		}
	}
}

// List is the enabled criteria in the order in which they are reported.
func (c Criteria) List() []Criterion {
	var list []Criterion
	for _, each := range c.all() {
		if each.rule().Enabled {
			list = append(list, each)
		}
	}
	return list
}

// NotAsked names the criteria that are not enabled: what the decision does not rest on.
func (c Criteria) NotAsked() []string {
	var names []string
	for _, each := range c.all() {
		if !each.rule().Enabled {
			names = append(names, each.Name())
		}
	}
	return names
}

// Names lists every criterion there is.
func Names() []string { return Criteria{}.NotAsked() }

// Policy is everything that is configured about the decision.
type Policy struct {
	Criteria Criteria
	// Waivers excuse criteria for a time. Default none.
	Waivers []Waiver
}

// Decide judges the evidence by the criteria, as of now, then applies the waivers, and says what was not asked.
func (p Policy) Decide(e Evidence, now time.Time) Decision {
	d := Waive(Evaluate(p.Criteria.List(), e, now), p.Waivers)
	d.NotAsked, d.Fields = p.Criteria.NotAsked(), e.Fields
	return d
}
