package compare_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare/faulttest"
	"github.com/nordvarg/crosscheck/order"
)

const guarantees = "../docs/guarantees.md"

// publish writes a table into docs/guarantees.md with -update, and otherwise fails if the page has another one.
func publish(t *testing.T, name, table string) {
	t.Helper()
	content, err := os.ReadFile(guarantees)
	if err != nil {
		t.Fatal(err)
	}
	begins, ends := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok := strings.Cut(string(content), begins)
	was, after, closed := strings.Cut(rest, ends)
	switch {
	case !ok || !closed:
		t.Fatalf("%s has no marks for the table %q", guarantees, name)
	case was == table:
	case !*update:
		t.Errorf("the %s in %s is not what was counted; run: go test ./compare -run GrammarOfFaults -update", name, guarantees)
	default:
		if err := os.WriteFile(guarantees, []byte(before+begins+table+ends+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const columns = "cases | show | found | hop right | cause right | or listed | claimed high | of these wrong |\n"

// line is a score under these columns.
func (s *score) line() string {
	return fmt.Sprintf("%d | %d | %s | %s | %s | %s | %d | %d |\n", s.cases, s.seen,
		share(s.found, s.seen), share(s.hop, s.found), share(s.cause, s.found), share(s.named, s.found), s.high, s.wrong)
}

// hopsTable has a line for each hop with one fault, and for each pair of hops.
func hopsTable(results map[string]*score) string {
	var b strings.Builder
	b.WriteString("| hop | faults | " + columns + "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	add := func(hop, faults string, of func(name string) bool) {
		var sum score
		for name, s := range results {
			if of(name) {
				sum.join(*s)
			}
		}
		if sum.cases > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s", hop, faults, sum.line())
		}
	}
	for _, hop := range order.Hops() {
		add(string(hop), "one", func(name string) bool { return strings.HasPrefix(name, string(hop)+"|") })
	}
	for i, hop := range order.Hops() {
		for _, other := range order.Hops()[i:] {
			add(pairOf(hop, other), "two", func(name string) bool { return name == pairOf(hop, other)+"|two faults" })
		}
	}
	add("all", "", func(string) bool { return true })
	return b.String()
}

// grammarTable has a line for each fault, in the order of the data, and one for each pair of hops.
func grammarTable(results map[string]*score) string {
	var b strings.Builder
	b.WriteString("| hop | fault | " + columns + "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	var sum score
	add := func(name string) {
		if s := results[name]; s != nil {
			hop, fault, _ := strings.Cut(name, "|")
			fmt.Fprintf(&b, "| %s | %s | %s", hop, fault, s.line())
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
	fmt.Fprintf(&b, "| all |  | %s", sum.line())
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
	for _, trial := range grammarTrials(faulttest.Orders, everySeed) {
		if table := grammarTable(map[string]*score{trial.name: {}}); strings.Count(table, "\n") != 4 {
			t.Errorf("the table has no line for %s", trial.name)
		}
	}
}
