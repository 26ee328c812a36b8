package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lab"
)

const (
	// labRefresh is the lag of the projection in these tests; the settle window has room for it.
	labRefresh = 400 * time.Millisecond
	labWindow  = 1500 * time.Millisecond
	everything = "1000000" // a sample larger than the table: these keys are in it
)

// TestEveryFaultIsFoundAndNamed plants all faults on a trading system, and each on one of its own in a soak. A sample and a full
// verification, each with a ledger of its own, find these orders with their kind and fields, and accuse no other.
func TestEveryFaultIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	if !soak() {
		faultsAreFoundAndNamed(t, lab.Faults()...)
		return
	}
	for _, f := range lab.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			faultsAreFoundAndNamed(t, f)
		})
	}
}

func faultsAreFoundAndNamed(t *testing.T, faults ...lab.Fault) {
	t.Helper()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	bySample, byFull := s.config("by_sample", labWindow), s.config("by_full", labWindow)
	s.live()
	for _, f := range faults {
		if _, err := s.Plant(deadline(t), f.Name, 4); err != nil {
			t.Fatal(err)
		}
	}
	want := asFound(s.Planted())
	if len(want) != 4*len(faults) {
		t.Fatalf("planted %v", want)
	}
	s.wantFound("sample", bySample, want)
	s.wantFound("verify", byFull, want)
	if decision, verdicts := criteria(t, byFull); decision != "NO-GO" || verdicts["open_divergences"] != "fail" {
		t.Errorf("the gate says %s: %v", decision, verdicts)
	}
	s.wantResolved(bySample, byFull, len(want))
}

func (s *system) wantFound(command, config string, want []string) {
	s.t.Helper()
	args := []string{command, "--config", config}
	if command == "sample" {
		args = append(args, "--size", everything)
	}
	code, r := pass(s.t, args...)
	if code != exitDiverged || r.Verdict != "diverged" {
		s.t.Errorf("%s: exit code %d, verdict %s", command, code, r.Verdict)
	}
	if diff := cmp.Diff(want, described(r.Divergences)); diff != "" {
		s.t.Errorf("%s: planted (-) and found (+):\n%s", command, diff)
	}
	for _, d := range r.Divergences {
		if d.State != "open" || d.Hop != "legacy->projection" || d.AgeSeconds < labWindow.Seconds() {
			s.t.Errorf("%s: before the settle window, or not open: %+v", command, d)
		}
	}
	if r.Coverage != 1 || r.Truncated {
		s.t.Errorf("%s: coverage %g, truncated %t", command, r.Coverage, r.Truncated)
	}
}

// wantResolved repairs the system. While it goes on trading nobody is accused; at rest it agrees.
func (s *system) wantResolved(bySample, byFull string, planted int) {
	s.t.Helper()
	if err := s.Repair(deadline(s.t)); err != nil {
		s.t.Fatal(err)
	}
	for command, config := range map[string]string{"sample": bySample, "verify": byFull} {
		if code, r := pass(s.t, command, "--config", config); code == exitDiverged || len(r.Divergences) > 0 {
			s.t.Errorf("%s after repair: exit code %d, %v", command, code, described(r.Divergences))
		}
	}
	s.rest()
	if code, r := pass(s.t, "verify", "--config", byFull); code != exitAgrees || r.Verdict != "match" {
		s.t.Errorf("verify at rest: exit code %d, %s: %s", code, r.Verdict, r.Reason)
	}
	for _, ledger := range []string{"by_sample", "by_full"} {
		got := rows(s.t, s.EventsDSN, "SELECT count(*), count(*) FILTER (WHERE state = 'resolved' AND resolved_at > first_seen) FROM "+ledger+".divergence")
		if got != fmt.Sprintf("%d|%d", planted, planted) {
			s.t.Errorf("%s: divergences and resolved ones are %s, want %d of each", ledger, got, planted)
		}
	}
}

// TestCleanSystemIsNeverAccused lets passes follow on each other while the desk trades and the projection lags.
func TestCleanSystemIsNeverAccused(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 5000}, Rate: 60, RefreshEvery: 1500 * time.Millisecond})
	config := s.config("crosscheck", 4*time.Second)
	s.live()
	var verdicts []string
	for end := time.Now().Add(loadTime(t, cleanTime)); time.Now().Before(end); {
		for _, command := range []string{"sample", "verify"} {
			code, r := pass(t, command, "--config", config)
			if code == exitDiverged || code == exitError || r.Diverged > 0 || len(r.Divergences) > 0 || r.Coverage != 1 {
				t.Errorf("%s of a clean system: exit code %d, coverage %g, %v", command, code, r.Coverage, described(r.Divergences))
			}
			verdicts = append(verdicts, r.Verdict)
		}
	}
	if !slices.Contains(verdicts, "match") {
		t.Errorf("no pass matched: %v", verdicts)
	}
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence"); got != "0" {
		t.Errorf("the ledger has %s divergences of a clean system", got)
	}
	if got := rows(t, s.EventsDSN, "SELECT count(*) > 0 FROM crosscheck.pass WHERE mismatches > 0"); got != "t" {
		t.Error("no pass met lag: this test has shown nothing")
	}
	s.rest()
	if code, _ := pass(t, "verify", "--config", config); code != exitAgrees {
		t.Errorf("at rest: exit code %d", code)
	}
}
