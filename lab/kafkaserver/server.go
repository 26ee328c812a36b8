// Package kafkaserver runs Apache Kafka itself as a child process, for tests and benchmarks: one node that is broker
// and controller (KRaft), started from the Maven artifacts that scripts/kafka downloads.
//
// Invariant: no server outlives the process that started it, and Stop leaves no file behind. One listener accepts
// clients without a password, so never keep valuable data in it.
package kafkaserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nordvarg/crosscheck/lab/child"
)

// ErrNoKafka is returned if there is no Java or no Kafka on this machine. The text says what to do.
var ErrNoKafka = errors.New("no Apache Kafka on this machine")

const startTimeout = 2 * time.Minute // a JVM on a busy machine

// The user of the listener with a login, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
const (
	User     = "crosscheck"
	Password = "correct-horse"
)

// Options says how to run a server. The zero value is usable.
type Options struct {
	// Settings are further server settings; they override the defaults of this package.
	Settings map[string]string
}

// Server is a running Kafka. Its methods are safe for concurrent use. [child.Server] starts and stops it; Brokers and
// LoginBrokers stay the same over Restart.
type Server struct {
	*child.Server

	java, classes string
	options       Options
	run           string // temporary folder: settings, log and data
	ports         ports
}

type ports struct{ open, login, controller int }

// Start formats a fresh node, starts it and waits until it takes requests.
func Start(ctx context.Context, o Options) (*Server, error) {
	java, classes, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{java: java, classes: classes, options: o}
	if s.run, err = os.MkdirTemp(os.TempDir(), "crosscheck-kafka-"); err != nil {
		return nil, fmt.Errorf("creating a folder for the server: %w", err)
	}
	s.Server, err = child.Serve(ctx, child.Life{
		Name: "kafka", Timeout: startTimeout, Command: s.command, Ready: s.ready, Log: s.logFile, CleanUp: s.cleanUp,
		Quit: syscall.SIGTERM, Crash: syscall.SIGKILL, End: syscall.SIGKILL, // nothing of it is kept
	}, s.prepare)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Brokers returns the address of the listener without a login.
func (s *Server) Brokers() []string { return []string{address(s.ports.open)} }

// LoginBrokers returns the address of the listener that wants User and Password.
func (s *Server) LoginBrokers() []string { return []string{address(s.ports.login)} }

var errNoBroker = errors.New("the node is not a broker yet")

// ready asks the node whether it is a broker.
func (s *Server) ready(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.RequestRetries(0))
	if err != nil {
		return fmt.Errorf("preparing to talk to kafka: %w", err)
	}
	defer client.Close()
	answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err == nil && len(answer.Brokers) == 0 {
		err = errNoBroker
	}
	return err
}

func (s *Server) logFile() string { return filepath.Join(s.run, "kafka.log") }

func (s *Server) cleanUp() error {
	if err := os.RemoveAll(s.run); err != nil {
		return fmt.Errorf("removing the server's folder: %w", err)
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds three ports that are free at the same time.
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
