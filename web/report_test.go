package web

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/gate"
)

// goReport is a system that may be cut over: a week of clean hourly samples and nightly full passes, one waiver.
func goReport() Report {
	r := Report{
		Version: "0.2.0", Revision: "3b216b1", Confidence: 0.95, MaxRatio: 0.001, GroupBy: "status",
		System: System{Name: "orders-migration", Environment: "staging"},
		Compared: Compared{
			Places: []Place{{"legacy", "orders on db1:5432", "public.orders"}, {"events", "trading on db2:5432", "public.event_store"}, {"projection", "trading on db2:5432", "public.current_orders"}},
			Fields: &gate.Fields{Events: true, Judged: []string{"status", "quantity", "price"}, NotJudged: []string{"venue"}, GroupBy: "status"},
		},
		BlindSpots: []BlindSpot{
			{Name: "no event store", Said: "The events are compared too."},
			{Name: "columns that are not mapped", Here: true, Said: "Only 4 fields are compared; a difference in any other column is not found."},
			{Name: "tolerances", Here: true, Said: "A smaller difference is not found: price 0.01."},
		},
		Full: &gate.Pass{
			ID: 41, Kind: "full", Verdict: "match", StartedAt: now.Add(-6 * time.Hour), FinishedAt: now.Add(-6*time.Hour + 12*time.Second),
			LegacyRows: 9_200_000, ProjectionRows: 9_200_000, Compared: 9_200_000, Coverage: 1,
			Counts: []gate.GroupCount{
				{Group: "CANCELED", Legacy: 1_100_000, Projection: 1_100_000},
				{Group: "FILLED", Legacy: 8_000_000, Projection: 8_000_000},
				{Group: "OPEN", Legacy: 100_002, Projection: 100_000, SettledLegacy: 2},
			},
			Strata: []gate.Stratum{
				{Group: "CANCELED", Age: "older", Orders: 1_100_000},
				{Group: "FILLED", Age: "under 7d", Orders: 120_000},
				{Group: "FILLED", Age: "older", Orders: 7_880_000},
				{Group: "OPEN", Age: "under 1h", Orders: 40_000},
				{Group: "OPEN", Age: "under 1d", Orders: 60_002},
			},
		},
		Sample: &gate.Pass{Strata: []gate.Stratum{
			{Group: "CANCELED", Age: "older", Orders: 1190},
			{Group: "FILLED", Age: "under 7d", Orders: 133},
			{Group: "FILLED", Age: "older", Orders: 8569},
			{Group: "OPEN", Age: "under 1d", Orders: 108},
		}},
	}
	for h := range 168 {
		at := now.Add(time.Duration(h-168) * time.Hour)
		sampled := int64(h+1) * 10_000
		p := TrendPoint{At: at, Pass: "sample", Verdict: "match", Bound: gate.BoundOf(gate.Sampling{Orders: sampled, Population: 9_200_000}, 0.95).Upper}
		if h == 20 {
			p.Verdict = "diverged"
		}
		r.Trend = append(r.Trend, p)
		if h%24 == 2 {
			r.Trend = append(r.Trend, TrendPoint{At: at.Add(time.Minute), Pass: "full", Verdict: map[bool]string{true: "diverged", false: "match"}[h == 26]})
		}
	}
	waiver := gate.Waiver{Criterion: "rehearsals", Who: "Alice Example", Why: "the third rehearsal is on Monday, ticket OPS-7", Until: now.Add(72 * time.Hour)}
	r.Decision = gate.Decision{
		Decision: gate.Go, At: now, Fingerprint: "5f2a9c0d77e1beef",
		Criteria: []gate.Result{
			{Name: "open_divergences", Verdict: gate.Passes, Observed: int64(0), Limit: int64(0), EvidenceAt: now.Add(-time.Hour), Reason: "No divergence is open. The newest pass: sample pass 209 started at 2026-11-23 07:00:00 UTC, 1h ago."},
			{Name: "full_verification", Verdict: gate.Passes, Observed: "match", Limit: "match", EvidenceAt: now.Add(-6 * time.Hour), Reason: "Full verification 41 started at 2026-11-23 02:00:00 UTC, 6h ago. It compared 9,200,000 orders (9,200,000 rows in legacy, 9,200,000 in the projection) and found all of them equal."},
			{
				Name: "rehearsals", Verdict: gate.Inconclusive, Observed: int64(2), Limit: int64(3), EvidenceAt: now.Add(-50 * time.Hour), Waiver: &waiver,
				Reason: "The last 2 rehearsals of the cutover succeeded, the slowest in 3m 2s; the criterion asks for 3 in a row.", ETA: "1 more rehearsal of the cutover: run crosscheck cutover rehearse",
			},
		},
		NotAsked: []string{"stream_lag", "history_accuracy"},
		Waivers:  []gate.AppliedWaiver{{Waiver: waiver, State: gate.WaiverInForce}},
		Record:   &gate.Record{Seq: 12, Who: "alice@desk", Hash: strings.Repeat("4f", 32)},
	}
	return r
}

