package verify

import (
	"fmt"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Reads is the pass that asks both read paths the same questions; package reads makes it.
const Reads PassKind = "reads"

// ReadsFacts are what a reads pass knows.
type ReadsFacts struct {
	// Basis names the queries that were asked. Answers to other queries are no evidence for them.
	Basis   string      `json:"basis"`
	Keys    int64       `json:"keys"` // orders that were asked about
	Queries []ReadQuery `json:"queries"`
	// Refused says why no orders, or few, could be drawn; empty if nothing was in the way.
	Refused string `json:"refused,omitempty"`
	// Differences are answers that differ, the first of each query. Unlisted are the others.
	Differences []ReadAnswer `json:"differences,omitempty"`
	Unlisted    int64        `json:"unlisted,omitempty"`
	// Fewer is true if it asked about fewer orders than the configuration says, although there are more.
	Fewer bool `json:"fewer,omitempty"`
}

// ReadQuery is what became of the questions of one query.
type ReadQuery struct {
	Name string `json:"name"`
	// Questions is how many there were: Agreed, Differing, those whose answers never held still (Moving), those that a side did
	// not answer (Failed), and those that were not asked any more because too many failed (Unasked).
	Questions int64 `json:"questions"`
	Agreed    int64 `json:"agreed"`
	Differing int64 `json:"differing"`
	Moving    int64 `json:"moving"`
	Failed    int64 `json:"failed"`
	Unasked   int64 `json:"unasked"`
	// Later is how many of Agreed differed at first: lag.
	Later int64 `json:"later"`
	// Noise is how many of Twice pairs of answers of legacy itself differ.
	Twice int64 `json:"twice"`
	Noise int64 `json:"noise"`
	// Measured is how many questions the latencies are of.
	Measured   int64       `json:"measured"`
	Legacy     ReadLatency `json:"legacy"`
	Projection ReadLatency `json:"projection"`
	P50        ReadRatio   `json:"p50_ratio"`
	P99        ReadRatio   `json:"p99_ratio"`
	// Failure is the first one.
	Failure string `json:"failure,omitempty"`
}

// ReadLatency is how long one side takes, in microseconds.
type ReadLatency struct {
	P50 int64 `json:"p50_us"`
	P99 int64 `json:"p99_us"`
}

// ReadRatio is a quantile of the projection's latency by legacy's. High is 0 if there were too few answers for an interval.
type ReadRatio struct {
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// ReadAnswer is a question whose two answers differ.
type ReadAnswer struct {
	Query string    `json:"query"`
	Key   order.Key `json:"key"`
	// Params are those of a recorded question that has several.
	Params []string `json:"params,omitempty"`
	// Moving is true for answers that never held still.
	Moving bool             `json:"moving,omitempty"`
	Found  []ReadDifference `json:"found"`
}

// ReadDifference is one place at which they differ.
type ReadDifference struct {
	Path       string `json:"path"`
	Legacy     string `json:"legacy"`
	Projection string `json:"projection"`
}

// Settled returns them unchanged: the pass looks again by itself.
func (f ReadsFacts) Settled(Settled) Facts { return f }

// Total adds up the questions of all queries.
func (f ReadsFacts) Total() (t ReadQuery) {
	for _, q := range f.Queries {
		t.Questions, t.Agreed, t.Differing, t.Moving = t.Questions+q.Questions, t.Agreed+q.Agreed, t.Differing+q.Differing, t.Moving+q.Moving
		t.Failed, t.Unasked, t.Later, t.Twice, t.Noise = t.Failed+q.Failed, t.Unasked+q.Unasked, t.Later+q.Later, t.Twice+q.Twice, t.Noise+q.Noise
	}
	return t
}

// Coverage is the share of the questions that are judged.
func (f ReadsFacts) Coverage() float64 {
	t := f.Total()
	return float64(t.Agreed+t.Differing) / float64(max(t.Questions, 1))
}

// Result is the verdict of a pass that asked all its questions.
func (f ReadsFacts) Result() Result {
	t := f.Total()
	r := Result{Verdict: compare.Match, Diverged: t.Differing, Lagging: t.Moving, Unverified: t.Moving + t.Failed + t.Unasked}
	switch {
	case t.Differing > 0:
		r.Verdict, r.Reason = compare.Diverged, count(t.Differing, "answer differs", "answers differ")
	case t.Questions == 0 && f.Refused != "":
		r.Verdict, r.Reason = compare.Unverified, "nothing was asked: "+f.Refused
	case t.Questions == 0:
		r.Verdict, r.Reason = compare.Unverified, "nothing was asked: there is no order"
	case t.Failed+t.Unasked > 0:
		r.Verdict, r.Reason = compare.Unverified, fmt.Sprintf("%s: %s", count(t.Failed+t.Unasked, "question was not answered", "questions were not answered"), f.failure())
	case t.Moving > 0:
		r.Verdict, r.Reason = compare.Unverified, count(t.Moving, "answer did not hold still long enough to be judged", "answers did not hold still long enough to be judged")
	}
	return r
}

func (f ReadsFacts) failure() string {
	for _, q := range f.Queries {
		if q.Failure != "" {
			return q.Name + ": " + q.Failure
		}
	}
	return "no reason is known"
}
