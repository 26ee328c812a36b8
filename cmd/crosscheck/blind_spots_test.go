package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// TestBlindSpotsAreThoseOfTheConfiguration: docs/guarantees.md names each, and each changes with what is configured.
func TestBlindSpotsAreThoseOfTheConfiguration(t *testing.T) {
	const basic = `
legacy: {dsn: "postgres://a/b", table: public.orders%s}
projection: {dsn: "postgres://a/c"}
ledger: {dsn: "postgres://a/c"}
`
	load := func(text string) *config.Config {
		t.Helper()
		file := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	here := func(c *config.Config) map[string]string {
		out := map[string]string{}
		for _, s := range blindSpots(c) {
			if s.Said == "" {
				t.Errorf("nothing is said of %s", s.Name)
			}
			if s.Here {
				out[s.Name] = s.Said
			}
		}
		return out
	}
	poor := here(load(strings.Replace(basic, "%s", ", where: \"trader = 1\"", 1) + `
compare:
  fields: [{name: status, type: text, legacy: upper(status)}, {name: price, type: numeric, tolerance: 0.01, legacy: '"Price"', projection: cost}]
sampler: {full: off}
`))
	for name, says := range map[string]string{
		"columns that are not mapped": "Only the 2 mapped fields", "tolerances": "price 0.01.", "fields compared by an expression": ": status on legacy (upper(status)).",
		"slices": "legacy where trader = 1.", "no event store": "nothing tells which", "fields that events do not judge": "status, price",
		"no stream": "not compared", "no record of legacy's own": "history.trades", "sampling only": "sampler.full is off",
		"changes between passes": "sampler.delta is off", "differences that do not last": "30s", "reads of clients": "not compared",
	} {
		if !strings.Contains(poor[name], says) {
			t.Errorf("%s: %q", name, poor[name])
		}
	}
	if len(poor) != 12 {
		t.Errorf("%d: %v", len(poor), poor)
	}
	rich := here(load(strings.Replace(basic, "public.orders%s", "'(select * from public.orders)'", 1) + `
events: {dsn: "postgres://a/c", archived: "status = 'CANCELED'", fold: {OrderNoted: ignore}, preset: orders}
stream: {brokers: ["a:1"], topic: orders, ignore_types: [OrderViewed]}
history: {}
reads: {queries: [{name: one, legacy: {sql: "select 1 where $1 = ''"}, projection: {http: "http://a/{key}"}, ignore: [$.etag]}]}
compare: {fields: [{name: status, type: text}], settle: {window: 0s}}
sampler: {delta: 10s}
`))
	for name, says := range map[string]string{
		"columns that are not mapped": "1 mapped field is", "views and subqueries": ": legacy.", "archived events": "events.archived",
		"ignored events, messages and answers": "events of type OrderNoted, messages of type OrderViewed, $.etag in answers to query one.",
	} {
		if !strings.Contains(rich[name], says) {
			t.Errorf("%s: %q", name, rich[name])
		}
	}
	if len(rich) != 4 {
		t.Errorf("%d: %v", len(rich), rich)
	}

	page, err := os.ReadFile("../../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "## Blind spots of a configuration")
	list, _, _ = strings.Cut(list, "\n## ")
	for _, s := range blindSpots(load(strings.Replace(basic, "%s", "", 1) + "compare: {fields: [{name: status, type: text}]}")) {
		if !slices.ContainsFunc(strings.Split(list, "\n"), func(line string) bool { return strings.HasPrefix(line, "| "+s.Name+" |") }) {
			t.Errorf("docs/guarantees.md does not name %q", s.Name)
		}
	}
}