// noGoReport has the decision of the status page's test, and values that would be markup if they were not escaped.
func noGoReport() Report {
	s := noGo()
	r := Report{
		Decision: s.Decision, Version: s.Version, Revision: s.Revision, Open: 1203, OpenListed: s.Divergences, MaxRatio: 0.001, Confidence: 0.95, GroupBy: "status",
		AcceptedListed: []Divergence{{OrderID: "<script>alert(1)</script>", Kind: "phantom", Hop: "legacy->events", Cause: "ghost_event", FirstSeen: now.Add(-100 * time.Hour), State: "accepted", Acceptance: &Acceptance{
			Who: "Alice <b>Example</b>", Why: "a test order, ticket OPS-7", At: now.Add(-24 * time.Hour), Until: now.Add(240 * time.Hour),
		}}},
		Accepted: 3,
		Trend: []TrendPoint{
			{At: now.Add(-6 * time.Hour), Pass: "full", Verdict: "unverified"},
			{At: now.Add(-2 * time.Hour), Pass: "sample", Verdict: "match", Bound: 0.0008},
			{At: now.Add(-time.Hour), Pass: "sample", Verdict: "diverged", Diverged: 3, Bound: 0.0026},
		},
		Full: &gate.Pass{
			ID: 41, Kind: "full", StartedAt: now.Add(-6 * time.Hour), LegacyRows: 9_200_000, ProjectionRows: 9_199_999, Compared: 5_648_800, Coverage: 0.614, Unverified: 12,
			Counts: []gate.GroupCount{{Group: "<b>OPEN</b>", Legacy: 100, Projection: 99, Unverified: 12}, {Group: "none", Legacy: 0}},
		},
	}
	r.History = newHistory(anAudit(), now)
	r.Decision.Waivers = []gate.AppliedWaiver{
		{Waiver: gate.Waiver{Criterion: "counts", Who: "Bob", Why: "last week's", Until: now.Add(-time.Hour)}, State: gate.WaiverExpired},
	}
	return r
}

func rendered(t *testing.T, r Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteReport(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReports(t *testing.T) {
	golden(t, "report-go.html", rendered(t, goReport()))
	golden(t, "report-no-go.html", rendered(t, noGoReport()))
	golden(t, "report-empty.html", rendered(t, Report{Decision: gate.Decision{Decision: gate.Undecided, At: now}}))
}

func TestReportRefersToNothingOutside(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(src|href)="[^"#d]|url\(|@import|<script|https?://`)
	for _, r := range []Report{goReport(), noGoReport()} {
		if found := outside.FindString(rendered(t, r)); found != "" {
			t.Errorf("the report holds %q", found)
		}
	}
}

func TestChartStaysInItsFrame(t *testing.T) {
	for _, bounds := range [][]float64{{1}, {1, 1e-9}, {0.001}, {0}, {0.5, 0, 0.25}} {
		var trend []TrendPoint
		for i, b := range bounds {
			trend = append(trend, TrendPoint{At: now.Add(time.Duration(i) * time.Hour), Pass: "sample", Verdict: "match", Bound: b})
		}
		for _, limit := range []float64{0, 0.001, 0.99} {
			c := newChart(trend, limit)
			for _, d := range append(c.Dots, dot{c.Left, c.Baseline, "", ""}) {
				if d.X < plotLeft || d.X > plotRight || d.Y < plotTop || d.Y > plotBottom {
					t.Errorf("bounds %v, limit %v: a point at %d, %d", bounds, limit, d.X, d.Y)
				}
			}
			if limit > 0 && (c.LimitY < plotTop || c.LimitY > plotBottom) {
				t.Errorf("bounds %v: limit %v at %d", bounds, limit, c.LimitY)
			}
		}
	}
	if newChart(nil, 0.001) != nil {
		t.Error("a chart of nothing")
	}
}

func TestSummaryCountsWaivers(t *testing.T) {
	d := goReport().Decision
	if got := summary(d); got != "All 2 criteria pass. 1 more is waived." {
		t.Errorf("summary is %q", got)
	}
	for i := range d.Criteria {
		d.Criteria[i].Waiver = &gate.Waiver{}
	}
	if got := summary(d); !strings.Contains(got, "No blocking criterion is in force") || !strings.Contains(got, fmt.Sprint(len(d.Criteria))+" more are waived") {
		t.Errorf("summary is %q", got)
	}
}

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

// TestTheReportOfADecisionOnRecordTellsThenFromNow: what is open now was not open then.
func TestTheReportOfADecisionOnRecordTellsThenFromNow(t *testing.T) {
	var page strings.Builder
	r := Report{Decision: gate.Decision{Decision: gate.Go, At: now}, OpenListed: []Divergence{NewDivergence(divergence(7), now)}, ListsOfNow: true}
	if err := WriteReport(&page, r); err != nil || !strings.Contains(page.String(), "<p>0 divergences were open at the decision. The lists are those of now.</p>") {
		t.Errorf("%v\n%s", err, page.String())
	}
}
