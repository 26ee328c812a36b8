package config

import "time"

// Gate holds the criteria over the ledger's evidence.
type Gate struct {
	// Criteria has the policy of each criterion; see Criteria for which are in force without being mentioned.
	Criteria Criteria
	// Waivers excuse criteria for a time. Default none.
	Waivers []Waiver
}

// Criteria are the named criteria of the gate. A name that is not here is an error: a criterion that were
// silently left out would be a false GO. The first five are in force unless they are disabled; the others only where
// the file names them, because not every system has what they judge.
type Criteria struct {
	OpenDivergences  OpenDivergences
	FullVerification FullVerification
	Counts           Counts
	SampleBound      SampleBound
	Coverage         Coverage

	ShadowWriteCompleteness Share
	EventGaps               Most
	StreamCompleteness      Share
	ProjectionLag           Lag
	StreamLag               Most
	CleanStreak             CleanStreak
	HistoryAccuracy         Share
	Rehearsals              Rehearsals
	RollbackRehearsals      Rehearsals
}

// Severity says what a criterion that does not pass does to the decision.
type Severity string

// The severities of a criterion.
const (
	Blocking Severity = "blocking" // a fail is NO-GO; no answer is INCONCLUSIVE
	Advisory Severity = "advisory" // reported, without effect on the decision
)

// Criterion is what all criteria have.
type Criterion struct {
	// Enabled puts the criterion in force. Default true.
	Enabled bool
	// Severity is blocking or advisory. Default blocking.
	Severity Severity
}

// OpenDivergences limits the divergences that are neither resolved nor accepted.
type OpenDivergences struct {
	Criterion
	// Max is the largest number of open divergences that passes. Default 0.
	Max int64
	// MaxAge is how old the newest pass that compared anything may be. Default 26h.
	MaxAge time.Duration
}

// FullVerification asks for a clean and fresh full verification.
type FullVerification struct {
	Criterion
	// MaxAge is how old the newest full pass may be. Default 26h.
	MaxAge time.Duration
}

// Counts asks for equal numbers of rows in every group, both at one snapshot.
type Counts struct {
	Criterion
	// MaxAge is how old the counts may be. Default 26h.
	MaxAge time.Duration
}

// SampleBound limits the share of bad orders that the samples leave possible.
type SampleBound struct {
	Criterion
	// MaxRatio is the largest upper bound of the share that passes, above 0 and below 1. Default 0.001.
	MaxRatio float64
	// Confidence is the probability with which the bound holds at every look, from 0.5 to below 1. Default 0.95.
	Confidence float64
	// MaxAge is how old a sample may be to count. Default 168h.
	MaxAge time.Duration
}

// Coverage asks that a pass compared what it set out to compare.
type Coverage struct {
	Criterion
	// Min is the smallest share of orders compared that passes, above 0 and at most 1. Default 1.0.
	Min float64
	// MaxAge is how old the newest full pass may be. Default 26h.
	MaxAge time.Duration
}

func defaultCriteria() Criteria {
	const day, soon = 24 * time.Hour, 10 * time.Minute
	inForce := Criterion{Enabled: true, Severity: Blocking}
	off := Criterion{Severity: Blocking}
	nightly := day + 2*time.Hour // a nightly pass may start late and take its time
	return Criteria{
		OpenDivergences:  OpenDivergences{Criterion: inForce, MaxAge: nightly},
		FullVerification: FullVerification{Criterion: inForce, MaxAge: nightly},
		Counts:           Counts{Criterion: inForce, MaxAge: nightly},
		SampleBound:      SampleBound{Criterion: inForce, MaxRatio: 0.001, Confidence: 0.95, MaxAge: 7 * day},
		Coverage:         Coverage{Criterion: inForce, Min: 1, MaxAge: nightly},

		ShadowWriteCompleteness: Share{Criterion: off, Min: 1, MaxAge: nightly},
		EventGaps:               Most{Criterion: off, MaxAge: nightly},
		StreamCompleteness:      Share{Criterion: off, Min: 1, MaxAge: time.Hour},
		ProjectionLag:           Lag{Criterion: off, Max: time.Minute, MaxAge: soon},
		StreamLag:               Most{Criterion: off, Max: 1000, MaxAge: soon},
		CleanStreak:             CleanStreak{Criterion: off, Passes: 24, Duration: day, MaxAge: nightly},
		HistoryAccuracy:         Share{Criterion: off, Min: 1, MaxAge: 7 * day},
		Rehearsals:              Rehearsals{Criterion: off, Count: 3, MaxDuration: 5 * time.Minute, MaxAge: 14 * day},
		RollbackRehearsals:      Rehearsals{Criterion: off, Count: 1, MaxDuration: 2 * time.Minute, MaxAge: 14 * day},
	}
}

// readGate reads the section gate.
func readGate(o *object, g *Gate) {
	c := &g.Criteria
	criteria := o.object("criteria")
	criteria.each(map[string]func(*object){
		"open_divergences": func(o *object) {
			readCriterion(o, &c.OpenDivergences.Criterion)
			o.whole("max", &c.OpenDivergences.Max, 0, maxWhole)
			readMaxAge(o, &c.OpenDivergences.MaxAge)
		},
		"full_verification": func(o *object) {
			readCriterion(o, &c.FullVerification.Criterion)
			readMaxAge(o, &c.FullVerification.MaxAge)
		},
		"counts": func(o *object) {
			readCriterion(o, &c.Counts.Criterion)
			readMaxAge(o, &c.Counts.MaxAge)
		},
		"sample_bound": func(o *object) {
			readCriterion(o, &c.SampleBound.Criterion)
			readMaxAge(o, &c.SampleBound.MaxAge)
			o.ratio("max_ratio", &c.SampleBound.MaxRatio, between{low: 0, high: 1})
			o.ratio("confidence", &c.SampleBound.Confidence, between{low: 0.5, withLow: true, high: 1})
		},
		"coverage": func(o *object) {
			readCriterion(o, &c.Coverage.Criterion)
			readMaxAge(o, &c.Coverage.MaxAge)
			o.ratio("min", &c.Coverage.Min, between{low: 0, high: 1, withHigh: true})
		},
		"shadow_write_completeness": c.ShadowWriteCompleteness.read,
		"event_gaps":                c.EventGaps.read,
		"stream_completeness":       c.StreamCompleteness.read,
		"projection_lag":            c.ProjectionLag.read,
		"stream_lag":                c.StreamLag.read,
		"clean_streak":              c.CleanStreak.read,
		"history_accuracy":          c.HistoryAccuracy.read,
		"rehearsals":                c.Rehearsals.read,
		"rollback_rehearsals":       c.RollbackRehearsals.read,
	})
	g.Waivers = readWaivers(o)
	o.done()
}

func readCriterion(o *object, c *Criterion) {
	o.boolean("enabled", &c.Enabled)
	o.oneOf("severity", (*string)(&c.Severity), []string{string(Blocking), string(Advisory)})
}

func readMaxAge(o *object, age *time.Duration) {
	o.duration("max_age", age, time.Second)
}
