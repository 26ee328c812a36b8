package gate

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update rewrites it:\n%s", file, diff)
	}
}

// verdict is a criterion that always says the same.
type verdict struct {
	Rule
	says Verdict
}

func (v verdict) Name() string                     { return "always_" + string(v.says) }
func (v verdict) Judge(Evidence, time.Time) Result { return Result{Verdict: v.says} }
func (verdict) EvidenceAt(Evidence) time.Time      { return time.Time{} }

func blocking(v Verdict) Criterion { return verdict{Rule{Severity: Blocking}, v} }
func advisory(v Verdict) Criterion { return verdict{Rule{Severity: Advisory}, v} }

func TestDecision(t *testing.T) {
	for _, c := range []struct {
		criteria []Criterion
		want     Answer
		code     int
		reason   string
	}{
		{nil, Undecided, 3, "nothing was asked"},
		{[]Criterion{advisory(Passes)}, Undecided, 3, "only advisory criteria were asked"},
		{[]Criterion{blocking(Passes)}, Go, 0, "all pass"},
		{[]Criterion{blocking(Passes), blocking(Fails)}, NoGo, 1, "one fails"},
		{[]Criterion{blocking(Inconclusive), blocking(Errored), blocking(Fails)}, NoGo, 1, "a fail outweighs what is unknown"},
		{[]Criterion{blocking(Passes), blocking(Inconclusive)}, Undecided, 3, "one is inconclusive"},
		{[]Criterion{blocking(Passes), blocking(Errored)}, Undecided, 3, "one cannot be judged"},
		{[]Criterion{blocking(Passes), advisory(Fails), advisory(Errored)}, Go, 0, "advice does not count"},
		{[]Criterion{blocking(Passes), blocking("splendid")}, Undecided, 3, "an unknown verdict is no pass"},
	} {
		d := Evaluate(c.criteria, Evidence{}, now)
		if d.Decision != c.want || d.ExitCode() != c.code {
			t.Errorf("%s: decided %s with exit code %d, want %s with %d", c.reason, d.Decision, d.ExitCode(), c.want, c.code)
		}
	}
	if code := (Decision{}).ExitCode(); code != 3 {
		t.Errorf("exit code of no decision is %d, want 3", code)
	}
}

func TestGoodEvidenceIsGo(t *testing.T) {
	d := Evaluate(Defaults().List(), good(), now)
	if d.Decision != Go {
		t.Fatalf("decided %s:\n%s", d.Decision, Text(d))
	}
	golden(t, "go.txt", Text(d))
	out, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "go.json", string(out)+"\n")
}

// bad is a system with open divergences, an expired full pass and too few samples.
func bad() Evidence {
	e := good()
	e.Full.StartedAt = now.Add(-30 * time.Hour)
	e.Full.FinishedAt = e.Full.StartedAt.Add(time.Minute)
	e.Sampling = Sampling{Passes: 2, Orders: 4_000, Diverged: 1, Population: 9_200_000, Since: now.Add(-2 * time.Hour)}
	e.Open = []OpenDivergences{{Hop: "legacy->projection", Kind: "differs", Count: 3, Oldest: now.Add(-90 * time.Minute)}}
	return e
}

func TestTextOfNoGo(t *testing.T) {
	d := Evaluate(Defaults().List(), bad(), now)
	if d.Decision != NoGo {
		t.Fatalf("decided %s", d.Decision)
	}
	golden(t, "no-go.txt", Text(d))
	out, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "no-go.json", string(out)+"\n")
	golden(t, "nothing-asked.txt", Text(Evaluate(nil, Evidence{}, now)))
}

