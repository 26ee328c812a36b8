package gate

import (
	"testing"
	"time"
)

func TestWaivers(t *testing.T) {
	alice := func(criterion Verdict) Waiver {
		return Waiver{Criterion: "always_" + string(criterion), Who: "Alice", Why: "known, ticket 7", Until: now.Add(time.Hour)}
	}
	expired := alice(Fails)
	expired.Until = now
	anonymous, unfounded := alice(Fails), alice(Fails)
	anonymous.Who, unfounded.Why = "", ""
	for _, c := range []struct {
		given    string
		criteria []Criterion
		waiver   Waiver
		want     Answer
		state    WaiverState
	}{
		{"a fail that is waived, and a pass", []Criterion{blocking(Fails), blocking(Passes)}, alice(Fails), Go, WaiverInForce},
		{"an inconclusive that is waived, and a pass", []Criterion{blocking(Inconclusive), blocking(Passes)}, alice(Inconclusive), Go, WaiverInForce},
		{"a fail that is waived, and another that is not", []Criterion{blocking(Inconclusive), blocking(Fails)}, alice(Inconclusive), NoGo, WaiverInForce},
		{"everything waived", []Criterion{blocking(Fails)}, alice(Fails), Undecided, WaiverInForce},
		{"a waiver that has expired this moment", []Criterion{blocking(Fails), blocking(Passes)}, expired, NoGo, WaiverExpired},
		{"a waiver of an error", []Criterion{blocking(Errored), blocking(Passes)}, alice(Errored), Undecided, WaiverRefused},
		{"a waiver of a verdict that nobody knows", []Criterion{blocking("splendid"), blocking(Passes)}, alice("splendid"), Undecided, WaiverRefused},
		{"a waiver by nobody", []Criterion{blocking(Fails), blocking(Passes)}, anonymous, NoGo, WaiverRefused},
		{"a waiver without a reason", []Criterion{blocking(Fails), blocking(Passes)}, unfounded, NoGo, WaiverRefused},
		{"a waiver of what passes", []Criterion{blocking(Passes)}, alice(Passes), Go, WaiverNotNeeded},
		{"a waiver of what is advisory", []Criterion{advisory(Fails), blocking(Passes)}, alice(Fails), Go, WaiverNotNeeded},
		{"a waiver of what is not asked", []Criterion{blocking(Passes)}, alice(Fails), Go, WaiverNotAsked},
	} {
		before := Evaluate(c.criteria, Evidence{}, now)
		d := Waive(before, []Waiver{c.waiver})
		if d.Decision != c.want || len(d.Waivers) != 1 || d.Waivers[0].State != c.state {
			t.Errorf("%s: decided %s, waivers %+v, want %s and %s", c.given, d.Decision, d.Waivers, c.want, c.state)
		}
		for i, r := range d.Criteria {
			if r.Verdict != before.Criteria[i].Verdict || before.Criteria[i].Waiver != nil {
				t.Errorf("%s: the waiver changed a verdict, or the decision that it was applied to", c.given)
			}
		}
	}
}

func TestTextShowsWaivers(t *testing.T) {
	until := now.Add(48 * time.Hour)
	d := Policy{Criteria: Defaults(), Waivers: []Waiver{
		{"open_divergences", "Alice Example", "three test orders, ticket OPS-7", until},
		{"full_verification", "Bob", "verified by hand", until},
		{"counts", "Bob", "last week's", now.Add(-time.Hour)},
		{"coverage", "Bob", "", until},
		{"sample_bound", "Bob", "small table", until},
		{"stream_lag", "Bob", "no stream", until},
	}}.Decide(bad(), now)
	if d.Decision != Undecided {
		t.Errorf("decided %s", d.Decision)
	}
	d.NotAsked = d.NotAsked[:9] // the next criterion does not change the text
	golden(t, "waivers.txt", Text(d))
}
