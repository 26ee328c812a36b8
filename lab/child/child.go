// Package child runs servers of the lab as child processes.
//
// Invariant: on Linux a child does not outlive its parent. On every system the parent waits for it.
package child

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a process that ends with its parent.
type Process struct {
	// Done is closed when the process has ended.
	Done chan struct{}

	cmd *exec.Cmd
}

// Start starts the process from a goroutine that keeps its OS thread until the process ends. Linux sends the
// parent-death signal when the *thread* that forked ends, and without this Go may end a thread at any time.
func Start(cmd *exec.Cmd) (*Process, error) {
	c := &Process{cmd: cmd, Done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if f, ok := cmd.Stdout.(io.Closer); ok {
			_ = f.Close() // the process has its own copy
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // the log says more than the exit status
		}
		close(c.Done)
	}()
	if err := <-started; err != nil {
		<-c.Done
		return nil, err
	}
	return c, nil
}

// End sends the signal and waits for the process. It kills a process that does not react.
func (c *Process) End(sig syscall.Signal, patience time.Duration) error {
	select {
	case <-c.Done:
		return nil
	default:
	}
	if err := c.cmd.Process.Signal(sig); err != nil {
		select {
		case <-c.Done: // it ended by itself in the meantime
			return nil
		case <-time.After(time.Second):
			return fmt.Errorf("stopping %s: %w", filepath.Base(c.cmd.Path), err)
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.Done:
		return nil
	case <-timer.C:
	}
	_ = c.cmd.Process.Kill()
	<-c.Done
	return fmt.Errorf("stopping %s: no reaction to %s within %s, killed", filepath.Base(c.cmd.Path), sig, patience)
}
