package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// passTimeout limits one run of crosscheck. The run with a million differences takes minutes.
const passTimeout = 15 * time.Minute

var (
	// ErrWrong is returned when crosscheck missed a difference, reported a false one, or did not finish.
	ErrWrong = errors.New("crosscheck was wrong")

	errRun = errors.New("running crosscheck")
)

// program is the crosscheck binary as it is shipped, run as its own process.
type program struct {
	path   string
	folder string // for its configurations
}

// pass is what one run printed, and what it used.
type pass struct {
	Kind        string       `json:"pass"`
	Verdict     string       `json:"verdict"`
	Plan        string       `json:"plan"`
	Reason      string       `json:"reason"`
	Instead     string       `json:"full_because"`
	LegacyRows  int64        `json:"legacy_rows"`
	Compared    int64        `json:"compared"`
	Coverage    float64      `json:"coverage"`
	Seconds     float64      `json:"duration_seconds"`
	Diverged    int64        `json:"diverged"`
	Divergences []divergence `json:"divergences"`
	Events      int64        `json:"events"` // written by a backfill
	Counted     struct {
		Orders  int64 `json:"orders"`
		Moments int64 `json:"moments"`
	} `json:"counted"` // by an audit
	Error string `json:"error"`

	wall   time.Duration // of the whole process
	memory int64         // largest resident set, in bytes
	work   time.Duration // processor time of the process
}

type divergence struct {
	OrderID string `json:"order_id"`
	Kind    string `json:"kind"`
	Fields  []struct {
		Name string `json:"name"`
	} `json:"fields"`
}

func (p *pass) duration() time.Duration { return time.Duration(p.Seconds * float64(time.Second)) }

// configure writes a configuration and returns its file. The settle window is zero, because it is a pause and not work.
func (p program) configure(name string, d *dataset, table string, f fields) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `legacy: {dsn: %q, table: public.orders, key: order_id, changed_at: updated_at}
projection: {dsn: %q, table: %s, key: order_id, changed_at: updated_at}
ledger: {dsn: %q, schema: %s}
compare:
  settle: {window: 0s}
  fields:
`, d.legacy, d.projection, table, d.projection, ledgerSchema(name))
	for _, c := range f.columns {
		fmt.Fprintf(&b, "    - {name: %s, type: %s}\n", c.name, c.kind)
	}
	file := filepath.Join(p.folder, fmt.Sprintf("%s-%d.yaml", name, d.orders))
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("writing a configuration: %w", err)
	}
	return file, nil
}

// ledgerSchema returns a schema for each experiment, so that none revisits the passes of another.
func ledgerSchema(name string) string { return "crosscheck_" + name }

// run runs one pass to its end.
func (p program) run(ctx context.Context, config, command string, args ...string) (*pass, error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	args = append([]string{command, "--config", config, "--json"}, args...)
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	result := &pass{wall: time.Since(began)}
	if cmd.ProcessState != nil {
		result.work = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("%w: %w", errRun, err)
	}
	if err := json.Unmarshal(stdout.Bytes(), result); err != nil {
		return nil, fmt.Errorf("%w: exit code %d: %s", errRun, cmd.ProcessState.ExitCode(), strings.TrimSpace(stderr.String()))
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		result.memory = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" { // everywhere else it is in KiB
			result.memory *= 1024
		}
	}
	return result, nil
}

// clean runs a pass that must find nothing.
func (p program) clean(ctx context.Context, config, command string, args ...string) (*pass, error) {
	r, err := p.run(ctx, config, command, args...)
	if err != nil {
		return nil, err
	}
	if r.Verdict != "match" || r.Coverage != 1 {
		return nil, fmt.Errorf("%w: %s of equal tables ended %s: %s", ErrWrong, command, r.Verdict, r.Reason)
	}
	return r, nil
}
