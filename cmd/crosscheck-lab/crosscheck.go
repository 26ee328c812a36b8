package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What crosscheck prints with --json, as far as the demonstration reads it.
type (
	passReport struct {
		Pass           string       `json:"pass"`
		Verdict        string       `json:"verdict"`
		LegacyRows     int64        `json:"legacy_rows"`
		ProjectionRows int64        `json:"projection_rows"`
		Compared       int64        `json:"compared"`
		Coverage       float64      `json:"coverage"`
		Seconds        float64      `json:"duration_seconds"`
		Divergences    []divergence `json:"divergences"`
		Reason         string       `json:"reason"`
	}
	divergence struct {
		OrderID string `json:"order_id"`
		Kind    string `json:"kind"`
		Hop     string `json:"hop"`
		Cause   string `json:"cause"`
		FoundBy string `json:"found_by"`
		Fields  []struct {
			Name string `json:"name"`
		} `json:"fields"`
		State string `json:"state"`
	}
	gateReport struct {
		Decision string      `json:"decision"`
		Criteria []criterion `json:"criteria"`
	}
	criterion struct {
		Name    string `json:"name"`
		Verdict string `json:"verdict"`
		Reason  string `json:"reason"`
	}
)

func (d divergence) fieldNames() []string {
	names := make([]string, 0, len(d.Fields))
	for _, f := range d.Fields {
		names = append(names, f.Name)
	}
	return names
}

const (
	commandTimeout = 5 * time.Minute
	killDelay      = 20 * time.Second // it drains after SIGTERM
)

// The exit codes of crosscheck.
const (
	agreement    = 0
	disagreement = 1
	inconclusive = 3
)

var (
	errNoCrosscheck = errors.New("no crosscheck to run")
	errContract     = errors.New("crosscheck broke its contract")
)

// crosscheck is the program that is demonstrated.
type crosscheck struct {
	path, config string
}

// findCrosscheck returns the given path, or the program beside our own.
func findCrosscheck(given string) (string, error) {
	path := given
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("finding our own folder: %w", err)
		}
		path = filepath.Join(filepath.Dir(self), "crosscheck")
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", withHint(fmt.Errorf("%w at %s", errNoCrosscheck, path), "build it with make build, or name it with --crosscheck")
	}
	return path, nil
}

// pass runs verify or sample.
func (c crosscheck) pass(ctx context.Context, command string) (passReport, error) {
	var r passReport
	code, err := c.run(ctx, command, &r)
	if err != nil {
		return r, err
	}
	want := map[string]int{"match": agreement, "diverged": disagreement, "unverified": inconclusive, "lagging": inconclusive}
	return r, consistent(command, r.Verdict, code, want)
}

// gate asks for the decision.
func (c crosscheck) gate(ctx context.Context) (gateReport, error) {
	var r gateReport
	code, err := c.run(ctx, "gate", &r)
	if err != nil {
		return r, err
	}
	want := map[string]int{"GO": agreement, "NO-GO": disagreement, "INCONCLUSIVE": inconclusive}
	return r, consistent("gate", r.Decision, code, want)
}

// consistent holds the exit code against the word that was printed.
func consistent(command, word string, code int, want map[string]int) error {
	if expected, known := want[word]; !known || code != expected {
		return fmt.Errorf("%w: %s printed %q and exited %d", errContract, command, word, code)
	}
	return nil
}

// run starts crosscheck and reads the object that it prints.
func (c crosscheck) run(ctx context.Context, command string, into any) (code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, command, "--config", c.config, "--json") //nolint:gosec // it is what we are for
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = killDelay
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	code = cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return code, fmt.Errorf("running crosscheck %s: %w", command, err)
	}
	if !slices.Contains([]int{agreement, disagreement, inconclusive}, code) {
		return code, fmt.Errorf("running crosscheck %s: exit code %d: %s", command, code, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		return code, fmt.Errorf("%w: reading what %s printed: %w: %s", errContract, command, err, strings.TrimSpace(stderr.String()))
	}
	return code, nil
}
