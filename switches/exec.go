package switches

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Exec switches by programs, each with its arguments; no shell is between. They find the run in CROSSCHECK_RUN, CROSSCHECK_SLICE and
// CROSSCHECK_SLICE_COLUMN, and the nonce of a barrier in CROSSCHECK_NONCE.
type Exec struct {
	Do, Undo []string
	// Asks exits with 0 at the new system and with 1 at legacy. Every other end is an error.
	Asks []string
}

var _ Action = Exec{}

// Run implements [Action].
func (e Exec) Run(ctx context.Context, step Step, run Run) (string, error) {
	argv := e.Do
	if step == Undo {
		argv = e.Undo
	}
	output, err := start(ctx, argv, run)
	if err == nil {
		return output, nil
	}
	exit, ended := errors.AsType[*exec.ExitError](err)
	err = fmt.Errorf("%w: %s", err, bounded(output))
	if ended && exit.Exited() && ctx.Err() == nil { // one that was killed may have asked others to do something
		err = &RefusedError{err}
	}
	return output, err
}

// Check implements [Action].
func (e Exec) Check(ctx context.Context, run Run) (bool, error) {
	output, err := start(ctx, e.Asks, run)
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return true, nil
	case ended && exit.ExitCode() == 1 && ctx.Err() == nil:
		return false, nil
	default:
		return false, fmt.Errorf("%w: %s", err, bounded(output))
	}
}

// start runs a program to its end. With the context, it and what it has started are killed.
func start(ctx context.Context, argv []string, run Run) (string, error) {
	if len(argv) == 0 {
		return "", errors.New("there is no program")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the user's own program
	cmd.Env = append(os.Environ(), "CROSSCHECK_RUN="+run.Name, "CROSSCHECK_SLICE="+run.Slice, "CROSSCHECK_SLICE_COLUMN="+run.Column, "CROSSCHECK_NONCE="+run.Nonce)
	ownGroup(cmd)
	cmd.WaitDelay = time.Second // until its output is cut off
	var output tail
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return output.String(), err
}

// tail keeps beginning and end of what is written to it.
type tail struct{ head, end bytes.Buffer }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if room := mostOutput - t.head.Len(); room > 0 {
		t.head.Write(p[:min(room, len(p))])
		p = p[min(room, len(p)):]
	}
	t.end.Write(p)
	if over := t.end.Len() - mostOutput; over > 0 {
		t.end.Next(over)
	}
	return n, nil
}

func (t *tail) String() string { return t.head.String() + t.end.String() }
