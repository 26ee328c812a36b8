package gate

import "time"

// Criterion is one named question about the evidence. Judge is pure and never panics, whatever the evidence holds.
type Criterion interface {
	Name() string
	Blocking() bool
	Judge(evidence Evidence, now time.Time) Result
	// EvidenceAt is when the evidence that it judges was taken. It is zero if there is none, or if it has no single
	// time.
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

// The severities. The zero value is blocking, so that a forgotten severity does not let anything through.
const (
	Blocking Severity = "blocking" // must pass for GO
	Advisory Severity = "advisory" // shown, not counted
)

// Rule holds the settings that all criteria have.
type Rule struct {
	// Enabled is false for a criterion that is not asked. Such a criterion is not part of the decision's list.
	Enabled bool
	// Severity is Blocking unless it is set to Advisory.
	Severity Severity
}

// Blocking is true unless the rule is advisory.
func (r Rule) Blocking() bool { return r.Severity != Advisory }

func (r *Rule) rule() *Rule { return r }

func (r *Rule) common(s Settings) {
	s.Boolean("enabled", &r.Enabled)
	s.OneOf("severity", (*string)(&r.Severity), []string{string(Blocking), string(Advisory)})
}

// Criteria is the policy: which criteria are asked and how strict they are. No setting decides what happens without
// evidence: that is always inconclusive.
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
	VerifiedThrough         VerifiedThroughCriterion
	Sequences               SequencesCriterion
	ReadParity              ReadParityCriterion
	ReadLatency             ReadLatencyCriterion
}

// defaultFullAge is how old a full pass may be. A full pass is scheduled daily and has two hours to spare.
const defaultFullAge = 26 * time.Hour

// all lists every criterion, in the order in which they are reported.
func (c *Criteria) all() []configured {
	return []configured{
		&c.OpenDivergences, &c.FullVerification, &c.Counts, &c.SampleBound, &c.Coverage,
		&c.ShadowWriteCompleteness, &c.EventGaps, &c.StreamCompleteness, &c.ProjectionLag, &c.StreamLag,
		&c.CleanStreak, &c.HistoryAccuracy, &c.Rehearsals, &c.RollbackRehearsals, &c.VerifiedThrough, &c.Sequences,
		&c.ReadParity, &c.ReadLatency,
	}
}

// Defaults enables the criteria that every system can answer, all blocking, with no tolerance. The others are off until
// they are configured, because a system without that representation has not failed. [Criteria.NotAsked] names them.
func Defaults() Criteria {
	var c Criteria
	for _, each := range c.all() {
		each.byDefault()
	}
	return c
}

// Read visits the settings of the criterion with that name. Reading its settings enables a criterion, unless they say
// otherwise.
func (c *Criteria) Read(name string, s Settings) {
	for _, each := range c.all() {
		if each.Name() == name {
			each.rule().Enabled = true
			each.rule().common(s)
			each.settings(s)
		}
	}
}

// List returns the enabled criteria in the order in which they are reported.
func (c Criteria) List() []Criterion {
	var list []Criterion
	for _, each := range c.all() {
		if each.rule().Enabled {
			list = append(list, each)
		}
	}
	return list
}

// NotAsked names the criteria that are not enabled. The decision does not depend on them.
func (c Criteria) NotAsked() []string {
	var names []string
	for _, each := range c.all() {
		if !each.rule().Enabled {
			names = append(names, each.Name())
		}
	}
	return names
}

// Names lists every criterion.
func Names() []string { return Criteria{}.NotAsked() }

// Policy is everything that is configured about the decision.
type Policy struct {
	Criteria Criteria
	// Waivers excuse criteria for a time. Default none.
	Waivers []Waiver
}

// Decide judges the evidence by the criteria, as of now. Then it applies the waivers and names what was not asked.
func (p Policy) Decide(e Evidence, now time.Time) Decision {
	d := Waive(Evaluate(p.Criteria.List(), e, now), p.Waivers)
	d.NotAsked, d.Fields = p.Criteria.NotAsked(), e.Fields
	return d
}
