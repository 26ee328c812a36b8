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

// The parts that the lab reads of what crosscheck prints with --json and shows at /api/status.
type (
	status struct {
		Passes      []pass       `json:"passes"` // newest first
		Divergences []divergence `json:"divergences"`
	}
	pass struct {
		Pass     string    `json:"pass"`
		Verdict  string    `json:"verdict"` // empty while the pass runs
		Started  time.Time `json:"started_at"`
		Compared int64     `json:"compared"`
	}
	divergence struct {
		OrderID string `json:"order_id"`
		Kind    string `json:"kind"`
		Hop     string `json:"hop"`
		Cause   string `json:"cause"`
		FoundBy string `json:"found_by"`
		State   string `json:"state"`
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
	errNoCrosscheck = errors.New("there is no crosscheck to run")
	errContract     = errors.New("crosscheck broke its contract")
)

// crosscheck is the program that is demonstrated.
type crosscheck struct {
	path, config string
	dir          string // where it runs, "" here
}

// findCrosscheck returns the given path, or the program in the lab's own folder.
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
		return "", withHint(fmt.Errorf("%w at %s", errNoCrosscheck, path), "build it with make build, or give its path with --crosscheck")
	}
	return path, nil
}

// explain explains one order, in text.
func (c crosscheck) explain(ctx context.Context, id string) (string, error) {
	text, _, err := c.run(ctx, "explain", id)
	return string(text), err
}

// gate asks for the decision.
func (c crosscheck) gate(ctx context.Context) (gateReport, error) {
	var r gateReport
	text, code, err := c.run(ctx, "gate", "--json")
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%w: reading what gate printed: %w", errContract, err)
	}
	want := map[string]int{"GO": agreement, "NO-GO": disagreement, "INCONCLUSIVE": inconclusive}
	if expected, known := want[r.Decision]; !known || code != expected {
		return r, fmt.Errorf("%w: gate printed %q and exited %d", errContract, r.Decision, code)
	}
	return r, nil
}

// run starts crosscheck and returns its output.
func (c crosscheck) run(ctx context.Context, command ...string) (printed []byte, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, append(command, "--config", c.config)...) //nolint:gosec // it is what we are for
	cmd.Dir = c.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = killDelay
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	code = cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, code, fmt.Errorf("running crosscheck %s: %w", command[0], err)
	}
	if !slices.Contains([]int{agreement, disagreement, inconclusive}, code) {
		return nil, code, fmt.Errorf("running crosscheck %s: exit code %d: %s", command[0], code, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), code, nil
}
