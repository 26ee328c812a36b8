package gate

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestADecisionSaysOfWhichSliceItIs, in text and in JSON.
func TestADecisionSaysOfWhichSliceItIs(t *testing.T) {
	e := good()
	e.Fields = &Fields{Slice: []Condition{{"legacy", "trader = 'T1'"}, {"projection", "trader = 'T1'"}, {"events", "key LIKE\n 'T1-%'"}}}
	d := Evaluate(Defaults().List(), e, now)
	d.Fields = e.Fields
	const want = "Only a slice is compared: legacy and projection where trader = 'T1'; events where key LIKE 'T1-%'."
	if text := strings.Join(strings.Fields(Text(d)), " "); !strings.Contains(text, want) {
		t.Errorf("the text is %s", text)
	}
	out, err := json.Marshal(d)
	if err != nil || !strings.Contains(string(out), `"slice":[{"side":"legacy","where":"trader = 'T1'"}`) {
		t.Errorf("%s, %v", out, err)
	}
	if whole := (&Fields{}).OfSlice() + (*Fields)(nil).OfSlice(); whole != "" {
		t.Errorf("without a slice: %s", whole)
	}
}
