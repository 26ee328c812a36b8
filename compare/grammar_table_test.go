package compare_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare/faulttest"
	"github.com/nordvarg/crosscheck/order"
)

const (
	guarantees    = "../docs/guarantees.md"
	grammarBegins = "<!-- begin grammar -->\n"
	grammarEnds   = "<!-- end grammar -->"
)

// publish writes the table into docs/guarantees.md with -update, and otherwise fails if the page has another one.
func publish(t *testing.T, table string) {
	t.Helper()
	content, err := os.ReadFile(guarantees)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), grammarBegins)
	was, after, closed := strings.Cut(rest, grammarEnds)
	switch {
	case !ok || !closed:
		t.Fatalf("%s has no marks for the table", guarantees)
	case was == table:
	case !*update:
		t.Errorf("the table of random faults in %s is not what was counted; run: go test ./compare -run GrammarOfFaults -update", guarantees)
	default:
		if err := os.WriteFile(guarantees, []byte(before+grammarBegins+table+grammarEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// grammarTable has a line for each fault, in the order of the data, and one for each pair of hops.
func grammarTable(results map[string]*score) string {
	var b strings.Builder
	b.WriteString("| hop | fault | cases | show | found | hop right | cause right | or listed | claimed high | of these wrong |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	var sum score
	line := func(hop, fault string, s *score) {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s | %s | %s | %d | %d |\n", hop, fault, s.cases, s.seen,
			share(s.found, s.seen), share(s.hop, s.found), share(s.cause, s.found), share(s.named, s.found), s.high, s.wrong)
	}
	add := func(name string) {
		if s := results[name]; s != nil {
			hop, fault, _ := strings.Cut(name, "|")
			line(hop, fault, s)
			sum.join(*s)
		}
	}
	for _, hop := range order.Hops() {
		for _, f := range faulttest.Faults() {
			if f.Hop == hop {
				add(string(hop) + "|" + f.Name)
			}
		}
		if hop == order.EventsToStream {
			for _, f := range faulttest.StreamFaults() {
				add(string(hop) + "|" + f.Name)
			}
		}
	}
	for i, hop := range order.Hops() {
		for _, other := range order.Hops()[i:] {
			add(pairOf(hop, other) + "|two faults")
		}
	}
	line("all", "", &sum)
	return b.String()
}

// share is a percentage that is never rounded up to 100.
func share(n, of int) string {
	switch {
	case of == 0:
		return "-"
	case n == of:
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", min(99.9, 100*float64(n)/float64(of)))
}

// TestTheTableHasEveryFault: a name that the table does not find would leave the table without its line.
func TestTheTableHasEveryFault(t *testing.T) {
	for _, trial := range slices.Concat(grammarTrials(1), streamTrials(1)) {
		if table := grammarTable(map[string]*score{trial.name: {}}); strings.Count(table, "\n") != 4 {
			t.Errorf("the table has no line for %s", trial.name)
		}
	}
}
