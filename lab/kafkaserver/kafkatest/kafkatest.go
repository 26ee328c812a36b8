// Package kafkatest gives tests a real Apache Kafka: one server per test process, started by the first test that asks.
//
// Invariant: the server is gone when the process is. Under CI=true a test that needs Kafka never is skipped.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/lab/kafkaserver"
)

var (
	mu     sync.Mutex
	server *kafkaserver.Server // nil until a test asks for it
)

// Main is what a package's TestMain calls: it runs the tests, stops the server, and fails the run if a goroutine was
// left behind.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that does more: it returns the exit code instead of ending the process.
func Run(m *testing.M) int {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "kafkatest:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "kafkatest:", err)
			code = 1
		}
	}
	return code
}

// Server returns the test process's server, which starts with the first call. Where there is no Kafka the test is
// skipped, but for CI, where it fails.
func Server(t testing.TB) *kafkaserver.Server {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if server != nil {
		return server
	}
	s, err := kafkaserver.Start(context.Background(), kafkaserver.Options{})
	switch {
	case errors.Is(err, kafkaserver.ErrNoKafka) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatalf("starting Apache Kafka: %v", err)
	}
	server = s
	return server
}

// Stop stops the server, where a test has started it. It is for a package that gives its tests other servers too, and
// looks for goroutines once all of them are gone.
func Stop() error {
	mu.Lock()
	defer mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Stop()
}
