package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// ReadsEvidence is what the newest pass found that asked both read paths.
type ReadsEvidence struct {
	Pass  int64
	At    time.Time // when it started
	Basis string    // the queries that were asked
	// Covered is the share of questions that were judged, and Reason why it is below 1.
	Covered float64
	Reason  string `json:",omitempty"`
	Queries []ReadEvidence
	// Fewer is true if it asked about fewer orders than the configuration says.
	Fewer bool `json:",omitempty"`
}

// ReadEvidence is what became of the questions of one query.
type ReadEvidence struct {
	Name                         string
	Questions, Agreed, Differing int64
	// Noise is how many of Twice pairs of answers of legacy itself differ.
	Twice, Noise int64
	// Measured is how many questions the ratio is of: the projection's P99 by legacy's. High is 0 if there were too few.
	Measured         int64
	Ratio, Low, High float64
}

func (e *ReadsEvidence) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.At
}

// contradiction says why the evidence cannot be true; empty if it can.
func (e *ReadsEvidence) contradiction() string {
	if !(e.Covered >= 0 && e.Covered <= 1) {
		return fmt.Sprintf("its coverage of %v is not a share", e.Covered)
	}
	for _, q := range e.Queries {
		if q.Questions < 0 || q.Agreed < 0 || q.Differing < 0 || q.Noise < 0 || q.Measured < 0 || q.Agreed+q.Differing > q.Questions || q.Noise > q.Twice {
			return fmt.Sprintf("%s has %d questions, %d that agree and %d that differ, which is impossible", q.Name, q.Questions, q.Agreed, q.Differing)
		}
		if !(q.Ratio >= 0 && q.Low >= 0 && q.High >= 0) || q.High > 0 && q.Low > q.High {
			return fmt.Sprintf("the ratio of %s is %v, from %v to %v, which is impossible", q.Name, q.Ratio, q.Low, q.High)
		}
	}
	return ""
}

const readsFrom = "run crosscheck reads"

// asked returns the result if there is no evidence to judge; ok is true if there is.
func (e *ReadsEvidence) asked(basis string, limit any, evidence Evidence) (r Result, ok bool) {
	switch {
	case e == nil && evidence.VoidReads:
		return inconclusive(nil, limit, readsFrom, "%s", voidReason("reads pass", evidence)), false
	case e == nil:
		return inconclusive(nil, limit, readsFrom, "No pass has asked both read paths, so there is no evidence."), false
	case e.Basis != basis:
		return inconclusive(nil, limit, readsFrom, "The queries of reads have changed since pass %d.", e.Pass), false
	}
	if why := e.contradiction(); why != "" {
		return broken(limit, readsFrom, "Pass %d cannot be used as evidence: %s.", e.Pass, why), false
	}
	return Result{}, true
}

func (e *ReadsEvidence) said(now time.Time) string {
	return fmt.Sprintf("Pass %d started at %s, %s ago", e.Pass, human.Instant(e.At), human.Duration(now.Sub(e.At)))
}

// ReadParityCriterion asks that both read paths answer the same.
type ReadParityCriterion struct {
	Rule
	// Max is how many answers may differ; default 0.
	Max int64
	// MaxAge is how long ago the pass may have started; default 26h.
	MaxAge time.Duration

	// Basis names the queries that are configured.
	Basis string
}

// Name is the criterion's identifier everywhere.
func (ReadParityCriterion) Name() string { return "read_parity" }

func (c *ReadParityCriterion) settings(s Settings) { mostSettings(s, &c.Max, &c.MaxAge) }

func (c *ReadParityCriterion) byDefault() {
	*c = ReadParityCriterion{Rule: Rule{Severity: Blocking}, MaxAge: defaultFullAge}
}

// EvidenceAt is when the pass started.
func (ReadParityCriterion) EvidenceAt(e Evidence) time.Time { return e.Reads.at() }

