package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

// sidecar is a crosscheck run in its own process.
type sidecar struct {
	cmd   *exec.Cmd
	url   string
	ended chan error // gets the error with which the process ended
}

const statusTimeout = 10 * time.Second

// freeAddress returns a free local address.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return address, nil
}

func startSidecar(ctx context.Context, path, config, listen string, log io.Writer) (*sidecar, error) {
	cmd := exec.CommandContext(ctx, path, "run", "--config", config) //nolint:gosec // it is what we are for
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting crosscheck run: %w", err)
	}
	s := &sidecar{cmd: cmd, url: "http://" + listen, ended: make(chan error, 1)}
	go func() { s.ended <- cmd.Wait() }()
	return s, nil
}

// stop stops the sidecar in order.
func (s *sidecar) stop() error {
	if s.cmd.ProcessState != nil {
		return nil // it has ended already, and that was reported
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping crosscheck run: %w", err)
	}
	if err := <-s.ended; err != nil {
		return fmt.Errorf("crosscheck run: %w", err)
	}
	return nil
}

// status returns what the status page shows.
func (s *sidecar) status(ctx context.Context) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/status", nil)
	if err != nil {
		return status{}, fmt.Errorf("asking the sidecar: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return status{}, fmt.Errorf("asking the sidecar: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end, or given up
	var shown status
	if err := json.NewDecoder(answer.Body).Decode(&shown); err != nil || answer.StatusCode != http.StatusOK {
		return status{}, fmt.Errorf("reading the sidecar's status (%s): %w", answer.Status, err)
	}
	return shown, nil
}
