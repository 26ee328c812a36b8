package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/web"
)

// shownDivergences are two of different keys, one with two fields, and one with a long key and wide characters.
func shownDivergences() []web.Divergence {
	status := web.Field{Name: "status", Values: &web.Values{Legacy: new("FILLED"), Events: new("FILLED"), Projection: new("OPEN")}}
	quantity := web.Field{Name: "filled_quantity", Values: &web.Values{Legacy: new("10"), Events: (*string)(nil), Projection: nil}}
	long := web.Field{Name: "note", Values: &web.Values{Legacy: new(strings.Repeat("注", 60)), Projection: new("x" + strings.Repeat("y", 200) + "z")}}
	return []web.Divergence{
		{OrderID: "100", Kind: "differs", Hop: "events->projection", Cause: "event_applied_twice", AgeSeconds: 61, Fields: []web.Field{status, quantity}},
		{OrderID: "20", Kind: "missing", Hop: "events->projection", Cause: "stale_projection", AgeSeconds: 5},
		{OrderID: "注文-" + strings.Repeat("0", 50) + "7", Kind: "differs", Hop: "legacy->projection", AgeSeconds: 5, Fields: []web.Field{long, {Name: "secret", Hidden: true}}},
	}
}

func TestDivergencesFitTheTerminal(t *testing.T) {
	for _, most := range []int{0, 40, 80, 120, 200} {
		var b strings.Builder
		newDivergenceTable(shownDivergences(), false).write(&b, most)
		for line := range strings.Lines(b.String()) {
			if n := columnsOf(strings.TrimSuffix(line, "\n")); most >= 80 && n > most {
				t.Errorf("%d columns of %d: %s", n, most, line)
			}
		}
		if !utf8.ValidString(b.String()) || strings.Index(b.String(), "\n  20 ") > strings.Index(b.String(), "\n  100 ") {
			t.Errorf("at %d columns:\n%s", most, &b)
		}
	}
	var b strings.Builder
	newDivergenceTable(shownDivergences()[:2], true).write(&b, 80)
	want := `  order  kind     age   state  hop                 cause
  20     missing  5s           events->projection  stale_projection
  100    differs  1m1s         events->projection  event_applied_twice
      status: legacy FILLED, events FILLED, projection OPEN
      filled_quantity: legacy 10, events NULL, projection NULL
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	newDivergenceTable(shownDivergences()[:2], false).write(&b, 0)
	want = `  order  kind     age   hop                 cause                field            legacy  events  projection
  20     missing  5s    events->projection  stale_projection
  100    differs  1m1s  events->projection  event_applied_twice  status           FILLED  FILLED  OPEN
                                                                 filled_quantity  10      NULL    NULL
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestClippedTextKeepsBothEnds(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcdefghij", 7, "abcd…ij"},
		{"注文番号", 8, "注文番号"},
		{"注文番号", 7, "注文…号"},
		{"注文番号", 2, "…"},
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
	} {
		if got := clipped(c.text, c.most); got != c.want || columnsOf(got) > c.most {
			t.Errorf("%s in %d: %s", c.text, c.most, got)
		}
	}
}

func TestVerdictsAreColoured(t *testing.T) {
	got := coloured("NO-GO  at 10:00\n\n  PASS          counts\n  INCONCLUSIVE  GO\nGOING\nLAGGING  full\n")
	want := "\x1b[1;31mNO-GO\x1b[0m  at 10:00\n\n  \x1b[1;32mPASS\x1b[0m          counts\n  \x1b[1;33mINCONCLUSIVE\x1b[0m  GO\nGOING\n\x1b[1;33mLAGGING\x1b[0m  full\n"
	if got != want {
		t.Errorf("%q", got)
	}
}

func TestRowsInFlightAreShownBesideCounts(t *testing.T) {
	r := passReport{Counts: []countReport{{Group: "OPEN", Legacy: 1200, Projection: 1199, LegacyInFlight: 1}, {Group: "FILLED", Legacy: 7, Projection: 7}}}
	var b strings.Builder
	r.writeCounts(&b, 0)
	want := `
  at the snapshot  legacy  projection  in flight: legacy  projection
             OPEN    1200        1199                  1           0
           FILLED       7           7                  0           0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestColumnsComeFromTheEnvironment(t *testing.T) {
	for given, want := range map[string]int{"": 0, "100": 100, "7": leastColumns, "many": 0, "-1": 0} {
		p := &program{stdout: &strings.Builder{}, getenv: func(string) (string, bool) { return given, given != "" }}
		if got := p.columns(); got != want {
			t.Errorf("COLUMNS=%s: %d", given, got)
		}
	}
}