// Judge looks at the newest reads pass. Answers that differ count at any age; agreement expires.
func (c ReadParityCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Max); bad {
		return r
	}
	if r, ok := e.Reads.asked(c.Basis, c.Max, e); !ok {
		return r
	}
	var differing, agreed, noise, questions int64
	worst := ""
	for _, q := range e.Reads.Queries {
		if q.Differing > 0 && worst == "" {
			worst = q.Name
		}
		differing, agreed, noise, questions = differing+q.Differing, agreed+q.Agreed, noise+q.Noise, questions+q.Questions
	}
	said, noisy := e.Reads.said(now), ""
	if noise > 0 {
		noisy = fmt.Sprintf(" Legacy itself answered %s differently when it was asked twice.", human.Quantity(noise, "question", "questions"))
	}
	if differing > c.Max {
		return fail(differing, c.Max, "see crosscheck reads --json, repair the read path, and run crosscheck reads again",
			"%s: %s of %s differ, the first of query %s; the limit is %s.%s", said, human.Number(differing), human.Quantity(questions, "answer", "answers"), worst, human.Number(c.Max), noisy)
	}
	from := collection{what: "The pair of read paths", from: readsFrom, at: e.Reads.At}
	if r, ok := from.usable(differing, c.Max, c.MaxAge, now); !ok {
		return r
	}
	switch {
	case questions == 0:
		return inconclusive(nil, c.Max, readsFrom, "%s, and asked nothing%s.", said, because(e.Reads.Reason))
	case e.Reads.Fewer:
		return inconclusive(differing, c.Max, readsFrom, "%s, and asked %s about fewer orders than reads.size says; of these, %s differ.%s", said,
			human.Quantity(questions, "question", "questions"), human.Number(differing), noisy)
	case e.Reads.Covered < 1:
		return inconclusive(differing, c.Max, readsFrom, "%s. It judged only %s of the answers%s.%s", said, human.Percent(e.Reads.Covered), because(e.Reads.Reason), noisy)
	}
	return pass(differing, c.Max, "%s: %s agree, %s differ. With 95 %% confidence at most %s of such questions differ.%s", said, human.Quantity(agreed, "answer", "answers"), human.Number(differing),
		human.Percent(FixedBound(questions, differing, 0.95)), noisy)
}

// ReadLatencyCriterion asks that the projection's read path is not slower than legacy's.
type ReadLatencyCriterion struct {
	Rule
	// MaxRatio is how large the P99 of the projection's answers may be, by that of legacy's; default 1.5.
	MaxRatio float64
	// MaxAge is how long ago the pass may have started; default 26h.
	MaxAge time.Duration

	// Basis names the queries that are configured.
	Basis string
}

// Name is the criterion's identifier everywhere.
func (ReadLatencyCriterion) Name() string { return "read_latency" }

func (c *ReadLatencyCriterion) settings(s Settings) {
	const most = 1000
	s.Ratio("max_ratio", &c.MaxRatio, Range{Low: 0, High: most, WithHigh: true})
	maxAgeSetting(s, &c.MaxAge)
}

func (c *ReadLatencyCriterion) byDefault() {
	*c = ReadLatencyCriterion{Rule: Rule{Severity: Blocking}, MaxRatio: 1.5, MaxAge: defaultFullAge}
}

// EvidenceAt is when the pass started.
func (ReadLatencyCriterion) EvidenceAt(e Evidence) time.Time { return e.Reads.at() }

// fewestMeasured is how many answers the interval of a P99 needs; package reads says why.
const fewestMeasured = 437

// Judge looks at the query with the largest ratio. It passes if the whole interval is within the limit, and fails if it is above.
func (c ReadLatencyCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.MaxRatio)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	if r, ok := e.Reads.asked(c.Basis, limit, e); !ok {
		return r
	}
	from := collection{what: "The pair of read paths", from: readsFrom, at: e.Reads.At}
	if r, ok := from.usable(nil, limit, c.MaxAge, now); !ok {
		return r
	}
	if len(e.Reads.Queries) == 0 {
		return inconclusive(nil, limit, readsFrom, "%s, and asked nothing.", e.Reads.said(now))
	}
	rank := func(q ReadEvidence) int { // how bad it is
		switch {
		case q.High > 0 && q.Low > c.MaxRatio:
			return 2
		case q.High == 0 || q.High > c.MaxRatio:
			return 1
		}
		return 0
	}
	worst := e.Reads.Queries[0]
	for _, q := range e.Reads.Queries[1:] {
		if rank(q) > rank(worst) || rank(q) == rank(worst) && q.Ratio > worst.Ratio {
			worst = q
		}
	}
	observed := scalar(worst.Ratio)
	said := fmt.Sprintf("%s: the P99 of %s is %.2f times that of legacy", e.Reads.said(now), worst.Name, worst.Ratio)
	if worst.High == 0 {
		return inconclusive(observed, limit, fmt.Sprintf("ask at least %d questions of each query: reads.size, or crosscheck reads --size", fewestMeasured),
			"%s, of %s. That is too few for an interval.", said, human.Quantity(worst.Measured, "answer", "answers"))
	}
	said += fmt.Sprintf(", from %.2f to %.2f with 95 %% confidence", worst.Low, worst.High)
	switch rank(worst) {
	case 2:
		return fail(observed, limit, "find out what makes the read path slow, and run crosscheck reads again", "%s; the limit is %.2f.", said, c.MaxRatio)
	case 1:
		return inconclusive(observed, limit, "more answers make the interval narrower: crosscheck reads --size N", "%s, and the limit of %.2f lies between.", said, c.MaxRatio)
	}
	return pass(observed, limit, "%s; the limit is %.2f.", said, c.MaxRatio)
}
