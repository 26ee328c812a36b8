// Package pgserver runs a real PostgreSQL server as a child process, for the lab, the tests and the benchmarks.
//
// Invariant: no server outlives the process that started it, and a server without a directory of its own
// leaves no file behind after Stop. It works as root too: PostgreSQL itself refuses to, so the server then
// runs as user postgres or nobody. Durability is switched off; never keep anything precious in it.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/lab/child"
)

var (
	// ErrNoBinaries is returned when there is no server on this machine and none could be downloaded.
	ErrNoBinaries = errors.New("no PostgreSQL server binaries")

	// ErrExited is returned when the server process ended while it was expected to run.
	ErrExited = errors.New("server process exited")

	// ErrStopped is returned by Restart after Stop.
	ErrStopped = errors.New("server is stopped for good")
)

const (
	superuser     = "postgres"
	startTimeout  = 60 * time.Second
	stopTimeout   = 30 * time.Second
	startAttempts = 3 // a port that was free a moment ago may be taken
)

// Options says how to run a server. The zero value is a fresh server on a random port.
type Options struct {
	// Dir is the data directory. It is initialised if it is empty and kept by Stop. Empty: a temporary one.
	Dir string
	// SharedBuffers is PostgreSQL's shared_buffers; empty: 128MB.
	SharedBuffers string
	// Settings are further server settings; they override the defaults of this package.
	Settings map[string]string
}

// Server is a running PostgreSQL. Its methods are safe for concurrent use.
type Server struct {
	bin      string // folder of initdb and postgres
	account  account
	settings map[string]string
	run      string // temporary folder: sockets, log, and data where Options.Dir is empty
	data     string
	port     int

	mu      sync.Mutex
	process *child.Process // nil when killed or stopped
	stopped bool
}

// Start starts a server and waits until it accepts connections.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	bin, err := binaries(ctx)
	if err != nil {
		return nil, err
	}
	acc, err := unprivileged()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, account: acc, settings: settings(o)}
	if err := s.makeFolders(o.Dir); err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	if err := s.init(ctx); err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	for attempt := 1; ; attempt++ {
		if s.port, err = freePort(ctx); err == nil {
			err = s.start(ctx)
		}
		if err == nil {
			return s, nil
		}
		if attempt == startAttempts || ctx.Err() != nil {
			return nil, errors.Join(err, s.cleanUp())
		}
	}
}

// DSN returns a connection URL for a database of the server, as superuser.
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port returns the TCP port on 127.0.0.1; it stays the same over Restart.
func (s *Server) Port() int { return s.port }

// Bin returns the folder with the server's programs.
func (s *Server) Bin() string { return s.bin }

// Restart shuts the server down, closing every connection, and starts it again on the same port.
// It also revives a server after Kill.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if err := s.endLocked(syscall.SIGINT); err != nil {
		return err
	}
	return s.start(ctx)
}

// Kill ends the server at once, as a crash does: no checkpoint, all connections cut. Restart revives it.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(syscall.SIGQUIT)
}

// Stop shuts the server down and removes its temporary files. Further calls do nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return errors.Join(s.endLocked(syscall.SIGINT), s.cleanUp())
}

// start runs the server process on s.port and waits until it answers. It needs s.mu once s is shared.
func (s *Server) start(ctx context.Context) error {
	cmd, err := s.command()
	if err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	c, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	if err := s.waitReady(ctx, c); err != nil {
		return errors.Join(err, c.End(syscall.SIGQUIT, stopTimeout))
	}
	s.process = c
	return nil
}

func (s *Server) endLocked(sig syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.process.End(sig, stopTimeout)
	s.process = nil
	return err
}

// waitReady polls until the server takes a connection, the process ends or the deadline passes.
func (s *Server) waitReady(ctx context.Context, c *child.Process) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgconn.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.Done:
			return fmt.Errorf("waiting for postgres: %w: %s", ErrExited, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for postgres: %w: last error: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// logTail returns the end of the server's log, for error messages.
func (s *Server) logTail() string {
	const most = 2000
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}

func (s *Server) logFile() string { return filepath.Join(s.run, "postgres.log") }

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
