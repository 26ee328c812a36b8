package kafkaserver

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a process that ends with us.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// startChild starts the process from a goroutine that keeps its OS thread until the process ends: Linux sends
// the parent-death signal when the *thread* that forked ends, and Go may end a thread at any time otherwise.
func startChild(cmd *exec.Cmd, err error) (*child, error) {
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
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
			_ = cmd.Wait() // the exit status says no more than the log does
		}
		close(c.done)
	}()
	if err := <-started; err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// end sends the signal and waits for the process; one that does not react is killed.
func (c *child) end(sig syscall.Signal, patience time.Duration) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	if err := c.cmd.Process.Signal(sig); err != nil {
		select {
		case <-c.done: // it ended by itself in between
			return nil
		case <-time.After(time.Second):
			return fmt.Errorf("stopping kafka: %w", err)
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return nil
	case <-timer.C:
	}
	_ = c.cmd.Process.Kill()
	<-c.done
	return fmt.Errorf("stopping kafka: no reaction to %s within %s, killed", sig, patience)
}
