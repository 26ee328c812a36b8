package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab"
)

// TestMain lets this test's own binary stand in for crosscheck.
func TestMain(m *testing.M) {
	if mode := os.Getenv("FAKE_CROSSCHECK"); mode != "" {
		os.Exit(fakeCrosscheck(mode, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// fakeCrosscheck answers as crosscheck does, from the lab's brute force comparison. What it sees in every one of
// several looks, further apart than two refreshes, is no lag: at five deals a second no order is that unlucky.
func fakeCrosscheck(mode string, args []string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := config.Load(args[2], os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	seen := make(map[int64]int) // order → looks that saw it differ
	var found []divergence
	const looks = 4
	for look := 1; look <= looks; look++ {
		differences, err := lab.Differences(ctx, c.Legacy.DSN.Reveal(), c.Projection.DSN.Reveal())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		for _, p := range differences {
			if seen[p.OrderID]++; seen[p.OrderID] == looks {
				found = append(found, asDivergence(p))
			}
		}
		if look < looks {
			<-time.After(700 * time.Millisecond)
		}
	}
	switch {
	case mode == "blind" && len(found) > 0:
		found = found[1:]
	case mode == "sloppy":
		for i := range found {
			found[i].Fields = nil
		}
		found = append(found, asDivergence(lab.Planted{OrderID: 1, Kind: lab.Missing}))
	}
	return fakeAnswer(args[0], found)
}

func asDivergence(p lab.Planted) divergence {
	d := divergence{OrderID: orderID(p.OrderID), Kind: p.Kind}
	for _, f := range p.Fields {
		d.Fields = append(d.Fields, struct {
			Name string `json:"name"`
		}{f})
	}
	return d
}

func fakeAnswer(command string, found []divergence) int {
	code := 0
	if len(found) > 0 {
		code = 1
	}
	var answer any = passReport{Pass: command, Verdict: []string{"match", "diverged"}[code], Divergences: found}
	if command == "gate" {
		answer = gateReport{
			Decision: []string{"INCONCLUSIVE", "NO-GO"}[code],
			Criteria: []criterion{{Name: "open_divergences", Verdict: "fail", Reason: fmt.Sprintf("%d are open", len(found))}},
		}
		code = []int{3, 1}[code]
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		return 2
	}
	return code
}

func demo(t *testing.T, mode string) (code int, output string) {
	t.Helper()
	t.Setenv("FAKE_CROSSCHECK", mode)
	var out, errs bytes.Buffer
	code = run(t.Context(), []string{
		"demo", "--orders", "2000", "--refresh", "500ms", "--rate", "5", "--faults", "2", "--crosscheck", os.Args[0],
	}, &out, &errs)
	t.Logf("%s\n%s", &out, &errs)
	return code, out.String() + errs.String()
}

func TestDemoWithATruthfulCrosscheck(t *testing.T) {
	code, output := demo(t, "truthful")
	if code != exitOK {
		t.Errorf("exit code %d", code)
	}
	_, last, _ := strings.Cut(output, "In short")
	for _, f := range lab.Faults() {
		if !strings.Contains(last, "✓ "+f.Name) {
			t.Errorf("the last lines do not tick %s", f.Name)
		}
	}
	for _, want := range []string{"broken:   NO-GO", "repaired: INCONCLUSIVE", "missing and phantom"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last lines do not say %q", want)
		}
	}
	if strings.Contains(output, "\x1b") {
		t.Error("colours where there is no terminal")
	}
}

func TestDemoAccusesAWrongCrosscheck(t *testing.T) {
	for mode, wants := range map[string][]string{
		"blind":  {"not found"},
		"sloppy": {"order 1 was accused", "planted: differs in", "the gate said NO-GO"},
	} {
		t.Run(mode, func(t *testing.T) {
			code, output := demo(t, mode)
			if code != exitWrong {
				t.Errorf("exit code %d, want %d", code, exitWrong)
			}
			for _, want := range wants {
				if !strings.Contains(output, want) {
					t.Errorf("the output does not say %q", want)
				}
			}
		})
	}
}

func TestUpFaultRepair(t *testing.T) {
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "lab.sock")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"up", "--orders", "1000", "--config", file, "--socket", socket, "--web", "127.0.0.1:0"}, &out, &errs)
	}()
	waitFor(t, "the control socket", func() bool { _, err := os.Stat(socket); return err == nil })
	wantConfig(t, file)
	if code, output := typed(t, "fault", "swapped_status", "--orders", "2", "--socket", socket); code != exitOK || strings.Count(output, "differs in status") != 2 {
		t.Errorf("fault: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "fault", "lost_publish", "--orders", "2", "--socket", socket); code != exitOK || strings.Count(output, "missing on the stream (events->stream, lost_publish)") != 2 {
		t.Errorf("fault of the stream: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "fault", "stopped_projector", "--socket", socket); code != exitOK || !strings.Contains(output, "the hop as a whole (events->projection, stopped_projector)") {
		t.Errorf("fault of a hop: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "up", "--orders", "10", "--config", filepath.Join(dir, "other.yaml"), "--socket", socket); code != exitError || !strings.Contains(output, "hint: name another one with --socket") {
		t.Errorf("a second lab: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "repair", "--socket", socket); code != exitOK || !strings.Contains(output, "repaired 5 findings") {
		t.Errorf("repair: exit code %d, %s", code, output)
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("up: exit code %d, %s", code, &errs)
	}
	if code, output := typed(t, "repair", "--socket", socket); code != exitError || !strings.Contains(output, "hint: start one") {
		t.Errorf("repair without a lab: exit code %d, %s", code, output)
	}
}

func typed(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), args, &out, &out)
	return code, out.String()
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("no %s within a minute", what)
		case <-tick.C:
		}
	}
}

// wantConfig lets the real reader judge what was written.
func wantConfig(t *testing.T, file string) {
	t.Helper()
	c, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range c.Compare.Fields {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, lab.Columns) {
		t.Errorf("fields %v, want all of %v", names, lab.Columns)
	}
}

func TestForeignConfigIsNotOverwritten(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := freeConfig(); got != "config.yaml" {
		t.Errorf("in an empty folder: %s", got)
	}
	if err := os.WriteFile("config.yaml", []byte("legacy: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := freeConfig(); got != "lab.yaml" {
		t.Errorf("beside somebody's config.yaml: %s", got)
	}
	code, output := typed(t, "up", "--orders", "10", "--config", "config.yaml", "--socket", filepath.Join(t.TempDir(), "s"))
	if code != exitError || !strings.Contains(output, "--config") {
		t.Errorf("exit code %d, %s", code, output)
	}
	if b, _ := os.ReadFile("config.yaml"); string(b) != "legacy: {}\n" {
		t.Error("it was overwritten")
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"demo":                        {"--help"},
		"hint: crosscheck-lab --help": {"no_such_command"},
		"must be one of":              {"fault", "no_such_fault"},
		"the faults are lost_event, ": {"detect", "--only", "ghost_event,no_such_fault"},
	} {
		code, output := typed(t, args...)
		if wantCode := map[bool]int{true: exitOK, false: exitError}[args[0] == "--help"]; code != wantCode || !strings.Contains(output, want) {
			t.Errorf("%v: exit code %d, %s", args, code, output)
		}
	}
}
