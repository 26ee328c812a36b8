package gate_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

// answering is a criterion that always says the same.
type answering struct{ gate.Verdict }

func (answering) Name() string                              { return "answering" }
func (answering) Blocking() bool                            { return true }
func (answering) EvidenceAt(gate.Evidence) (none time.Time) { return none }
func (a answering) Judge(gate.Evidence, time.Time) (said gate.Result) {
	said.Verdict = a.Verdict
	return said
}

// TestAGapIsNotGo: a part that cannot be read takes GO away, and only that. What is known of the rest stays.
func TestAGapIsNotGo(t *testing.T) {
	whole, partial := gate.Gap{Name: "stream", Reason: "Most cannot be read."}, gate.Gap{Name: "stream", Reason: "One cannot be read.", Partial: true}
	for _, each := range []struct {
		name string
		rest gate.Verdict
		gaps []gate.Gap
		want gate.Answer
	}{
		{"no gap", gate.Passes, nil, gate.Go},
		{"a gap", gate.Passes, []gate.Gap{whole}, gate.Undecided},
		{"a gap whose events are findings", gate.Passes, []gate.Gap{partial}, gate.Go},
		{"a gap beside a failure", gate.Fails, []gate.Gap{whole}, gate.NoGo},
	} {
		e := gate.Evidence{Gaps: each.gaps}
		for _, e := range []gate.Evidence{e, e.WithoutValues()} {
			d := gate.Evaluate([]gate.Criterion{answering{each.rest}}, e, time.Now())
			if d.Decision != each.want || len(d.Criteria) != 1+len(each.gaps) {
				t.Errorf("%s: %s with %+v, want %s", each.name, d.Decision, d.Criteria, each.want)
			}
		}
	}
}
