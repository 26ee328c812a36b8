// Package gate decides whether the evidence is good enough to cut over: GO, NO-GO or INCONCLUSIVE, with a reason for
// every criterion.
//
// Invariant: the package is pure, without I/O and clock. The same criteria, evidence and time always give the same
// [Decision]. Absence of evidence is never a pass: missing evidence, expired evidence, evidence of another
// configuration and evidence of an empty table are all inconclusive. No setting can change that.
package gate

import (
	"fmt"
	"time"
)

// Answer is what the gate says.
type Answer string

// The answers.
const (
	Go        Answer = "GO"           // every blocking criterion passes
	NoGo      Answer = "NO-GO"        // at least one blocking criterion fails
	Undecided Answer = "INCONCLUSIVE" // none fails, but the evidence of at least one is missing or unusable
)

// Verdict is what one criterion says.
type Verdict string

// The verdicts of a criterion.
const (
	Passes       Verdict = "pass"         // the evidence is there and good
	Fails        Verdict = "fail"         // the evidence is there and bad
	Inconclusive Verdict = "inconclusive" // the evidence is missing, too old, too little, or belongs to another configuration
	Errored      Verdict = "error"        // the evidence or the criterion contradicts itself, so it cannot be judged
)

// Result is what one criterion says and why.
type Result struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Observed and Limit are JSON scalars: a number, a string, or null where nothing was observed.
	Observed any `json:"observed"`
	Limit    any `json:"limit"`
	// Reason is one or more full sentences that name the evidence.
	Reason string `json:"reason"`
	// ETA says what is missing and when it can be available; empty if nothing is missing.
	ETA string `json:"eta,omitempty"`
	// Advisory is true for a criterion that is shown but does not count.
	Advisory bool `json:"advisory,omitempty"`
	// EvidenceAt is when the evidence was taken; zero if there is none.
	EvidenceAt time.Time `json:"evidence_at,omitzero"`
	// Waiver excuses the criterion from the decision; nil if there is none or it is not needed.
	Waiver *Waiver `json:"waiver,omitempty"`
}

// Decision is the gate's answer with everything that led to it.
type Decision struct {
	Decision    Answer    `json:"decision"`
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"`
	Criteria    []Result  `json:"criteria"`
	// Fields are what was compared; nil if the evidence does not say.
	*Fields
	// Accepted is how many divergences are accepted, and AcceptedFindings how many findings of the newest audit. Acceptances are the
	// divergences, by what they are and who answers for them.
	Accepted         int64        `json:"accepted,omitempty"`
	AcceptedFindings int64        `json:"accepted_findings,omitempty"`
	Acceptances      []Acceptance `json:"acceptances,omitempty"`
	// NotAsked names the criteria that are not enabled.
	NotAsked []string `json:"not_asked,omitempty"`
	// Waivers are all configured waivers, each with its state.
	Waivers []AppliedWaiver `json:"waivers,omitempty"`
	// OSUser is who was logged in where the decision was recorded, whatever name was given; empty for one of a sidecar.
	OSUser string `json:"os_user,omitempty"`
	// Record is where the decision is recorded in the ledger; nil if it is not.
	Record *Record `json:"record,omitempty"`
	// Pairs are the decisions that a decision over several pairs of tables is made of; nil for the decision of one.
	Pairs []PairDecision `json:"pairs,omitempty"`
}

// Record is the decision's place in the ledger's chain of decisions.
type Record struct {
	Seq  int64  `json:"seq"`  // from 1
	Who  string `json:"who"`  // who asked
	Hash string `json:"hash"` // of this decision, and through it of all before; the head of the chain
}

// Evaluate judges the evidence by each criterion, as of now. If any blocking criterion fails, the answer is NO-GO. If
// none fails but any is inconclusive or an error, it is INCONCLUSIVE. Otherwise it is GO. Without a blocking criterion
// nothing was asked, and the answer is INCONCLUSIVE. Each gap of the evidence counts as a criterion that is inconclusive.
func Evaluate(criteria []Criterion, evidence Evidence, now time.Time) Decision {
	d := Decision{
		Decision:    Undecided,
		At:          now.UTC(),
		Fingerprint: evidence.Fingerprint,
		Criteria:    make([]Result, 0, len(criteria)),
		Accepted:    evidence.Accepted, Acceptances: evidence.Acceptances,
	}
	if h := evidence.History; h != nil {
		d.AcceptedFindings = h.Totals().Accepted
	}
	for _, c := range criteria {
		r := c.Judge(evidence, now)
		r.Name, r.Advisory = c.Name(), !c.Blocking()
		r.EvidenceAt = c.EvidenceAt(evidence).UTC()
		d.Criteria = append(d.Criteria, r)
	}
	for _, g := range evidence.Gaps {
		d.Criteria = append(d.Criteria, g.result())
	}
	d.Decision = decide(d.Criteria)
	return d
}

func decide(results []Result) Answer {
	blocking, open := 0, 0
	for _, r := range results {
		if r.Advisory || r.Waiver != nil {
			continue
		}
		blocking++
		switch r.Verdict {
		case Fails:
			return NoGo
		case Passes:
		case Inconclusive, Errored:
			open++
		default: // an unknown verdict is not a pass
			open++
		}
	}
	if blocking == 0 || open > 0 {
		return Undecided
	}
	return Go
}

// ExitCode is the process exit code of the answer: 0 GO, 1 NO-GO, 3 INCONCLUSIVE.
func (d Decision) ExitCode() int {
	switch d.Decision {
	case Go:
		return 0
	case NoGo:
		return 1
	case Undecided:
		return 3
	default:
		return 3
	}
}

func pass(observed, limit any, format string, args ...any) Result {
	return Result{Verdict: Passes, Observed: observed, Limit: limit, Reason: fmt.Sprintf(format, args...)}
}

func fail(observed, limit any, eta, format string, args ...any) Result {
	return Result{Verdict: Fails, Observed: observed, Limit: limit, ETA: eta, Reason: fmt.Sprintf(format, args...)}
}

func inconclusive(observed, limit any, eta, format string, args ...any) Result {
	return Result{Verdict: Inconclusive, Observed: observed, Limit: limit, ETA: eta, Reason: fmt.Sprintf(format, args...)}
}

func broken(limit any, eta, format string, args ...any) Result {
	return Result{Verdict: Errored, Limit: limit, ETA: eta, Reason: fmt.Sprintf(format, args...)}
}
