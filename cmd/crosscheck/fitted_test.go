package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func TestSentencesAreWrapped(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want []string
	}{
		{"", 10, nil},
		{"one two  three", 8, []string{"one two", "three"}},
		{"0123456789 x", 4, []string{"0123", "4567", "89 x"}},
		{"注文番号", 5, []string{"注文", "番号"}},
		{"注文", 1, []string{"注", "文"}},
	} {
		if got := wrap(c.text, c.most); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: %q", c.text, c.most, got)
		}
	}
}

// wideReports are reports whose lines are long without a limit.
func wideReports() map[string]func(most int) string {
	at := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	long := strings.Repeat("a long note ", 9)
	explains := explain.Report{
		OrderID: "4711", Verdict: compare.Diverged, Hop: order.EventsToProjection, Reason: strings.Repeat("the projection is in no state of the order. ", 4),
		Fields: []string{"status", "filled_quantity", "price", "note"},
		Representations: map[order.Representation]map[string]*string{
			order.Legacy:     {"status": new("FILLED"), "filled_quantity": new("10"), "price": new("1.50"), "note": new(long + "x")},
			order.Events:     {"status": new("FILLED"), "filled_quantity": new("10"), "price": new("1.50"), "note": new(long + "x")},
			order.Projection: {"status": new("OPEN"), "filled_quantity": nil, "price": new("1.50"), "note": new(long + "y")},
		},
		Timeline: []explain.Moment{
			{At: at, Source: "events", Event: "12", ID: "0b8f6a1e-0000-4000-8000-000000000012", What: "OrderFilled quantity 10 price 1.50", After: map[string]*string{"status": new("FILLED"), "filled_quantity": new("10")}, Parts: true},
			{At: at, Source: "audit_log", What: "status OPEN to FILLED"},
		},
	}
	number := verify.AuditNumber{Name: "linkage_events", Meaning: "events that lead to an entry of the audit log or to a trade of the same order"}
	audits := auditReport{
		Verdict: "diverged", Numbers: []auditNumber{{number, 0.99}}, Found: []verify.AuditFound{{Part: "events", Kind: "event_missing", Cause: "shadow_write_lost", Findings: 3, Orders: 2}},
		Examples: map[string][]auditLine{"eventsevent_missingshadow_write_lost": {{OrderID: "4711", Kind: "event_missing", Detail: strings.Repeat("the trade has no event ", 5)}}},
	}
	query := verify.ReadQuery{Name: "order", Questions: 500, Agreed: 500, Measured: 500}
	query.P99.Ratio, query.P99.Low, query.P99.High = 1.1, 0.57, 2.07
	asked := readsReport{Verdict: "match", Queries: []verify.ReadQuery{query, {Name: strings.Repeat("q", 40)}}}
	plan := cutoverPlanned{
		Steps:      []plannedStep{{Step: "final-verification", Does: "compares everything that has changed since the watermark, and the counts of both sides"}},
		Guardrails: []steps.Guardrail{{Name: "decision", Detail: "the decision now is NO-GO (open_divergences, full_verification, sample_bound, counts, projection_lag)"}},
	}
	proof := proven{OrderID: "4711", Hash: strings.Repeat("a", 64), Root: strings.Repeat("b", 64), Signer: strings.Repeat("c", 64), Values: []provenValue{{"status", nil}, {"note", &long}}}
	return map[string]func(int) string{
		"explain": func(most int) string { return explained{explains, 80, most}.text() },
		"audit": func(most int) string {
			var b strings.Builder
			_ = audits.writeText(&b, most) // into memory
			return b.String()
		},
		"reads":        func(most int) string { var b strings.Builder; asked.text(&b, most); return b.String() },
		"cutover plan": plan.text,
		"prove":        proof.said,
	}
}

func TestReportsFitTheTerminal(t *testing.T) {
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	for name, text := range wideReports() {
		for _, most := range []int{0, 80, 120} {
			for line := range strings.Lines(text(most)) {
				if n := columnsOf(strings.TrimSuffix(line, "\n")); most > 0 && n > most {
					t.Errorf("%s: %d columns of %d: %s", name, n, most, line)
				}
			}
		}
		if name == "cutover plan" || name == "prove" { // they leave nothing out
			if diff := cmp.Diff(strings.ReplaceAll(words(text(0)), " ", ""), strings.ReplaceAll(words(text(80)), " ", "")); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	narrow := wideReports()["explain"](80)
	for _, want := range []string{"      projection  " + strings.Repeat("a long note ", 5), "  *  status", "; after it"} {
		if !strings.Contains(narrow, want) {
			t.Errorf("explain lacks %q:\n%s", want, narrow)
		}
	}
	if got := fmt.Sprint(strings.Count(wideReports()["reads"](80), "  query ")); got != "2" {
		t.Errorf("reads at 80 columns has %s tables", got)
	}
}
