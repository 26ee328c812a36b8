package web

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

const private = "hunter2"

// leaky is a board with an order's value in every place that can hold one.
func leaky() board.Board {
	full := &gate.Pass{
		ID: 1, Kind: "full", Verdict: "unverified", Reason: "reading legacy: invalid number " + private, StartedAt: now.Add(-time.Hour), FinishedAt: now,
		LegacyRows: 10, ProjectionRows: 9, Compared: 10, Coverage: 0.5, Unverified: 5,
		Counts: []gate.GroupCount{{Group: private, Legacy: 10, Projection: 9, Unverified: 5}},
		Strata: []gate.Stratum{{Group: private, Age: "older", Orders: 10, Unverified: 5}},
	}
	policy := gate.Policy{Criteria: gate.Defaults()}
	evidence := gate.Evidence{Fingerprint: "f", Full: full, Sample: full, Open: []gate.OpenDivergences{{Hop: order.LegacyToProjection, Kind: "differs", Count: 1, Oldest: now}}}
	value := &order.Value{Text: private}
	return board.Board{
		Settings: board.Settings{Policy: policy}, At: now, Evidence: evidence, Decision: policy.Decide(evidence, now), Open: evidence.Open,
		Passes: []verify.Pass{{ID: 1, Kind: verify.Full, State: verify.Done, Result: verify.Result{Verdict: compare.Unverified, Reason: full.Reason}}},
		Listed: []verify.Divergence{{Mismatch: compare.Mismatch{
			Key: "4711", Kind: compare.Differs, Hop: order.LegacyToProjection,
			Fields: []compare.FieldDifference{{Name: "customer", Legacy: value, Events: value, Projection: value}},
		}}},
	}
}

// shown is everything that the board becomes.
func shown(t *testing.T, b board.Board, r board.Report) map[string]string {
	t.Helper()
	status := NewStatus(b)
	var page, report strings.Builder
	server := Server{Source: &fake{status: status}, HideValues: b.ValuesHidden}
	server.API.Listed = &fake{status: status, listed: leaky().Listed}
	server.API.Look = func(context.Context, string) (explain.Report, error) {
		return explain.Report{Reason: private, Fields: []string{"customer"}, Representations: map[order.Representation]map[string]*string{order.Legacy: {"customer": new(private)}}}, nil
	}
	for _, path := range []string{"/", "/divergences", "/orders/4711", "/passes", "/audit"} {
		page.WriteString(get(t, server.Handler(), path).Body.String())
	}
	if err := WriteReport(&report, NewReport(r)); err != nil {
		t.Fatal(err)
	}
	api, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"page": page.String(), "API": string(api), "report": report.String()}
}

func TestHiddenValuesAreNowhere(t *testing.T) {
	open := leaky()
	report := board.Report{Decision: open.Decision, Evidence: open.Evidence, Open: 1, OpenListed: open.Listed, AcceptedListed: open.Listed}
	for where, text := range shown(t, open, report) {
		if !strings.Contains(text, private) {
			t.Errorf("the %s shows no value: this test proves nothing", where)
		}
	}
	hidden, hiddenReport := open.WithoutValues(), report.WithoutValues(open.Settings.Policy)
	for where, text := range shown(t, hidden, hiddenReport) {
		if strings.Contains(text, private) {
			t.Errorf("the %s shows a hidden value:\n%s", where, text)
		}
		for _, kept := range []string{"customer", "hidden", "4711", "NO-GO"} {
			if !strings.Contains(text, kept) {
				t.Errorf("the %s does not say %q", where, kept)
			}
		}
	}
	for i, r := range hidden.Decision.Criteria {
		if was := open.Decision.Criteria[i]; r.Verdict != was.Verdict || r.Name != was.Name {
			t.Errorf("without values %s is %s, was %s", r.Name, r.Verdict, was.Verdict)
		}
	}
	if api := shown(t, hidden, hiddenReport)["API"]; !strings.Contains(api, `"fields":[{"name":"customer","hidden":true}]`) {
		t.Errorf("hidden fields in the API:\n%s", api)
	}
}

func TestPageAndReportNameTheSystem(t *testing.T) {
	named := System{"orders-<migration>", "staging"}
	server := Server{Source: &fake{status: noGo()}, System: named, API: API{Listed: &fake{}}}
	const want = "orders-&lt;migration&gt;, staging"
	for _, path := range []string{"/", "/divergences", "/orders/1", "/passes", "/audit", "/docs/", "/docs/causes/lost_update"} {
		if body := get(t, server.Handler(), path).Body.String(); !strings.Contains(body, want) || !strings.Contains(body, "<b>orders-&lt;migration&gt;</b> <span class=\"env\">staging</span>") {
			t.Errorf("%s does not name the system in its title and above its text", path)
		}
	}
	if body := get(t, server.Handler(), "/api/status").Body.String(); !strings.Contains(body, `"system":{"name":"orders-\u003cmigration\u003e","environment":"staging"}`) {
		t.Errorf("the API: %.300s", body)
	}
	var report strings.Builder
	if err := WriteReport(&report, Report{System: named}); err != nil || strings.Count(report.String(), want) != 2 {
		t.Errorf("the report names the system %d times: %v", strings.Count(report.String(), want), err)
	}
}
