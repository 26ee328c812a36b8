package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/report"
)

// cuts is a server whose cutover has had the runs; the report is of the newest.
func cuts(made report.Report, runs ...[]cutover.Record) *Server {
	server := whole(&stored{})
	server.API.Runs = func(context.Context) ([][]cutover.Record, error) { return runs, nil }
	server.API.Report = func(context.Context, string, bool) (report.Report, error) { return made, nil }
	server.API.Plan = func(context.Context) (CutoverPlan, error) {
		return CutoverPlan{Budget: 5 * time.Minute, Reserve: 2 * time.Minute, At: now, Guardrails: []Guardrail{{"decision", "the decision now is NO-GO (<b>counts</b>)", false}, {"fence", "the fence is installed and open", true}}}, nil
	}
	return server
}

func record(run string, step cutover.Step, o cutover.Outcome, positions map[string]string) cutover.Record {
	return cutover.Record{Run: run, Epoch: 1, Action: cutover.Action{Verb: cutover.Do, Step: step}, Outcome: o, At: now, Positions: positions}
}

func TestTheCutoverIsPlanned(t *testing.T) {
	shows(t, handler(&fake{status: goes()}), "/cutover", http.StatusOK, "No cutover is configured.", "Add the section <code>cutover</code>")
	h := cuts(report.Report{}).Handler()
	shows(t, h, "/cutover", http.StatusOK, "No run has begun yet.", "crosscheck cutover rehearse", "1 of 2 fail", "the decision now is NO-GO (<b>counts</b>)",
		"Writers are kept out for at most 5m, of which 2m are kept for the way back.", "Nothing was rehearsed", "permanent-fence", "asked 2026-11-23 08:00:00 UTC, 0s ago")
	hidden := cuts(report.Report{})
	hidden.HideValues = true
	if page := get(t, hidden.Handler(), "/cutover").Body.String(); strings.Contains(page, "(<b>counts") {
		t.Error("a hidden text is shown")
	}
	down := cuts(report.Report{})
	down.API.Plan = func(context.Context) (CutoverPlan, error) { return CutoverPlan{}, errors.New("password=hunter2") }
	if page := shows(t, down.Handler(), "/cutover", http.StatusOK, "The guardrails cannot be asked now."); strings.Contains(page, "hunter2") {
		t.Error("the page says too much")
	}
	down.API.Runs = func(context.Context) ([][]cutover.Record, error) { return nil, errors.New("gone") }
	shows(t, down.Handler(), "/cutover", http.StatusServiceUnavailable, "ledger cannot be read")
}

// TestGuardrailsThatDoNotAnswerHoldNobodyUp: not the page, and not those who read the ledger.
func TestGuardrailsThatDoNotAnswerHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := cuts(report.Report{})
		var of *site
		slow := false
		plan := server.API.Plan
		server.API.Plan = func(ctx context.Context) (CutoverPlan, error) {
			if len(of.reading) > 0 {
				t.Error("the guardrails are asked in the turn of somebody who reads the ledger")
			}
			if slow {
				<-ctx.Done()
			}
			return plan(ctx)
		}
		of = server.site(access{anyone: true}, nil)
		h := server.handle(of)
		slow = true
		shows(t, h, "/cutover", http.StatusOK, "The guardrails are being asked. They have not answered yet.")
		<-time.After(planMost)
		shows(t, h, "/cutover", http.StatusOK, "The guardrails cannot be asked now.")
		slow = false
		<-time.After(planFor)
		shows(t, h, "/cutover", http.StatusOK, "1 of 2 fail")
		slow = true
		of.now = func() time.Time { return now.Add(time.Minute) }
		<-time.After(planFor + planMost)
		if page := shows(t, h, "/cutover", http.StatusOK, "1 of 2 fail", "asked 2026-11-23 08:00:00 UTC, 1m ago", "being asked again. These are their answers of before."); strings.Contains(page, "cannot be asked now") {
			t.Error("an answer that is on its way is a failure")
		}
		<-time.After(planMost)
		shows(t, h, "/cutover", http.StatusOK, "1 of 2 fail", "The guardrails cannot be asked now.")
		of.plan.end()
	})
}

