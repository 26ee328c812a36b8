package config_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// TestWhatAnAliasNamesIsApprovedToo: a switch that stands elsewhere in the file is moved by a cutover like any other.
func TestWhatAnAliasNamesIsApprovedToo(t *testing.T) {
	const shared = `
pairs:
  - name: orders
    legacy: {dsn: "postgres://l"}
    projection: {dsn: "postgres://p"}
    compare: {fields: [{name: status, type: text}]}
    cutover:
      name: orders
      fence: {dsn: "postgres://l"}
      switch: &switch {reads: {exec: {do: [a], undo: [a], check: [a]}}, writes: {exec: {do: [a], undo: [a], check: [a]}}}
  - name: trades
    legacy: {dsn: "postgres://l", table: public.trades}
    projection: {dsn: "postgres://p", table: public.trades}
    compare: {fields: [{name: status, type: text}]}
    cutover: {name: trades, fence: {dsn: "postgres://l"}, switch: *switch}
ledger: {dsn: "postgres://p"}
`
	digest := func(text string) string {
		all, err := config.ParsePairs("c.yaml", []byte(text), nothing)
		if err != nil {
			t.Fatal(err)
		}
		return all[1].Cutover.Digest()
	}
	before := digest(shared)
	if after := digest(strings.Replace(shared, "do: [a]", "do: [b]", 1)); after == before {
		t.Error("a cutover is approved whose switch is another one")
	}
	if after := digest(strings.Replace(shared, "name: orders\n      fence", "name: other\n      fence", 1)); after != before {
		t.Error("an approval depends on what the cutover does not read")
	}
}

// TestAnApprovalIsOfTheCriteria by which the decision was taken: a weaker gate needs another one.
func TestAnApprovalIsOfTheCriteria(t *testing.T) {
	approved := func(decides string) (of, slice string) {
		c, err := config.Parse("c.yaml", []byte(cutBySlice(", slice: symbol", "")+decides), nothing)
		if err != nil {
			t.Fatal(err)
		}
		return c.ApprovalOf(""), c.ApprovalOf("symbol=A")
	}
	seen := map[string]string{}
	for _, decides := range []string{
		"", "gate: {criteria: {counts: {enabled: false}}}\n", "gate: {criteria: {counts: {enabled: true}}}\n",
		`gate: {waivers: [{criterion: counts, who: adam, why: a test, until: 2999-01-01}]}` + "\n",
	} {
		of, slice := approved(decides)
		for _, digest := range []string{of, slice} {
			if other, twice := seen[digest]; twice {
				t.Errorf("who has approved %q has approved %q", other, decides)
			}
			seen[digest] = decides
		}
	}
}
