package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/gate"
)

func TestTheDecisionOverAllPairs(t *testing.T) {
	t.Parallel()
	const yes, no, unknown = gate.Go, gate.NoGo, gate.Undecided
	for _, c := range []struct {
		pairs []gate.Answer
		want  gate.Answer
	}{
		{nil, unknown},
		{[]gate.Answer{yes}, yes},
		{[]gate.Answer{yes, yes, yes}, yes},
		{[]gate.Answer{yes, unknown}, unknown},
		{[]gate.Answer{unknown, no, yes}, no},
		{[]gate.Answer{no, no}, no},
		{[]gate.Answer{yes, ""}, unknown},
		{[]gate.Answer{yes, "YES"}, unknown},
	} {
		var pairs []gate.OfPair
		for _, answer := range c.pairs {
			pairs = append(pairs, gate.OfPair{Name: "p", Decision: gate.Decision{Decision: answer}})
		}
		if got := gate.OverAll(pairs).Decision; got != c.want {
			t.Errorf("%q gives %q, want %q", c.pairs, got, c.want)
		}
	}
}

func TestTheDecisionOverAllSaysOfWhichPair(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	waiver := gate.Waiver{Criterion: "coverage", Who: "Alice", Why: "OPS-1", Until: at.Add(time.Hour)}
	orders := gate.OfPair{Name: "orders", Decision: gate.Decision{
		Decision: gate.Go, At: at, Fingerprint: "f1", Accepted: 2, Record: &gate.Record{Seq: 7, Hash: "h"},
		Criteria: []gate.Result{{Name: "counts", Verdict: gate.Passes, Reason: "Equal."}, {Name: "coverage", Verdict: gate.Inconclusive, Reason: "None.", Waiver: &waiver}},
		Waivers:  []gate.AppliedWaiver{{Waiver: waiver, State: gate.WaiverInForce}}, NotAsked: []string{"event_gaps"},
	}}
	positions := gate.OfPair{Name: "positions", Decision: gate.Decision{
		Decision: gate.NoGo, At: at.Add(time.Second), Fingerprint: "f2", Accepted: 1,
		Criteria: []gate.Result{{Name: "counts", Verdict: gate.Fails, Reason: "One too many."}},
	}}
	d := gate.OverAll([]gate.OfPair{orders, positions})
	var names []string
	for _, r := range d.Criteria {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"orders/counts", "orders/coverage", "positions/counts"}, names); diff != "" {
		t.Errorf("criteria (-want +got):\n%s", diff)
	}
	if d.Waivers[0].Criterion != "orders/coverage" || d.NotAsked[0] != "orders/event_gaps" || d.Accepted != 3 || !d.At.Equal(positions.At) {
		t.Errorf("it takes over %+v", d)
	}
	if orders.Criteria[0].Name != "counts" || orders.Waivers[0].Criterion != "coverage" {
		t.Error("the decision of a pair was changed")
	}
	text := gate.Text(d)
	for _, want := range []string{"NO-GO (1 criterion waived)  at ", "  GO            orders  (decision 7 of this pair)\n", "  NO-GO         positions\n", "FAIL          positions/counts\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// TestTheFingerprintOverAllIsThatOfAllPairs also of their names and their number.
func TestTheFingerprintOverAllIsThatOfAllPairs(t *testing.T) {
	t.Parallel()
	over := func(parts ...string) string {
		var pairs []gate.OfPair
		for i := 0; i < len(parts); i += 2 {
			pairs = append(pairs, gate.OfPair{Name: parts[i], Decision: gate.Decision{Fingerprint: parts[i+1]}})
		}
		return gate.OverAll(pairs).Fingerprint
	}
	seen := map[string]bool{}
	for _, f := range []string{over("a", "1"), over("a", "2"), over("b", "1"), over("a", "1", "b", "2"), over("a", "1", "b", "3")} {
		if f == "" || seen[f] {
			t.Errorf("%q is there twice, or empty", f)
		}
		seen[f] = true
	}
	if f := over("a", "1", "b", ""); f != "" {
		t.Errorf("with a pair that is not known it is %q", f)
	}
}
