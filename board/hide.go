package board

import (
	"slices"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// WithoutValues returns the board without the values of orders. The verdicts are the same.
func (b Board) WithoutValues() Board {
	b.ValuesHidden = true
	if b.NoDecision == nil {
		b.Decision, b.Evidence = hidden(b.Settings.Policy, b.Decision, b.Evidence)
	}
	b.Kinds = slices.Clone(b.Kinds)
	for i := range b.Kinds {
		if b.Kinds[i].Finished.Result.Reason != "" {
			b.Kinds[i].Finished.Result.Reason = gate.Hidden
		}
	}
	b.Passes = slices.Clone(b.Passes)
	for i, p := range b.Passes {
		if p.Result.Reason != "" && p.State == verify.Done {
			b.Passes[i].Result.Reason = gate.Hidden
		}
	}
	return b
}

// WithoutValues returns the report without the values of orders.
func (r Report) WithoutValues(p gate.Policy) Report {
	r.ValuesHidden = true
	r.Decision, r.Evidence = hidden(p, r.Decision, r.Evidence)
	return r
}

// OnRecordWithoutValues is the same of a decision that was taken once: it is not taken again by other rules.
func (r Report) OnRecordWithoutValues() Report {
	r.ValuesHidden, r.Evidence = true, r.Evidence.WithoutValues()
	r.Decision.Criteria = slices.Clone(r.Decision.Criteria)
	for i := range r.Decision.Criteria {
		r.Decision.Criteria[i].Reason = gate.Hidden
	}
	return r
}

// hidden decides again by evidence without values, because the reasons of a decision quote its evidence.
func hidden(p gate.Policy, d gate.Decision, e gate.Evidence) (gate.Decision, gate.Evidence) {
	e = e.WithoutValues()
	again := p.Decide(e, d.At)
	again.Record = d.Record
	return again, e
}
