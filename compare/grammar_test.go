package compare_test

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/faulttest"
	"github.com/nordvarg/crosscheck/order"
)

// soakRounds is how many times as many cases the grammar has: CROSSCHECK_GRAMMAR, by default 1.
func soakRounds(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("CROSSCHECK_GRAMMAR")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		t.Fatalf("CROSSCHECK_GRAMMAR=%s is not a positive number", text)
	}
	return n
}

var patience = compare.Settle{Window: 6 * time.Second, Rechecks: 3, MaxLag: 10 * time.Second}

// judged looks at an order that is at rest twice, a window apart, and returns what has diverged.
func judged(c faulttest.Case) []compare.Diagnosis {
	o := compare.Oracle{Fields: c.Fields, Rules: c.Rules}
	was, d := o.Judge(c.Reading)
	is := was
	is.At = was.At.Add(time.Minute)
	j := patience.Judge(was, is, 0, was.At)
	return slices.DeleteFunc(d.Parts(), func(d compare.Diagnosis) bool { return j.Hops[d.Hop] != compare.Diverged })
}

// score counts what a judge made of the cases of one fault. An order that two faults of different sides show in counts
// twice.
type score struct {
	cases, seen, found, hop, cause, named, high, wrong int
	wrongly                                            map[string][]string // some cases of each way to be wrong
}

const told = 3 // cases of each way to be wrong

func (s *score) wrongAt(c faulttest.Case, found []compare.Diagnosis, what string) {
	if len(s.wrongly[what]) < told {
		s.tell(what, shownCase(c, found))
	}
}

func (s *score) tell(what string, cases ...string) {
	if s.wrongly == nil {
		s.wrongly = map[string][]string{}
	}
	s.wrongly[what] = append(s.wrongly[what], cases...)
}

func (s *score) add(c faulttest.Case) {
	s.cases++
	found := judged(c)
	ofProjection := func(d compare.Diagnosis) bool { return d.Hop == order.EventsToProjection }
	s.side(c, c.Source, slices.DeleteFunc(slices.Clone(found), ofProjection))
	s.side(c, c.Projection, slices.DeleteFunc(slices.Clone(found), func(d compare.Diagnosis) bool { return !ofProjection(d) }))
}

// side holds the findings of one side of the event store against what is right there.
func (s *score) side(c faulttest.Case, right faulttest.Expected, found []compare.Diagnosis) {
	switch {
	case !right.Observable && len(found) > 0 && !c.Impossible:
		s.wrong++
		s.wrongAt(c, found, "nothing can be seen, and it is accused")
		return
	case !right.Observable:
		return
	}
	s.seen++
	if len(found) == 0 {
		s.wrongAt(c, found, "not found")
		return
	}
	s.found++
	s.judge(c, right, found)
}

// judge holds findings against what is right.
func (s *score) judge(c faulttest.Case, right faulttest.Expected, found []compare.Diagnosis) {
	hop, cause, named := true, true, true
	is := func(cause compare.Cause) bool { return slices.Contains(right.Causes, cause) }
	for _, d := range found {
		hop = hop && slices.Contains(right.Hops, d.Hop)
		cause = cause && is(d.Cause)
		named = named && (is(d.Cause) || slices.ContainsFunc(d.Or, is))
		if d.Confidence == compare.High {
			s.high++
			if !is(d.Cause) || len(d.Or) > 0 {
				s.wrong++
				s.wrongAt(c, found, "claimed high, and wrong")
			}
		}
	}
	count := func(right bool, n *int) {
		if right {
			*n++
		}
	}
	count(hop, &s.hop)
	count(cause, &s.cause)
	count(named, &s.named)
	if !hop {
		s.wrongAt(c, found, "the wrong hop")
	}
}

// trial is a kind of cases: a fault, or two hops with a fault each.
type grammarTrial struct {
	name string
	run  func(*score)
}

// seeds is how many are tried of each fault and pair, and of each fault and pair of the stream.
type seeds struct{ singles, pairs, onStream, pairsOnStream uint64 }

var everySeed = seeds{1250, 32, 600, 40}

func (n seeds) times(rounds uint64) seeds {
	return seeds{n.singles * rounds, n.pairs * rounds, n.onStream * rounds, n.pairsOnStream * rounds}
}

// grammarTrials are the cases of the grammar in a language.
func grammarTrials(in *faulttest.Language, n seeds) (trials []grammarTrial) {
	faults := faulttest.Faults()
	for _, f := range faults {
		trials = append(trials, grammarTrial{string(f.Hop) + "|" + f.Name, func(s *score) {
			for seed := range n.singles {
				if c, ok := in.Single(f, seed); ok {
					s.add(c)
				}
			}
		}})
	}
	for _, f := range faults {
		for _, g := range faults {
			trials = append(trials, grammarTrial{pairOf(f.Hop, g.Hop) + "|two faults", func(s *score) {
				for seed := range n.pairs {
					if c, ok := in.Pair(f, g, seed); ok {
						s.add(c)
					}
				}
			}})
		}
	}
	return append(trials, streamTrials(in, n)...)
}