func TestTheRunThatCountsIsShownWithItsJournal(t *testing.T) {
	made := aCutover().Report
	asked := 0
	server := cuts(made, []cutover.Record{record("orders/1-rehearsal-1", cutover.Preflight, "", nil), record("orders/1-rehearsal-1", cutover.Preflight, cutover.Failed, nil)})
	plan := server.API.Plan
	server.API.Plan = func(ctx context.Context) (CutoverPlan, error) { asked++; return plan(ctx) }
	h := server.Handler()
	shows(t, h, "/cutover", http.StatusOK, "orders-2026-4", "Rolled back", "do switch-writes", "<b>the roof</b> is on fire", `<a href="/cutover/report?run=orders%2F1-rehearsal-1"`, "rehearsal")
	if raw := get(t, h, "/cutover").Body.String(); strings.Contains(raw, "<b>the roof") {
		t.Error("a text of the journal is markup")
	}
	if asked != 1 {
		t.Errorf("two viewers asked the guardrails %d times", asked)
	}
	made.Ended, made.Outcome = nil, report.Running
	server = cuts(made, []cutover.Record{record("orders-2026-4", cutover.Preflight, "", nil)})
	server.API.Plan = func(context.Context) (CutoverPlan, error) {
		t.Error("the guardrails are asked in the window")
		return CutoverPlan{}, nil
	}
	page := shows(t, server.Handler(), "/cutover", http.StatusOK, "Running: orders-2026-4", "the guardrails are not asked", "Writers were kept out for 2.4s of 5m.", "next: do preflight")
	if strings.Contains(page, "People must act") {
		t.Error("a run that goes well is an alarm")
	}
}

func TestWhatPeopleMustDoIsLoud(t *testing.T) {
	made := aCutover().Report
	made.Ended, made.Outcome = nil, report.Stranded
	byHand := record("orders-2026-4", cutover.Preflight, "", map[string]string{"by_hand": "close legacy with crosscheck cutover close --yes"})
	server := cuts(made, []cutover.Record{byHand})
	status := noGo()
	status.Cutover = &board.Cutover{Run: "orders-2026-4", Abandoned: "switch-writes", Stranded: true, Since: now}
	server.Source = &fake{status: status}
	h := server.Handler()
	shows(t, h, "/cutover", http.StatusOK, "People must act", "No side takes writes until run orders-2026-4 is finished", "waits for a person: close legacy with crosscheck cutover close --yes.", `href="/docs/runbooks/rollback"`)
	const told = "No side may take writes until cutover orders-2026-4 is finished. It stands at switch-writes."
	for _, path := range []string{"/", "/divergences", "/passes", "/docs/"} {
		shows(t, h, path, http.StatusOK, told)
	}
	for given, c := range map[string]struct {
		cutover *board.Cutover
		want    string
	}{
		"never a run":           {},
		"driven":                {cutover: &board.Cutover{Run: "r", Since: now.Add(-time.Hour)}},
		"a sidecar may come":    {cutover: &board.Cutover{Run: "r", Abandoned: "fence", Since: now.Add(-time.Second)}},
		"nobody drives":         {&board.Cutover{Run: "r", Abandoned: "fence", Since: now.Add(-time.Hour)}, "Nobody drives cutover r. It stands at fence."},
		"driven without an end": {&board.Cutover{Run: "r", Abandoned: "fence", Driven: true, Since: now.Add(-time.Hour)}, "Cutover r has not got on for longer than its budget. It stands at fence."},
	} {
		if got := handedOf(Status{At: now, Cutover: c.cutover}); got != c.want {
			t.Errorf("%s: %q, want %q", given, got, c.want)
		}
	}
}

func TestTheJournalOfACutoverIsNewToViewers(t *testing.T) {
	before, after := goes(), goes()
	before.Cutover, after.Cutover = &board.Cutover{Run: "r", Since: now}, &board.Cutover{Run: "r", Since: now.Add(time.Second)}
	one, err := newSummary(before)
	two, err2 := newSummary(after)
	if err != nil || err2 != nil || one.id == two.id {
		t.Errorf("a new record is no event: %v %v", err, err2)
	}
}
