package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// reported is the text of a pass that found two divergences, the first with this cause.
func reported(t *testing.T, cause compare.Cause) string {
	t.Helper()
	value := func(text string) *order.Value { return &order.Value{Text: text} }
	found := []verify.Divergence{
		{Mismatch: compare.Mismatch{
			Key: "7", Kind: compare.Differs, Hop: order.EventsToProjection, Cause: cause,
			Fields: []compare.FieldDifference{
				{Name: "status", Legacy: value("FILLED"), Projection: value("OPEN")},
				{Name: "price", Legacy: value("1.5"), Projection: value("2.5")},
			},
		}},
		{Mismatch: compare.Mismatch{Key: "8", Kind: compare.Missing, Hop: order.LegacyToEvents}},
	}
	return strings.Join(strings.Fields(newReport(verify.Pass{Result: verify.Result{Verdict: compare.Diverged, Diverged: 2}}, nil, found, 0, time.Time{}).text(0)), " ")
}

func TestAReportSaysHopAndCauseWhereAnyIsKnown(t *testing.T) {
	const with = "order kind age hop cause field legacy projection " +
		"7 differs 0s events->projection stale_projection status FILLED OPEN price 1.5 2.5 8 missing 0s legacy->events -"
	if got := reported(t, compare.StaleProjection); !strings.HasSuffix(got, with) {
		t.Errorf("with a cause: %s", got)
	}
	const without = "order kind age field legacy projection 7 differs 0s status FILLED OPEN price 1.5 2.5 8 missing 0s"
	if got := reported(t, ""); !strings.HasSuffix(got, without) {
		t.Errorf("without: %s", got)
	}
}

// TestALongKeyDoesNotPadTheTable: neither of an order nor of a group. JSON has them whole.
func TestALongKeyDoesNotPadTheTable(t *testing.T) {
	long := "begin-" + strings.Repeat("k\n", 1000) + "-end"
	pass := verify.Pass{Kind: verify.Full, Scan: verify.Scan{Facts: verify.FullFacts{Counts: []verify.GroupCount{{Group: long, Legacy: 1}}}}}
	found := []verify.Divergence{{Mismatch: compare.Mismatch{Key: order.Key(long), Kind: compare.Missing}}, {Mismatch: compare.Mismatch{Key: "7", Kind: compare.Missing}}}
	r := newReport(pass, nil, found, 0, time.Time{})
	var whole strings.Builder
	text := r.text(0)
	if err := r.writeJSON(&whole); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(line) > 150 {
			t.Errorf("%d characters: %s", utf8.RuneCountInString(line), line)
		}
	}
	if strings.Count(text, `"begin-k\n`) != 2 || strings.Count(text, `-end"`) != 2 || strings.Count(whole.String(), `k\n-end"`) != 2 {
		t.Errorf("the key is not known again in %s", text)
	}
}