// pairOf names two hops in the order of the data.
func pairOf(a, b order.Hop) string {
	if slices.Index(order.Hops(), a) > slices.Index(order.Hops(), b) {
		a, b = b, a
	}
	if a == b {
		return string(a) + ", twice"
	}
	return string(a) + " and " + string(b)
}

// tried runs all trials, on all processors.
func tried(trials []grammarTrial) map[string]*score {
	next := make(chan grammarTrial)
	results := map[string]*score{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for trial := range next {
				var s score
				trial.run(&s)
				mu.Lock()
				if results[trial.name] == nil {
					results[trial.name] = &score{}
				}
				results[trial.name].join(s)
				mu.Unlock()
			}
		})
	}
	for _, trial := range trials {
		next <- trial
	}
	close(next)
	all.Wait()
	return results
}

func (s *score) join(other score) {
	s.cases, s.seen, s.found = s.cases+other.cases, s.seen+other.seen, s.found+other.found
	s.hop, s.cause, s.named = s.hop+other.hop, s.cause+other.cause, s.named+other.named
	s.high, s.wrong = s.high+other.high, s.wrong+other.wrong
	for what, cases := range other.wrongly {
		s.tell(what, cases...)
	}
}

// TestGrammarOfFaults judges random faults, and pairs of them, without a database. Every one that shows must be found, at
// the right hop, and no cause may be claimed with high confidence that is wrong. The tables of docs/guarantees.md are what
// it has counted.
func TestGrammarOfFaults(t *testing.T) {
	rounds := soakRounds(t)
	results := tried(grammarTrials(faulttest.Orders, everySeed.times(rounds)))
	sum := summed(results)
	if sum.cases < 100_000 {
		t.Errorf("only %d cases", sum.cases)
	}
	sum.hold(t)
	if rounds == 1 {
		publish(t, "grammar", grammarTable(results))
	}
}

// TestGrammarOfFaultsInAnotherLanguage does the same in a store with other words. Outside of soak, a fifth of the cases
// must do.
func TestGrammarOfFaultsInAnotherLanguage(t *testing.T) {
	rounds, n := soakRounds(t), seeds{250, 6, 120, 8}
	if rounds > 1 {
		n = everySeed.times(rounds)
	}
	results := tried(grammarTrials(faulttest.Desk, n))
	sum := summed(results)
	if sum.cases < 20_000 {
		t.Errorf("only %d cases", sum.cases)
	}
	sum.hold(t)
	if rounds == 1 {
		publish(t, "grammar of another language", hopsTable(results))
	}
}

func summed(results map[string]*score) (sum score) {
	for _, name := range slices.Sorted(maps.Keys(results)) {
		sum.join(*results[name])
	}
	return sum
}

// hold fails unless everything was found, at the right hop, and nothing was claimed that is wrong.
func (s *score) hold(t *testing.T) {
	t.Helper()
	for what, cases := range s.wrongly {
		for _, wrong := range cases[:min(told, len(cases))] {
			t.Logf("%s\n%s", what, wrong)
		}
	}
	t.Logf("%d cases, %d faults that show: %d found, %d at the right hop, %d with the right cause first, %d with it named, %d claimed high, %d of them wrong",
		s.cases, s.seen, s.found, s.hop, s.cause, s.named, s.high, s.wrong)
	if s.found < s.seen || s.wrong > 0 || s.hop*1000 < s.found*995 {
		t.Error("recall must be whole, the hop right in 99.5 % of the cases, and no cause wrong that is claimed high")
	}
}

// shownCase is a case for whoever has to find out why it was judged wrongly.
func shownCase(c faulttest.Case, found []compare.Diagnosis) string {
	var b strings.Builder
	for _, f := range c.Faults {
		fmt.Fprintf(&b, "  fault %s (%s)\n", f.Name, f.Hop)
	}
	for _, e := range c.Reading.Events {
		fmt.Fprintf(&b, "  event %d %s %s\n", e.Position, order.TimestamptzText(e.At), saidText(e.Said))
	}
	for side, rows := range map[string][]order.Row{"legacy": c.Reading.Legacy, "projection": c.Reading.Projection} {
		for _, r := range rows {
			fmt.Fprintf(&b, "  %s", side)
			for i, f := range c.Fields {
				fmt.Fprintf(&b, " %s=%s", f.Name, valueText(r.Values[i]))
			}
			fmt.Fprintf(&b, " written %s\n", order.TimestamptzText(r.ChangedAt))
		}
	}
	if h := c.Reading.History; h != nil {
		fmt.Fprintf(&b, "  audit log (known: %t) %v, trades (known: %t)", h.Audit != nil, h.Audit, h.Trades != nil)
		for _, x := range h.Trades {
			fmt.Fprintf(&b, " %s@%s", x.Quantity.Text('f'), x.Price.Text('f'))
		}
		b.WriteString("\n")
	}
	for _, d := range found {
		fmt.Fprintf(&b, "  -> %s %s %s %v: %s\n", d.Hop, d.Cause, d.Confidence, d.Or, d.Reason)
	}
	return b.String()
}

func saidText(said *order.Said) string {
	if said == nil {
		return "cannot be read"
	}
	return fmt.Sprint(said.Type(), " ", said.Values())
}
