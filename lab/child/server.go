package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrExited is returned when a server's process ended while it was expected to run.
	ErrExited = errors.New("server process exited")
	// ErrStopped is returned by Restart after Stop.
	ErrStopped = errors.New("server is stopped for good")
)

const (
	attempts  = 3 // a port that was just free may be taken
	patience  = 30 * time.Second
	readyPoll = 30 * time.Millisecond
	logTail   = 3000 // most bytes of the log in an error
)

// Life says how a server is run.
type Life struct {
	Name    string                    // for errors
	Timeout time.Duration             // of a start
	Command func() (*exec.Cmd, error) // the server, in the foreground
	Ready   func(context.Context) error
	Log     func() string // the file that it logs to
	CleanUp func() error  // what Stop does at its end; called more than once
	// The signals that end the process: Restart shuts down in order, Kill is immediate, and Stop.
	Quit, Crash, End syscall.Signal
}

// Server is a server that runs as a child process. Its methods are safe for concurrent use.
type Server struct {
	life Life

	mu      sync.Mutex
	process *Process // nil when killed or stopped
	stopped bool
}

// Serve prepares and starts a server and waits until it is ready. It tries a few times if necessary. On an error it
// cleans up.
func Serve(ctx context.Context, l Life, prepare func(context.Context) error) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	s := &Server{life: l}
	for attempt := 1; ; attempt++ {
		err := prepare(ctx)
		if err == nil {
			err = s.start(ctx)
		}
		if err == nil {
			return s, nil
		}
		if attempt == attempts || ctx.Err() != nil {
			return nil, errors.Join(err, l.CleanUp())
		}
	}
}

// Restart shuts the server down, which closes every connection, and starts it again at the same address. It also
// revives a server after Kill.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.life.Timeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if err := s.endLocked(s.life.Quit); err != nil {
		return err
	}
	return s.start(ctx)
}

// Down shuts the server down in order. Restart brings it back.
func (s *Server) Down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(s.life.Quit)
}

// Kill ends the server at once, like a crash: all connections are cut. Restart revives it.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(s.life.Crash)
}

// Stop ends the server and removes its temporary files. Further calls do nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return errors.Join(s.endLocked(s.life.End), s.life.CleanUp())
}

// start runs the process and waits until it answers. Once s is shared, the caller must hold s.mu.
func (s *Server) start(ctx context.Context) error {
	cmd, err := s.life.Command()
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.life.Name, err)
	}
	p, err := Start(cmd)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.life.Name, err)
	}
	if err := s.waitReady(ctx, p); err != nil {
		return errors.Join(err, p.End(s.life.Crash, patience))
	}
	s.process = p
	return nil
}

func (s *Server) endLocked(sig syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.process.End(sig, patience)
	s.process = nil
	return err
}

// waitReady polls until the server takes requests, the process ends or the deadline passes.
func (s *Server) waitReady(ctx context.Context, p *Process) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := s.life.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Done:
			return fmt.Errorf("waiting for %s: %w: %s", s.life.Name, ErrExited, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w: last error: %w: %s", s.life.Name, ctx.Err(), err, s.logTail())
		case <-tick.C:
		}
	}
}

// logTail returns the end of the server's log, for error messages.
func (s *Server) logTail() string {
	b, err := os.ReadFile(s.life.Log())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-logTail):])
}
