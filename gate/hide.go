package gate

import (
	"fmt"
	"slices"
)

// Hidden stands in place of a text that may quote a value of an order.
const Hidden = "hidden, because it may quote a value; the ledger has it"

// WithoutValues returns the evidence without the values of orders: the names of groups, and the reasons of passes and
// gaps, which may quote a server's error or an event. It gives the same verdicts.
func (e Evidence) WithoutValues() Evidence {
	names := map[string]string{"": ""} // group → the name in its place
	e.Full, e.Sample, e.Counted = e.Full.withoutValues(names), e.Sample.withoutValues(names), e.Counted.withoutValues(names)
	if e.History != nil && e.History.Reason != "" {
		hidden := *e.History
		hidden.Reason, e.History = Hidden, &hidden
	}
	if e.Reads != nil && e.Reads.Reason != "" {
		hidden := *e.Reads
		hidden.Reason, e.Reads = Hidden, &hidden
	}
	e.Gaps = slices.Clone(e.Gaps)
	for i := range e.Gaps {
		e.Gaps[i].Reason = Hidden
	}
	return e
}

func (p *Pass) withoutValues(names map[string]string) *Pass {
	if p == nil {
		return nil
	}
	hide := func(group string) string {
		if _, ok := names[group]; !ok {
			names[group] = fmt.Sprintf("group %d", len(names))
		}
		return names[group]
	}
	hidden := *p
	if hidden.Reason != "" {
		hidden.Reason = Hidden
	}
	hidden.Counts, hidden.Strata = slices.Clone(p.Counts), slices.Clone(p.Strata)
	for i, g := range hidden.Counts {
		hidden.Counts[i].Group = hide(g.Group)
	}
	for i, s := range hidden.Strata {
		hidden.Strata[i].Group = hide(s.Group)
	}
	return &hidden
}