func TestEveryResultIsAScalarInJSON(t *testing.T) {
	for _, e := range []Evidence{{}, good(), bad()} {
		for _, r := range Evaluate(Defaults().List(), e, now).Criteria {
			for _, v := range []any{r.Observed, r.Limit} {
				switch v.(type) {
				case nil, int64, float64, string:
				default:
					t.Errorf("%s: %T is no JSON scalar", r.Name, v)
				}
			}
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	for _, r := range Evaluate(Defaults().List(), good(), now).Criteria {
		if r.Verdict == Errored {
			t.Errorf("%s: %s", r.Name, r.Reason)
		}
	}
	if n := len(Defaults().List()); n != 5 {
		t.Errorf("%d criteria by default, want 5", n)
	}
	c := Criteria{} // nothing enabled: nothing asked
	if d := Evaluate(c.List(), good(), now); d.Decision != Undecided {
		t.Errorf("decided %s without criteria", d.Decision)
	}
}

func TestACriterionThatMakesNoSenseSaysWhy(t *testing.T) {
	c := Defaults()
	c.OpenDivergences.Max, c.OpenDivergences.MaxAge = -1, 0
	c.FullVerification.MaxAge = 0
	c.Counts.Severity = "loud"
	c.SampleBound.Confidence = 95
	c.Coverage.Min = math.NaN()
	d := Evaluate(c.List(), good(), now)
	for i, want := range []string{
		"max: must be 0 or more, not -1; max_age: must be 1s or more, not 0s.", "max_age:", `severity: must be one of blocking, advisory, not "loud"`,
		"confidence: must be at least 0.5 and below 1, not 95", "min: must be above 0 and at most 1, not NaN",
	} {
		if r := d.Criteria[i]; r.Verdict != Errored || !strings.Contains(r.Reason, want) {
			t.Errorf("%s says %s, want an error with %q: %s", r.Name, r.Verdict, want, r.Reason)
		}
	}
}

// anyEvidence draws evidence that is often good, often broken, seldom both in the same place.
func anyEvidence(t *rapid.T) Evidence {
	e := good()
	ages := rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Hour, 25 * time.Hour, 200 * time.Hour})
	for _, p := range []*Pass{e.Full, e.Sample} {
		if rapid.Bool().Draw(t, "leave") {
			continue
		}
		p.StartedAt = now.Add(-ages.Draw(t, "age"))
		p.FinishedAt = p.StartedAt.Add(time.Minute)
		p.Verdict = rapid.SampledFrom([]string{"match", "match", "lagging", "diverged", "unverified"}).Draw(t, "verdict")
		p.Coverage = rapid.SampledFrom([]float64{0, 0.5, 1, 1}).Draw(t, "coverage")
		p.Diverged = rapid.Int64Range(0, 2).Draw(t, "diverged")
		p.Unverified = rapid.Int64Range(0, 2).Draw(t, "unverified")
	}
	e.Full.Counts[0].Projection += rapid.Int64Range(0, 1).Draw(t, "filled")
	e.Full.Counts[1].Projection -= rapid.Int64Range(0, 1).Draw(t, "open")
	e.Sampling.Diverged = rapid.Int64Range(0, 40).Draw(t, "sampled diverged")
	e.Sampling.Unverified = rapid.Int64Range(0, 2).Draw(t, "sampled unverified")
	e.Sampling.Orders = rapid.SampledFrom([]int64{100, 12_000, 100_000}).Draw(t, "sampled")
	if n := rapid.Int64Range(0, 3).Draw(t, "divergences open"); n > 0 {
		e.Open = []OpenDivergences{{Kind: "differs", Count: n, Oldest: now.Add(-time.Hour)}}
	}
	return e
}

// remove takes evidence away: passes, their counts, single groups, samples. Open divergences stay: they are not
// evidence of health but of its absence.
func remove(t *rapid.T, e Evidence) Evidence {
	if rapid.Bool().Draw(t, "remove full") {
		e.Full, e.VoidFull = nil, rapid.Bool().Draw(t, "void")
	} else if rapid.Bool().Draw(t, "remove groups") {
		full := *e.Full
		full.Counts = full.Counts[:rapid.IntRange(0, len(full.Counts)).Draw(t, "groups")]
		e.Full = &full
	} else if rapid.Bool().Draw(t, "remove ages") {
		full := *e.Full
		full.Strata = nil
		e.Full = &full
	}
	if rapid.Bool().Draw(t, "remove sample") {
		e.Sample = nil
	}
	if rapid.Bool().Draw(t, "remove sampling") {
		e.Sampling, e.VoidSample = Sampling{}, rapid.Bool().Draw(t, "void")
	}
	return e
}

func TestRemovingEvidenceNeverLeadsToGo(t *testing.T) {
	seen := map[Answer]int{}
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvidence(t)
		before := Evaluate(Defaults().List(), e, now)
		after := Evaluate(Defaults().List(), remove(t, e), now)
		seen[before.Decision]++
		if before.Decision != Go && after.Decision == Go {
			t.Fatalf("before:\n%s\nafter:\n%s", Text(before), Text(after))
		}
	})
	if len(seen) < 2 {
		t.Errorf("generator only reaches %v", seen)
	}
}

// drawn sets each setting to anything.
type drawn struct {
	t         *rapid.T
	criterion string
}

func (d drawn) Boolean(key string, into *bool) { *into = rapid.Bool().Draw(d.t, d.criterion+key) }
func (d drawn) OneOf(key string, into *string, words []string) {
	*into = rapid.SampledFrom(append(words, "")).Draw(d.t, d.criterion+key)
}

func (d drawn) Whole(key string, into *int64, _, _ int64) {
	*into = rapid.Int64().Draw(d.t, d.criterion+key)
}

func (d drawn) Ratio(key string, into *float64, _ Range) {
	*into = rapid.Float64().Draw(d.t, d.criterion+key)
}

func (d drawn) Duration(key string, into *time.Duration, _ time.Duration) {
	*into = time.Duration(rapid.Int64().Draw(d.t, d.criterion+key))
}

func TestEmptyEvidenceIsNeverGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Defaults()
		for _, name := range Names() {
			c.Read(name, drawn{t, name})
		}
		c.ShadowWriteCompleteness.Changes = rapid.Bool().Draw(t, "changes")
		e := Evidence{
			Fingerprint: rapid.String().Draw(t, "fingerprint"),
			VoidFull:    rapid.Bool().Draw(t, "void full"), VoidSample: rapid.Bool().Draw(t, "void sample"),
			SampleEvery: time.Duration(rapid.Int64().Draw(t, "every")),
		}
		d := Evaluate(c.List(), e, now)
		if d.Decision != Undecided {
			t.Fatalf("decided %s on no evidence:\n%s", d.Decision, Text(d))
		}
		if _, err := json.Marshal(d); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTextOfADatabaseIsSafeToPrint(t *testing.T) {
	for text, want := range map[string]string{"FILLED": "FILLED", "a\nb": `"a\nb"`} {
		if got := plain(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
