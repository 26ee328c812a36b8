package gate

import (
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// sentence is one line of a truth table: given the evidence, the criterion says this, for these reasons.
type sentence struct {
	given   string
	change  func(*Evidence)
	says    Verdict
	reasons []string // each must be part of the reason or the ETA
}

func given(what string, change func(*Evidence), says Verdict, reasons ...string) sentence {
	return sentence{what, change, says, reasons}
}

// good is evidence for GO: a full pass 6 hours ago, a day of samples, nothing open.
func good() Evidence {
	return Evidence{
		Fingerprint: "f00d",
		Full: &Pass{
			ID: 12, Kind: "full", Verdict: "match", StartedAt: now.Add(-6 * time.Hour), FinishedAt: now.Add(-6*time.Hour + time.Minute),
			LegacyRows: 1000, ProjectionRows: 1000, Compared: 1000, Coverage: 1,
			Counts: []GroupCount{{Group: "FILLED", Legacy: 900, Projection: 900}, {Group: "OPEN", Legacy: 100, Projection: 100}},
			Strata: []Stratum{{Group: "FILLED", Age: "under 1d", Orders: 20}, {Group: "FILLED", Age: "older", Orders: 880}, {Group: "OPEN", Age: "under 1h", Orders: 100}},
		},
		Sample: &Pass{
			ID: 30, Kind: "sample", Verdict: "match", StartedAt: now.Add(-time.Hour), FinishedAt: now.Add(-time.Hour + time.Second),
			LegacyRows: 1000, ProjectionRows: 1000, Compared: 500, Coverage: 1,
		},
		Sampling:    Sampling{Passes: 24, Orders: 12_000, Population: 1000, Since: now.Add(-24 * time.Hour)},
		SampleEvery: time.Hour,
		NextFull:    now.Add(18 * time.Hour),
	}
}

func check(t *testing.T, c Criterion, table []sentence) {
	t.Helper()
	for _, s := range table {
		t.Run(s.given, func(t *testing.T) {
			t.Helper()
			e := good()
			s.change(&e)
			r := c.Judge(e, now)
			if r.Verdict != s.says {
				t.Fatalf("%s says %s, want %s\nreason: %s", c.Name(), r.Verdict, s.says, r.Reason)
			}
			for _, want := range s.reasons {
				if !strings.Contains(r.Reason+"\n"+r.ETA, want) {
					t.Errorf("no word of %q in\nreason: %s\neta: %s", want, r.Reason, r.ETA)
				}
			}
			if r.Reason == "" || !strings.HasSuffix(r.Reason, ".") || strings.Contains(r.Reason, "%!") {
				t.Errorf("reason is no sentence: %q", r.Reason)
			}
			if (r.Verdict == Passes) != (r.ETA == "") {
				t.Errorf("verdict %s with eta %q", r.Verdict, r.ETA)
			}
		})
	}
}

// unusableFullPass lists what no criterion about full passes may let through.
func unusableFullPass() []sentence {
	return []sentence{
		given("no full pass at all", func(e *Evidence) { e.Full = nil }, Inconclusive, "No full verification has finished", "2026-11-24 02:00:00 UTC"),
		given("no full pass and no schedule", func(e *Evidence) { e.Full, e.NextFull = nil, time.Time{} }, Inconclusive, "run crosscheck verify"),
		given("a full pass of another configuration", func(e *Evidence) { e.Full, e.VoidFull = nil, true }, Inconclusive,
			"void", "configuration, the version of the comparator or one of the databases has changed"),
		given("a full pass 27 hours ago", func(e *Evidence) {
			e.Full.StartedAt, e.Full.FinishedAt = now.Add(-27*time.Hour), now.Add(-26*time.Hour)
		}, Inconclusive, "the limit is 26h"),
		given("a full pass from tomorrow", func(e *Evidence) { e.Full.FinishedAt = now.Add(24 * time.Hour) }, Errored, "now is", "clocks"),
		given("a full pass that ended before it began", func(e *Evidence) { e.Full.FinishedAt = e.Full.StartedAt.Add(-1) }, Errored, "before it started"),
		given("a full pass without times", func(e *Evidence) { e.Full.StartedAt = time.Time{} }, Errored, "no start"),
		given("a full pass over two empty tables", func(e *Evidence) {
			e.Full.LegacyRows, e.Full.ProjectionRows, e.Full.Compared, e.Full.Counts = 0, 0, 0, nil
		}, Inconclusive, "both sides empty"),
		given("a full pass that compared nothing", func(e *Evidence) {
			e.Full.Compared, e.Full.Coverage, e.Full.Verdict, e.Full.Reason = 0, 0, "unverified", "projection is unreachable"
		}, Inconclusive, "compared no order", "projection is unreachable"),
		given("a full pass with a negative number", func(e *Evidence) { e.Full.Unverified = -1 }, Errored, "negative"),
		given("a full pass with a coverage of two", func(e *Evidence) { e.Full.Coverage = 2 }, Errored, "not a share"),
	}
}

func TestFullVerification(t *testing.T) {
	c := Defaults().FullVerification
	check(t, c, append(unusableFullPass(),
		given("a clean and fresh full pass", func(*Evidence) {}, Passes, "Full verification 12", "1,000 orders", "6h ago"),
		given("a clean full pass that left archived events out", func(e *Evidence) {
			e.Events = &EventsEvidence{Archived: 3}
		}, Passes, "3 orders of legacy were not compared with the events", "events.archived"),
		given("a full pass that found seven, still open", func(e *Evidence) {
			e.Full.Verdict, e.Full.Diverged = "diverged", 7
			e.Open = []OpenDivergences{{Kind: "differs", Count: 7}}
		}, Fails, "7 diverged orders", "7 divergences are still open"),
		given("the same, too long ago", func(e *Evidence) {
			e.Full.Verdict, e.Full.Diverged, e.Full.StartedAt = "diverged", 7, now.Add(-99*time.Hour)
			e.Open = []OpenDivergences{{Kind: "differs", Count: 1}}
		}, Fails, "1 divergence is still open"),
		given("a full pass that found seven, all resolved since", func(e *Evidence) {
			e.Full.Verdict, e.Full.Diverged = "diverged", 7
		}, Inconclusive, "7 diverged orders, all resolved since", "run crosscheck verify again"),
		given("a match that counts divergences all the same", func(e *Evidence) {
			e.Full.Diverged = 1
			e.Open = []OpenDivergences{{Kind: "differs", Count: 1}}
		}, Fails, "1 diverged order "),
		given("a full pass that left most orders out, because most differ", func(e *Evidence) {
			e.Full.Verdict, e.Full.Diverged, e.Full.Coverage, e.Full.Reason = "diverged", 3, 0.002, "field side differs in 99.8 % of orders: mapping?"
			e.Open = []OpenDivergences{{Kind: "differs", Count: 3}}
		}, Fails, "It compared only 0.2 % (field side differs in 99.8 % of orders: mapping?)."),
		given("the same, all resolved since", func(e *Evidence) {
			e.Full.Verdict, e.Full.Diverged, e.Full.Coverage, e.Full.Reason = "diverged", 3, 0.002, "field side differs in 99.8 % of orders: mapping?"
		}, Inconclusive, "all resolved since", "mapping?"),
		given("a lagging full pass", func(e *Evidence) { e.Full.Verdict, e.Full.Unverified = "lagging", 3 }, Inconclusive, "lagging", "3 orders were left unjudged"),
		given("an unverified full pass", func(e *Evidence) {
			e.Full.Verdict, e.Full.Coverage, e.Full.Reason = "unverified", 0.5, "legacy went away."
		}, Inconclusive, "coverage 50 %", "(legacy went away)."),
		given("a match that covered not quite everything", func(e *Evidence) { e.Full.Coverage = 0.99999999 }, Inconclusive, "99.999999 %"),
		given("a match with an order left unjudged", func(e *Evidence) { e.Full.Unverified = 1 }, Inconclusive, "left 1 order unjudged"),
		given("a match that compared fewer orders than there are rows", func(e *Evidence) { e.Full.Compared = 999 }, Inconclusive, "only 999 orders"),
		given("a verdict that nobody knows", func(e *Evidence) { e.Full.Verdict = "fine" }, Errored, `"fine"`),
		given("one empty side and a match", func(e *Evidence) { e.Full.ProjectionRows = 0 }, Errored, "one side was empty"),
	))
	c.MaxAge = 0
	check(t, c, []sentence{given("a max_age of zero", func(*Evidence) {}, Errored, "max_age")})
}

func TestOpenDivergences(t *testing.T) {
	open := func(n int64) []OpenDivergences {
		return []OpenDivergences{{Hop: "legacy->projection", Kind: "missing", Count: n, Oldest: now.Add(-2 * time.Hour)}}
	}
	c := Defaults().OpenDivergences
	check(t, c, []sentence{
		given("none open after a look", func(*Evidence) {}, Passes, "No divergence is open", "sample pass 30"),
		given("none open after a full pass only", func(e *Evidence) { e.Sample = nil }, Passes, "full verification 12"),
		given("none open and no look ever", func(e *Evidence) { e.Full, e.Sample = nil, nil }, Inconclusive, "no pass has compared an order"),
		given("none open and only looks that saw nothing", func(e *Evidence) { e.Full.Compared, e.Sample = 0, nil }, Inconclusive, "no pass has compared an order"),
		given("none open after a full pass and a sample of fewer orders", func(e *Evidence) { e.Sample.Fewer = true }, Passes, "full verification 12"),
		given("none open and only a sample of fewer orders", func(e *Evidence) { e.Full, e.Sample.Fewer = nil, true }, Inconclusive, "sample pass 30, drew fewer orders than sampler.size"),
		given("none open and only void looks", func(e *Evidence) { e.Full, e.Sample, e.VoidSample = nil, nil, true }, Inconclusive, "void"),
		given("none open after a look tomorrow", func(e *Evidence) {
			e.Sample.StartedAt, e.Sample.FinishedAt = now.Add(time.Hour), now.Add(2*time.Hour)
		}, Errored, "clocks"),
		given("none open and the last look 300 days ago", func(e *Evidence) {
			e.Sample = nil
			e.Full.StartedAt, e.Full.FinishedAt = now.Add(-7200*time.Hour), now.Add(-7199*time.Hour)
		}, Inconclusive, "the limit is 26h"),
		given("one open and the last look 300 days ago", func(e *Evidence) {
			e.Sample, e.Open = nil, open(1)
			e.Full.StartedAt, e.Full.FinishedAt = now.Add(-7200*time.Hour), now.Add(-7199*time.Hour)
		}, Fails, "1 divergence is open"),
		given("none open, an old full pass and a fresh sample", func(e *Evidence) {
			e.Full.StartedAt, e.Full.FinishedAt = now.Add(-7200*time.Hour), now.Add(-7199*time.Hour)
		}, Passes, "sample pass 30"),
		given("one open", func(e *Evidence) { e.Open = open(1) }, Fails, "1 divergence is open", "1 missing (legacy->projection)", "2h ago"),
		given("many open in many groups", func(e *Evidence) {
			e.Open = append(open(1), OpenDivergences{Kind: "differs", Count: 9_000, Oldest: now.Add(-time.Hour)},
				OpenDivergences{Kind: "phantom", Count: 2, Cause: "rollback"}, OpenDivergences{Kind: "duplicate", Count: 1}, OpenDivergences{})
		}, Fails, "9,004 divergences", "9,000 differs", "2 phantom () by rollback", "and 2 groups more", "2h ago"),
		given("none open and two accepted", func(e *Evidence) { e.Accepted = 2 }, Passes, "No divergence is open, and 2 are accepted", "sample pass 30"),
		given("one open and one accepted", func(e *Evidence) { e.Open, e.Accepted = open(1), 1 }, Fails, "1 divergence is open", "1 more is accepted"),
		given("one accepted and no look ever", func(e *Evidence) { e.Full, e.Sample, e.Accepted = nil, nil, 1 }, Inconclusive, "no pass has compared an order"),
		given("a negative number accepted", func(e *Evidence) { e.Accepted = -1 }, Errored, "negative number of accepted"),
		given("one open and no pass left", func(e *Evidence) { e.Full, e.Sample, e.Open = nil, nil, open(1) }, Fails),
		given("one open since tomorrow", func(e *Evidence) { e.Open = open(1); e.Open[0].Oldest = now.Add(time.Hour) }, Errored, "clocks"),
		given("a negative number open", func(e *Evidence) { e.Open = append(open(5), OpenDivergences{Count: -5}) }, Errored, "negative"),
	})
	c.Max = 3
	check(t, c, []sentence{
		given("three open of three tolerated", func(e *Evidence) { e.Open = open(3) }, Passes, "Up to 3 may be open"),
		given("four open of three tolerated", func(e *Evidence) { e.Open = open(4) }, Fails),
	})
	c.Max = -1
	check(t, c, []sentence{given("a negative limit", func(*Evidence) {}, Errored, "max")})
}

func TestCounts(t *testing.T) {
	c := Defaults().Counts
	filled := func(e *Evidence) *GroupCount { return &e.Full.Counts[0] }
	openGroup := func(e *Evidence) *GroupCount { return &e.Full.Counts[1] }
	// Three orders are filled in legacy and still open in the projection.
	threeFills := func(e *Evidence) { filled(e).Projection, openGroup(e).Projection = 897, 103 }
	check(t, c, append(unusableFullPass(),
		given("equal counts", func(*Evidence) {}, Passes, "2 statuses", "1,000 in all"),
		given("no counts", func(e *Evidence) { e.Full.Counts = nil }, Inconclusive, "did not count"),
		given("counts of an older pass, after one that proved all equal by numbers", func(e *Evidence) {
			e.byNumber()
		}, Passes, "Full verification 11", "2 statuses, 1,000 in all"),
		given("an older pass that counted other numbers", func(e *Evidence) {
			e.byNumber()
			e.Counted.Counts[0].Projection, e.Counted.ProjectionRows = 899, 999
		}, Fails, "contradict each other"),
		given("counts of an older pass that is too old", func(e *Evidence) {
			e.byNumber()
			e.Counted.StartedAt = e.Counted.StartedAt.Add(-48 * time.Hour)
		}, Inconclusive, "the limit is 26h"),
		given("three fills in flight that settled", func(e *Evidence) {
			threeFills(e)
			filled(e).SettledLegacy, openGroup(e).SettledProjection = 3, 3
		}, Passes, "6 rows of orders in flight"),
		given("a new order in flight that settled", func(e *Evidence) {
			e.Full.LegacyRows, openGroup(e).Legacy, openGroup(e).SettledLegacy = 1001, 101, 1
		}, Passes, "1 row of orders in flight"),
		given("three fills of which two settled", func(e *Evidence) {
			threeFills(e)
			filled(e).SettledLegacy, openGroup(e).SettledProjection = 2, 2
			e.Full.Diverged, e.Full.Verdict, e.Open = 1, "diverged", []OpenDivergences{{Count: 1}}
		}, Fails, "differ by 2 rows in sum", "FILLED: 898 in legacy, 897 in the projection; OPEN: 100 in legacy, 101 in the projection"),
		given("orders that settled but do not explain it", func(e *Evidence) {
			threeFills(e)
			filled(e).SettledProjection, openGroup(e).SettledLegacy = 3, 3
		}, Fails, "differ by 12 rows in sum"),
		given("a difference that the comparison did not see", threeFills, Fails, "contradict each other"),
		given("a difference of orders that are open divergences", func(e *Evidence) {
			threeFills(e)
			e.Full.Diverged, e.Open = 3, []OpenDivergences{{Count: 3}}
		}, Fails, "differ by 6 rows in sum"),
		given("a difference of divergences resolved since", func(e *Evidence) { threeFills(e); e.Full.Diverged = 3 }, Inconclusive, "each of the 3 diverged orders it found has been resolved"),
		given("a difference that orders left unjudged may explain", func(e *Evidence) { threeFills(e); e.Full.Unverified = 3 }, Inconclusive, "3 orders left unjudged may explain"),
		given("a difference too large for the orders left unjudged", func(e *Evidence) { threeFills(e); e.Full.Unverified = 2 }, Fails),
		given("missing and phantom, so that only the total is equal", func(e *Evidence) {
			threeFills(e)
			e.Full.Diverged, e.Open = 3, []OpenDivergences{{Count: 3}}
		}, Fails),
		given("a difference by another field", func(e *Evidence) { threeFills(e); e.Fields = &Fields{GroupBy: "lots"} }, Fails, "numbers of rows by lots differ"),
		given("a difference in all rows", func(e *Evidence) { threeFills(e); e.Fields = &Fields{} }, Fails, "numbers of rows differ"),
		given("a difference in rows without status", func(e *Evidence) { threeFills(e); openGroup(e).Group = "" }, Fails, "(empty): 100 in legacy"),
		given("a status that would drive a terminal", func(e *Evidence) { threeFills(e); openGroup(e).Group = "\x1b[2J" }, Fails, `\x1b[2J`),
		given("partial coverage", func(e *Evidence) { e.Full.Coverage = 0.5 }, Inconclusive, "covered only 50 %"),
		given("groups that do not add up", func(e *Evidence) { e.Full.Counts = e.Full.Counts[:1] }, Errored, "add up to 900 rows"),
		given("a group twice", func(e *Evidence) { openGroup(e).Group = "FILLED" }, Errored, "counted twice"),
		given("more in flight than there is", func(e *Evidence) { filled(e).SettledLegacy = 901 }, Errored, "more rows in flight"),
		given("a negative count", func(e *Evidence) { filled(e).Legacy = -1 }, Errored, "negative"),
	))
}

// byNumber makes the full pass one that did not count rows, after another one that did.
func (e *Evidence) byNumber() {
	older := *e.Full
	older.ID--
	e.Counted = &older
	e.Full.ByNumber, e.Full.Counts, e.Full.Strata = true, nil, nil
}

func TestCoverage(t *testing.T) {
	c := Defaults().Coverage
	check(t, c, append(unusableFullPass(),
		given("everything verified", func(*Evidence) {}, Passes, "100 %", "2 statuses", "3 parts by status and age"),
		given("everything verified, without ages", func(e *Evidence) { e.Full.Strata = nil }, Passes, "2 statuses", "Coverage by age is not known"),
		given("everything verified, by another field", func(e *Evidence) { e.Fields = &Fields{GroupBy: "lots"} }, Passes, "2 values of lots", "3 parts by lots and age"),
		given("everything verified, without statuses", func(e *Evidence) { e.Full.Counts, e.Full.Strata = nil, nil }, Passes, "not counted by status"),
		given("everything verified by numbers", func(e *Evidence) { e.byNumber() }, Passes, "100 %", "not counted by status"),
		given("one order of a thousand left unjudged", func(e *Evidence) { e.Full.Unverified = 1 }, Inconclusive, "99.9 % of all orders"),
		given("half of the scan lost", func(e *Evidence) { e.Full.Coverage, e.Full.Reason = 0.5, "legacy timed out" }, Inconclusive, "50 %", "legacy timed out"),
		given("fewer orders compared than rows", func(e *Evidence) { e.Full.Compared = 990 }, Inconclusive, "99 %"),
		given("groups that do not add up", func(e *Evidence) { e.Full.Counts = e.Full.Counts[:1] }, Errored, "add up"),
		given("ages that do not add up", func(e *Evidence) { e.Full.Strata[0].Orders++ }, Errored, "the ages of FILLED add up to 901 orders, but legacy has 900"),
		given("an age with less than no order", func(e *Evidence) { e.Full.Strata[0].Orders, e.Full.Strata[1].Orders = -1, 901 }, Errored, "negative count among the orders of age \"under 1d\""),
		given("a phantom left unjudged", func(e *Evidence) {
			e.Full.Strata = append(e.Full.Strata, Stratum{Group: "OPEN", Age: "older", Unverified: 1})
		}, Inconclusive, "only 0 % of the orders in OPEN that legacy does not have"),
	))
	c.Min = 0.95
	check(t, c, []sentence{
		given("one percent left unjudged beside numbers", func(e *Evidence) { e.byNumber(); e.Full.Unverified = 10 }, Inconclusive, "It did not count rows by status"),
		given("one percent left unjudged of five, and nobody knows of which age", func(e *Evidence) {
			e.Full.Unverified, e.Full.Counts[0].Unverified, e.Full.Strata = 10, 10, nil
		}, Inconclusive, "may be all orders of one status or age"),
		given("one percent left unjudged, half of the young ones of their status", func(e *Evidence) {
			e.Full.Unverified, e.Full.Counts[0].Unverified, e.Full.Strata[0].Unverified = 10, 10, 10
		}, Inconclusive, "50 % of the 20 orders in FILLED of age \"under 1d\""),
		given("one percent left unjudged of five", func(e *Evidence) { e.Full.Unverified, e.Full.Counts[0].Unverified = 10, 10 }, Passes),
		given("one percent left unjudged, a tenth of the open ones", func(e *Evidence) { e.Full.Unverified, e.Full.Counts[1].Unverified = 10, 10 },
			Inconclusive, "90 % of the orders in OPEN"),
	})
	c.Min = 1.5
	check(t, c, []sentence{given("a limit above one", func(*Evidence) {}, Errored, "min")})
}

func TestSampleBound(t *testing.T) {
	c := Defaults().SampleBound
	sampled := func(passes, orders, diverged int64) func(*Evidence) {
		return func(e *Evidence) {
			e.Sampling = Sampling{Passes: passes, Orders: orders, Diverged: diverged, Population: 9_200_000, Since: now.Add(-time.Duration(passes) * time.Hour)}
		}
	}
	check(t, c, []sentence{
		given("a clean sample of the case study's size", sampled(1, 10_000, 0), Passes, "95 % confidence", "about 7,517 of about 9,200,000 by the planner's estimate", "0.02995 %, about 2,756"),
		given("a clean sample that is too small", sampled(1, 2_000, 0), Inconclusive, "more clean samples, about 4h (4 passes of 2,000)", "The limit is 0.1 %"),
		given("no schedule", func(e *Evidence) { sampled(1, 2_000, 0)(e); e.SampleEvery = 0 }, Inconclusive, "run crosscheck sample"),
		given("a rate that can never do", sampled(1, 40, 0), Inconclusive, "but 7d hold only about 6,720", "sampler.size"),
		given("no sample", func(e *Evidence) { e.Sampling = Sampling{} }, Inconclusive, "No order has been sampled"),
		given("no sample, because none can be drawn from a view", func(e *Evidence) { e.Sampling, e.Full.Unsampled = Sampling{}, "it is a view" },
			Passes, "Every order was compared. Full verification 12", "No uniform sample can be drawn: it is a view."),
		given("a sample that was refused", func(e *Evidence) { e.Sampling, e.Sample.Unsampled = Sampling{}, "it is a view" }, Passes, "Every order was compared"),
		given("a refused sample and an old full verification", func(e *Evidence) {
			e.Sampling, e.Sample.Unsampled, e.Full.StartedAt = Sampling{}, "it is a view", now.Add(-169*time.Hour)
		}, Inconclusive, "No uniform sample can be drawn: it is a view. A clean full verification would stand in, but: Full verification 12", "the limit is 7d"),
		given("a refused sample and a full verification that left orders out", func(e *Evidence) {
			e.Sampling, e.Full.Unsampled, e.Full.Coverage = Sampling{}, "it is a view", 0.99
		}, Inconclusive, "would stand in"),
		given("a refused sample and a full verification that found something", func(e *Evidence) {
			e.Sampling, e.Full.Unsampled, e.Full.Verdict, e.Full.Diverged, e.Open = Sampling{}, "it is a view", "diverged", 1, []OpenDivergences{{Count: 1}}
		}, Inconclusive, "would stand in", "1 diverged order"),
		given("a refused sample and no full verification", func(e *Evidence) {
			e.Sampling, e.Sample.Unsampled, e.Full = Sampling{}, "it is a view", nil
		}, Inconclusive, "No full verification has finished yet"),
		given("a small sample from sparse keys", func(e *Evidence) { sampled(1, 40, 0)(e); e.Sample.Unsampled = "too sparse" }, Passes, "Every order was compared"),
		given("a small sample from sparse keys that found something", func(e *Evidence) { sampled(1, 40, 1)(e); e.Sample.Unsampled = "too sparse" }, Inconclusive, "more clean samples"),
		given("samples of another configuration only", func(e *Evidence) { e.Sampling, e.VoidSample = Sampling{}, true }, Inconclusive, "void"),
		given("an unknown population", func(e *Evidence) { e.Sampling.Population = 0 }, Inconclusive, "not known"),
		given("a handful bad among many", sampled(24, 240_000, 5), Passes, "5 diverged"),
		given("a few bad, the bound above the limit", sampled(1, 10_000, 3), Inconclusive, "more clean samples"),
		given("many bad and open", func(e *Evidence) { sampled(1, 10_000, 100)(e); e.Open = []OpenDivergences{{Count: 100}} }, Fails, "proven bad"),
		given("many bad, all resolved since", sampled(1, 10_000, 100), Inconclusive, "resolved or accepted since"),
		given("many left unjudged", func(e *Evidence) {
			sampled(1, 10_000, 0)(e)
			e.Sampling.Unverified, e.Open = 100, []OpenDivergences{{Count: 1}}
		}, Inconclusive, "100 left unjudged"),
		given("samples since tomorrow", func(e *Evidence) { e.Sampling.Since = now.Add(time.Hour) }, Errored, "clocks"),
		given("samples that reach back too far", func(e *Evidence) { e.Sampling.Since = now.Add(-200 * time.Hour) }, Inconclusive, "reach back"),
		given("more diverged than drawn", sampled(1, 10, 11), Errored, "contradict"),
		given("samples of which none is left", func(e *Evidence) { e.Sample = nil }, Errored, "the ledger has no sample"),
		given("a sample from tomorrow", func(e *Evidence) { e.Sample.FinishedAt = now.Add(time.Hour) }, Errored, "clocks"),
	})
	c.MaxRatio = 0
	check(t, c, []sentence{given("a limit of zero", func(*Evidence) {}, Errored, "max_ratio: must be above 0 and below 1, not 0")})
}
