package dashboards

import (
	"strings"
	"testing"
)

// TestPanelsOfTheGateShowTheWorstOfSidecarsThatDisagree holds the order: the first part of an "or" that has a value is
// what is shown.
func TestPanelsOfTheGateShowTheWorstOfSidecarsThatDisagree(t *testing.T) {
	worstFirst := map[string][]string{ // panel → label values
		"Decision":           {`decision="NO-GO"`, `decision="INCONCLUSIVE"`, `decision="GO"`},
		"Decision over time": {`decision="NO-GO"`, `decision="INCONCLUSIVE"`, `decision="GO"`},
		"Criteria":           {`verdict="fail"`, `verdict="error"`, `verdict="inconclusive"`, `verdict="pass"`},
	}
	held := map[string]bool{} // panels
	for _, d := range all(t) {
		for _, p := range d.Panels {
			want := worstFirst[p.Title]
			if want == nil || p.Type == "row" {
				continue
			}
			held[p.Title] = true
			parts := strings.Split(p.Targets[0].Expr, " or ")
			if len(parts) != len(want) {
				t.Errorf("%q asks for %d values, want %d", p.Title, len(parts), len(want))
				continue
			}
			for i, part := range parts {
				if !strings.Contains(part, want[i]) {
					t.Errorf("%q: part %d is %s, want %s", p.Title, i, part, want[i])
				}
			}
		}
	}
	if len(held) != len(worstFirst) {
		t.Errorf("only %v were found", held)
	}
}
