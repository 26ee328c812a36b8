package main

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
)

// says is the JSON object that a command of cutover prints, and nothing else.
func says[T any](s *cutSystem, want int, args ...string) (of T) {
	s.t.Helper()
	text := s.does(want, append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &of); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, text)
	}
	return of
}

// fenceSays is what commands of the fence print.
type fenceSays struct {
	Fence, State string
	Tables       []string
}

func (s *cutSystem) fenceIs(want string, args ...string) {
	s.t.Helper()
	if got := says[fenceSays](s, exitAgrees, args...); got.Fence != "orders-2026" || got.State != want || len(got.Tables) != 1 {
		s.t.Errorf("%v says %+v", args, got)
	}
}

// TestMissingEvidenceIsNoNo: plan and execute end with another code than for what speaks against the cutover. Commands of the fence say how it is then.
func TestMissingEvidenceIsNoNo(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	if plan := says[cutoverPlanned](s, exitDiverged, "cutover", "plan"); plan.Passes || !plan.Guardrails[0].Open || !plan.Guardrails[1].Open {
		t.Errorf("without a fence the plan says %+v", plan.Guardrails)
	}
	s.fenceIs("installed", "cutover", "install")
	if plan := says[cutoverPlanned](s, exitUnverified, "cutover", "plan"); plan.Passes {
		t.Errorf("the plan says %+v", plan.Guardrails)
	}
	if got := says[cutoverrun.Status](s, exitUnverified, "cutover", "execute", "--confirm", "orders-2026"); got.Run != "orders-2026-1" || got.Fenced != nil {
		t.Errorf("execute says %+v", got)
	}
	s.fenceIs("permanent", "cutover", "close", "--yes")
	s.does(exitDiverged, "cutover", "plan")
	s.fenceIs("installed", "cutover", "unfence", "--yes")
	s.does(exitAgrees, "verify")
	if got := says[cutoverrun.Status](s, exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test"); got.Held == nil || got.Held.Proof == nil || got.Held.Verified == nil || got.Held.Fits != nil {
		t.Errorf("execute says %+v", got)
	}
	if got := says[cutoverrun.Status](s, exitAgrees, "cutover", "rollback"); got.State.Phase != "rolled-back" || got.Run != "orders-2026-2" {
		t.Errorf("rollback says %+v", got)
	}
	for _, of := range []string{"abort", "resume", "rollback"} {
		if text := s.does(exitDiverged, "cutover", of, "--json"); text != "" {
			t.Errorf("%s says %s", of, text)
		}
	}
	if text := s.does(exitAgrees, "cutover", "report", "orders-2026-2"); !strings.Contains(text, "Both sides were proven equal") {
		t.Errorf("the report is %s", text)
	}
	rows(t, s.dsn, `INSERT INTO crosscheck.cutover_record (pair, run, seq, epoch, verb, step, slice, outcome, positions, detail)
		SELECT 'main', 'orders-2026-3', 0, 9, 'do', 'preflight', '', outcome, '{"override": "password=hunter2"}', 'password=hunter2' FROM unnest(ARRAY['', 'failed']) AS outcome`)
	for _, args := range [][]string{{"cutover", "status", "--json"}, {"cutover", "report", "orders-2026-3", "--json"}} {
		if text := s.does(exitAgrees, args...); strings.Contains(text, "hunter2") || !strings.Contains(text, "orders-2026-3") {
			t.Errorf("%v tells a secret: %s", args, text)
		}
	}
	s.fenceIs("none", "cutover", "uninstall")
}

// TestStatusTellsWhatTheTailCheckFound although somebody has asked for the way back since, and died.
func TestStatusTellsWhatTheTailCheckFound(t *testing.T) {
	var records []cutover.Record
	add := func(s cutover.State, epoch int64, o cutover.Outcome) {
		records = append(records, cutover.Record{Run: "orders-1", Epoch: epoch, Seq: s.Seq, Action: s.Action(), Outcome: o, Detail: "order 7"})
	}
	ends := map[cutover.Step]cutover.Outcome{cutover.SwitchWrites: cutover.Accepted, cutover.TailCheck: cutover.Failed}
	s := cutover.Start("")
	for !s.Ended() {
		o := cmp.Or(ends[s.Step], cutover.Done)
		add(s, 1, "")
		add(s, 1, o)
		s, _ = cutover.Next(s, cutover.Observation{Seq: s.Seq, Outcome: o})
	}
	add(s, 2, cutover.Takeover)
	status, err := cutoverrun.Look(records)
	if err != nil {
		t.Fatal(err)
	}
	if line := statusLine(status); !strings.Contains(line, "completed  the tail check found: order 7") {
		t.Error(line)
	}
}
