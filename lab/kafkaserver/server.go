// Package kafkaserver runs Apache Kafka itself as a child process, for tests and benchmarks: one node that is broker
// and controller (KRaft), started from the Maven artifacts that scripts/kafka fetches.
//
// Invariant: no server outlives the process that started it, and Stop leaves no file behind. Everybody may log in
// without a password on one listener; never keep anything precious in it.
package kafkaserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nordvarg/crosscheck/lab/child"
)

var (
	// ErrNoKafka is returned when there is no Java or no Kafka on this machine; the text says what to do.
	ErrNoKafka = errors.New("no Apache Kafka on this machine")
	// ErrExited is returned when the server process ended while it was expected to run.
	ErrExited = errors.New("server process exited")
	// ErrStopped is returned by Restart after Stop.
	ErrStopped = errors.New("server is stopped for good")
)

const (
	startTimeout  = 2 * time.Minute // a JVM on a busy machine
	stopTimeout   = 30 * time.Second
	startAttempts = 3 // ports that were free a moment ago may be taken
)

// The user that the listener with a login knows, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
const (
	User     = "crosscheck"
	Password = "correct-horse"
)

// Options says how to run a server. The zero value will do.
type Options struct {
	// Heap is the most memory that the JVM may use for objects; empty: 384m.
	Heap string
	// Settings are further server settings; they override the defaults of this package.
	Settings map[string]string
}

// Server is a running Kafka. Its methods are safe for concurrent use.
type Server struct {
	java, classes string
	options       Options
	run           string // temporary folder: settings, log and data
	ports         ports

	mu      sync.Mutex
	process *child.Process // nil when killed or stopped
	stopped bool
}

type ports struct{ open, login, controller int }

// Start formats a fresh node, starts it and waits until it takes requests.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	java, classes, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{java: java, classes: classes, options: o}
	if s.run, err = os.MkdirTemp(os.TempDir(), "crosscheck-kafka-"); err != nil {
		return nil, fmt.Errorf("creating a folder for the server: %w", err)
	}
	for attempt := 1; ; attempt++ {
		if err = s.prepare(ctx); err == nil {
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

// Brokers is the listener that lets everybody in. It stays the same over Restart.
func (s *Server) Brokers() []string { return []string{address(s.ports.open)} }

// LoginBrokers is the listener that wants User and Password.
func (s *Server) LoginBrokers() []string { return []string{address(s.ports.login)} }

// Restart shuts the server down and starts it again. It also revives a server after Kill.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if err := s.endLocked(syscall.SIGTERM); err != nil {
		return err
	}
	return s.start(ctx)
}

// Kill ends the server at once, as a crash does. Restart revives it.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(syscall.SIGKILL)
}

// Stop ends the server and removes its files. Further calls do nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return errors.Join(s.endLocked(syscall.SIGKILL), s.cleanUp()) // nothing of it is kept
}

// start runs the server process and waits until it answers. It needs s.mu once s is shared.
func (s *Server) start(ctx context.Context) error {
	cmd, err := s.command()
	if err != nil {
		return fmt.Errorf("starting kafka: %w", err)
	}
	c, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("starting kafka: %w", err)
	}
	if err := s.waitReady(ctx, c); err != nil {
		return errors.Join(err, c.End(syscall.SIGKILL, stopTimeout))
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

// waitReady polls until the node calls itself a broker, the process ends or the deadline passes.
func (s *Server) waitReady(ctx context.Context, c *child.Process) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.RequestRetries(0))
	if err != nil {
		return fmt.Errorf("preparing to talk to kafka: %w", err)
	}
	defer client.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		if err == nil && len(answer.Brokers) > 0 {
			return nil
		}
		select {
		case <-c.Done:
			return fmt.Errorf("waiting for kafka: %w: %s", ErrExited, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for kafka: %w: %s", ctx.Err(), s.logTail())
		case <-tick.C:
		}
	}
}

// logTail returns the end of the server's log, for error messages.
func (s *Server) logTail() string {
	const most = 3000
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}

func (s *Server) logFile() string { return filepath.Join(s.run, "kafka.log") }

func (s *Server) cleanUp() error {
	if err := os.RemoveAll(s.run); err != nil {
		return fmt.Errorf("removing the server's folder: %w", err)
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds three that are free at once.
func freePorts(ctx context.Context) (ports, error) {
	var p ports
	var listeners net.ListenConfig
	for _, port := range []*int{&p.open, &p.login, &p.controller} {
		l, err := listeners.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return p, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}
